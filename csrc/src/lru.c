#include "lru_slots.h"

/* ---- one entry ---- */

static void fill(bb_lru *self, uint32_t index, void *key, void *value, uint64_t hash,
                 uint64_t charge) {
    self->entries[index] = (bb_lru_entry){key, value, hash, charge};
    slot_insert(self, hash, index);
    self->payload += charge & ~BB_LRU_GIVEN;
    self->counters.inserts++;
    self->version++;
}

void bb_lru_place(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge) {
    uint32_t index = self->free;
    if (index != 0) {
        self->free = self->links[index].newer;
    } else {
        index = ++self->used;
    }
    const uint32_t newest = self->links[0].older;
    self->links[newest].newer = index;
    self->links[index] = (bb_lru_link){newest, 0};
    self->links[0].older = index;
    self->count++;
    if (self->sharing != NULL) {
        self->sharing->lists[index] = (bb_parts_list){NULL, 0};
    }
    if (self->uses != NULL) {
        self->uses[index] = bb_budget_now(&self->budget);
    }
    fill(self, index, key, value, hash, charge);
}

uint64_t bb_lru_releasable(bb_lru *self, uint32_t index) {
    const uint64_t released = let_go(self, index);
    take_back(self, index);
    return released;
}

void bb_lru_unlink(bb_lru *self, uint32_t index, bb_reason reason, uint64_t released) {
    slot_remove(self, index);
    const uint32_t older = self->links[index].older;
    const uint32_t newer = self->links[index].newer;
    self->links[older].newer = newer;
    self->links[newer].older = older;
    self->payload -= released;
    if (self->sharing != NULL) {
        bb_lru_forget_parts(self, index);
    }
    if (self->expiry != NULL) {
        bb_lru_unschedule(self, index);
    }
    self->entries[index].key = NULL;
    self->links[index].newer = self->free;
    self->free = index;
    self->count--;
    self->counters.left[reason]++;
    self->version++;
}

void bb_lru_take_out(bb_lru *self, uint32_t index, bb_reason reason, bb_removed *removed) {
    uint64_t released = let_go(self, index);
    *removed = describe(self, index, reason, released);
    bb_lru_unlink(self, index, reason, released);
    if (self->sharing != NULL) {
        const uint64_t before = self->overhead;
        self->overhead = own_bytes(self);
        released += charged_overhead(self, before - self->overhead);
    }
    bb_budget_release(&self->budget, released);
}

void bb_lru_remove(bb_lru *self, uint32_t index, bb_reason reason, bb_removed *removed) {
    bb_lru_take_out(self, index, reason, removed);
    bb_lru_compact_if_sparse(self);
}

/* Whoever evicts once mostly evicts again: fetches what dropping the next
 * entry will touch, long before it does. A prefetch of any address is harmless. */
static inline void prefetch_oldest(const bb_lru *self) {
    const bb_lru_entry *oldest = &self->entries[self->links[0].newer];
    __builtin_prefetch(&self->slots[home_slot(self, oldest->hash)], 1);
    __builtin_prefetch(oldest->key, 1);
    __builtin_prefetch(oldest->value, 1);
}

/* One leaves and one enters, the steady state of a full cache: the entry keeps
 * its index and only moves to the other end of the recency list. */
static bool recycle_oldest(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
                           bb_reason reason, bb_batch *batch) {
    bb_refusal refusal;
    const uint32_t index = bb_lru_oldest(self);
    if (index == 0 || self->count < self->capacity / 2 || !may_leave(self, index, reason)) {
        return false;
    }
    const bb_removed victim = describe(self, index, reason, bb_lru_charge(&self->entries[index]));
    if (bb_budget_exchange(&self->budget, victim.charge, charge & ~BB_LRU_GIVEN, &refusal) !=
        BB_OK) {
        return false;
    }
    slot_remove(self, index);
    self->payload -= victim.charge;
    self->counters.left[reason]++;
    bb_lru_promote(self, index);
    fill(self, index, key, value, hash, charge);
    prefetch_oldest(self);
    batch->items[0] = victim;
    batch->count = 1;
    return true;
}

/* The same where an entry may have a timer or be pinned. */
static bool recycle_carefully(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
                              bb_reason reason, bb_batch *batch) {
    const uint32_t index = bb_lru_oldest(self);
    if (is_pinned(self, index) || !recycle_oldest(self, key, value, hash, charge, reason, batch)) {
        return false;
    }
    bb_lru_unschedule(self, index);
    return true;
}

/* What is charged for an entry that is alone. */
static uint64_t least_charge(const bb_lru *self, uint64_t size) {
    return size + charged_overhead(self, self->least_overhead);
}

bool bb_lru_could_fit(const bb_lru *self, uint64_t charge) {
    const uint64_t least = charged_overhead(self, self->least_overhead);
    return least <= self->budget.limit && charge <= self->budget.limit - least;
}

