/* Where a pool's pages come from and go to: its idle pages first, then the budget. */
#include "pool_internal.h"

/* Gives the pages of the slab that has been idle longest back; 0 if they cannot go. Small
 * slabs last: any small class can use them. */
static uint64_t purge_oldest(bb_pool *self) {
    if (self->idle_spans != NULL) {
        return bb_span_purge(self, self->idle_spans);
    }
    bb_slab *slab = self->idle_small;
    const uint64_t purged = slab->charged;
    idle_leave(self, slab);
    bb_pool_drop_slab(self, slab);
    return purged;
}

static void purge(bb_pool *self, uint64_t size) {
    uint64_t purged = 0, step = 1;
    while (purged < size && self->idle != 0 && step != 0) {
        step = purge_oldest(self);
        purged += step;
    }
}

static bb_status refused_by(const bb_pool *self, const bb_refusal *refusal) {
    return refusal->level == &self->budget ? BB_TOO_LARGE : BB_OVER_BUDGET;
}

bb_status bb_pool_admits(bb_pool *self, uint64_t size, bb_refusal *refusal) {
    bb_pool_settle(self);
    const uint64_t back = size < self->idle ? size : self->idle;
    return bb_budget_would_admit(&self->budget, back, size, refusal) ? BB_OK
                                                                     : refused_by(self, refusal);
}

bb_status bb_pool_charge(bb_pool *self, uint64_t size, bb_refusal *refusal) {
    const bb_status status = bb_pool_admits(self, size, refusal);
    if (status != BB_OK) {
        return status;
    }
    purge(self, size);
    return bb_budget_exchange(&self->budget, 0, size, refusal);
}

bb_status bb_pool_map_own(bb_pool *self, uint64_t size, void **pages, bb_refusal *refusal) {
    const bb_status status = bb_pool_charge(self, size, refusal);
    if (status != BB_OK) {
        return status;
    }
    *pages = bb_map_pages(&self->pages, (size_t)size, (size_t)self->page);
    if (*pages == NULL) {
        bb_budget_release(&self->budget, size);
        return BB_NO_MEMORY;
    }
    self->overhead += size;
    return BB_OK;
}

void bb_pool_unmap_own(bb_pool *self, void *pages, uint64_t size) {
    bb_unmap_pages(&self->pages, pages, (size_t)size);
    self->overhead -= size;
    bb_budget_release(&self->budget, size);
}

/* ---- giving back when asked to ---- */

bb_status bb_pool_make_rooms(bb_pool *self, bb_refusal *refusal) {
    void *pages;
    const bb_status status = bb_pool_map_own(self, rooms_bytes(self), &pages, refusal);
    if (status == BB_OK) {
        self->rooms = pages;
    }
    return status;
}

static uint64_t charged(const bb_pool *self) {
    return self->reserved + self->overhead;
}

uint64_t bb_pool_give_back(bb_pool *self, uint64_t target) {
    const uint64_t before = charged(self);
    bool going = true;
    bb_pool_settle(self);
    while (charged(self) > target && self->idle != 0 && going) {
        going = purge_oldest(self) != 0;
    }
    if (charged(self) > target) {
        bb_pool_shrink_table(self);
    }
    if (charged(self) > target && self->slabs == 0 && self->rooms != NULL) {
        bb_pool_unmap_own(self, self->rooms, rooms_bytes(self));
        self->rooms = NULL;
    }
    return before - charged(self);
}
