/* What the files of the pool share with each other and with nobody else. All of it is called
 * with the lock held. */
#ifndef BYTEBOUND_POOL_INTERNAL_H
#define BYTEBOUND_POOL_INTERNAL_H

#include "bytebound/pool.h"
#include "bytebound/scramble.h"

#define SLAB_BITS 16
#define SLAB_BYTES ((uint64_t)1 << SLAB_BITS)
#define SMALL_MAX 4096u
#define SPAN_BLOCKS 16u
#define SMALL_CLASSES 80u /* up to SMALL_MAX */

/* A freed block of a small slab. */
typedef struct free_block {
    struct free_block *next;
} free_block;

struct bb_slab {
    char *base;
    free_block *free; /* small: freed blocks */
    uint64_t block_size;
    uint64_t requested;
    uint64_t idle_bytes; /* of those charged */
    uint32_t used;       /* blocks in use */
    uint16_t size_class;
    bool has_room;
    bool inexact;      /* something was freed without its size */
    bb_slab_link room; /* in the ring of its class, while it has room */
    bb_slab_link idle; /* in a ring of the pool, while idle_bytes is not 0 */
    uint64_t mapped;   /* bytes of address space */
    uint64_t charged;  /* bytes of pages; of a small slab the first ones */
    uint32_t capacity;
    uint32_t carved; /* small: blocks that were ever in use or freed */
    uint16_t live;   /* span: a bit for each block in use */
    uint16_t ready;  /* span: for each other block whose pages are charged */
    bool stuck;      /* small: a block could not be moved out of it */
};

/* A page of slabs' descriptions. */
struct bb_slab_page {
    struct {
        bb_slab_page *older;
        bb_slab_page *newer;
    } ring;
    bb_slab *free; /* chained by room.newer */
    uint32_t used;
};

static inline bool is_small(const bb_slab *slab) {
    return slab->size_class < SMALL_CLASSES;
}

static inline uint64_t pages_down(const bb_pool *self, uint64_t size) {
    return size & ~(self->page - 1);
}

/* `size` is no larger than what is mapped, so this cannot overflow. */
static inline uint64_t pages_up(const bb_pool *self, uint64_t size) {
    return pages_down(self, size + self->page - 1);
}

/* The page of rooms. */
static inline uint64_t rooms_bytes(const bb_pool *self) {
    return pages_up(self, BB_SIZE_CLASSES * sizeof(bb_slab *));
}

/* ---- rings, addressed by their first ---- */

#define RING_INSERT(first, item, link)                                                             \
    do {                                                                                           \
        if ((first) == NULL) {                                                                     \
            (item)->link.older = (item)->link.newer = (item);                                      \
            (first) = (item);                                                                      \
        } else {                                                                                   \
            (item)->link.newer = (first);                                                          \
            (item)->link.older = (first)->link.older;                                              \
            (first)->link.older->link.newer = (item);                                              \
            (first)->link.older = (item);                                                          \
        }                                                                                          \
    } while (0)

#define RING_REMOVE(first, item, link)                                                             \
    do {                                                                                           \
        (item)->link.older->link.newer = (item)->link.newer;                                       \
        (item)->link.newer->link.older = (item)->link.older;                                       \
        if ((first) == (item)) {                                                                   \
            (first) = (item)->link.newer == (item) ? NULL : (item)->link.newer;                    \
        }                                                                                          \
    } while (0)

/* At the end of the ring of its class, or, if it is to be used next, at its front. */
static inline void room_enter(bb_pool *self, bb_slab *slab, bool next) {
    RING_INSERT(self->rooms[slab->size_class], slab, room);
    slab->has_room = true;
    if (next) {
        self->rooms[slab->size_class] = slab;
    }
}

static inline void room_leave(bb_pool *self, bb_slab *slab) {
    RING_REMOVE(self->rooms[slab->size_class], slab, room);
    slab->has_room = false;
}

static inline void room_move(bb_pool *self, bb_slab *slab, bool next) {
    room_leave(self, slab);
    room_enter(self, slab, next);
}

static inline void idle_enter(bb_pool *self, bb_slab *slab) {
    if (is_small(slab)) {
        RING_INSERT(self->idle_small, slab, idle);
    } else {
        RING_INSERT(self->idle_spans, slab, idle);
    }
}

static inline void idle_leave(bb_pool *self, bb_slab *slab) {
    if (is_small(slab)) {
        RING_REMOVE(self->idle_small, slab, idle);
    } else {
        RING_REMOVE(self->idle_spans, slab, idle);
    }
}

/* ---- the table ---- */

/* 64 KiB in which blocks of a slab begin. */
struct bb_place {
    uint64_t number; /* address / 64 KiB */
    bb_slab *slab;   /* NULL: nothing here */
};

static inline uint32_t place_home(const bb_pool *self, uint64_t number) {
    return bb_scramble(number) >> (32 - self->table_bits);
}

