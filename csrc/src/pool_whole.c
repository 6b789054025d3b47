/* What concerns a pool as a whole: its life, its bound, its totals. */
#include "pool_internal.h"

void bb_pool_init(bb_pool *self, bb_page_source pages, uint64_t limit, bb_budget *parent,
                  bool debug) {
    *self = (bb_pool){.pages = pages, .page = bb_page_size(), .debug = debug};
    self->quick_max = debug ? 0 : SMALL_MAX;
    bb_spinlock_init(&self->lock);
    bb_budget_init(&self->budget, limit, parent, false);
}

bool bb_pool_close(bb_pool *self) {
    bb_spinlock_take(&self->lock);
    const bool closed = self->blocks == 0;
    if (closed) {
        (void)bb_pool_give_back(self, 0);
        bb_budget_set_limit(&self->budget, 0);
    }
    bb_spinlock_leave(&self->lock);
    return closed;
}

uint64_t bb_pool_trim(bb_pool *self, uint64_t target) {
    bb_spinlock_take(&self->lock);
    const uint64_t given_back = bb_pool_give_back(self, target);
    bb_spinlock_leave(&self->lock);
    return given_back;
}

bool bb_pool_limit(bb_pool *self, uint64_t limit) {
    bb_spinlock_take(&self->lock);
    (void)bb_pool_give_back(self, limit);
    const bool fits = self->reserved + self->overhead <= limit;
    if (fits) {
        bb_budget_set_limit(&self->budget, limit);
    }
    bb_spinlock_leave(&self->lock);
    return fits;
}

void bb_pool_reset_peak(bb_pool *self) {
    bb_spinlock_take(&self->lock);
    bb_budget_reset_peak(&self->budget);
    bb_spinlock_leave(&self->lock);
}

static bb_pool_totals read_totals(bb_pool *self) {
    bb_pool_settle(self);
    return (bb_pool_totals){
        .requested = self->requested,
        .usable = self->usable,
        .reserved = self->reserved,
        .overhead = self->overhead,
        .idle = self->idle,
        .blocks = self->blocks,
        .slabs = self->slabs,
        .budget = bb_budget_read(&self->budget),
    };
}

bb_pool_totals bb_pool_read(bb_pool *self) {
    bb_spinlock_take(&self->lock);
    const bb_pool_totals totals = read_totals(self);
    bb_spinlock_leave(&self->lock);
    return totals;
}

static uint32_t free_blocks(const bb_slab *slab) {
    return is_small(slab) ? slab->carved - slab->used : (uint32_t)__builtin_popcount(slab->ready);
}

static void count_slab(bb_pool *self, bb_slab *slab, void *context) {
    bb_class_totals *counts = (bb_class_totals *)context + slab->size_class;
    (void)self;
    counts->blocks += slab->used;
    counts->free += free_blocks(slab);
    counts->slabs++;
}

bb_pool_totals bb_pool_count(bb_pool *self, bb_class_totals counts[BB_SIZE_CLASSES]) {
    for (uint32_t size_class = 0; size_class < BB_SIZE_CLASSES; size_class++) {
        counts[size_class] = (bb_class_totals){0, 0, 0};
    }
    bb_spinlock_take(&self->lock);
    bb_pool_settle(self);
    bb_pool_each_slab(self, count_slab, counts);
    const bb_pool_totals totals = read_totals(self);
    bb_spinlock_leave(&self->lock);
    return totals;
}

/* ---- ranges ---- */

typedef struct visit {
    bb_pool_visitor *visitor;
    void *context;
} visit;

static void visit_slab(bb_pool *self, bb_slab *slab, void *context) {
    const visit *to = context;
    if (!is_small(slab)) {
        bb_span_visit(self, slab, to->visitor, to->context);
    } else if (slab->charged != 0) {
        to->visitor(to->context, slab->base, slab->charged);
    }
}

void bb_pool_visit(bb_pool *self, bb_pool_visitor *visitor, void *context) {
    visit to = {visitor, context};
    bb_spinlock_take(&self->lock);
    bb_pool_each_slab(self, visit_slab, &to);
    bb_pool_visit_own(self, visitor, context);
    bb_spinlock_leave(&self->lock);
}
