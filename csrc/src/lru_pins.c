/* Pinned entries: marked in their charge, counted by key, without a timer meanwhile. */
#include "lru_internal.h"

uint32_t bb_lru_index_of(const bb_lru *self, const void *key, uint64_t hash) {
    bb_lru_probe probe;
    uint32_t index = bb_lru_first(self, hash, &probe);
    while (index != 0 && self->entries[index].key != key) {
        index = bb_lru_next(self, &probe);
    }
    return index;
}

/* Takes the memory for one more pin and charges it, evicting others than the entry. */
static bb_status make_room(bb_lru *self, uint32_t index, bb_batch *batch, bb_refusal *refusal) {
    const bb_pins before = self->pins;
    uint32_t room = 0;
    if (!bb_pins_grow(&before, &self->pins, &self->allocator)) {
        self->pins = before;
        return BB_NO_MEMORY;
    }
    bb_status status = bb_lru_exchange_all(self, self->payload, own_bytes(self), refusal);
    if (status != BB_OK) {
        const uint64_t least =
            bb_lru_releasable(self, index) +
            charged_overhead(self, self->least_overhead + bb_pins_bytes(&self->pins));
        status = bb_lru_exchange_for_oldest(self, index, self->payload, least,
                                            reason_for(self, refusal), batch, refusal, &room);
    }
    bb_pins unused = before;
    if (status != BB_OK) {
        unused = self->pins;
        self->pins = before;
    }
    bb_pins_close(&unused, &self->allocator);
    if (status == BB_OK) {
        bb_lru_commit(self, batch);
        self->overhead = own_bytes(self);
        if (room != 0) {
            bb_lru_compact(self, room);
        }
    }
    return status;
}

bb_status bb_lru_pin(bb_lru *self, uint32_t index, bb_batch *batch, bb_refusal *refusal) {
    void *key = self->entries[index].key;
    const uint64_t hash = self->entries[index].hash;
    if (!is_pinned(self, index) && bb_pins_are_full(&self->pins)) {
        const bb_status status = make_room(self, index, batch, refusal);
        if (status != BB_OK) {
            return status;
        }
        index = bb_lru_index_of(self, key, hash);
    }
    bb_pins_add(&self->pins, key);
    self->entries[index].charge |= BB_LRU_PINNED;
    self->has_extras = true;
    if (self->expiry != NULL) {
        bb_wheel_remove(&self->expiry->wheel, index);
    }
    return BB_OK;
}

void bb_lru_unpin(bb_lru *self, void *key, uint64_t hash) {
    if (bb_pins_times(&self->pins, key) == 0) {
        return; /* everything was taken out */
    }
    const uint64_t before = self->overhead;
    bb_pins_remove(&self->pins, key, &self->allocator);
    self->overhead = own_bytes(self);
    bb_budget_release(&self->budget, charged_overhead(self, before - self->overhead));
    self->has_extras = self->expiry != NULL || self->pins.count != 0;
    if (bb_pins_times(&self->pins, key) == 0) {
        const uint32_t index = bb_lru_index_of(self, key, hash);
        self->entries[index].charge &= ~BB_LRU_PINNED;
        if (self->expiry != NULL) {
            bb_wheel *wheel = &self->expiry->wheel;
            bb_wheel_add(wheel, index, wheel->timers[index].deadline);
        }
    }
}

uint64_t bb_lru_pinned_payload(bb_lru *self) {
    uint64_t released = 0;
    uint32_t left = self->pins.count;
    if (left == 0) {
        return 0;
    }
    for (uint32_t index = 1; index <= self->used; index++) {
        if (in_use(self, index) && is_pinned(self, index)) {
            released += let_go(self, index);
        }
    }
    for (uint32_t index = 1; index <= self->used; index++) {
        if (in_use(self, index) && is_pinned(self, index)) {
            take_back(self, index);
        }
    }
    return released;
}

uint64_t bb_lru_held_back(bb_lru *self) {
    if (self->pins.count == 0) {
        return 0;
    }
    return bb_lru_pinned_payload(self) + charged_overhead(self, self->overhead);
}
