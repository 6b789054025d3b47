/*
 * A table with a recency list, bounded by bytes and by entries.
 *
 * Purpose: the native half of an LRU cache. Keys and values are opaque
 * pointers: this structure neither compares, copies nor frees what they point
 * at. It enumerates the entries of one hash and the caller compares; it hands
 * out the entries that left and the caller drops them, afterwards.
 *
 * Layout: three arrays, allocated together and addressed by one 4-byte index.
 *
 *   slots[2^b]        ┌─────────────┬───────┐   open addressing, linear probing
 *   4 bytes each      │ 32-b bits:  │ b bits│   0 = empty
 *                     │ tag         │ index │
 *                     └─────────────┴───┬───┘
 *   entries[n + 1]    ┌─────┬───────┬───▼──┬────────┐
 *   32 bytes each     │ key │ value │ hash │ charge │   key NULL = free
 *                     └─────┴───────┴──────┴────────┘
 *   links[n + 1]      ┌───────┬───────┐   circular through link 0, the head:
 *   8 bytes each      │ older │ newer │   head.newer is the oldest entry,
 *                     └───────┴───────┘   head.older the newest
 *
 * The hash is scrambled to 32 bits: the upper b choose the home slot. The tag is
 * the lowest 5 bits of the home followed by what comes after them, so a probe
 * reads an entry only when it is almost surely the right one, and closing a gap
 * knows how far each slot is from home without reading entries at all. Links lie apart from entries because a promotion
 * touches three other links but no other entry. A further column for each entry
 * is a further array by the same index, and is there only where it is used: under a
 * budget, `uses` says when each was used.
 *
 * Sharing: after bb_lru_share, entries may be made of parts that they share (see
 * parts.h), and a further column has each entry's list of them. `payload` is then
 * what entries are charged for themselves and each part once. What an entry's leaving
 * releases depends on who else holds its parts: evictions are planned by letting go of
 * one entry after the other, and taken back if the budget refuses in the end.
 *
 * Expiry: entries that are given times have a timer (wheel.h) in a further column, and another for
 * those that expire when they are left unused. Using such an entry writes its new deadline down;
 * the timer is moved when its old one has come. An entry that has expired stays in the arrays, and in
 * the totals, until it is found, or taken out some at a time; the caller never shows it.
 *
 * Pins: a pinned entry is never evicted and never expires; the caller does not remove it. How often
 * each is pinned is in a table of its own (pins.h), by key.
 *
 * Bytes: 40 an entry, 16 each for parts, timers and times unused, 8 for times of use, and
 * 4 * 2^b / count for slots (8 to 16), plus the slack of growing by an eighth. All of it is
 * `overhead`; with `charge_overhead` it is charged to the budget like any payload, before it is taken.
 *
 * Complexity: find, promote, insert, replace and remove O(1); growing and
 * shrinking O(n), amortised; validate O(n).
 *
 * Atomicity: an insert or replace first plans its evictions and exchanges their
 * charges for the new one in the budget in one step; only then is anything
 * changed. So it happens whole, or nothing happened. Memory for what is evicted
 * is reserved while planning, and so is memory for parts, which is given back if the
 * budget refuses it; shrinking in place cannot fail.
 *
 * Invariants (bb_lru_validate checks them):
 *   - budget.total == payload + (charge_overhead ? overhead : 0) and never
 *     above budget.limit;
 *   - each entry is on the recency list once and found from its hash;
 *   - an entry was used no later than those newer than it;
 *   - index < 2^b for every index in use, so slots need no more than b bits;
 *   - `version` changes whenever an entry enters, leaves or moves to another
 *     index; it stays when entries are promoted or replaced;
 *   - each entry whose deadline may come is listed in the wheel, unless it is pinned;
 *   - the pinned entries are those whose keys are in the table of pins.
 *
 * Threads: none here. The caller holds one lock around each call.
 */