/* The slab that a block lies in, or NULL. */
static inline bb_slab *slab_of(const bb_pool *self, const void *block) {
    if (self->table_bits == 0) {
        return NULL;
    }
    const uint64_t number = (uintptr_t)block >> SLAB_BITS;
    const uint32_t mask = ((uint32_t)1 << self->table_bits) - 1;
    uint32_t at = place_home(self, number);
    while (self->table[at].slab != NULL && self->table[at].number != number) {
        at = (at + 1) & mask;
    }
    return self->table[at].slab;
}

/* How many places a slab has: the block of a slab of one begins in its first. */
static inline uint32_t place_count(const bb_slab *slab) {
    return slab->capacity == 1 ? 1 : (uint32_t)(slab->mapped >> SLAB_BITS);
}

static inline uint64_t first_place(const bb_slab *slab) {
    return (uintptr_t)slab->base >> SLAB_BITS;
}

/* Calls back for each range of pages that are no slab's. */
void bb_pool_visit_own(const bb_pool *self, bb_pool_visitor *visitor, void *context);

/* Calls `visit` for each slab once. */
typedef void slab_visitor(bb_pool *self, bb_slab *slab, void *context);
void bb_pool_each_slab(bb_pool *self, slab_visitor *visit, void *context);

/* Gives a table back that is mostly empty. Never fails. */
void bb_pool_shrink_table(bb_pool *self);

/* ---- pages ---- */

/* Whether so many new pages could be charged; changes nothing. */
bb_status bb_pool_admits(bb_pool *self, uint64_t size, bb_refusal *refusal);

/* Charges new pages, after giving as many idle ones back. */
bb_status bb_pool_charge(bb_pool *self, uint64_t size, bb_refusal *refusal);

/* Charges and maps pages that are no slab's. */
bb_status bb_pool_map_own(bb_pool *self, uint64_t size, void **pages, bb_refusal *refusal);
void bb_pool_unmap_own(bb_pool *self, void *pages, uint64_t size);

/* Maps the page of rooms. */
bb_status bb_pool_make_rooms(bb_pool *self, bb_refusal *refusal);

/* As bb_pool_trim. */
uint64_t bb_pool_give_back(bb_pool *self, uint64_t target);

/* ---- slabs ---- */

/* Fills in what depends on the class alone. */
void bb_slab_describe(bb_slab *slab, uint32_t size_class);

/* A slab without a page and without a block, in the ring of its class. */
bb_status bb_pool_make_slab(bb_pool *self, uint32_t size_class, bb_slab **result,
                            bb_refusal *refusal);

/* Takes a slab without a block in use, and not in the ring of idle ones, away. */
void bb_pool_drop_slab(bb_pool *self, bb_slab *slab);

/* Sees to it that the first slab of a small class has a freed block. */
bb_status bb_pool_refill(bb_pool *self, uint32_t size_class, bb_refusal *refusal);

/* What follows when the first block of a small slab is freed, an idle slab used again, and the
 * last block in use freed. */
void bb_small_has_one(bb_pool *self, bb_slab *slab);
void bb_small_in_use(bb_pool *self, bb_slab *slab);
void bb_small_emptied(bb_pool *self, bb_slab *slab);

/* Lets `idle` and the rings know of what was freed last. To be called before either is
 * looked at. */
void bb_pool_settle(bb_pool *self);

/* Takes a block of a class above the small ones; *fresh: it was never written to. */
bb_status bb_span_take(bb_pool *self, uint32_t size_class, bb_slab **slab, void **block,
                       bool *fresh, bb_refusal *refusal);
void bb_span_give(bb_pool *self, bb_slab *slab, void *block);

/* Gives the idle pages of a span back. Returns their bytes; 0 if they cannot go. */
uint64_t bb_span_purge(bb_pool *self, bb_slab *slab);

/* Calls back for each range of charged pages of a span. */
void bb_span_visit(const bb_pool *self, const bb_slab *slab, bb_pool_visitor *visitor,
                   void *context);

/* ---- guards, in debug mode ---- */

/* What a block takes with its guards. `size` is at most BB_BLOCK_MAX. */
uint64_t bb_guarded_size(uint64_t size, uint64_t alignment);

/* Writes the guards into what was allocated, and returns the block between them. */
void *bb_guard(bb_pool *self, void *raw, uint64_t size, uint64_t alignment);

/* What is wrong with a block that is about to be freed, or nothing. *raw is what was allocated,
 * or NULL if there is nothing to free. */
bb_damage bb_check_guards(const bb_pool *self, const void *block, void **raw);

/* Moves the guard behind a block forward. */
void bb_guard_shrink(void *block, uint64_t size);

/* Overwrites a block about to be freed. */
void bb_poison(void *block, uint64_t size);

#endif
