#include "bytebound/parts.h"

#include <string.h>

#include "bytebound/scramble.h"

/* In a bb_found_part: there was no such part before. */
#define WAS_ABSENT UINT64_MAX

/* In the identity of a bb_found_part: it is held, and its own bytes were not needed. */
#define NOTHING_REPLACED ((uintptr_t)1)

/* ---- what a measurement found ---- */

void bb_found_init(bb_found *self, bb_allocator allocator) {
    *self = (bb_found){0};
    self->allocator = allocator;
}

bool bb_found_add(bb_found *self, uintptr_t identity, uint64_t nbytes) {
    if (nbytes == 0) {
        return true;
    }
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity == 0 ? 16 : self->capacity * 2;
        size_t new_size;
        if (!bb_multiply(capacity, sizeof(bb_found_part), &new_size)) {
            return false;
        }
        void *items = bb_resize(&self->allocator, self->items,
                                self->capacity * sizeof(bb_found_part), new_size);
        if (items == NULL) {
            return false;
        }
        self->items = items;
        self->capacity = capacity;
    }
    self->items[self->count++] = (bb_found_part){identity, nbytes};
    self->nbytes = nbytes > UINT64_MAX - self->nbytes ? UINT64_MAX : self->nbytes + nbytes;
    return true;
}

void bb_found_free(bb_found *self) {
    if (self->items != NULL) {
        (void)bb_resize(&self->allocator, self->items, self->capacity * sizeof(bb_found_part), 0);
    }
    bb_found_init(self, self->allocator);
}

/* ---- slots ---- */

static inline size_t home_of(uintptr_t identity, size_t capacity) {
    return (size_t)(((uint64_t)bb_scramble(identity) * capacity) >> 32);
}

static inline size_t next_slot(size_t at, size_t capacity) {
    return at + 1 == capacity ? 0 : at + 1;
}

/* Where a part is, or the empty slot where it would be. There is one: never is a table full. */
static size_t find_slot(const bb_parts *self, uintptr_t identity) {
    size_t at = home_of(identity, self->capacity);
    while (self->slots[at].identity != 0 && self->slots[at].identity != identity) {
        at = next_slot(at, self->capacity);
    }
    return at;
}

static bb_part *find(const bb_parts *self, uintptr_t identity) {
    if (self->count == 0) {
        return NULL;
    }
    bb_part *part = &self->slots[find_slot(self, identity)];
    return part->identity == 0 ? NULL : part;
}

/* Closes the gap by moving later parts of the run back, so there are no tombstones. */
static void remove_part(bb_parts *self, bb_part *part) {
    const size_t capacity = self->capacity;
    size_t gap = (size_t)(part - self->slots);
    for (size_t at = next_slot(gap, capacity); self->slots[at].identity != 0;
         at = next_slot(at, capacity)) {
        const size_t home = home_of(self->slots[at].identity, capacity);
        const size_t from_home = at >= home ? at - home : at + capacity - home;
        const size_t from_gap = at >= gap ? at - gap : at + capacity - gap;
        if (from_home >= from_gap) {
            self->slots[gap] = self->slots[at];
            gap = at;
        }
    }
    self->slots[gap].identity = 0;
    self->count--;
}

/* Puts a part where it is found in a table of `capacity`. What was there and is still
 * to be moved goes on in its stead. */
static void settle(bb_part *slots, bb_part part, size_t capacity) {
    while (part.identity != 0) {
        size_t at = home_of(part.identity, capacity);
        while (slots[at].identity != 0 && (slots[at].identity & 1) == 0) {
            at = next_slot(at, capacity);
        }
        const bb_part displaced = slots[at];
        slots[at] = part;
        part = displaced;
        part.identity &= ~(uintptr_t)1;
    }
}

