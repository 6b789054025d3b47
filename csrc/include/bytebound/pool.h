/*
 * A pool: memory for blocks of any size, under a bound that is never passed.
 *
 * Purpose: a heap of its own for a container, for buffers or for arrays, of which
 * every byte is known: asked for, rounded up to, and taken from the operating
 * system. Pages are charged to the budget before they can be written to.
 *
 * Layout: blocks lie in slabs, mapped one by one, of blocks of one size class each.
 *
 *   class        slab                     its pages are charged        freed blocks
 *   to 4 KiB     64 KiB                   as blocks are first carved   are chained
 *   to 64 KiB    16 blocks                as each block is first used  are a bitmap
 *   above        one block, on its own    at once                      are a bitmap
 *
 *     a small slab     ┌──────┬──────┬──────┬──────┬───────────────────┐
 *                      │ free─┼─────▶│ used │ free │ not carved yet    │
 *                      └──▲───┴──────┴──────┴──────┴───────────────────┘
 *     bb_slab ────────────┘  (beside, in pages of its own)
 *
 * A block's slab is found from its address: slabs are aligned to 64 KiB, and a table
 * (open addressing) has the slab for each 64 KiB in which a block begins. Nothing
 * else is known of a block, so who frees it says how much was asked for.
 *
 * Idle pages: those that no block in use lies on. They are kept, charged, for reuse;
 * but before a new page is taken the same number of idle ones goes back, those idle
 * longest first. So `reserved` never rises above the most that blocks in use ever needed.
 * An empty small slab serves any class up to 4 KiB.
 *
 * Bytes: a slab takes 112 bytes, and each of its places in the table 16, of which at most
 * three in four are taken; one page has the slabs of each class. 0.3 % of a full pool.
 *
 * Complexity: allocate and free O(1), amortised over the growth of the table; a system
 * call only where pages come or go. Trim O(slabs given back), read O(1), the rest O(slabs).
 *
 * Atomicity: an allocation that fails leaves every block and every total of blocks as it
 * was; idle pages may have gone back.
 *
 * Invariants (bb_pool_validate checks them):
 *   - requested <= usable <= reserved; reserved + overhead == budget.total;
 *   - a page is charged if and only if a block on it is in use or idle.
 *
 * Threads: with BB_THREADED any function may be called from any thread, except init and
 * close; one lock covers the pool. It is held during system calls, never during reports.
 * Without, the caller serialises.
 *
 * Source: segregated free lists after Bonwick's slab allocator (USENIX 1994), bitmaps and
 * the giving back of single pages after jemalloc's runs.
 */
#ifndef BYTEBOUND_POOL_H
#define BYTEBOUND_POOL_H

#include "bytebound/alloc.h"
#include "bytebound/budget.h"
#include "bytebound/pages.h"
#include "bytebound/size_class.h"
#include "bytebound/spinlock.h"

typedef struct bb_slab bb_slab;
typedef struct bb_slab_page bb_slab_page;
typedef struct bb_place bb_place;

/* What a pool in debug mode found wrong with a block. */
typedef enum bb_damage_kind {
    BB_NO_DAMAGE,
    BB_UNDERRUN,     /* bytes before the block were written to */
    BB_OVERRUN,      /* bytes after it were */
    BB_DOUBLE_FREE,  /* it is not in use any more */
    BB_FOREIGN_FREE, /* it is no block of this pool, or its memory went back */
    BB_WRONG_SIZE,   /* it was freed with a size that it was not asked for with */
} bb_damage_kind;

typedef struct bb_damage {
    bb_damage_kind kind;
    const void *block;
    uint64_t size;   /* asked for; 0 if unknown */
    uint64_t serial; /* the how manieth allocation it was, from 1; 0 if unknown */
} bb_damage;

/* Neighbours in a ring of slabs. */
typedef struct bb_slab_link {
    bb_slab *older;
    bb_slab *newer;
} bb_slab_link;

typedef struct bb_pool {
    /* the hot part; totals lie apart, or compilers join them into vectors, which then wait
     * for each other's stores */
    bb_slab **rooms; /* by class, a ring of slabs with room; NULL until the first block */
    bb_place *table; /* by address */
    uint64_t requested;
    uint32_t table_bits; /* 2^table_bits places; 0: none yet */
    uint32_t table_used;
    uint64_t usable;
    bb_slab *emptied;    /* a small slab that may be empty, and is not in its ring yet */
    bb_slab *freed_span; /* where the block freed last lies, if it is not small */
    void *freed;         /* that block, which its slab still has for one in use */
    uint64_t blocks;
    uint16_t quick_max; /* small blocks up to this size need no second look; 0 in debug mode */
    bool debug;
    bb_spinlock lock;

    bb_slab *idle_small; /* the slab idle longest, in a ring */
    bb_slab *idle_spans;
    uint64_t idle;     /* bytes of pages that no block needs */
    uint64_t reserved; /* bytes of pages charged for blocks */
    uint64_t overhead; /* bytes of pages charged for everything else */
    uint64_t page;     /* the page size */
    uint64_t slabs;
    uint64_t serial;          /* allocations in debug mode */
    bb_slab_page *slab_pages; /* a ring; those with a free description first */
    bb_budget budget;
    bb_page_source pages;
    void (*report)(void *context, const bb_damage *damage); /* in debug mode; may be NULL */
    void *report_context;
} bb_pool;

