#include "lru_internal.h"

static const char *list_defect(const bb_lru *self) {
    uint64_t payload = 0;
    uint32_t count = 0;
    uint32_t before = 0;
    for (uint32_t at = bb_lru_oldest(self); at != 0; at = self->links[at].newer) {
        if (at > self->used || !in_use(self, at)) {
            return "the recency list holds an index that is not in use";
        }
        if (self->links[at].older != before) {
            return "the recency list reads differently backwards";
        }
        if (++count > self->count) {
            return "the recency list is longer than the count";
        }
        if (self->uses != NULL && before != 0 && self->uses[at] < self->uses[before]) {
            return "an entry used later is further back in the recency list";
        }
        payload += bb_lru_charge(&self->entries[at]);
        before = at;
    }
    if (count != self->count || (self->count != 0 && self->links[0].older != before)) {
        return "the recency list is shorter than the count";
    }
    payload += self->sharing != NULL ? self->sharing->parts.total : 0;
    return payload == self->payload ? NULL : "payload is not the sum of the charges";
}

static const char *slot_defect(const bb_lru *self) {
    const uint32_t size = self->slot_bits == 0 ? 0 : (uint32_t)1 << self->slot_bits;
    uint32_t filled = 0;
    for (uint32_t at = 0; at < size; at++) {
        filled += self->slots[at] != 0;
    }
    if (filled != self->count || (size != 0 && filled > needed_load(self->slot_bits))) {
        return "the slots filled are not the entries held";
    }
    for (uint32_t index = 1; index <= self->used; index++) {
        if (!in_use(self, index)) {
            continue;
        }
        const uint64_t hash = self->entries[index].hash;
        bb_lru_probe probe;
        uint32_t found = bb_lru_first(self, hash, &probe);
        while (found != 0 && found != index) {
            found = bb_lru_next(self, &probe);
        }
        if (found == 0) {
            return "an entry is not found from its hash";
        }
    }
    return NULL;
}

static const char *array_defect(const bb_lru *self) {
    uint32_t holes = 0;
    for (uint32_t at = self->free; at != 0; at = self->links[at].newer) {
        if (at > self->used || in_use(self, at) || ++holes > self->used) {
            return "the free list holds an index that is in use";
        }
    }
    if (self->used > self->capacity || self->count + holes != self->used) {
        return "indices are lost: neither in use nor free";
    }
    if (self->used != 0 && self->used >> self->slot_bits != 0) {
        return "an index does not fit into a slot";
    }
    if ((self->sharing != NULL) != ((self->columns & BB_LRU_PARTS) && self->capacity != 0)) {
        return "what is shared is kept without need, or not kept";
    }
    if ((self->uses != NULL) != ((self->columns & BB_LRU_USES) && self->capacity != 0)) {
        return "times of use are kept without need, or not kept";
    }
    if (self->overhead != own_bytes(self)) {
        return "overhead is not what the arrays take";
    }
    return NULL;
}

/* Lets go of every list for a moment: that must leave nothing held. */
static const char *sharing_defect(bb_lru *self) {
    const char *reason = NULL;
    bb_parts *parts = &self->sharing->parts;
    if (!bb_parts_validate(parts, &reason)) {
        return reason;
    }
    uint64_t members = 0;
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        const bb_parts_list *list = &self->sharing->lists[index];
        members += list->count;
        for (size_t i = 0; i < list->count; i++) {
            if (!bb_parts_has(parts, list->identities[i])) {
                return "an entry has a part that is not in the table";
            }
        }
    }
    if (members != parts->members || parts->held != parts->count) {
        return "parts are held that no entry has";
    }
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        (void)bb_parts_let_go(parts, &self->sharing->lists[index]);
    }
    if (parts->held != 0 || parts->total != 0) {
        reason = "a part is held by others than the entries that have it";
    }
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        bb_parts_take_back(parts, &self->sharing->lists[index]);
    }
    return reason;
}

static const char *budget_defect(bb_lru *self) {
    const bb_budget_totals totals = bb_budget_read(&self->budget);
    if (totals.total != self->payload + (self->charge_overhead ? self->overhead : 0)) {
        return "the budget's total is not payload and overhead";
    }
    return totals.total > totals.limit ? "the bound is passed" : NULL;
}

static const char *expiry_defect(const bb_lru *self) {
    const char *reason = NULL;
    const bb_wheel *wheel = &self->expiry->wheel;
    if (!bb_wheel_validate(wheel, self->used, &reason)) {
        return reason;
    }
    for (uint32_t index = 1; index <= self->used; index++) {
        const bb_timer *timer = &wheel->timers[index];
        const bool listed = timer->previous != BB_TIMER_UNLISTED;
        const bool comes = in_use(self, index) && timer->deadline < BB_WHEEL_END;
        if (listed != (comes && !is_pinned(self, index))) {
            return "a timer is listed without need, or not listed";
        }
    }
    return NULL;
}

static const char *pins_defect(const bb_lru *self) {
    const char *reason = NULL;
    uint32_t pinned = 0;
    if (!bb_pins_validate(&self->pins, &reason)) {
        return reason;
    }
    for (uint32_t index = 1; index <= self->used; index++) {
        if (in_use(self, index) && is_pinned(self, index)) {
            pinned++;
            if (bb_pins_times(&self->pins, self->entries[index].key) == 0) {
                return "an entry is pinned by nobody";
            }
        }
    }
    return pinned == self->pins.count ? NULL : "something is pinned that is not there";
}

static const char *extras_defect(const bb_lru *self) {
    if ((self->expiry != NULL) != ((self->columns & BB_LRU_TIMERS) && self->capacity != 0)) {
        return "times are kept without need, or not kept";
    }
    if (self->has_extras != (self->expiry != NULL || self->pins.count != 0)) {
        return "extras are there that are not known, or the other way round";
    }
    const char *reason = self->expiry != NULL ? expiry_defect(self) : NULL;
    return reason != NULL ? reason : pins_defect(self);
}

bool bb_lru_validate(bb_lru *self, const char **reason) {
    *reason = array_defect(self);
    if (*reason == NULL) {
        *reason = list_defect(self);
    }
    if (*reason == NULL) {
        *reason = slot_defect(self);
    }
    if (*reason == NULL && self->sharing != NULL) {
        *reason = sharing_defect(self);
    }
    if (*reason == NULL) {
        *reason = extras_defect(self);
    }
    if (*reason == NULL) {
        *reason = budget_defect(self);
    }
    if (*reason == NULL && self->count > self->max_count) {
        *reason = "more entries than the bound on them";
    }
    return *reason == NULL && bb_budget_validate(&self->budget, reason);
}