/* Makes a table of old_capacity one of new_capacity, in the larger of the two arrays. */
static void settle_all(bb_part *slots, size_t old_capacity, size_t new_capacity) {
    for (size_t at = 0; at < old_capacity; at++) {
        slots[at].identity |= slots[at].identity != 0;
    }
    for (size_t at = 0; at < old_capacity; at++) {
        if (slots[at].identity & 1) {
            bb_part part = slots[at];
            slots[at].identity = 0;
            part.identity &= ~(uintptr_t)1;
            settle(slots, part, new_capacity);
        }
    }
}

size_t bb_parts_capacity_for(size_t count) {
    return count == 0 ? 0 : count + count / 4 + 1;
}

static bool resize_table(bb_parts *self, size_t capacity) {
    size_t new_size;
    if (!bb_multiply(capacity, sizeof(bb_part), &new_size)) {
        return false;
    }
    bb_part *slots =
        bb_resize(&self->allocator, self->slots, self->capacity * sizeof(bb_part), new_size);
    if (slots == NULL && new_size != 0) {
        return false;
    }
    self->slots = slots;
    return true;
}

/* Over 2^32 slots the scrambled identity would leave gaps. */
static bb_status reserve(bb_parts *self, size_t more) {
    const size_t needed = self->count + more;
    if (bb_parts_capacity_for(needed) <= self->capacity) {
        return BB_OK;
    }
    const size_t capacity = bb_parts_capacity_for(needed + needed / 4);
    if (capacity > UINT32_MAX) {
        return BB_TOO_MANY;
    }
    const size_t old_capacity = self->capacity;
    if (!resize_table(self, capacity)) {
        return BB_NO_MEMORY;
    }
    memset(self->slots + old_capacity, 0, (capacity - old_capacity) * sizeof(bb_part));
    settle_all(self->slots, old_capacity, capacity);
    self->capacity = capacity;
    return BB_OK;
}

void bb_parts_shrink(bb_parts *self, size_t capacity) {
    const size_t least = bb_parts_capacity_for(self->count);
    capacity = capacity < least ? least : capacity;
    if (capacity < self->capacity) {
        settle_all(self->slots, self->capacity, capacity);
        (void)resize_table(self, capacity);
        self->capacity = capacity;
    }
}

/* ---- holding ---- */

bool bb_parts_has(const bb_parts *self, uintptr_t identity) {
    return find(self, identity) != NULL;
}

static bool make_list(bb_parts *self, size_t count, bb_parts_list *list) {
    *list = (bb_parts_list){NULL, 0};
    if (count != 0) {
        /* items of twice the size fitted into memory */
        list->identities = bb_resize(&self->allocator, NULL, 0, count * sizeof(uintptr_t));
        if (list->identities == NULL) {
            return false;
        }
        list->count = count;
    }
    return true;
}

void bb_parts_free_list(bb_parts *self, bb_parts_list *list) {
    if (list->count != 0) {
        (void)bb_resize(&self->allocator, list->identities, list->count * sizeof(uintptr_t), 0);
    }
    *list = (bb_parts_list){NULL, 0};
}

static size_t count_absent(const bb_parts *self, const bb_found *found) {
    size_t absent = 0;
    for (size_t i = 0; i < found->count; i++) {
        absent += find(self, found->items[i].identity) == NULL;
    }
    return absent;
}

/* Leaves in *item what it replaced. There is room for one part more. */
static void hold_one(bb_parts *self, bb_found_part *item) {
    bb_part *part = &self->slots[find_slot(self, item->identity)];
    const uint64_t nbytes = item->nbytes;
    if ((item->identity & BB_PART_MEMORY) && part->identity != 0 && part->holders != 0 &&
        part->nbytes >= nbytes) {
        part->holders++;
        item->identity |= NOTHING_REPLACED;
        return;
    }
    if (part->identity == 0) {
        *part = (bb_part){item->identity, 0, 0};
        self->count++;
        item->nbytes = WAS_ABSENT;
    } else {
        item->nbytes = part->nbytes;
    }
    if (part->holders++ == 0) {
        self->held++;
    } else {
        self->total -= part->nbytes;
    }
    self->total += nbytes;
    part->nbytes = nbytes;
}

