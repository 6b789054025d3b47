#include "lru_internal.h"

#include <string.h>

/* ---- slots ---- */

static void slot_insert(bb_lru *self, uint64_t hash, uint32_t index) {
    const uint32_t mask = ((uint32_t)1 << self->slot_bits) - 1;
    const uint32_t scrambled = bb_scramble(hash);
    const uint32_t home = scrambled >> (32 - self->slot_bits);
    uint32_t at = home;
    while (self->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    self->slots[at] = bb_lru_tag(scrambled, self->slot_bits) | index;
    self->strayed |= ((at - home) & mask) >> BB_LRU_HOME_BITS != 0;
}

/* How far the entry in a slot is from its home. */
static inline uint32_t distance(const bb_lru *self, uint32_t at, uint32_t mask) {
    const uint32_t slot = self->slots[at];
    if (self->strayed) {
        return (at - home_slot(self, self->entries[slot & mask].hash)) & mask;
    }
    return (at - (slot >> (32 - BB_LRU_HOME_BITS))) & mask & ((1u << BB_LRU_HOME_BITS) - 1);
}

/* Closes the gap by moving later entries of the run back, so no tombstone is
 * left and probes never get longer with age. */
static void slot_remove(bb_lru *self, uint32_t index) {
    const uint32_t mask = ((uint32_t)1 << self->slot_bits) - 1;
    uint32_t *slots = self->slots;
    uint32_t gap = home_slot(self, self->entries[index].hash);
    while ((slots[gap] & mask) != index) {
        gap = (gap + 1) & mask;
    }
    for (uint32_t at = (gap + 1) & mask; slots[at] != 0; at = (at + 1) & mask) {
        if (distance(self, at, mask) >= ((at - gap) & mask)) {
            slots[gap] = slots[at];
            gap = at;
        }
    }
    slots[gap] = 0;
}

static void rebuild_slots(bb_lru *self, uint32_t slot_bits) {
    self->slot_bits = slot_bits;
    self->strayed = slot_bits + BB_LRU_HOME_BITS > 32; /* no room in the tag */
    memset(self->slots, 0, (size_t)slot_bytes(slot_bits));
    for (uint32_t index = 1; index <= self->used; index++) {
        if (in_use(self, index)) {
            slot_insert(self, self->entries[index].hash, index);
        }
    }
}

/* ---- the arrays ---- */

static uint32_t bits_for(uint32_t count) {
    uint32_t bits = MIN_SLOT_BITS;
    while (wanted_load(bits) < count && bits < MAX_SLOT_BITS) {
        bits++;
    }
    return bits;
}

uint64_t bb_lru_overhead_for(const bb_lru *self, uint32_t count) {
    return count == 0 ? 0 : index_bytes(self, count) + slot_bytes(bits_for(count));
}

/* What the arrays would take after compacting to `count`, never more than now. */
static uint64_t compacted_bytes(const bb_lru *self, uint32_t count) {
    if (count == 0) {
        return 0;
    }
    const uint32_t bits = bits_for(count);
    const uint32_t capacity = count < self->capacity ? count : self->capacity;
    return index_bytes(self, capacity) +
           slot_bytes(bits < self->slot_bits ? bits : self->slot_bits);
}

/* The same for all memory of the structure. */
static uint64_t least_bytes(const bb_lru *self, uint32_t count) {
    const uint64_t arrays = compacted_bytes(self, count);
    return self->sharing == NULL || count == 0
               ? arrays
               : arrays + sizeof(bb_lru_sharing) + bb_parts_least_overhead(&self->sharing->parts);
}

static bool resize_array(bb_lru *self, void **array, uint64_t old_size, uint64_t new_size) {
    if (old_size == new_size) {
        return true;
    }
    if (new_size > SIZE_MAX) {
        return false;
    }
    void *block = bb_resize(&self->allocator, *array, (size_t)old_size, (size_t)new_size);
    if (block == NULL && new_size != 0) {
        return false;
    }
    *array = block;
    return true;
}

static bool resize_columns(bb_lru *self, uint32_t capacity) {
    enum { COLUMNS = 4 };
    const uint64_t old = self->capacity == 0 ? 0 : (uint64_t)self->capacity + 1;
    const uint64_t new = capacity == 0 ? 0 : (uint64_t)capacity + 1;
    void *columns[COLUMNS] = {self->entries, self->links,
                              self->sharing != NULL ? self->sharing->lists : NULL, self->uses};
    const bool uses = self->uses != NULL || keeps_uses(self);
    const size_t each[COLUMNS] = {sizeof(bb_lru_entry), sizeof(bb_lru_link),
                                  self->sharing != NULL ? sizeof(bb_parts_list) : 0,
                                  uses ? sizeof(uint64_t) : 0};
    int at = 0;
    while (at < COLUMNS && resize_array(self, &columns[at], old * each[at], new * each[at])) {
        at++;
    }
    const bool done = at == COLUMNS;
    while (!done && at-- != 0) {
        (void)resize_array(self, &columns[at], new * each[at], old * each[at]);
    }
    self->entries = columns[0];
    self->links = columns[1];
    if (self->sharing != NULL) {
        self->sharing->lists = columns[2];
    }
    self->uses = columns[3];
    if (done) {
        if (self->capacity == 0 && capacity != 0) {
            self->links[0] = (bb_lru_link){0, 0};
        }
        self->capacity = capacity;
    }
    return done;
}

static bool resize_slots(bb_lru *self, uint32_t slot_bits) {
    void *slots = self->slots;
    bool done = resize_array(self, &slots, slot_bytes(self->slot_bits), slot_bytes(slot_bits));
    self->slots = slots;
    return done;
}

bool bb_lru_grow(bb_lru *self, uint32_t capacity, uint32_t slot_bits) {
    const uint32_t old_capacity = self->capacity;
    if (!resize_columns(self, capacity)) {
        return false;
    }
    if (slot_bits != self->slot_bits) {
        if (!resize_slots(self, slot_bits)) {
            (void)resize_columns(self, old_capacity);
            return false;
        }
        rebuild_slots(self, slot_bits);
    }
    self->overhead = own_bytes(self);
    return true;
}

/* Frees all memory, whatever entries there are. */
static void free_arrays(bb_lru *self) {
    bb_lru_free_lists(self);
    self->count = 0;
    self->used = 0;
    (void)resize_columns(self, 0);
    (void)resize_slots(self, 0);
    self->slot_bits = 0;
    bb_lru_free_sharing(self);
}

/* Moves every entry to the lowest indices. */
static void pack(bb_lru *self) {
    uint32_t to = 1;
    for (uint32_t from = self->used; from > self->count; from--) {
        if (!in_use(self, from)) {
            continue;
        }
        while (in_use(self, to)) {
            to++;
        }
        self->entries[to] = self->entries[from];
        self->links[to] = self->links[from];
        if (self->sharing != NULL) {
            self->sharing->lists[to] = self->sharing->lists[from];
        }
        if (self->uses != NULL) {
            self->uses[to] = self->uses[from];
        }
        self->links[self->links[to].older].newer = to;
        self->links[self->links[to].newer].older = to;
    }
    self->used = self->count;
    self->free = 0;
    self->version++;
}

/* Gives back what is not needed for `capacity` entries. Works inside the memory
 * it has, so it cannot fail. The caller releases what it saved. */
void bb_lru_compact(bb_lru *self, uint32_t capacity) {
    pack(self);
    uint32_t slot_bits = capacity == 0 ? 0 : bits_for(capacity);
    if (slot_bits > self->slot_bits) {
        slot_bits = self->slot_bits;
    }
    if (capacity < self->capacity) {
        (void)resize_columns(self, capacity);
    }
    const uint32_t old_bits = self->slot_bits;
    if (slot_bits != 0) {
        rebuild_slots(self, slot_bits);
    }
    self->slot_bits = old_bits;
    (void)resize_slots(self, slot_bits);
    self->slot_bits = slot_bits;
    if (self->sharing != NULL) {
        bb_parts_shrink(&self->sharing->parts, 0);
        if (capacity == 0) {
            bb_lru_free_sharing(self);
        }
    }
    self->overhead = own_bytes(self);
}

static void compact_and_release(bb_lru *self, uint32_t capacity) {
    const uint64_t before = self->overhead;
    bb_lru_compact(self, capacity);
    bb_budget_release(&self->budget, charged_overhead(self, before - self->overhead));
}

/* Memory follows the content: a quarter full gives half back. */
void bb_lru_compact_if_sparse(bb_lru *self) {
    if (self->capacity > 32 && self->count < self->capacity / 4) {
        compact_and_release(self, self->count * 2 + 1);
    } else if (self->sharing != NULL) {
        bb_parts *parts = &self->sharing->parts;
        const uint64_t before = self->overhead;
        if (parts->capacity > 32 && parts->held < parts->capacity / 4) {
            bb_parts_shrink(parts, parts->capacity / 2);
            self->overhead = own_bytes(self);
            bb_budget_release(&self->budget, charged_overhead(self, before - self->overhead));
        }
    }
}

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

/* What the leaving of an entry releases, given those that were let go of before. Until it
 * is unlinked, take_back undoes it. */
static inline uint64_t let_go(bb_lru *self, uint32_t index) {
    const uint64_t charge = bb_lru_charge(&self->entries[index]);
    return self->sharing == NULL ? charge : charge + bb_lru_let_go_parts(self, index);
}

static inline void take_back(bb_lru *self, uint32_t index) {
    if (self->sharing != NULL) {
        bb_lru_take_back_parts(self, index);
    }
}

uint64_t bb_lru_releasable(bb_lru *self, uint32_t index) {
    const uint64_t released = let_go(self, index);
    take_back(self, index);
    return released;
}

/* Takes an entry that was let go of out of every array; what that released stays in the
 * budget. */
static void unlink_entry(bb_lru *self, uint32_t index, bb_reason reason, uint64_t released) {
    slot_remove(self, index);
    const uint32_t older = self->links[index].older;
    const uint32_t newer = self->links[index].newer;
    self->links[older].newer = newer;
    self->links[newer].older = older;
    self->payload -= released;
    if (self->sharing != NULL) {
        bb_lru_forget_parts(self, index);
    }
    self->entries[index].key = NULL;
    self->links[index].newer = self->free;
    self->free = index;
    self->count--;
    self->counters.left[reason]++;
    self->version++;
}

static bb_removed describe(const bb_lru *self, uint32_t index, bb_reason reason,
                           uint64_t released) {
    const bb_lru_entry *entry = &self->entries[index];
    return (bb_removed){entry->key, entry->value, released, index, reason};
}

void bb_lru_remove(bb_lru *self, uint32_t index, bb_reason reason, bb_removed *removed) {
    uint64_t released = let_go(self, index);
    *removed = describe(self, index, reason, released);
    unlink_entry(self, index, reason, released);
    if (self->sharing != NULL) {
        const uint64_t before = self->overhead;
        self->overhead = own_bytes(self);
        released += charged_overhead(self, before - self->overhead);
    }
    bb_budget_release(&self->budget, released);
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

/* ---- making room ---- */

/* Lets go of an entry that is to be evicted and adds it to the batch. */
static bool push_victim(bb_lru *self, bb_batch *batch, uint32_t index, bb_reason reason,
                        uint64_t *payload) {
    const uint64_t released = let_go(self, index);
    if (!bb_batch_push(batch, &self->allocator, describe(self, index, reason, released))) {
        take_back(self, index);
        return false;
    }
    *payload -= released;
    return true;
}

/* Keeps every entry of a batch after all. */
static void take_all_back(bb_lru *self, bb_batch *batch) {
    while (batch->count != 0) {
        take_back(self, batch->items[--batch->count].index);
    }
}

/* Exchanges charges and sees to it that an index and a slot are free, without
 * evicting; tries a generous step first, then the smallest that will do. A full
 * structure, where eviction frees an index anyway, is told before any step is worked out. */
bb_status bb_lru_charge_and_grow(bb_lru *self, uint64_t release, uint64_t charge,
                                 bb_refusal *refusal) {
    const bool index_free = self->free != 0 || self->used < self->capacity;
    if ((index_free && self->count < wanted_load(self->slot_bits)) ||
        !bb_budget_admits(&self->budget, release, charge)) {
        return bb_budget_exchange(&self->budget, release, charge, refusal);
    }
    bb_status status = BB_OK;
    for (int lean = 0; lean <= 1; lean++) {
        const uint32_t step = lean ? self->capacity / 64 + 1 : self->capacity / 8 + 4;
        const uint32_t load = lean ? needed_load(self->slot_bits) : wanted_load(self->slot_bits);
        const uint32_t capacity = index_free ? self->capacity : self->capacity + step;
        const uint32_t slot_bits = self->count < load     ? self->slot_bits
                                   : self->slot_bits == 0 ? MIN_SLOT_BITS
                                                          : self->slot_bits + 1;
        if (slot_bits > MAX_SLOT_BITS) {
            return BB_TOO_MANY;
        }
        const uint64_t growth = charged_overhead(
            self, index_bytes(self, capacity) + slot_bytes(slot_bits) - array_bytes(self));
        status = bb_budget_exchange(&self->budget, release, charge + growth, refusal);
        if (status == BB_OK) {
            if (!bb_lru_grow(self, capacity, slot_bits)) {
                (void)bb_budget_exchange(&self->budget, charge + growth, release, refusal);
                return BB_NO_MEMORY;
            }
            return BB_OK;
        }
    }
    return status;
}

bb_status bb_lru_exchange_all(bb_lru *self, uint64_t payload, uint64_t overhead,
                              bb_refusal *refusal) {
    return bb_budget_exchange(&self->budget, self->payload + charged_overhead(self, self->overhead),
                              payload + charged_overhead(self, overhead), refusal);
}

/* Whether compacting to `left` entries halves the arrays, so that moving entries about is paid
 * for by those that left. Where parts are shared, their table may be sparse though the arrays are
 * full; and before an entry is refused that fits alone, everything is tried. */
static bool is_worth_compacting(const bb_lru *self, uint32_t left) {
    if (left <= self->capacity / 2) {
        return true;
    }
    if (self->sharing == NULL || left > self->capacity || left > needed_load(self->slot_bits)) {
        return false;
    }
    return left == 1 || self->sharing->parts.held < self->sharing->parts.capacity / 4;
}

/* What compacting to `left` entries gives back, if it is worth it. */
static uint64_t slack(const bb_lru *self, uint32_t left) {
    return is_worth_compacting(self, left) ? own_bytes(self) - least_bytes(self, left) : 0;
}

/* Whether an entry's leaving is for this structure to decide, not for all under a budget. */
static inline bool may_leave(const bb_lru *self, uint32_t index, bb_reason reason) {
    return reason != BB_BUDGET || self->uses == NULL || self->uses[index] <= self->yields_until;
}

/*
 * Plans evictions from the oldest on, all but entry `skip`, until the budget takes what
 * is left: as few as possible, so slack goes before entries do. `payload` is what it would be if
 * nobody left, `least` what would be charged if everybody did. Nothing is changed but the budget, and that only on success; then the batch
 * is to be committed, and *room is the number of entries to compact to, or 0.
 */
bb_status bb_lru_exchange_for_oldest(bb_lru *self, uint32_t skip, uint64_t payload, uint64_t least,
                                     bb_reason reason, bb_batch *batch, bb_refusal *refusal,
                                     uint32_t *room) {
    bb_status status = BB_OVER_BUDGET;
    uint32_t victim = bb_lru_oldest(self);
    if (victim != 0 && !may_leave(self, victim, reason)) {
        return status;
    }
    const uint64_t everything = self->payload + charged_overhead(self, self->overhead);
    if (!bb_budget_would_admit(&self->budget, everything, least, refusal)) {
        return status; /* no need to go through the entries to know */
    }
    bool may_stay = reason != BB_ITEMS;
    for (*room = 0;; victim = bb_lru_newer(self, victim)) {
        const uint32_t left = self->count - batch->count + (skip == 0);
        const uint64_t saved = charged_overhead(self, slack(self, left));
        if (may_stay && saved != 0) {
            status = bb_lru_exchange_all(self, payload, own_bytes(self) - saved, refusal);
            if (status == BB_OK) {
                *room = left;
                return BB_OK;
            }
        }
        may_stay = true;
        if (victim == skip && victim != 0) {
            victim = bb_lru_newer(self, victim);
        }
        if (victim == 0 || !may_leave(self, victim, reason)) {
            break;
        }
        if (!push_victim(self, batch, victim, reason, &payload)) {
            status = BB_NO_MEMORY;
            break;
        }
        status = bb_lru_exchange_all(self, payload, own_bytes(self), refusal);
        if (status == BB_OK) {
            return BB_OK;
        }
        reason = reason_for(self, refusal);
    }
    take_all_back(self, batch);
    return status;
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

void bb_lru_commit(bb_lru *self, bb_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        const bb_removed *victim = &batch->items[i];
        unlink_entry(self, victim->index, victim->reason, victim->charge);
    }
    if (self->sharing != NULL) {
        self->overhead = own_bytes(self);
    }
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
    if (self->shares) {
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
        if (recycle_oldest(self, key, value, hash, charge, reason, batch)) {
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
    self->entries[index].charge = charge;
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
    if (self->shares) {
        return bb_lru_replace_shared(self, index, value, charge, NULL, batch, refusal, old);
    }
    uint32_t room;
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
    if (self->shares) {
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

/* Charges `charge` and takes the memory for `count` entries of an empty
 * structure, with slots as empty as the budget allows. */
static bb_status reserve(bb_lru *self, uint32_t count, uint64_t charge, bb_refusal *refusal) {
    for (uint32_t slot_bits = bits_for(count);; slot_bits--) {
        const uint64_t bytes = index_bytes(self, count) + slot_bytes(slot_bits);
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
        bb_lru_place(into, entry->key, entry->value, entry->hash, entry->charge);
        if (into->uses != NULL && self->budget.root == into->budget.root) {
            into->uses[bb_lru_newest(into)] = self->uses[index];
        }
        if (into->sharing != NULL && !bb_lru_copy_list(self, index, into)) {
            return BB_NO_MEMORY;
        }
    }
    into->counters.inserts = 0;
    return BB_OK;
}

bb_status bb_lru_copy(const bb_lru *self, bb_lru *into, bb_refusal *refusal) {
    if (self->count == 0) {
        return BB_OK;
    }
    bb_status status = into->shares ? bb_lru_copy_parts(self, into) : BB_OK;
    if (status != BB_OK) {
        return status;
    }
    const uint64_t parts = self->sharing != NULL ? self->sharing->parts.total : 0;
    const uint64_t copied = into->sharing != NULL ? parts : 0;
    status =
        reserve(into, self->count,
                self->payload - parts + copied + charged_overhead(into, own_bytes(into)), refusal);
    if (status != BB_OK) {
        free_arrays(into);
        return status;
    }
    into->payload = copied;
    status = copy_entries(self, into);
    if (status != BB_OK) {
        free_arrays(into);
        bb_budget_release(&into->budget, bb_budget_read(&into->budget).total);
        into->payload = into->overhead = 0;
        into->version++;
    }
    return status;
}

/* ---- giving memory back ---- */

static void evict_oldest(bb_lru *self, bb_reason reason, bb_batch *batch) {
    bb_lru_remove(self, bb_lru_oldest(self), reason, &batch->items[batch->count++]);
}

bool bb_lru_trim(bb_lru *self, uint64_t target, bb_reason reason, bb_batch *batch) {
    for (;;) {
        const uint64_t saved = charged_overhead(self, slack(self, self->count));
        const uint64_t charged = self->payload + charged_overhead(self, self->overhead);
        if (charged <= target) {
            return true;
        }
        if (self->count == 0 || charged - saved <= target) {
            compact_and_release(self, self->count);
            return true;
        }
        if (batch->count == BB_BATCH_INLINE) {
            return false;
        }
        evict_oldest(self, reason, batch);
    }
}

bool bb_lru_nominee(bb_lru *self, uint64_t *use, uint64_t *releasable) {
    const uint32_t index = bb_lru_oldest(self);
    if (index == 0) {
        return false;
    }
    *use = self->uses != NULL ? self->uses[index] : 0;
    *releasable = bb_lru_releasable(self, index);
    if (self->count == 1) {
        *releasable += charged_overhead(self, self->overhead);
    }
    return true;
}

uint64_t bb_lru_reclaim(bb_lru *self, uint64_t need, uint64_t until, uint64_t spare,
                        bb_batch *batch) {
    const uint64_t before = self->payload + charged_overhead(self, self->overhead);
    uint64_t freed = 0;
    uint64_t use, releasable;
    while (freed < need && freed <= spare && batch->count < BB_BATCH_INLINE &&
           bb_lru_nominee(self, &use, &releasable) && use <= until && releasable <= spare - freed) {
        evict_oldest(self, BB_BUDGET, batch);
        if (self->count == 0) {
            compact_and_release(self, 0);
        }
        freed = before - self->payload - charged_overhead(self, self->overhead);
    }
    return freed;
}

bb_status bb_lru_limit(bb_lru *self, uint64_t limit, uint32_t max_count, bb_batch *batch) {
    const uint64_t before = self->payload + charged_overhead(self, self->overhead);
    uint64_t payload = self->payload;
    uint32_t left = self->count;
    uint32_t victim = bb_lru_oldest(self);
    for (;;) {
        const uint64_t least =
            payload + charged_overhead(self, own_bytes(self) - slack(self, left));
        if (least <= limit && left <= max_count) {
            break;
        }
        const bb_reason reason = least > limit ? BB_SIZE : BB_ITEMS;
        if (!push_victim(self, batch, victim, reason, &payload)) {
            take_all_back(self, batch);
            return BB_NO_MEMORY;
        }
        victim = bb_lru_newer(self, victim);
        left--;
    }
    bb_lru_commit(self, batch);
    if (payload + charged_overhead(self, self->overhead) > limit ||
        (self->capacity > 32 && left < self->capacity / 4)) {
        bb_lru_compact(self, left);
    }
    const uint64_t after = self->payload + charged_overhead(self, self->overhead);
    bb_budget_release(&self->budget, before - after);
    bb_budget_set_limit(&self->budget, limit);
    self->max_count = max_count;
    return BB_OK;
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
    self->least_overhead = bb_lru_overhead_for(self, 1);
}

void bb_lru_close(bb_lru *self) {
    free_arrays(self);
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
    into->shares = self->shares;
    into->sharing = self->sharing;
    into->count = self->count;
    into->used = self->used;
    into->capacity = self->capacity;
    self->counters.left[BB_CLEARED] += self->count;
    self->slots = NULL;
    self->entries = NULL;
    self->links = NULL;
    self->uses = NULL;
    self->sharing = NULL;
    self->slot_bits = self->count = self->used = self->capacity = self->free = 0;
    self->payload = self->overhead = 0;
    self->version++;
    bb_budget_release(&self->budget, charged);
}

void bb_lru_discard(bb_lru *taken) {
    free_arrays(taken);
}
