/* Entries made of parts that they share. What they share is held, let go of and asked
 * the budget for tentatively; a refusal undoes it, in the opposite order. */
#include "lru_internal.h"

void bb_lru_share(bb_lru *self) {
    bb_lru_set_columns(self, self->columns | BB_LRU_PARTS);
}

/* ---- the memory ---- */

static bool start_sharing(bb_lru *self) {
    self->sharing = bb_resize(&self->allocator, NULL, 0, sizeof(bb_lru_sharing));
    if (self->sharing == NULL) {
        return false;
    }
    self->sharing->lists = NULL;
    bb_parts_init(&self->sharing->parts, self->allocator);
    return true;
}

void bb_lru_free_lists(bb_lru *self) {
    for (uint32_t index = 1; self->sharing != NULL && index <= self->used; index++) {
        bb_parts_free_list(&self->sharing->parts, &self->sharing->lists[index]);
    }
}

void bb_lru_free_sharing(bb_lru *self) {
    if (self->sharing != NULL) {
        bb_parts_close(&self->sharing->parts);
        self->sharing = bb_resize(&self->allocator, self->sharing, sizeof(bb_lru_sharing), 0);
    }
}

uint64_t bb_lru_shared_overhead_for(const bb_lru *self, size_t parts) {
    return self->least_overhead + sizeof(bb_lru_sharing) +
           bb_parts_bytes(bb_parts_capacity_for(parts), parts);
}

/* ---- one entry ---- */

uint64_t bb_lru_let_go_parts(bb_lru *self, uint32_t index) {
    return bb_parts_let_go(&self->sharing->parts, &self->sharing->lists[index]);
}

void bb_lru_take_back_parts(bb_lru *self, uint32_t index) {
    bb_parts_take_back(&self->sharing->parts, &self->sharing->lists[index]);
}

void bb_lru_forget_parts(bb_lru *self, uint32_t index) {
    bb_parts_forget(&self->sharing->parts, &self->sharing->lists[index]);
}

/* *least = what is charged for an entry that is alone; false if even that is too much. */
static bool could_fit(bb_lru *self, uint64_t size, const bb_found *found, uint64_t *least,
                      bb_refusal *refusal) {
    const uint64_t overhead =
        charged_overhead(self, bb_lru_shared_overhead_for(self, found->count));
    const uint64_t limit = self->budget.limit;
    const uint64_t both = found->nbytes > UINT64_MAX - size ? UINT64_MAX : found->nbytes + size;
    if (overhead <= limit && both <= limit - overhead && both <= BB_LRU_CHARGE_MAX) {
        *least = both + overhead;
        return true;
    }
    *refusal = bb_budget_refusal(&self->budget, 0, both);
    return false;
}

/* Gives back what the table of parts took in advance for later ones. True if there was any. */
static bool shrink_advance(bb_lru *self, const bb_found *found) {
    bb_parts *parts = &self->sharing->parts;
    const size_t before = parts->capacity;
    if (before > found->table_capacity) {
        bb_parts_shrink(parts, bb_parts_capacity_for(parts->count + parts->count / 16));
    }
    return parts->capacity < before;
}

/* The first entry's arrays, not charged yet. Whoever walks the empty structure sees no change. */
static bool take_first_arrays(bb_lru *self) {
    if (!start_sharing(self)) {
        return false;
    }
    const bool grown = bb_lru_grow(self, 1, MIN_SLOT_BITS);
    self->overhead = 0;
    if (!grown) {
        bb_lru_free_sharing(self);
    }
    return grown;
}

/* Exchanges the charges for an entry that enters, evicting as needed. */
static bb_status make_room(bb_lru *self, uint64_t payload, uint64_t least, const bb_found *found,
                           bb_batch *batch, bb_refusal *refusal, uint32_t *room) {
    bb_reason reason = BB_ITEMS;
    *room = 0;
    if (self->count < self->max_count) {
        const uint64_t charged = self->payload + charged_overhead(self, self->overhead);
        bb_status status;
        do {
            status = bb_lru_charge_and_grow(
                self, charged, payload + charged_overhead(self, own_bytes(self)), refusal);
            if (status == BB_OK || status == BB_NO_MEMORY || status == BB_TOO_MANY) {
                return status;
            }
        } while (shrink_advance(self, found));
        reason = reason_for(self, refusal);
    }
    return bb_lru_exchange_for_oldest(self, 0, payload, least, reason, batch, refusal, room);
}

