/* Slabs of blocks up to 4 KiB: many to a page, freed blocks chained through themselves. */
#include "pool_internal.h"

/* Chains all blocks that lie wholly in the charged pages and were not carved yet. */
static void carve(bb_slab *slab) {
    const uint64_t fit = slab->charged / slab->block_size;
    const uint32_t end = fit < slab->capacity ? (uint32_t)fit : slab->capacity;
    free_block *chain = NULL;
    for (uint32_t at = end; at-- != slab->carved;) {
        free_block *block = (free_block *)(void *)(slab->base + at * slab->block_size);
        block->next = chain;
        chain = block;
    }
    slab->free = chain;
    slab->carved = end;
}

/* Charges the pages of one more block. The slab is not idle, so it stays meanwhile. */
static bb_status extend(bb_pool *self, bb_slab *slab, bb_refusal *refusal) {
    const uint64_t end = pages_up(self, (slab->carved + 1) * slab->block_size);
    if (end > slab->charged) {
        const uint64_t more = end - slab->charged;
        const bb_status status = bb_pool_charge(self, more, refusal);
        if (status != BB_OK) {
            return status;
        }
        slab->charged += more;
        self->reserved += more;
    }
    carve(slab);
    return BB_OK;
}

/* Moves an empty slab, with its pages, to another class. It stays idle until used. */
static void convert(bb_pool *self, bb_slab *slab, uint32_t size_class) {
    room_leave(self, slab);
    bb_slab_describe(slab, size_class);
    slab->carved = 0;
    slab->free = NULL;
    room_enter(self, slab, true);
    carve(slab);
}

/* A slab that was used up stays first in its ring until more of it is wanted, or another one
 * is to be first. */
static void drop_used_up(bb_pool *self, uint32_t size_class) {
    bb_slab *slab = self->rooms[size_class];
    if (slab != NULL && slab->used == slab->capacity) {
        room_leave(self, slab);
    }
}

/* The first slab of the ring that has a freed block or could be carved, or NULL. */
static bb_slab *first_with_room(bb_pool *self, uint32_t size_class) {
    drop_used_up(self, size_class);
    bb_slab *slab = self->rooms[size_class];
    if (slab != NULL && slab->free == NULL) {
        /* behind those with freed blocks; the empty ones stand last */
        bb_slab *better = slab->room.newer->free != NULL ? slab->room.newer : slab->room.older;
        slab = better->free != NULL ? better : slab;
        self->rooms[size_class] = slab;
    }
    return slab;
}

bb_status bb_pool_refill(bb_pool *self, uint32_t size_class, bb_refusal *refusal) {
    bb_pool_settle(self);
    bb_slab *slab = first_with_room(self, size_class);
    if (slab == NULL && self->idle_small != NULL) {
        convert(self, self->idle_small, size_class);
        return BB_OK;
    }
    bb_status status = BB_OK;
    if (slab == NULL) {
        status = bb_pool_make_slab(self, size_class, &slab, refusal);
    }
    if (status == BB_OK && slab->free == NULL) {
        status = extend(self, slab, refusal);
        if (status != BB_OK && slab->used == 0) {
            bb_pool_drop_slab(self, slab);
        }
    }
    return status;
}

void bb_small_has_one(bb_pool *self, bb_slab *slab) {
    drop_used_up(self, slab->size_class);
    if (slab->has_room) {
        room_move(self, slab, true);
    } else {
        room_enter(self, slab, true);
    }
}

void bb_small_in_use(bb_pool *self, bb_slab *slab) {
    idle_leave(self, slab);
    self->idle -= slab->idle_bytes;
    slab->idle_bytes = 0;
}

/* What was freed last is often used again at once, so what follows from it for the pages
 * waits until somebody asks, or something else is freed. */
void bb_pool_settle(bb_pool *self) {
    bb_slab *slab = self->emptied;
    self->emptied = NULL;
    if (slab != NULL && slab->used == 0) {
        room_move(self, slab, false);
        idle_enter(self, slab);
        slab->idle_bytes = slab->charged;
        self->idle += slab->charged;
    }
    slab = self->freed_span;
    self->freed_span = NULL;
    if (slab != NULL) {
        bb_span_give(self, slab, self->freed);
    }
}

void bb_small_emptied(bb_pool *self, bb_slab *slab) {
    if (self->emptied != slab) {
        bb_pool_settle(self);
        self->emptied = slab;
    }
}
