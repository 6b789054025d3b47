#include "lru_internal.h"

/* Charges `charge` and takes the memory for `count` entries of an empty
 * structure, with slots as empty as the budget allows. */
static bb_status reserve(bb_lru *self, uint32_t count, uint64_t charge, bb_refusal *refusal) {
    for (uint32_t slot_bits = bb_lru_slot_bits_for(count);; slot_bits--) {
        const uint64_t bytes = index_bytes(self, count) + slot_bytes(self, slot_bits);
        const uint64_t all = charge + charged_overhead(self, bytes);
        const bb_status status = bb_budget_exchange(&self->budget, 0, all, refusal);
        if (status == BB_OK) {
            if (!bb_lru_grow(self, count, slot_bits)) {
                bb_budget_release(&self->budget, all);
                return BB_NO_MEMORY;
            }
            return BB_OK;
        }
        if (slot_bits == MIN_SLOT_BITS || needed_load(slot_bits - 1) < count) {
            return status;
        }
    }
}

/* Fills a structure that was reserved. */
static bb_status copy_entries(const bb_lru *self, bb_lru *into) {
    for (uint32_t index = bb_lru_oldest(self); index != 0; index = bb_lru_newer(self, index)) {
        const bb_lru_entry *entry = &self->entries[index];
        bb_lru_place(into, entry->key, entry->value, entry->hash, entry->charge & ~BB_LRU_PINNED);
        if (into->uses != NULL && self->budget.root == into->budget.root) {
            into->uses[bb_lru_newest(into)] = self->uses[index];
        }
        if (into->sharing != NULL && !bb_lru_copy_list(self, index, into)) {
            return BB_NO_MEMORY;
        }
        if (into->expiry != NULL) {
            bb_lru_copy_timer(self, index, into);
        }
    }
    into->counters.inserts = 0;
    return BB_OK;
}

bb_status bb_lru_copy(const bb_lru *self, bb_lru *into, bb_refusal *refusal) {
    const uint32_t times = self->columns & (BB_LRU_TIMERS | BB_LRU_IDLES);
    bb_lru_set_columns(into, into->columns | times);
    if (self->count == 0) {
        return BB_OK;
    }
    bb_status status = into->columns & BB_LRU_PARTS ? bb_lru_copy_parts(self, into) : BB_OK;
    if (status != BB_OK) {
        return status;
    }
    const uint64_t parts = self->sharing != NULL ? self->sharing->parts.total : 0;
    const uint64_t copied = into->sharing != NULL ? parts : 0;
    status =
        reserve(into, self->count,
                self->payload - parts + copied + charged_overhead(into, own_bytes(into)), refusal);
    if (status != BB_OK) {
        bb_lru_free_arrays(into);
        return status;
    }
    into->payload = copied;
    status = copy_entries(self, into);
    if (status != BB_OK) {
        bb_lru_free_arrays(into);
        bb_budget_release(&into->budget, bb_budget_read(&into->budget).total);
        into->payload = into->overhead = 0;
        into->version++;
    }
    return status;
}