typedef struct bb_pool_totals {
    uint64_t requested;
    uint64_t usable;
    uint64_t reserved;
    uint64_t overhead;
    uint64_t idle; /* of those reserved */
    uint64_t blocks;
    uint64_t slabs;
    bb_budget_totals budget;
} bb_pool_totals;

typedef struct bb_class_totals {
    uint64_t blocks; /* in use */
    uint64_t free;   /* could be handed out without a new page */
    uint64_t slabs;
} bb_class_totals;

/* ---- life ---- */

/* Takes no memory yet. */
void bb_pool_init(bb_pool *self, bb_page_source pages, uint64_t limit, bb_budget *parent,
                  bool debug);

/* Gives everything back, and sets the limit to 0. False, and nothing done, while a block is in
 * use. */
bool bb_pool_close(bb_pool *self);

/* ---- blocks ---- */

/*
 * *block = `size` bytes, zeroed if `zero` says so; `alignment` is a power of two up to the
 * page size, and 16 is the least anyway. A size of 0 gets a block of its own too.
 * BB_TOO_LARGE: the own limit refuses; BB_OVER_BUDGET: a parent's does; BB_NO_MEMORY: the
 * operating system does. The refusal is filled in by the first two.
 */
bb_status bb_pool_allocate(bb_pool *self, uint64_t size, uint64_t alignment, bool zero,
                           void **block, bb_refusal *refusal);

/* `size` as asked for. */
void bb_pool_free(bb_pool *self, void *block, uint64_t size);

/* Frees a block of whose size nobody is sure: `guess` counts if it is possible, else the mean
 * of its slab. `requested` is exact again as soon as the slab is empty. */
void bb_pool_free_unsized(bb_pool *self, void *block, uint64_t guess);

/* The bytes that may be used of a block. */
uint64_t bb_pool_usable(bb_pool *self, const void *block);

/*
 * *block = a block of `new_size` bytes with the old contents, or where a block of the same class
 * serves the old one. Fails as bb_pool_allocate, and the old block stays as it was.
 */
bb_status bb_pool_resize(bb_pool *self, void **block, uint64_t old_size, uint64_t new_size,
                         uint64_t alignment, bb_refusal *refusal);

/* The same for a block whose size nobody knows; the contents are all that was usable. */
bb_status bb_pool_resize_unsized(bb_pool *self, void **block, uint64_t new_size,
                                 bb_refusal *refusal);

/* The pool for a structure that wants an allocator. */
bb_allocator bb_pool_allocator(bb_pool *self);

/* Looks at the guards of a block in use. Debug mode only. */
bb_damage bb_pool_inspect(bb_pool *self, const void *block);

/* ---- making pages idle ----
 *
 * A slab whose blocks are mostly freed keeps its pages from every other class. Whoever can move its
 * blocks may have it emptied. */

/* Copies a block to `to`, of the same class, and lets whoever uses it know. Returns the size it
 * was asked for with, or 0 if it has to stay where it is. Must not call the pool. */
typedef uint64_t bb_pool_mover(void *context, void *block, void *to);

/* Moves the blocks of one slab of small ones into freed blocks of its class: of the slab with the
 * fewest bytes in use, and of none if no slab can be emptied so. Returns the bytes of pages that
 * are idle now, 0 if none. O(slabs), and at most 64 KiB are copied. Does nothing in debug mode. */
uint64_t bb_pool_evacuate(bb_pool *self, bb_pool_mover *move, void *context);

/* What is charged for a block of `size`, at most BB_BLOCK_MAX, that is alone in a pool. */
uint64_t bb_pool_least_bytes(const bb_pool *self, uint64_t size);

/* ---- the whole ---- */

/* Gives idle pages back, until at most `target` bytes are charged or none is left. Returns
 * the bytes given back. */
uint64_t bb_pool_trim(bb_pool *self, uint64_t target);

/* Sets the limit, after giving back what must go. False, and the limit unchanged, if blocks
 * in use need more. */
bool bb_pool_limit(bb_pool *self, uint64_t limit);

void bb_pool_reset_peak(bb_pool *self);

bb_pool_totals bb_pool_read(bb_pool *self);

/* The same, and what each class has, at one instant. */
bb_pool_totals bb_pool_count(bb_pool *self, bb_class_totals counts[BB_SIZE_CLASSES]);

/* Calls back for each range of charged pages, with the pool locked: the visitor must not call
 * the pool. */
typedef void bb_pool_visitor(void *context, const void *start, uint64_t size);
void bb_pool_visit(bb_pool *self, bb_pool_visitor *visitor, void *context);

/* True if every invariant holds; else *reason says which does not. O(memory of the pool). */
bool bb_pool_validate(bb_pool *self, const char **reason);

#endif
