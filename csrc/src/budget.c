#include "bytebound/budget.h"

static void lock(bb_budget *self) {
    if (self->root->shared) {
        bb_spinlock_take(&self->root->lock);
    }
}

static void unlock(bb_budget *self) {
    if (self->root->shared) {
        bb_spinlock_leave(&self->root->lock);
    }
}

/* Called with the lock held, so nobody else writes. */
static void tick(bb_budget *root) {
#if BB_THREADED
    const uint64_t now = atomic_load_explicit(&root->clock, memory_order_relaxed);
    atomic_store_explicit(&root->clock, now + 1, memory_order_relaxed);
#else
    root->clock++;
#endif
}

void bb_budget_init(bb_budget *self, uint64_t limit, bb_budget *parent, bool shared) {
    self->limit = limit;
    self->total = 0;
    self->peak = 0;
    self->parent = parent;
    self->root = parent != NULL ? parent->root : self;
    self->shared = shared;
    self->clock = 0;
    bb_spinlock_init(&self->lock);
}

/* The lowest level that refuses, or NULL. Called with the lock held. */
static bb_budget *refusing_level(bb_budget *self, uint64_t release, uint64_t charge,
                                 bb_refusal *refusal) {
    bb_budget *level = self;
    while (level != NULL && bb_budget_admits(level, release, charge)) {
        level = level->parent;
    }
    if (level != NULL) {
        *refusal = bb_budget_refusal(level, release, charge);
    }
    return level;
}

bool bb_budget_would_admit(bb_budget *self, uint64_t release, uint64_t charge,
                           bb_refusal *refusal) {
    lock(self);
    const bb_budget *refusing = refusing_level(self, release, charge, refusal);
    unlock(self);
    return refusing == NULL;
}

bb_status bb_budget_exchange_tree(bb_budget *self, uint64_t release, uint64_t charge,
                                  bb_refusal *refusal) {
    lock(self);
    const bb_budget *refusing = refusing_level(self, release, charge, refusal);
    for (bb_budget *level = self; refusing == NULL && level != NULL; level = level->parent) {
        bb_budget_apply(level, release, charge);
    }
    if (refusing == NULL && charge != 0) {
        tick(self->root);
    }
    unlock(self);
    if (refusing == NULL) {
        return BB_OK;
    }
    return refusing == self ? BB_TOO_LARGE : BB_OVER_BUDGET;
}

void bb_budget_release(bb_budget *self, uint64_t size) {
    bb_refusal never;
    (void)bb_budget_exchange(self, size, 0, &never);
}

void bb_budget_close(bb_budget *self) {
    if (self->root != NULL) {
        bb_budget_release(self, bb_budget_read(self).total);
    }
}

bb_budget_totals bb_budget_read(bb_budget *self) {
    lock(self);
    bb_budget_totals totals = {self->limit, self->total, self->peak};
    unlock(self);
    return totals;
}

void bb_budget_set_limit(bb_budget *self, uint64_t limit) {
    lock(self);
    self->limit = limit;
    unlock(self);
}

bool bb_budget_limit_if_it_fits(bb_budget *self, uint64_t limit) {
    lock(self);
    const bool fits = self->total <= limit;
    if (fits) {
        self->limit = limit;
    }
    unlock(self);
    return fits;
}

void bb_budget_reset_peak(bb_budget *self) {
    lock(self);
    self->peak = self->total;
    unlock(self);
}

static const char *level_defect(const bb_budget *self) {
    if (self->total > self->peak) {
        return "a budget's total is above its peak";
    }
    if (self->parent != NULL && self->total > self->parent->total) {
        return "a budget's total is above its parent's";
    }
    if (self->root != (self->parent != NULL ? self->parent->root : self)) {
        return "a budget's root is not its parent's root";
    }
    return NULL;
}

bool bb_budget_validate(bb_budget *self, const char **reason) {
    lock(self);
    *reason = level_defect(self);
    unlock(self);
    return *reason == NULL;
}
