/*
 * A budget: a limit, a running total and a peak, with an optional parent.
 *
 * Purpose: the only place where a total moves. A charge goes up through every
 * parent or happens nowhere, so no level is ever above its limit, and a doomed
 * large charge never makes a small one fail: levels are compared first, all of
 * them, and only then added to.
 *
 *     container's own budget ──parent──▶ shared budget ──parent──▶ root
 *        limit = max_bytes                 limit                     limit, lock
 *
 * bb_budget_exchange() releases and charges in one step, so that a container
 * can learn whether evicting these entries would make room before it evicts
 * any of them.
 *
 * The root also keeps the clock by which containers of one tree compare what was used
 * when: it counts charges, so reading it is all that a use costs, and two uses with no charge
 * between them are as old as each other.
 *
 * Complexity: O(depth) for each operation; no allocation.
 *
 * Threads: with BB_THREADED one lock at the root covers all levels of a tree
 * whose root is shared. A budget that is its own root and not shared belongs to
 * one structure and is covered by that structure's lock. Without BB_THREADED
 * the caller serialises (the interpreter's lock does).
 *
 * Invariants:
 *   total <= limit, unless the limit was lowered below it (then only exchanges
 *   that do not raise the total succeed); total <= peak; a parent's total is at
 *   least the sum of its children's.
 */
#ifndef BYTEBOUND_BUDGET_H
#define BYTEBOUND_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytebound/spinlock.h"
#include "bytebound/status.h"

#if BB_THREADED
#include <stdatomic.h>
typedef _Atomic uint64_t bb_clock;
#else
typedef uint64_t bb_clock;
#endif

#define BB_UNLIMITED UINT64_MAX

typedef struct bb_budget {
    uint64_t limit;
    uint64_t total;
    uint64_t peak;
    struct bb_budget *parent;
    struct bb_budget *root;
    bool shared;
    bb_clock clock; /* used at the root only, as is the lock */
    bb_spinlock lock;
} bb_budget;

/* Which level refused, and what it held when it did. */
typedef struct bb_refusal {
    bb_budget *level;
    uint64_t limit;
    uint64_t total;
    uint64_t requested; /* by how much the total would have risen */
} bb_refusal;

typedef struct bb_budget_totals {
    uint64_t limit, total, peak;
} bb_budget_totals;

/* `shared`: other structures charge it too, maybe from other threads. */
void bb_budget_init(bb_budget *self, uint64_t limit, bb_budget *parent, bool shared);

/* Gives back to the parents whatever is still charged here. One that is all zeros, as in an
 * object that was refused its arguments, is closed already. */
void bb_budget_close(bb_budget *self);

/*
 * total += charge - release at this level and all parents, or at none.
 * BB_TOO_LARGE: the own limit refuses; BB_OVER_BUDGET: a parent's does. The
 * refusal tells which. An exchange that does not raise the total succeeds.
 */
static inline bb_status bb_budget_exchange(bb_budget *self, uint64_t release, uint64_t charge,
                                           bb_refusal *refusal);

/* Whether such an exchange would be taken now; changes nothing. */
bool bb_budget_would_admit(bb_budget *self, uint64_t release, uint64_t charge, bb_refusal *refusal);

/* The time by the clock of the tree. Written under the root's lock, read without it. */
static inline uint64_t bb_budget_now(const bb_budget *self) {
#if BB_THREADED
    return atomic_load_explicit(&self->root->clock, memory_order_relaxed);
#else
    return self->root->clock;
#endif
}

/* Releasing never fails; more than was charged is the caller's defect. */
void bb_budget_release(bb_budget *self, uint64_t size);

bb_budget_totals bb_budget_read(bb_budget *self);
void bb_budget_set_limit(bb_budget *self, uint64_t limit);

/* The same, in one step, if what is charged is within it; whether it is. */
bool bb_budget_limit_if_it_fits(bb_budget *self, uint64_t limit);
void bb_budget_reset_peak(bb_budget *self);

/* True if the invariants of one level hold; else *reason says which does not. */
bool bb_budget_validate(bb_budget *self, const char **reason);

/* The same through all levels, under the root's lock. */
bb_status bb_budget_exchange_tree(bb_budget *self, uint64_t release, uint64_t charge,
                                  bb_refusal *refusal);

static inline bool bb_budget_admits(const bb_budget *self, uint64_t release, uint64_t charge) {
    if (charge <= release) {
        return true;
    }
    uint64_t used = self->total - release;
    return used <= self->limit && charge <= self->limit - used;
}

static inline bb_refusal bb_budget_refusal(bb_budget *self, uint64_t release, uint64_t charge) {
    return (bb_refusal){self, self->limit, self->total, charge - release};
}

static inline void bb_budget_apply(bb_budget *self, uint64_t release, uint64_t charge) {
    self->total += charge - release;
    if (self->total > self->peak) {
        self->peak = self->total;
    }
}

/* Inline for the commonest case, a container with no budget above it. */
static inline bb_status bb_budget_exchange(bb_budget *self, uint64_t release, uint64_t charge,
                                           bb_refusal *refusal) {
    if (self->parent != NULL || self->shared) {
        return bb_budget_exchange_tree(self, release, charge, refusal);
    }
    if (!bb_budget_admits(self, release, charge)) {
        *refusal = bb_budget_refusal(self, release, charge);
        return BB_TOO_LARGE;
    }
    bb_budget_apply(self, release, charge);
    return BB_OK;
}

#endif
