#include "bytebound/ring.h"

static const char *slot_defect(const bb_ring *self) {
    if ((self->slots == NULL) != (self->capacity == 0)) {
        return "slots without a capacity, or a capacity without slots";
    }
    if (self->count > self->capacity) {
        return "more items than slots";
    }
    if (self->count > self->max_count) {
        return "more items than the bound on them";
    }
    if (self->capacity > self->max_count) {
        return "more slots than the bound on items";
    }
    if (self->head != 0 && self->head >= self->capacity) {
        return "the head is not a slot";
    }
    return NULL;
}

static const char *total_defect(bb_ring *self) {
    uint64_t payload = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        payload += bb_ring_at(self, i)->charge;
    }
    if (payload != self->payload) {
        return "payload is not the sum of the charges";
    }
    const bb_budget_totals totals = bb_budget_read(&self->budget);
    if (totals.total != payload + bb_ring_overhead(self)) {
        return "the budget's total is not payload and overhead";
    }
    return totals.total > totals.limit ? "the bound is passed" : NULL;
}

bool bb_ring_validate(bb_ring *self, const char **reason) {
    *reason = slot_defect(self);
    if (*reason == NULL) {
        *reason = total_defect(self);
    }
    return *reason == NULL && bb_budget_validate(&self->budget, reason);
}
