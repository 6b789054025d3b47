/*
 * Parts that several holders share, each counted once.
 *
 * Purpose: an entry of a cache is made of parts (objects, blocks of memory), and
 * entries share some. This table knows for each part its bytes and how many
 * times it is held; `total` is the bytes of all that are held, each once. A holder
 * keeps a list of its parts, so letting go costs what the holder holds.
 *
 * Layout: one array, open addressing, linear probing.
 *
 *   slots[capacity]   ┌──────────┬────────┬─────────┐   identity 0 = empty
 *   24 bytes each     │ identity │ nbytes │ holders │
 *                     └────▲─────┴────────┴─────────┘
 *   a holder's list   ┌────┴─────┬──────────┬─────┐
 *   8 bytes a part    │ identity │ identity │ ... │
 *                     └──────────┴──────────┴─────┘
 *
 * A list names its parts, it does not point at slots: so the table grows, shrinks
 * and closes gaps without a look at the lists, which belong to others. A slot's
 * place is the scrambled identity times the capacity, upper half; so a
 * capacity need not be a power of two, and a table can be as small as what it holds.
 *
 * An identity is an address: even, never 0 (the lowest bit marks a slot while the
 * table is rebuilt in place). What is measured last is what a part is charged: an
 * address may have been freed and taken by something else since it was first held.
 * But of memory that is no object (BB_PART_MEMORY in the identity) holders see more or less, so
 * that is charged the most that any of them said, until the last lets go.
 *
 * Bytes: 24 * capacity, which is between 5/4 and about 2 slots a part, and 8 for each
 * part in each list; bb_parts_overhead says exactly. Lists that were let go of do not
 * count any more: they are about to be freed.
 *
 * Doing and undoing. Who must ask a budget before it changes anything does it
 * tentatively first, and reads in `total` what it would come to:
 *
 *   bb_parts_hold     what was found; the only step that takes memory ◀─▶ bb_parts_unhold
 *   bb_parts_let_go   of a list                                       ◀─▶ bb_parts_take_back
 *   bb_parts_forget   ends it: frees a list that was let go of, and drops its parts
 *                     that nobody holds
 *
 * Undoing happens in the opposite order, needs no memory and cannot fail: a part
 * that nobody holds stays in the table until it is forgotten.
 *
 * Complexity: O(parts of the list), growing amortised; shrinking and validate O(capacity).
 *
 * Invariants (bb_parts_validate checks them):
 *   - each part is found from its identity, and one slot in five or more is empty;
 *   - held = the parts with a holder; total = the sum of their nbytes;
 *   - members = the sum of holders = the sum of the lengths of the lists that were
 *     not let go of.
 *
 * Threads: none here. The caller holds one lock around each call.
 */
#ifndef BYTEBOUND_PARTS_H
#define BYTEBOUND_PARTS_H

#include <stdint.h>

#include "bytebound/alloc.h"
#include "bytebound/status.h"

#define BB_PART_MEMORY ((uintptr_t)2)

typedef struct bb_part {
    uintptr_t identity;
    uint64_t nbytes;
    uint64_t holders;
} bb_part;

typedef struct bb_parts {
    bb_part *slots;
    size_t capacity;
    size_t count; /* slots filled */
    size_t held;
    uint64_t members;
    uint64_t total;
    bb_allocator allocator;
} bb_parts;

/* What one holder holds. Zeroed: nothing. */
typedef struct bb_parts_list {
    uintptr_t *identities;
    size_t count;
} bb_parts_list;

/* What a measurement found. While it is held, it says what it replaced, so that
 * bb_parts_unhold can put that back. */
typedef struct bb_found_part {
    uintptr_t identity;
    uint64_t nbytes;
} bb_found_part;

typedef struct bb_found {
    bb_found_part *items;
    size_t count;
    size_t capacity;
    uint64_t nbytes;       /* of all items; UINT64_MAX if that is too little to tell */
    size_t table_capacity; /* to go back to */
    bb_allocator allocator;
} bb_found;

/* ---- what a measurement found ---- */

void bb_found_init(bb_found *self, bb_allocator allocator);

/* Parts of no bytes are left out. False without memory; then nothing has changed. */
bool bb_found_add(bb_found *self, uintptr_t identity, uint64_t nbytes);

/* Empties it and keeps the memory. */
static inline void bb_found_clear(bb_found *self) {
    self->count = 0;
    self->nbytes = 0;
}

void bb_found_free(bb_found *self);

/* ---- the table ---- */

void bb_parts_init(bb_parts *self, bb_allocator allocator);

/* Frees the table; lists are freed by whoever holds them. */
void bb_parts_close(bb_parts *self);

/* Holds everything found and fills *list. BB_NO_MEMORY, BB_TOO_MANY: nothing has changed. */
bb_status bb_parts_hold(bb_parts *self, bb_found *found, bb_parts_list *list);

/* Undoes bb_parts_hold, and frees the list. */
void bb_parts_unhold(bb_parts *self, bb_found *found, bb_parts_list *list);

/* Returns the bytes that nobody holds any more. */
uint64_t bb_parts_let_go(bb_parts *self, const bb_parts_list *list);

/* Undoes bb_parts_let_go. */
void bb_parts_take_back(bb_parts *self, const bb_parts_list *list);

void bb_parts_forget(bb_parts *self, bb_parts_list *list);

bool bb_parts_has(const bb_parts *self, uintptr_t identity);

/* Frees a list, whatever became of its parts. */
void bb_parts_free_list(bb_parts *self, bb_parts_list *list);

/* The smallest table for so many parts. */
size_t bb_parts_capacity_for(size_t count);

/* Makes the table smaller, in place; never so small that its parts do not fit. */
void bb_parts_shrink(bb_parts *self, size_t capacity);

/* Holds in *into, which is empty, what is held here; its lists are copied one by one.
 * BB_NO_MEMORY: nothing has changed. */
bb_status bb_parts_copy(const bb_parts *self, bb_parts *into);
bb_status bb_parts_copy_list(bb_parts *into, const bb_parts_list *list, bb_parts_list *copy);

static inline uint64_t bb_parts_bytes(size_t capacity, uint64_t members) {
    return (uint64_t)capacity * sizeof(bb_part) + members * sizeof(uintptr_t);
}

/* The bytes of the table and of the lists that were not let go of. */
static inline uint64_t bb_parts_overhead(const bb_parts *self) {
    return bb_parts_bytes(self->capacity, self->members);
}

/* The same once parts that nobody holds are forgotten and the table is shrunk. */
static inline uint64_t bb_parts_least_overhead(const bb_parts *self) {
    return bb_parts_bytes(bb_parts_capacity_for(self->held), self->members);
}

/* True if every invariant of the table holds; else *reason says which does not. */
bool bb_parts_validate(const bb_parts *self, const char **reason);

#endif