bb_status bb_lru_insert_shared(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
                               bb_found *found, bb_batch *batch, bb_refusal *refusal) {
    bb_found nothing = {0};
    const uint64_t size = charge & ~BB_LRU_GIVEN;
    uint64_t least;
    found = found == NULL ? &nothing : found;
    if (!could_fit(self, size, found, &least, refusal)) {
        return BB_TOO_LARGE;
    }
    const uint64_t version = self->version;
    const uint64_t quiet = self->quiet;
    const bool first = self->capacity == 0;
    if (first && !take_first_arrays(self)) {
        return BB_NO_MEMORY;
    }
    bb_parts *parts = &self->sharing->parts;
    const uint64_t total = parts->total;
    uint32_t room = 0;
    bb_parts_list list;
    bb_status status = bb_parts_hold(parts, found, &list);
    const uint64_t held = parts->total - total; /* modulo 2^64: it may be less than before */
    if (status == BB_OK) {
        status = make_room(self, self->payload + size + held, least, found, batch, refusal, &room);
        if (status != BB_OK) {
            bb_parts_unhold(parts, found, &list);
        }
    }
    if (status != BB_OK) {
        if (first) {
            bb_lru_compact(self, 0);
            self->version = version;
            self->quiet = quiet;
        }
        return status;
    }
    bb_lru_commit(self, batch);
    if (room != 0) {
        bb_lru_compact(self, room);
    }
    bb_lru_place(self, key, value, hash, charge);
    self->sharing->lists[bb_lru_newest(self)] = list;
    self->payload += held;
    bb_lru_compact_if_sparse(self);
    return BB_OK;
}

/* Gives an entry another charge and other parts, evicting others as needed. */
static bb_status exchange_entry(bb_lru *self, uint32_t index, uint64_t charge, bb_found *found,
                                bb_batch *batch, bb_refusal *refusal, uint32_t *room) {
    bb_found nothing = {0};
    const uint64_t size = charge & ~BB_LRU_GIVEN;
    const uint64_t old_size = bb_lru_charge(&self->entries[index]);
    uint64_t least;
    found = found == NULL ? &nothing : found;
    *room = 0;
    if (!could_fit(self, size, found, &least, refusal)) {
        return BB_TOO_LARGE;
    }
    bb_parts *parts = &self->sharing->parts;
    const uint64_t total = parts->total;
    bb_parts_list list;
    (void)bb_lru_let_go_parts(self, index);
    bb_status status = bb_parts_hold(parts, found, &list);
    const uint64_t more = size - old_size + parts->total - total; /* modulo 2^64 */
    if (status == BB_OK) {
        do {
            status = bb_lru_exchange_all(self, self->payload + more, own_bytes(self), refusal);
        } while (status != BB_OK && shrink_advance(self, found));
        if (status != BB_OK) {
            status = bb_lru_exchange_for_oldest(self, index, self->payload + more, least,
                                                reason_for(self, refusal), batch, refusal, room);
        }
        if (status != BB_OK) {
            bb_parts_unhold(parts, found, &list);
        }
    }
    if (status != BB_OK) {
        bb_lru_take_back_parts(self, index);
        return status;
    }
    bb_lru_forget_parts(self, index);
    self->sharing->lists[index] = list;
    bb_lru_commit(self, batch);
    self->entries[index].charge = charge | (self->entries[index].charge & BB_LRU_PINNED);
    self->payload += more;
    return BB_OK;
}

static void give_back(bb_lru *self, uint32_t room) {
    if (room != 0) {
        bb_lru_compact(self, room);
    } else {
        bb_lru_compact_if_sparse(self);
    }
}

bb_status bb_lru_replace_shared(bb_lru *self, uint32_t index, void *value, uint64_t charge,
                                bb_found *found, bb_batch *batch, bb_refusal *refusal, void **old) {
    uint32_t room;
    if (is_pinned(self, index) && self->entries[index].value != value) {
        return BB_PINNED;
    }
    const bb_status status = exchange_entry(self, index, charge, found, batch, refusal, &room);
    if (status != BB_OK) {
        return status;
    }
    *old = self->entries[index].value;
    self->entries[index].value = value;
    self->counters.left[BB_REPLACED] += *old != value; /* the same value has not left */
    bb_lru_promote(self, index);
    give_back(self, room);
    return BB_OK;
}

bb_status bb_lru_recharge_shared(bb_lru *self, uint32_t index, uint64_t charge, bb_found *found,
                                 bb_batch *batch, bb_refusal *refusal, uint64_t *releasable) {
    uint32_t room;
    const bb_status status = exchange_entry(self, index, charge, found, batch, refusal, &room);
    if (status == BB_OK) {
        *releasable = bb_lru_releasable(self, index);
        give_back(self, room);
    }
    return status;
}

/* ---- copying ---- */

bb_status bb_lru_copy_parts(const bb_lru *self, bb_lru *into) {
    if (!start_sharing(into)) {
        return BB_NO_MEMORY;
    }
    bb_status status = BB_OK;
    if (self->sharing != NULL) {
        status = bb_parts_copy(&self->sharing->parts, &into->sharing->parts);
    }
    if (status != BB_OK) {
        bb_lru_free_sharing(into);
    }
    return status;
}

bool bb_lru_copy_list(const bb_lru *self, uint32_t index, bb_lru *into) {
    static const bb_parts_list nothing = {NULL, 0};
    const bb_parts_list *list = self->sharing != NULL ? &self->sharing->lists[index] : &nothing;
    return bb_parts_copy_list(&into->sharing->parts, list,
                              &into->sharing->lists[bb_lru_newest(into)]) == BB_OK;
}
