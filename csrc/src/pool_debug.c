/*
 * Guards round each block, in debug mode:
 *
 *     ┌─────────┬───────┬────────┬──────┬────────┬───────┬────────┐
 *     │ padding │ state │ serial │ size │ before │ block │ after  │
 *     └─────────┴───────┴────────┴──────┴────────┴───────┴────────┘
 *
 * The padding aligns the block, and has room for the chain of freed blocks: so what stands
 * before a freed block still tells which it was.
 */
#include "pool_internal.h"

#include <string.h>

enum { GUARD_BYTE = 0xFD, POISON_BYTE = 0xDD, GUARD_SIZE = 24, CHAIN_SIZE = 16 };

#define IN_USE UINT64_C(0xB10C1B10C1B10C1B)
#define FREED UINT64_C(0xDEADB10CDEADB10C)

typedef struct guard {
    uint64_t state;
    uint64_t serial;
    uint64_t size;
    unsigned char before[GUARD_SIZE];
} guard;

static uint64_t front_size(uint64_t alignment) {
    const uint64_t least = sizeof(guard) + CHAIN_SIZE;
    return alignment > least ? alignment : least;
}

static guard *guard_of(const void *block) {
    return (guard *)(uintptr_t)block - 1;
}

static bool untouched(const unsigned char *bytes) {
    for (int i = 0; i < GUARD_SIZE; i++) {
        if (bytes[i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

uint64_t bb_guarded_size(uint64_t size, uint64_t alignment) {
    return front_size(alignment) + size + GUARD_SIZE;
}

void *bb_guard(bb_pool *self, void *raw, uint64_t size, uint64_t alignment) {
    char *block = (char *)raw + front_size(alignment);
    guard *front = guard_of(block);
    front->state = IN_USE;
    front->serial = ++self->serial;
    front->size = size;
    memset(front->before, GUARD_BYTE, GUARD_SIZE);
    memset(block + size, GUARD_BYTE, GUARD_SIZE);
    return block;
}

/* Where the block that lies here begins in its slab, or NULL. */
static char *raw_of(const bb_pool *self, const void *block) {
    const bb_slab *slab = slab_of(self, block);
    if (slab == NULL) {
        return NULL;
    }
    const uint64_t offset = (uint64_t)((const char *)block - slab->base);
    const uint64_t index = offset / slab->block_size;
    const uint32_t spans = (uint32_t)slab->live | slab->ready;
    const bool there =
        is_small(slab) ? index < slab->carved : index < slab->capacity && (spans >> index & 1) != 0;
    if (!there || offset - index * slab->block_size < sizeof(guard) + CHAIN_SIZE) {
        return NULL;
    }
    return slab->base + index * slab->block_size;
}

bb_damage bb_check_guards(const bb_pool *self, const void *block, void **raw) {
    bb_damage damage = {BB_FOREIGN_FREE, block, 0, 0};
    *raw = raw_of(self, block);
    if (*raw == NULL) {
        return damage;
    }
    const guard *front = guard_of(block);
    if (front->state == FREED) {
        *raw = NULL;
        return (bb_damage){BB_DOUBLE_FREE, block, front->size, front->serial};
    }
    if (front->state != IN_USE) { /* the size may be written over too */
        *raw = NULL;
        return damage;
    }
    damage = (bb_damage){BB_NO_DAMAGE, block, front->size, front->serial};
    if (!untouched(front->before)) {
        damage.kind = BB_UNDERRUN;
    } else if (!untouched((const unsigned char *)block + front->size)) {
        damage.kind = BB_OVERRUN;
    }
    return damage;
}

void bb_guard_shrink(void *block, uint64_t size) {
    guard_of(block)->size = size;
    memset((char *)block + size, GUARD_BYTE, GUARD_SIZE);
}

void bb_poison(void *block, uint64_t size) {
    guard_of(block)->state = FREED;
    memset(block, POISON_BYTE, (size_t)size);
}