#ifndef BYTEBOUND_LRU_H
#define BYTEBOUND_LRU_H

#include "bytebound/alloc.h"
#include "bytebound/batch.h"
#include "bytebound/budget.h"
#include "bytebound/parts.h"
#include "bytebound/pins.h"
#include "bytebound/scramble.h"
#include "bytebound/wheel.h"

/* Set in an entry's charge when the size was given, not measured; while it is pinned. */
#define BB_LRU_GIVEN ((uint64_t)1 << 63)
#define BB_LRU_PINNED ((uint64_t)1 << 62)
#define BB_LRU_CHARGE_MAX (((uint64_t)1 << 62) - 1)

typedef struct bb_lru_entry {
    void *key;
    void *value;
    uint64_t hash;
    uint64_t charge; /* with BB_LRU_GIVEN and BB_LRU_PINNED */
} bb_lru_entry;

typedef struct bb_lru_link {
    uint32_t older;
    uint32_t newer;
} bb_lru_link;

/* The columns that a structure has beside entries and links, as bits. */
enum {
    BB_LRU_PARTS = 1,
    BB_LRU_TIMERS = 2,
    BB_LRU_IDLES = 4, /* not without timers */
    BB_LRU_USES = 8,  /* under a budget */
};

/* What entries share. It is there while there are arrays. */
typedef struct bb_lru_sharing {
    bb_parts parts;
    bb_parts_list *lists; /* of each index */
} bb_lru_sharing;

/* What an entry's next use makes of its deadline. */
typedef struct bb_lru_idle {
    uint64_t idle;    /* how long it may be left unused, or BB_NEVER */
    uint64_t expires; /* when its time is up however it is used */
} bb_lru_idle;

/* When entries expire. It is there while there are arrays. */
typedef struct bb_lru_expiry {
    bb_wheel wheel; /* its timers: the column */
    bb_lru_idle *idles;
} bb_lru_expiry;

typedef struct bb_lru_cursor bb_lru_cursor;

/* Lookups are counted by the caller, who knows which ones count. */
typedef struct bb_lru_counters {
    uint64_t hits;
    uint64_t misses;
    uint64_t inserts;
    uint64_t left[BB_REASON_COUNT];
} bb_lru_counters;

typedef struct bb_lru {
    /* the hot part, in the order in which a hit reads it */
    uint32_t *slots;
    bb_lru_entry *entries;
    bb_lru_link *links;
    uint32_t slot_bits; /* 2^slot_bits slots; 0: none allocated yet */
    uint32_t count;
    bb_lru_cursor *cursors; /* those that follow the live order */
    bb_lru_expiry *expiry;  /* NULL without arrays, or if nothing expires */
    uint64_t version;
    bb_lru_counters counters;

    uint32_t used;     /* indices 1..used were handed out since the last compaction */
    uint32_t capacity; /* indices 1..capacity are allocated */
    uint32_t free;     /* freed indices, chained by links[].newer */
    uint32_t max_count;
    bool charge_overhead;
    bool strayed;    /* some slot may be further from home than 5 bits tell */
    bool has_extras; /* some entry may have a timer or be pinned */
    uint32_t columns;
    uint64_t payload;
    uint64_t overhead;
    uint64_t least_overhead; /* the arrays of a single entry */
    uint64_t page;           /* the allocator takes whole pages of this size; 0: any size */
    uint64_t quiet;          /* changes of `version` that do not concern cursors */
    bb_lru_cursor *settled;  /* those that have kept their order */
    bb_pins pins;            /* of keys */
    bb_lru_sharing *sharing; /* NULL without arrays, or if nothing is shared */
    uint64_t *uses;          /* when each index was used last; NULL without arrays or a parent */
    uint64_t yields_until;   /* see "under a budget of several" */
    bb_budget budget;
    bb_allocator allocator;
} bb_lru;