static void unhold_one(bb_parts *self, bb_found_part *item) {
    if (item->identity & NOTHING_REPLACED) {
        item->identity &= ~NOTHING_REPLACED;
        find(self, item->identity)->holders--; /* not the last */
        return;
    }
    bb_part *part = find(self, item->identity);
    const uint64_t before = item->nbytes;
    item->nbytes = part->nbytes;
    self->total -= part->nbytes;
    part->nbytes = before;
    if (--part->holders != 0) {
        self->total += before;
        return;
    }
    self->held--;
    if (before == WAS_ABSENT) {
        remove_part(self, part);
    }
}

bb_status bb_parts_hold(bb_parts *self, bb_found *found, bb_parts_list *list) {
    if (!make_list(self, found->count, list)) {
        return BB_NO_MEMORY;
    }
    found->table_capacity = self->capacity;
    const bb_status status = reserve(self, count_absent(self, found));
    if (status != BB_OK) {
        bb_parts_free_list(self, list);
        return status;
    }
    for (size_t i = 0; i < found->count; i++) {
        list->identities[i] = found->items[i].identity;
        hold_one(self, &found->items[i]);
    }
    self->members += list->count;
    return BB_OK;
}

void bb_parts_unhold(bb_parts *self, bb_found *found, bb_parts_list *list) {
    for (size_t i = found->count; i-- != 0;) {
        unhold_one(self, &found->items[i]);
    }
    self->members -= list->count;
    bb_parts_free_list(self, list);
    bb_parts_shrink(self, found->table_capacity);
}

uint64_t bb_parts_let_go(bb_parts *self, const bb_parts_list *list) {
    const uint64_t before = self->total;
    for (size_t i = 0; i < list->count; i++) {
        bb_part *part = find(self, list->identities[i]);
        if (--part->holders == 0) {
            self->held--;
            self->total -= part->nbytes;
        }
    }
    self->members -= list->count;
    return before - self->total;
}

void bb_parts_take_back(bb_parts *self, const bb_parts_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        bb_part *part = find(self, list->identities[i]);
        if (part->holders++ == 0) {
            self->held++;
            self->total += part->nbytes;
        }
    }
    self->members += list->count;
}

void bb_parts_forget(bb_parts *self, bb_parts_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        bb_part *part = find(self, list->identities[i]);
        if (part != NULL && part->holders == 0) {
            remove_part(self, part);
        }
    }
    bb_parts_free_list(self, list);
}

/* ---- copying ---- */

bb_status bb_parts_copy(const bb_parts *self, bb_parts *into) {
    const size_t capacity = bb_parts_capacity_for(self->held);
    if (!resize_table(into, capacity)) {
        return BB_NO_MEMORY;
    }
    into->capacity = capacity;
    if (capacity != 0) {
        memset(into->slots, 0, capacity * sizeof(bb_part));
    }
    for (size_t at = 0; at < self->capacity; at++) {
        if (self->slots[at].identity != 0 && self->slots[at].holders != 0) {
            into->slots[find_slot(into, self->slots[at].identity)] = self->slots[at];
        }
    }
    into->count = into->held = self->held;
    into->members = self->members;
    into->total = self->total;
    return BB_OK;
}

bb_status bb_parts_copy_list(bb_parts *into, const bb_parts_list *list, bb_parts_list *copy) {
    if (!make_list(into, list->count, copy)) {
        return BB_NO_MEMORY;
    }
    if (list->count != 0) {
        memcpy(copy->identities, list->identities, list->count * sizeof(uintptr_t));
    }
    return BB_OK;
}

/* ---- life ---- */

void bb_parts_init(bb_parts *self, bb_allocator allocator) {
    *self = (bb_parts){0};
    self->allocator = allocator;
}

void bb_parts_close(bb_parts *self) {
    (void)resize_table(self, 0);
    bb_parts_init(self, self->allocator);
}
