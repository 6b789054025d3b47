/* Slabs of blocks above 4 KiB: sixteen or one, whose pages come and go block by block. */
#include "pool_internal.h"

static uint32_t index_of(const bb_slab *slab, const void *block) {
    return (uint32_t)((uint64_t)((const char *)block - slab->base) / slab->block_size);
}

/* Whether one of `blocks` lies between these two, the last included. */
static bool any_between(uint32_t blocks, uint32_t first, uint32_t last) {
    return (blocks >> first & (((uint32_t)2 << (last - first)) - 1)) != 0;
}

/* Bytes of the pages on which this block lies and none of `others` does. */
static uint64_t pages_alone(const bb_pool *self, const bb_slab *slab, uint32_t index,
                            uint32_t others) {
    const uint64_t size = slab->block_size;
    uint64_t start = pages_down(self, index * size);
    uint64_t end = pages_up(self, (index + 1) * size);
    const uint32_t first = (uint32_t)(start / size);
    uint32_t last = (uint32_t)((end - 1) / size);
    last = last < slab->capacity ? last : slab->capacity - 1;
    if (first != index && any_between(others, first, index - 1)) {
        start = pages_up(self, index * size);
    }
    if (last != index && any_between(others, index + 1, last)) {
        end = pages_down(self, (index + 1) * size);
    }
    return start < end ? end - start : 0;
}

static void set_idle(bb_pool *self, bb_slab *slab, uint64_t idle_bytes) {
    if (slab->idle_bytes == 0 && idle_bytes != 0) {
        idle_enter(self, slab);
    } else if (slab->idle_bytes != 0 && idle_bytes == 0) {
        idle_leave(self, slab);
    }
    self->idle += idle_bytes - slab->idle_bytes;
    slab->idle_bytes = idle_bytes;
}

static uint32_t every_block(const bb_slab *slab) {
    return ((uint32_t)1 << slab->capacity) - 1;
}

/* ---- taking and giving a block ---- */

/* Charges the pages that a block has to itself. A slab without a ready block has no idle
 * page, so charging does not take it away. */
static bb_status make_ready(bb_pool *self, bb_slab *slab, uint32_t index, bb_refusal *refusal) {
    const uint64_t more = pages_alone(self, slab, index, slab->live);
    const bb_status status = bb_pool_charge(self, more, refusal);
    if (status == BB_OK) {
        slab->charged += more;
        self->reserved += more;
        slab->ready = (uint16_t)(slab->ready | 1u << index);
        set_idle(self, slab, slab->idle_bytes + more);
    }
    return status;
}

/* The ring has slabs with a ready block before those without. */
static void settle(bb_pool *self, bb_slab *slab) {
    if (slab->live == every_block(slab)) {
        room_leave(self, slab);
    } else if (slab->ready == 0) {
        room_move(self, slab, false);
    }
}

bb_status bb_span_take(bb_pool *self, uint32_t size_class, bb_slab **result, void **block,
                       bool *fresh, bb_refusal *refusal) {
    bb_slab *slab = self->rooms[size_class];
    bb_status status = BB_OK;
    if (slab == NULL) {
        status = bb_pool_make_slab(self, size_class, &slab, refusal);
    }
    if (status != BB_OK) {
        return status;
    }
    *fresh = slab->charged == 0;
    const uint32_t choice = slab->ready != 0 ? slab->ready : ~(uint32_t)slab->live;
    const uint32_t index = (uint32_t)__builtin_ctz(choice);
    if (slab->ready == 0) {
        status = make_ready(self, slab, index, refusal);
    }
    if (status != BB_OK) {
        if (slab->used == 0) {
            bb_pool_drop_slab(self, slab);
        }
        return status;
    }
    set_idle(self, slab, slab->idle_bytes - pages_alone(self, slab, index, slab->live));
    slab->ready = (uint16_t)(slab->ready & ~(1u << index));
    slab->live = (uint16_t)(slab->live | 1u << index);
    settle(self, slab);
    *result = slab;
    *block = slab->base + index * slab->block_size;
    return BB_OK;
}

void bb_span_give(bb_pool *self, bb_slab *slab, void *block) {
    const uint32_t index = index_of(slab, block);
    slab->live = (uint16_t)(slab->live & ~(1u << index));
    slab->ready = (uint16_t)(slab->ready | 1u << index);
    set_idle(self, slab, slab->idle_bytes + pages_alone(self, slab, index, slab->live));
    if (slab->has_room) {
        room_move(self, slab, true);
    } else {
        room_enter(self, slab, true);
    }
}

/* ---- giving pages back ---- */

/* The end of the run of blocks, alike in being in use or not, that begins here. */
static uint32_t run_end(const bb_slab *slab, uint32_t first) {
    const uint32_t in_use = slab->live >> first & 1;
    uint32_t end = first + 1;
    while (end < slab->capacity && (slab->live >> end & 1u) == in_use) {
        end++;
    }
    return end;
}

/* Discards the pages that lie wholly in a run of blocks that are not in use. */
static bool discard_run(bb_pool *self, bb_slab *slab, uint32_t first, uint32_t end) {
    const uint64_t from = pages_up(self, first * slab->block_size);
    const uint64_t after = end * slab->block_size;
    const uint64_t to = end == slab->capacity ? pages_up(self, after) : pages_down(self, after);
    return from >= to || bb_discard_pages(slab->base + from, (size_t)(to - from));
}

static bool discard_unused(bb_pool *self, bb_slab *slab) {
    bool done = true;
    for (uint32_t first = 0, end; first < slab->capacity; first = end) {
        end = run_end(slab, first);
        if ((slab->live >> first & 1) == 0) {
            done = discard_run(self, slab, first, end) && done;
        }
    }
    return done;
}

uint64_t bb_span_purge(bb_pool *self, bb_slab *slab) {
    const uint64_t purged = slab->idle_bytes;
    if (slab->live == 0) {
        idle_leave(self, slab);
        bb_pool_drop_slab(self, slab);
        return purged;
    }
    if (!discard_unused(self, slab)) {
        return 0;
    }
    slab->ready = 0;
    slab->charged -= purged;
    self->reserved -= purged;
    set_idle(self, slab, 0);
    bb_budget_release(&self->budget, purged);
    if (slab->has_room) {
        room_move(self, slab, false);
    }
    return purged;
}

/* Ranges begin and end where the pages of blocks in use or ready do. */
void bb_span_visit(const bb_pool *self, const bb_slab *slab, bb_pool_visitor *visitor,
                   void *context) {
    const uint32_t there = (uint32_t)slab->live | slab->ready;
    uint64_t start = 0, end = 0;
    for (uint32_t index = 0; index < slab->capacity; index++) {
        if ((there >> index & 1) == 0) {
            continue;
        }
        const uint64_t from = pages_down(self, index * slab->block_size);
        if (from > end) {
            visitor(context, slab->base + start, end - start);
            start = from;
        }
        start = end == 0 ? from : start;
        end = pages_up(self, (index + 1) * slab->block_size);
    }
    if (end != 0) {
        visitor(context, slab->base + start, end - start);
    }
}