/* Walks entries in recency order. Follows the live list until a promotion is
 * about to reorder it; then keeps the rest of the order as it was. */
struct bb_lru_cursor {
    bb_lru_cursor *next;
    bb_lru_cursor **link; /* what points here; NULL: not registered */
    uint64_t changes;     /* how often entries had entered or left when it was opened */
    uint32_t position;    /* next index to visit in the live order, 0 at the end */
    bool newest_first;
    bool out_of_memory;
    bool kept; /* follow `order` from now on */
    uint32_t *order;
    uint32_t order_count;
    uint32_t order_next;
};

/* ---- life ---- */

void bb_lru_init(bb_lru *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
                 bool charge_overhead, bb_budget *parent);

/* Lets entries be made of parts. Called before the first entry. */
void bb_lru_share(bb_lru *self);

/* Lets the memory come from an allocator that takes whole pages (page_heap.h), and counts it by
 * the page. Called before the first entry. */
void bb_lru_take_pages(bb_lru *self, bb_allocator allocator, uint64_t page);

/* Frees the native memory and gives every charge back. Must hold no entry. */
void bb_lru_close(bb_lru *self);

/* Moves every entry into *into (uninitialised before), which has no bound, and leaves self
 * empty. O(1), allocates nothing. Walk `into` by bb_lru_oldest and bb_lru_newer,
 * then bb_lru_discard it. */
void bb_lru_take_all(bb_lru *self, bb_lru *into);

/* Frees the arrays of what bb_lru_take_all filled, entries included. */
void bb_lru_discard(bb_lru *taken);

/* ---- finding: enumerate what may be it, compare hash and key yourself ----
 *
 * A candidate's hash is almost surely the one asked for. It is not compared here
 * because a caller that finds the very key it has need not read it. */

typedef struct bb_lru_probe {
    uint32_t slot;
    uint32_t tag;
} bb_lru_probe;

#define BB_LRU_HOME_BITS 5

static inline uint32_t bb_lru_tag(uint32_t scrambled, uint32_t slot_bits) {
    const uint32_t mask = ((uint32_t)1 << slot_bits) - 1;
    return (uint32_t)(((uint64_t)scrambled << slot_bits) >> BB_LRU_HOME_BITS) & ~mask;
}

/* The next candidate, or 0. */
static inline uint32_t bb_lru_next(const bb_lru *self, bb_lru_probe *probe) {
    const uint32_t mask = ((uint32_t)1 << self->slot_bits) - 1;
    for (;;) {
        const uint32_t slot = self->slots[probe->slot];
        if (slot == 0) {
            return 0;
        }
        probe->slot = (probe->slot + 1) & mask;
        if ((slot ^ probe->tag) <= mask) {
            return slot & mask;
        }
    }
}

/* Fetches where a probe begins, for those who have much to do before. */
static inline void bb_lru_prefetch_slot(const bb_lru *self, uint64_t hash) {
    if (self->slot_bits != 0) {
        __builtin_prefetch(&self->slots[bb_scramble(hash) >> (32 - self->slot_bits)]);
    }
}

/* The first candidate, or 0. */
static inline uint32_t bb_lru_first(const bb_lru *self, uint64_t hash, bb_lru_probe *probe) {
    if (self->count == 0) {
        return 0;
    }
    const uint32_t scrambled = bb_scramble(hash);
    probe->slot = scrambled >> (32 - self->slot_bits);
    probe->tag = bb_lru_tag(scrambled, self->slot_bits);
    return bb_lru_next(self, probe);
}

/* The index of the entry that has this very key, or 0. */
uint32_t bb_lru_index_of(const bb_lru *self, const void *key, uint64_t hash);

/* ---- recency ---- */

static inline uint32_t bb_lru_oldest(const bb_lru *self) {
    return self->count != 0 ? self->links[0].newer : 0;
}

static inline uint32_t bb_lru_newest(const bb_lru *self) {
    return self->count != 0 ? self->links[0].older : 0;
}