bb_status bb_lru_insert(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
                        bb_batch *batch, bb_refusal *refusal) {
    const uint64_t size = charge & ~BB_LRU_GIVEN;
    if (self->columns & BB_LRU_PARTS) {
        return bb_lru_insert_shared(self, key, value, hash, charge, NULL, batch, refusal);
    }
    if (!bb_lru_could_fit(self, size)) {
        *refusal = bb_budget_refusal(&self->budget, 0, size);
        return BB_TOO_LARGE;
    }
    bb_reason reason = BB_ITEMS;
    uint32_t room = 0;
    bb_status status = BB_TOO_LARGE;
    if (self->count < self->max_count) {
        status = bb_lru_charge_and_grow(self, 0, size, refusal);
        if (status == BB_NO_MEMORY || status == BB_TOO_MANY) {
            return status;
        }
        if (status != BB_OK) {
            reason = reason_for(self, refusal);
        }
    }
    if (status != BB_OK) {
        if (self->has_extras ? recycle_carefully(self, key, value, hash, charge, reason, batch)
                             : recycle_oldest(self, key, value, hash, charge, reason, batch)) {
            return BB_OK;
        }
        status = bb_lru_exchange_for_oldest(self, 0, self->payload + size, least_charge(self, size),
                                            reason, batch, refusal, &room);
        if (status != BB_OK) {
            return status;
        }
        bb_lru_commit(self, batch);
    }
    if (room != 0) {
        bb_lru_compact(self, room);
    }
    bb_lru_place(self, key, value, hash, charge);
    if (room == 0 && batch->count != 0) {
        bb_lru_compact_if_sparse(self);
    }
    return BB_OK;
}

/* Gives an entry another charge, evicting others as needed. */
static bb_status exchange_entry(bb_lru *self, uint32_t index, uint64_t charge, bb_batch *batch,
                                bb_refusal *refusal, uint32_t *room) {
    const uint64_t size = charge & ~BB_LRU_GIVEN;
    const uint64_t old_size = bb_lru_charge(&self->entries[index]);
    const uint64_t mark = self->entries[index].charge & BB_LRU_PINNED;
    *room = 0;
    if (!bb_lru_could_fit(self, size)) {
        *refusal = bb_budget_refusal(&self->budget, 0, size);
        return BB_TOO_LARGE;
    }
    bb_status status = bb_budget_exchange(&self->budget, old_size, size, refusal);
    if (status != BB_OK) {
        status = bb_lru_exchange_for_oldest(self, index, self->payload - old_size + size,
                                            least_charge(self, size), reason_for(self, refusal),
                                            batch, refusal, room);
        if (status != BB_OK) {
            return status;
        }
        bb_lru_commit(self, batch);
    }
    self->entries[index].charge = charge | mark;
    self->payload += size - old_size;
    return BB_OK;
}

static void give_back(bb_lru *self, const bb_batch *batch, uint32_t room) {
    if (room != 0) {
        bb_lru_compact(self, room);
    } else if (batch->count > 1) {
        bb_lru_compact_if_sparse(self);
    }
}

bb_status bb_lru_replace(bb_lru *self, uint32_t index, void *value, uint64_t charge,
                         bb_batch *batch, bb_refusal *refusal, void **old) {
    if (self->columns & BB_LRU_PARTS) {
        return bb_lru_replace_shared(self, index, value, charge, NULL, batch, refusal, old);
    }
    uint32_t room;
    if (is_pinned(self, index) && self->entries[index].value != value) {
        return BB_PINNED;
    }
    const bb_status status = exchange_entry(self, index, charge, batch, refusal, &room);
    if (status != BB_OK) {
        return status;
    }
    *old = self->entries[index].value;
    self->entries[index].value = value;
    self->counters.left[BB_REPLACED] += *old != value; /* the same value has not left */
    bb_lru_promote(self, index);
    give_back(self, batch, room);
    return BB_OK;
}

bb_status bb_lru_recharge(bb_lru *self, uint32_t index, uint64_t charge, bb_batch *batch,
                          bb_refusal *refusal) {
    if (self->columns & BB_LRU_PARTS) {
        uint64_t releasable;
        return bb_lru_recharge_shared(self, index, charge, NULL, batch, refusal, &releasable);
    }
    uint32_t room;
    const bb_status status = exchange_entry(self, index, charge, batch, refusal, &room);
    if (status == BB_OK) {
        give_back(self, batch, room);
    }
    return status;
}

/* ---- life ---- */

void bb_lru_init(bb_lru *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
                 bool charge_overhead, bb_budget *parent) {
    *self = (bb_lru){0};
    self->allocator = allocator;
    self->max_count = max_count;
    self->charge_overhead = charge_overhead;
    self->yields_until = UINT64_MAX;
    bb_budget_init(&self->budget, limit, parent, false);
    bb_lru_set_columns(self, parent != NULL ? BB_LRU_USES : 0);
}

void bb_lru_take_pages(bb_lru *self, bb_allocator allocator, uint64_t page) {
    self->allocator = allocator;
    self->page = page;
    bb_lru_set_columns(self, self->columns);
}

void bb_lru_close(bb_lru *self) {
    bb_lru_free_arrays(self);
    bb_budget_close(&self->budget);
}

void bb_lru_take_all(bb_lru *self, bb_lru *into) {
    const uint64_t charged = self->payload + charged_overhead(self, self->overhead);
    bb_lru_init(into, self->allocator, BB_UNLIMITED, self->max_count, false, NULL);
    into->slots = self->slots;
    into->entries = self->entries;
    into->links = self->links;
    into->uses = self->uses;
    into->slot_bits = self->slot_bits;
    into->strayed = self->strayed;
    into->columns = self->columns;
    into->sharing = self->sharing;
    into->expiry = self->expiry;
    into->pins = self->pins;
    into->has_extras = self->has_extras;
    into->count = self->count;
    into->used = self->used;
    into->capacity = self->capacity;
    self->counters.left[BB_CLEARED] += self->count;
    self->slots = NULL;
    self->entries = NULL;
    self->links = NULL;
    self->uses = NULL;
    self->sharing = NULL;
    self->expiry = NULL;
    self->pins = (bb_pins){0};
    self->has_extras = false;
    self->slot_bits = self->count = self->used = self->capacity = self->free = 0;
    self->payload = self->overhead = 0;
    self->version++;
    bb_budget_release(&self->budget, charged);
}

void bb_lru_discard(bb_lru *taken) {
    bb_lru_free_arrays(taken);
}
