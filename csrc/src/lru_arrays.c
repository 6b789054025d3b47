/* The arrays of an LRU: what they take, growing, and giving back. */
#include "lru_slots.h"

#include <string.h>

static void rebuild_slots(bb_lru *self, uint32_t slot_bits) {
    self->slot_bits = slot_bits;
    self->strayed = slot_bits + BB_LRU_HOME_BITS > 32; /* no room in the tag */
    memset(self->slots, 0, (size_t)slot_size(slot_bits));
    for (uint32_t index = 1; index <= self->used; index++) {
        if (in_use(self, index)) {
            slot_insert(self, self->entries[index].hash, index);
        }
    }
}

/* ---- the arrays ---- */

uint32_t bb_lru_slot_bits_for(uint32_t count) {
    uint32_t bits = MIN_SLOT_BITS;
    while (wanted_load(bits) < count && bits < MAX_SLOT_BITS) {
        bits++;
    }
    return bits;
}

void bb_lru_set_columns(bb_lru *self, uint32_t columns) {
    self->columns = columns;
    self->least_overhead = bb_lru_overhead_for(self, 1);
}

uint64_t bb_lru_overhead_for(const bb_lru *self, uint32_t count) {
    return count == 0 ? 0
                      : index_bytes(self, count) + slot_bytes(self, bb_lru_slot_bits_for(count));
}

/* What the arrays would take after compacting to `count`, never more than now. */
static uint64_t compacted_bytes(const bb_lru *self, uint32_t count) {
    if (count == 0) {
        return 0;
    }
    const uint32_t bits = bb_lru_slot_bits_for(count);
    const uint32_t capacity = count < self->capacity ? count : self->capacity;
    return index_bytes(self, capacity) +
           slot_bytes(self, bits < self->slot_bits ? bits : self->slot_bits);
}

uint64_t bb_lru_least_bytes(const bb_lru *self, uint32_t count) {
    const uint64_t bytes = compacted_bytes(self, count) + bb_pins_bytes(&self->pins);
    return self->sharing == NULL || count == 0
               ? bytes
               : bytes + sizeof(bb_lru_sharing) + bb_parts_least_overhead(&self->sharing->parts);
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
    enum { COLUMNS = 6 };
    bb_timer *timers = self->expiry != NULL ? self->expiry->wheel.timers : NULL;
    bb_lru_idle *idles = self->expiry != NULL ? self->expiry->idles : NULL;
    const uint64_t old = self->capacity == 0 ? 0 : (uint64_t)self->capacity + 1;
    const uint64_t new = capacity == 0 ? 0 : (uint64_t)capacity + 1;
    void *columns[COLUMNS] = {
        self->entries, self->links, self->sharing != NULL ? self->sharing->lists : NULL,
        timers,        idles,       self->uses};
    const size_t each[COLUMNS] = {sizeof(bb_lru_entry),
                                  sizeof(bb_lru_link),
                                  self->sharing != NULL ? sizeof(bb_parts_list) : 0,
                                  self->expiry != NULL ? sizeof(bb_timer) : 0,
                                  self->columns & BB_LRU_IDLES ? sizeof(bb_lru_idle) : 0,
                                  self->columns & BB_LRU_USES ? sizeof(uint64_t) : 0};
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
    if (self->expiry != NULL) {
        self->expiry->wheel.timers = columns[3];
        self->expiry->idles = columns[4];
    }
    self->uses = columns[5];
    if (done) {
        if (self->capacity == 0 && capacity != 0) {
            self->links[0] = (bb_lru_link){0, 0};
        }
        if (self->expiry != NULL) {
            bb_lru_clear_times(self, old, new);
        }
        self->capacity = capacity;
    }
    return done;
}

static bool resize_slots(bb_lru *self, uint32_t slot_bits) {
    void *slots = self->slots;
    bool done = resize_array(self, &slots, slot_size(self->slot_bits), slot_size(slot_bits));
    self->slots = slots;
    return done;
}

/* What came with the first arrays goes with them. */
static void free_first(bb_lru *self) {
    if (self->capacity == 0) {
        bb_lru_free_expiry(self);
    }
}

bool bb_lru_grow(bb_lru *self, uint32_t capacity, uint32_t slot_bits) {
    const uint32_t old_capacity = self->capacity;
    if (old_capacity == 0 && !bb_lru_start_expiry(self)) {
        return false;
    }
    if (!resize_columns(self, capacity)) {
        free_first(self);
        return false;
    }
    if (slot_bits != self->slot_bits) {
        if (!resize_slots(self, slot_bits)) {
            (void)resize_columns(self, old_capacity);
            free_first(self);
            return false;
        }
        rebuild_slots(self, slot_bits);
    }
    self->overhead = own_bytes(self);
    return true;
}

void bb_lru_free_arrays(bb_lru *self) {
    bb_lru_free_lists(self);
    self->count = 0;
    self->used = 0;
    (void)resize_columns(self, 0);
    (void)resize_slots(self, 0);
    self->slot_bits = 0;
    bb_lru_free_sharing(self);
    bb_lru_free_expiry(self);
    bb_pins_close(&self->pins, &self->allocator);
}

/* Moves every entry to the lowest indices, leaving word of where it went. */
static void pack(bb_lru *self) {
    uint32_t to = 1;
    bb_lru_forget_gone(self);
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
        if (self->expiry != NULL) {
            bb_lru_move_times(self, from, to);
        }
        self->entries[from].key = NULL;
        self->entries[from].charge = to;
        self->links[self->links[to].older].newer = to;
        self->links[self->links[to].newer].older = to;
    }
    self->used = self->count;
    self->free = 0;
    bb_lru_renumber(self);
    self->version++;
    self->quiet++;
}

/* Gives back what is not needed for `capacity` entries. Works inside the memory
 * it has, so it cannot fail. The caller releases what it saved. */
void bb_lru_compact(bb_lru *self, uint32_t capacity) {
    pack(self);
    uint32_t slot_bits = capacity == 0 ? 0 : bb_lru_slot_bits_for(capacity);
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
    free_first(self);
    self->overhead = own_bytes(self);
}

void bb_lru_compact_and_release(bb_lru *self, uint32_t capacity) {
    const uint64_t before = self->overhead;
    bb_lru_compact(self, capacity);
    bb_budget_release(&self->budget, charged_overhead(self, before - self->overhead));
}

/* Memory follows the content: a quarter full gives half back. */
void bb_lru_compact_if_sparse(bb_lru *self) {
    if (self->capacity > 32 && self->count < self->capacity / 4) {
        bb_lru_compact_and_release(self, self->count * 2 + 1);
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
            self, index_bytes(self, capacity) + slot_bytes(self, slot_bits) - array_bytes(self));
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