/* 0 after the newest. */
static inline uint32_t bb_lru_newer(const bb_lru *self, uint32_t index) {
    return self->links[index].newer;
}

/* 0 before the oldest. */
static inline uint32_t bb_lru_older(const bb_lru *self, uint32_t index) {
    return self->links[index].older;
}

/* Keeps the old order for every cursor that still follows the live one. */
void bb_lru_settle_cursors(bb_lru *self);

/* Makes an entry the newest. Its link is read in two halves: it was often written
 * by halves a moment ago, and a load wider than the last store must wait for it. */
static inline void bb_lru_promote(bb_lru *self, uint32_t index) {
    bb_lru_link *links = self->links;
    const uint32_t newest = links[0].older;
    if (self->uses != NULL) {
        self->uses[index] = bb_budget_now(&self->budget);
    }
    if (newest == index) {
        return;
    }
    if (self->cursors != NULL) {
        bb_lru_settle_cursors(self);
    }
    const uint32_t older = links[index].older;
    const uint32_t newer = links[index].newer;
    links[older].newer = newer;
    links[newer].older = older;
    links[newest].newer = index;
    links[index].older = newest;
    links[index].newer = 0;
    links[0].older = index;
}

/* ---- changing ---- */

static inline uint64_t bb_lru_charge(const bb_lru_entry *entry) {
    return entry->charge & BB_LRU_CHARGE_MAX;
}

/* The structure's own bytes when it holds `count` entries and no slack; what
 * an entry needs beside its charge is bb_lru_overhead_for(self, 1). */
uint64_t bb_lru_overhead_for(const bb_lru *self, uint32_t count);

/* True if an entry of this charge could be kept were it alone. */
bool bb_lru_could_fit(const bb_lru *self, uint64_t charge);

/*
 * Adds an entry as the newest; the caller made sure its key is not there.
 * Evicts the oldest entries into *batch (initialised by bb_batch_init) as
 * the bounds need. BB_TOO_LARGE, BB_OVER_BUDGET (see *refusal), BB_PINNED, BB_NO_MEMORY,
 * BB_TOO_MANY: nothing has changed.
 */
bb_status bb_lru_insert(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
                        bb_batch *batch, bb_refusal *refusal);

/* Gives an entry another value and charge and makes it the newest; evicts
 * others as needed. *old gets the value that left. Fails as bb_lru_insert, and with BB_PINNED
 * also if that would be another value of a pinned entry. */
bb_status bb_lru_replace(bb_lru *self, uint32_t index, void *value, uint64_t charge,
                         bb_batch *batch, bb_refusal *refusal, void **old);

/* Gives an entry another charge where it stands; evicts others as needed.
 * Fails as bb_lru_insert. */
bb_status bb_lru_recharge(bb_lru *self, uint32_t index, uint64_t charge, bb_batch *batch,
                          bb_refusal *refusal);

/*
 * The same for an entry made of parts, in a structure that shares: it is charged `charge`
 * and those parts that no other entry holds. The three above make it one without parts.
 * `found` NULL: no parts. Its items are as before if this fails. *releasable: see
 * bb_lru_releasable; the entry may have another index afterwards.
 * Too large is what could not be kept were it alone, whoever holds its parts already:
 * each of them is part of what is charged while the entry is there.
 */
bb_status bb_lru_insert_shared(bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
                               bb_found *found, bb_batch *batch, bb_refusal *refusal);
bb_status bb_lru_replace_shared(bb_lru *self, uint32_t index, void *value, uint64_t charge,
                                bb_found *found, bb_batch *batch, bb_refusal *refusal, void **old);
bb_status bb_lru_recharge_shared(bb_lru *self, uint32_t index, uint64_t charge, bb_found *found,
                                 bb_batch *batch, bb_refusal *refusal, uint64_t *releasable);

