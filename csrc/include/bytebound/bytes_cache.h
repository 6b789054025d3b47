/*
 * Keys and values that are bytes, kept in a pool and found through a table.
 *
 * Purpose: the native half of a cache of bytes. Every byte that it takes is a page that is charged
 * to one budget before it can be written to: those of the pool, in which keys and values lie, and
 * those of the table's arrays.
 *
 *     a budget above ◀── table.budget, the bound ◀── pool.budget, without a limit of its own
 *                          charged: the arrays         charged: blocks and their books
 *
 *     table entry ──▶ record, one block of the pool
 *                     ┌───────┬──────────┬────────────┬─────┬───────┐
 *                     │ holds │ key size │ value size │ key │ value │
 *                     └───────┴──────────┴────────────┴─────┴───────┘
 *                         4         4          8
 *
 * Holds: whoever reads a record without the lock holds it. A record that is held is neither moved
 * nor overwritten, and when it leaves the table its block stays until the last hold ends.
 * What is held is counted as pinned.
 *
 * Making room: where the budget has no room, entries leave one by one: those known to have expired,
 * then the oldest. Their blocks are
 * of any size, scattered over slabs, and a new block of another size class wants a whole slab. So
 * as soon as what is free inside slabs adds up, one of them is emptied by moving its
 * last records into freed blocks (bb_pool_evacuate): about as many bytes leave as enter,
 * whatever the sizes are.
 *
 * What has left belongs to the batch that it is in, until it is let go of by bb_bytes_cache_drop;
 * with `hands_out` everything goes that way, so that somebody can be told of it, else
 * what is evicted is dropped at once.
 *
 * Complexity: find, put and remove O(bytes), amortised over the growth of the table; where a put
 * changes size classes, emptying a slab copies at most 64 KiB.
 *
 * Atomicity: a record that could not be kept alone, or beside what is held, is refused before anything
 * leaves. What the slabs of held records take is known only when all else has left: a put that fails
 * later (BB_OVER_BUDGET, BB_PINNED, BB_NO_MEMORY) has changed nothing but that the oldest
 * entries may have left.
 *
 * Invariants (bb_bytes_cache_validate checks them):
 *   - table.budget.total == table.overhead + pool.budget.total, never above its limit;
 *   - an entry's key and value are both its record, whose key has the entry's hash;
 *   - a block of the pool is a record in the table, or one that is held.
 *
 * Threads: none here. The caller holds one lock around each call.
 */
#ifndef BYTEBOUND_BYTES_CACHE_H
#define BYTEBOUND_BYTES_CACHE_H

#include "bytebound/lru.h"
#include "bytebound/pool.h"

#define BB_KEY_SIZE_MAX UINT32_MAX

typedef struct bb_bytes_record {
    uint32_t holds; /* and BB_BYTES_RECORD_OWNED */
    uint32_t key_size;
    uint64_t value_size;
    char key[]; /* and then the value */
} bb_bytes_record;

/* Set while it is in the table or in a batch. */
#define BB_BYTES_RECORD_OWNED ((uint32_t)1 << 31)

static inline const char *bb_bytes_record_value(const bb_bytes_record *record) {
    return record->key + record->key_size;
}

/* What is to be put or looked for. */
typedef struct bb_bytes_pair {
    const void *key;
    const void *value;
    uint64_t key_size; /* at most BB_KEY_SIZE_MAX */
    uint64_t value_size;
    uint64_t hash;
} bb_bytes_pair;

typedef uint64_t bb_bytes_hash(const void *bytes, size_t size);

typedef struct bb_bytes_cache {
    bb_lru *table;
    bb_pool pool;
    bb_page_source pages;
    bb_bytes_hash *hash;
    bool hands_out;
    uint64_t evacuate_at; /* so many bytes free inside slabs are worth emptying one for */
    uint32_t full_class;  /* size class + 1 of which the pool had no block, nor got one since; 0 */
    uint64_t held;        /* bytes of records that are held */
    uint64_t held_count;
} bb_bytes_cache;

/* ---- life ---- */

/* Takes no memory yet. The table was initialised, with its bounds, and has no entry; its
 * allocator and its entries are this structure's from now on. */
void bb_bytes_cache_init(bb_bytes_cache *self, bb_lru *table, bb_page_source pages,
                         bb_bytes_hash *hash);

/* Drops everything and gives all memory back. Nothing may be held. One that is all zeros, as in an
 * object that was refused its arguments, is closed already. */
void bb_bytes_cache_close(bb_bytes_cache *self);

/* ---- finding ---- */

/* The index of the entry with the pair's key and hash, or 0. */
uint32_t bb_bytes_cache_find(const bb_bytes_cache *self, const bb_bytes_pair *pair);

static inline bb_bytes_record *bb_bytes_cache_at(const bb_bytes_cache *self, uint32_t index) {
    return (bb_bytes_record *)self->table->entries[index].value;
}

/* The index of a record, or 0 if it has left. */
uint32_t bb_bytes_cache_index_of(const bb_bytes_cache *self, const bb_bytes_record *record);

/* ---- holding ---- */

void bb_bytes_cache_hold(bb_bytes_cache *self, bb_bytes_record *record);
void bb_bytes_cache_release(bb_bytes_cache *self, bb_bytes_record *record);

/* ---- changing ---- */

/* Whether a pair could be kept were it alone. */
bool bb_bytes_cache_could_fit(const bb_bytes_cache *self, const bb_bytes_pair *pair);

/* What is charged for a pair that is alone. */
uint64_t bb_bytes_cache_least_bytes(const bb_bytes_cache *self, const bb_bytes_pair *pair);

/*
 * Puts a pair as the newest: over the entry at `index`, which has its key, or anew at 0. What left
 * is in *batch (initialised by bb_batch_init).
 * BB_FULL, with `hands_out` only: drop the batch and call again, after finding the key again.
 * BB_TOO_LARGE: it could not be kept alone. BB_OVER_BUDGET: a budget above refuses, and no entry
 * of this structure is to leave for it (see lru.h). BB_PINNED: what is held leaves no room.
 */
bb_status bb_bytes_cache_put(bb_bytes_cache *self, uint32_t index, const bb_bytes_pair *pair,
                             bb_batch *batch, bb_refusal *refusal);

/* Drops a record that has left the table, by whichever function. */
void bb_bytes_cache_drop(bb_bytes_cache *self, void *record);

/* ---- giving back ---- */

/* Evicts oldest entries until the charged total is at most `target`. True if it is, or nothing
 * is left that may leave; false: drop the batch and call again. Takes no memory. */
bool bb_bytes_cache_trim(bb_bytes_cache *self, uint64_t target, bb_reason reason, bb_batch *batch);

/* Gives back what nobody uses, of the pool and of an empty table. Returns the bytes. */
uint64_t bb_bytes_cache_give_back(bb_bytes_cache *self);

/* As bb_lru_nominee and bb_lru_reclaim. */
bool bb_bytes_cache_nominee(bb_bytes_cache *self, uint64_t *use, uint64_t *releasable);
uint64_t bb_bytes_cache_reclaim(bb_bytes_cache *self, uint64_t need, uint64_t until, uint64_t spare,
                                bb_batch *batch);

/* ---- totals ---- */

/* Bytes of keys and values, held ones that have left included. */
uint64_t bb_bytes_cache_payload(const bb_bytes_cache *self);

/* True if every invariant holds; else *reason says which does not. Nothing may be in a batch. */
bool bb_bytes_cache_validate(bb_bytes_cache *self, const char **reason);

#endif
