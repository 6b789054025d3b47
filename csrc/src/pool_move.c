/* Emptying small slabs by moving the last of their blocks together. */
#include "pool_internal.h"

#include <string.h>

#define MOST_BLOCKS (SLAB_BYTES / 16)

typedef struct search {
    uint32_t free[SMALL_CLASSES]; /* freed blocks of each class */
    bb_slab *best;
    bool any_stuck;
} search;

static bool is_candidate(const bb_slab *slab) {
    return is_small(slab) && slab->used != 0;
}

static void count_free(bb_pool *self, bb_slab *slab, void *context) {
    search *found = context;
    (void)self;
    if (is_candidate(slab)) {
        found->free[slab->size_class] += slab->carved - slab->used;
    }
}

/* The fewest bytes to move for a slab; the others of its class must have room for them. */
static void choose(bb_pool *self, bb_slab *slab, void *context) {
    search *found = context;
    (void)self;
    if (!is_candidate(slab)) {
        return;
    }
    const uint32_t elsewhere = found->free[slab->size_class] - (slab->carved - slab->used);
    if (slab->used > elsewhere) {
        return;
    }
    if (slab->stuck) {
        found->any_stuck = true;
    } else if (found->best == NULL ||
               slab->used * slab->block_size < found->best->used * found->best->block_size) {
        found->best = slab;
    }
}

static void unstick(bb_pool *self, bb_slab *slab, void *context) {
    (void)self, (void)context;
    slab->stuck = false;
}

/* Another slab of the class with a freed block, made the first of its ring. */
static bb_slab *destination(bb_pool *self, const bb_slab *from) {
    bb_slab *first = self->rooms[from->size_class];
    for (bb_slab *slab = first; slab != NULL;) {
        if (slab != from && slab->free != NULL && slab->used != 0) {
            if (slab != first) {
                bb_small_has_one(self, slab);
            }
            return slab;
        }
        slab = slab->room.newer == first ? NULL : slab->room.newer;
    }
    return NULL;
}

static bool move_block(bb_pool *self, bb_slab *from, char *block, bb_pool_mover *move,
                       void *context) {
    bb_slab *to = destination(self, from);
    free_block *target = to == NULL ? NULL : to->free;
    if (target == NULL) {
        return false;
    }
    free_block *next = target->next;
    const uint64_t size = move(context, block, target);
    if (size == 0) {
        target->next = next;
        return false;
    }
    to->free = next;
    to->used++;
    to->requested += size;
    from->used--;
    from->requested -= size;
    free_block *freed = (free_block *)(void *)block;
    freed->next = from->free;
    from->free = freed;
    return true;
}

/* Moves every block in use out of a slab. False if one has to stay. */
static bool empty(bb_pool *self, bb_slab *slab, bb_pool_mover *move, void *context) {
    uint64_t freed[MOST_BLOCKS / 64] = {0};
    for (const free_block *block = slab->free; block != NULL; block = block->next) {
        const uint64_t at = (uint64_t)((const char *)block - slab->base) / slab->block_size;
        freed[at / 64] |= (uint64_t)1 << at % 64;
    }
    const bool was_full = slab->free == NULL;
    bool done = true;
    for (uint32_t at = 0; done && at < slab->carved; at++) {
        if ((freed[at / 64] >> at % 64 & 1) == 0) {
            done = move_block(self, slab, slab->base + at * slab->block_size, move, context);
        }
    }
    if (was_full && slab->free != NULL) {
        bb_small_has_one(self, slab);
    }
    return done;
}

uint64_t bb_pool_evacuate(bb_pool *self, bb_pool_mover *move, void *context) {
    search found = {.best = NULL};
    uint64_t emptied = 0;
    bb_spinlock_take(&self->lock);
    if (!self->debug) {
        bb_pool_settle(self);
        bb_pool_each_slab(self, count_free, &found);
        bb_pool_each_slab(self, choose, &found);
    }
    if (found.best == NULL && found.any_stuck) {
        bb_pool_each_slab(self, unstick, NULL); /* they may not be any more, the next time */
    }
    if (found.best != NULL) {
        found.best->stuck = !empty(self, found.best, move, context);
        if (found.best->used == 0) {
            emptied = found.best->charged;
            bb_small_emptied(self, found.best);
            bb_pool_settle(self);
        }
    }
    bb_spinlock_leave(&self->lock);
    return emptied;
}