/* The bytes of payload that would be released if the entry left now. */
uint64_t bb_lru_releasable(bb_lru *self, uint32_t index);

/* As bb_lru_overhead_for, for one entry of so many parts. */
uint64_t bb_lru_shared_overhead_for(const bb_lru *self, size_t parts);

/* Copies every entry, in order, into an empty structure with bounds of its own:
 * all of them or none, with their parts if it shares too. Leaves no slack, so what fitted here fits there under the
 * same bound. Fails as bb_lru_insert. */
bb_status bb_lru_copy(const bb_lru *self, bb_lru *into, bb_refusal *refusal);

/* Takes an entry out that is not pinned. */
void bb_lru_remove(bb_lru *self, uint32_t index, bb_reason reason, bb_removed *removed);

/* Evicts up to the batch's inline capacity of oldest entries and then gives
 * slack back, until the charged total is at most `target`. True if it is, or
 * nothing is left that may leave; false: drop the batch and call again. Takes no memory. */
bool bb_lru_trim(bb_lru *self, uint64_t target, bb_reason reason, bb_batch *batch);

/* ---- under a budget of several ----
 *
 * Where a budget above has no room, the entry that was used longest ago is to leave, whichever
 * structure holds it. A structure knows only its own: those used at `yields_until` or before may
 * leave for the budget's sake (all of them, unless it is lowered). If the oldest is younger,
 * what charges fails with BB_OVER_BUDGET, and the caller has others reclaim and tries again.
 */

/* When the oldest entry that may leave was used, and what its leaving would release; for an empty
 * structure, what its arrays take. False: nothing. */
bool bb_lru_nominee(bb_lru *self, uint64_t *use, uint64_t *releasable);

/* Evicts oldest entries used at `until` or before, up to the batch's inline capacity of them and
 * up to `spare` bytes, until `need` bytes are given back. Returns the bytes. Takes no memory. */
uint64_t bb_lru_reclaim(bb_lru *self, uint64_t need, uint64_t until, uint64_t spare,
                        bb_batch *batch);

/* Sets both bounds and evicts what no longer fits, in one step, so that nobody
 * can refill meanwhile. BB_NO_MEMORY, BB_PINNED: nothing has changed. */
bb_status bb_lru_limit(bb_lru *self, uint64_t limit, uint32_t max_count, bb_batch *batch);

/* ---- expiry: instants are what the caller's clock counts from 0 on, BB_NEVER: none ---- */

/* Sees to it that entries can be given times: `columns` are BB_LRU_TIMERS, and BB_LRU_IDLES for
 * those left unused. Evicts the oldest entries if there are arrays already and the budget has no
 * room for more, but not the one at `index`, or 0. Fails as an insert of `charge` would that needs
 * them. The entry may have another index afterwards. */
bb_status bb_lru_keep_times(bb_lru *self, uint32_t columns, uint32_t index, uint64_t charge,
                            bb_batch *batch, bb_refusal *refusal);

/* Lets an entry expire `ttl` after now, and `idle` after its last use; BB_NEVER: not so. The
 * columns for it are kept; without them both must be BB_NEVER. */
void bb_lru_schedule(bb_lru *self, uint32_t index, uint64_t now, uint64_t ttl, uint64_t idle);

/* Fetches what using an entry touches, for those who have much to do before they use it: one
 * wait for memory instead of three. */
static inline void bb_lru_prefetch(const bb_lru *self, uint32_t index) {
    __builtin_prefetch(&self->links[index], 1);
    __builtin_prefetch(self->entries[index].value, 1);
    if (self->expiry != NULL) {
        __builtin_prefetch(&self->expiry->wheel.timers[index], 1);
    }
}

/* The deadline of an entry while no time passes; a pinned one has none until it is let go. */
static inline uint64_t bb_lru_deadline(const bb_lru *self, uint32_t index) {
    if (self->expiry == NULL || (self->entries[index].charge & BB_LRU_PINNED) != 0) {
        return BB_NEVER;
    }
    return self->expiry->wheel.timers[index].deadline;
}

