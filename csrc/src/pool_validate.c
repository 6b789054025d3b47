#include "pool_internal.h"

typedef struct findings {
    const char *defect;
    uint64_t requested, usable, blocks, reserved, idle;
    uint64_t slabs, places;
    uint64_t with_room, with_idle;
} findings;

static uint64_t ring_length(const bb_slab *first, bool of_rooms) {
    uint64_t length = 0;
    for (const bb_slab *slab = first; slab != NULL;) {
        length++;
        slab = of_rooms ? slab->room.newer : slab->idle.newer;
        slab = slab == first ? NULL : slab;
    }
    return length;
}

/* ---- one slab ---- */

static const char *small_defect(const bb_pool *self, const bb_slab *slab) {
    uint32_t freed = 0;
    for (const free_block *block = slab->free; block != NULL; block = block->next) {
        const uint64_t offset = (uint64_t)((const char *)block - slab->base);
        if (offset / slab->block_size >= slab->carved || offset % slab->block_size != 0) {
            return "a freed block is none of its slab";
        }
        if (++freed > slab->carved) {
            return "a chain of freed blocks goes round in a circle";
        }
    }
    if (freed + slab->used != slab->carved) {
        return "a block is neither freed nor in use";
    }
    if (slab->carved * slab->block_size > slab->charged) {
        return "a block was carved from pages that are not charged";
    }
    if (slab->idle_bytes != (slab->used == 0 ? slab->charged : 0)) {
        return "a small slab is idle though in use, or not though empty";
    }
    if (slab->has_room != (slab->used < slab->capacity || slab == self->rooms[slab->size_class])) {
        return "a small slab with room is not in the ring of its class, or one without is";
    }
    return NULL;
}

/* Counts the pages on which one of `blocks` lies, one by one. */
static uint64_t pages_of(const bb_pool *self, const bb_slab *slab, uint32_t blocks) {
    uint64_t bytes = 0, next = 0;
    for (uint32_t index = 0; index < slab->capacity; index++) {
        if ((blocks >> index & 1) != 0) {
            const uint64_t first = pages_down(self, index * slab->block_size);
            const uint64_t from = first > next ? first : next;
            next = pages_up(self, (index + 1) * slab->block_size);
            bytes += next - from;
        }
    }
    return bytes;
}

static const char *span_defect(const bb_pool *self, const bb_slab *slab) {
    const uint32_t charged = (uint32_t)slab->live | slab->ready;
    if ((slab->live & slab->ready) != 0 || charged >> slab->capacity != 0) {
        return "a block is in use and ready, or is none of its span";
    }
    if ((uint32_t)__builtin_popcount(slab->live) != slab->used) {
        return "a span does not know how many of its blocks are in use";
    }
    if (slab->charged != pages_of(self, slab, charged)) {
        return "a span is charged other pages than its blocks lie on";
    }
    if (slab->charged - slab->idle_bytes != pages_of(self, slab, slab->live)) {
        return "a span's idle pages are not those that no block in use lies on";
    }
    if (slab->has_room != (slab->used < slab->capacity)) {
        return "a span with room is not in the ring of its class, or one without is";
    }
    return NULL;
}

static const char *slab_defect(const bb_pool *self, const bb_slab *slab) {
    if ((uintptr_t)slab->base % SLAB_BYTES != 0 || slab->mapped % SLAB_BYTES != 0 ||
        slab->block_size != bb_class_size(slab->size_class)) {
        return "a slab is not laid out as its class says";
    }
    if (slab->charged == 0 || slab->charged > slab->mapped) {
        return "a slab is charged nothing, or more than it has";
    }
    if (slab->requested > slab->used * slab->block_size) {
        return "more was asked for than a slab's blocks in use have";
    }
    for (uint32_t place = 0; place < place_count(slab); place++) {
        if (slab_of(self, slab->base + place * SLAB_BYTES) != slab) {
            return "a slab is not found by the address of a block";
        }
    }
    return is_small(slab) ? small_defect(self, slab) : span_defect(self, slab);
}

static void inspect(bb_pool *self, bb_slab *slab, void *context) {
    findings *found = context;
    found->slabs++;
    found->places += place_count(slab);
    found->requested += slab->requested;
    found->usable += slab->used * slab->block_size;
    found->blocks += slab->used;
    found->reserved += slab->charged;
    found->idle += slab->idle_bytes;
    found->with_room += slab->has_room;
    found->with_idle += slab->idle_bytes != 0;
    if (found->defect == NULL) {
        found->defect = slab_defect(self, slab);
    }
}

/* ---- the rings ---- */

static const char *room_defect(const bb_pool *self, uint64_t with_room) {
    for (uint32_t size_class = 0; self->rooms != NULL && size_class < BB_SIZE_CLASSES;
         size_class++) {
        const bb_slab *first = self->rooms[size_class], *slab = first;
        bool without = false;
        for (uint64_t left = ring_length(first, true); left != 0; left--) {
            if (slab->size_class != size_class || with_room-- == 0) {
                return "a ring has a slab of another class or without room";
            }
            if (!is_small(slab) && slab->ready != 0 && without) {
                return "a span with a ready block stands behind one without";
            }
            without = slab->ready == 0;
            slab = slab->room.newer;
        }
    }
    return with_room == 0 ? NULL : "a slab with room is in no ring";
}

static const char *total_defect(const bb_pool *self, const findings *found) {
    if (found->slabs != self->slabs || found->places != self->table_used) {
        return "the table has other slabs than were made";
    }
    if (found->requested != self->requested || found->usable != self->usable ||
        found->blocks != self->blocks) {
        return "the totals of blocks are not the sums over the slabs";
    }
    if (found->reserved != self->reserved || found->idle != self->idle) {
        return "the totals of pages are not the sums over the slabs";
    }
    if (self->requested > self->usable || self->usable > self->reserved - self->idle) {
        return "more is asked for than usable, or more usable than reserved";
    }
    if (ring_length(self->idle_small, false) + ring_length(self->idle_spans, false) !=
        found->with_idle) {
        return "the rings of idle slabs are not the slabs with idle pages";
    }
    return room_defect(self, found->with_room);
}

/* ---- what belongs to no slab ---- */

static void add_size(void *context, const void *start, uint64_t size) {
    (void)start;
    *(uint64_t *)context += size;
}

static const char *own_defect(const bb_pool *self) {
    uint64_t overhead = 0, described = 0;
    bb_pool_visit_own(self, add_size, &overhead);
    const bb_slab_page *page = self->slab_pages;
    while (page != NULL) {
        described += page->used;
        page = page->ring.newer == self->slab_pages ? NULL : page->ring.newer;
    }
    if (overhead != self->overhead) {
        return "overhead is not the pages that are no slab's";
    }
    return described == self->slabs ? NULL : "a description belongs to no slab";
}

bool bb_pool_validate(bb_pool *self, const char **reason) {
    findings found = {0};
    bb_spinlock_take(&self->lock);
    bb_pool_settle(self);
    bb_pool_each_slab(self, inspect, &found);
    *reason = found.defect != NULL ? found.defect : total_defect(self, &found);
    *reason = *reason != NULL ? *reason : own_defect(self);
    if (*reason == NULL && bb_budget_read(&self->budget).total != self->reserved + self->overhead) {
        *reason = "the budget was charged something else than reserved and overhead";
    }
    bb_spinlock_leave(&self->lock);
    return *reason == NULL && bb_budget_validate(&self->budget, reason);
}