/* A clock that goes back is held where it has been. */
static inline bool bb_lru_has_expired(const bb_lru *self, uint32_t index, uint64_t now) {
    const uint64_t deadline = bb_lru_deadline(self, index);
    return deadline <= now || (deadline != BB_NEVER && deadline <= self->expiry->wheel.now);
}

/* Puts off the deadline of an entry that is used and may not be left unused. */
void bb_lru_renew(bb_lru *self, uint32_t index, uint64_t now);

/* How long until an entry expires that has not, pinned or not; or BB_NEVER. */
uint64_t bb_lru_time_left(const bb_lru *self, uint32_t index, uint64_t now);

/* What bb_lru_schedule would have to be told now: how long an entry has left however it is used,
 * and unused. */
void bb_lru_times_left(const bb_lru *self, uint32_t index, uint64_t now, uint64_t *ttl,
                       uint64_t *idle);

/* Entries that have not expired. What has is not moved. */
uint32_t bb_lru_live_count(bb_lru *self, uint64_t now);

/* Takes out an entry that has expired. Cursors go on. */
void bb_lru_expire_at(bb_lru *self, uint32_t index, bb_removed *removed);

/* Takes out what has expired, up to `most` entries. True if nothing is left of it; false: drop
 * the batch and call again. Cursors go on. */
bool bb_lru_expire(bb_lru *self, uint64_t now, uint32_t most, bb_batch *batch);

/* What a write of `charge` to an index, or 0, does for it: takes out the entry there if it has
 * expired, a few others, and more if there is no room. Returns where the entry is then, or 0 if it
 * has left. */
uint32_t bb_lru_clear_way(bb_lru *self, uint32_t index, uint64_t now, uint64_t charge,
                          bb_batch *batch);

/* The payload that would be released if all that has expired left. O(entries). */
uint64_t bb_lru_expired_payload(bb_lru *self, uint64_t now);

/* Lets nothing expire in a fresh copy that is pinned in the original. */
void bb_lru_hold_pinned(const bb_lru *self, bb_lru *copy);

/* Takes what has expired out of a copy whose entries nobody holds yet. */
void bb_lru_forget_expired(bb_lru *copy, uint64_t now);

/* ---- pins: an entry stays while there is one ---- */

/* Fails as bb_lru_recharge, for the memory of the pins. The entry may have another index
 * afterwards. */
bb_status bb_lru_pin(bb_lru *self, uint32_t index, bb_batch *batch, bb_refusal *refusal);

/* Takes one pin of the entry of this very key away, if there is one. */
void bb_lru_unpin(bb_lru *self, void *key, uint64_t hash);

static inline bool bb_lru_is_pinned(const bb_lru *self, uint32_t index) {
    return (self->entries[index].charge & BB_LRU_PINNED) != 0;
}

/* The payload that would be released if every pinned entry left. O(pinned entries). */
uint64_t bb_lru_pinned_payload(bb_lru *self);

/* What cannot be given back while pins last: theirs, and the arrays that they are in. */
uint64_t bb_lru_held_back(bb_lru *self);

/* ---- iterating ---- */

void bb_lru_cursor_open(bb_lru *self, bb_lru_cursor *cursor, bool newest_first);

/* *index = the next entry, or 0 at the end. BB_CHANGED: an entry entered or
 * left, other than by expiry; BB_NO_MEMORY: a promotion could not keep the order. */
bb_status bb_lru_cursor_next(bb_lru *self, bb_lru_cursor *cursor, uint32_t *index);

/* May be called more than once. */
void bb_lru_cursor_close(bb_lru *self, bb_lru_cursor *cursor);

/* ---- checking ---- */

/* True if every invariant holds; else *reason says which does not. */
bool bb_lru_validate(bb_lru *self, const char **reason);

#endif
