#include "pool_internal.h"

#include <string.h>

/* ---- accounts ---- */

static void account_taken(bb_pool *self, bb_slab *slab, uint64_t size) {
    slab->used++;
    slab->requested += size;
    self->requested += size;
    self->usable += slab->block_size;
    self->blocks++;
}

/* Where sizes were guessed, what is left must be possible for the blocks that are left. */
static uint64_t possible_size(const bb_slab *slab, uint64_t size) {
    const uint64_t most = (uint64_t)(slab->used - 1) * slab->block_size;
    uint64_t left = size < slab->requested ? slab->requested - size : 0;
    left = left < most ? left : most;
    return slab->requested - left;
}

static void account_given(bb_pool *self, bb_slab *slab, uint64_t size) {
    if (slab->inexact) {
        size = possible_size(slab, size);
        slab->inexact = slab->used != 1;
    }
    slab->used--;
    slab->requested -= size;
    self->requested -= size;
    self->usable -= slab->block_size;
    self->blocks--;
}

static void account_changed(bb_pool *self, bb_slab *slab, uint64_t old_size, uint64_t new_size) {
    slab->requested += new_size - old_size;
    self->requested += new_size - old_size;
}

/* ---- raw blocks, of which only the size class matters ---- */

static inline void *pop(bb_pool *self, bb_slab *slab) {
    free_block *block = slab->free;
    slab->free = block->next;
    if (slab->idle_bytes != 0) {
        bb_small_in_use(self, slab);
    }
    return block;
}

static inline void push(bb_pool *self, bb_slab *slab, void *freed) {
    free_block *block = freed;
    block->next = slab->free;
    slab->free = block;
    if (block->next == NULL && slab != self->rooms[slab->size_class]) {
        bb_small_has_one(self, slab);
    }
    if (slab->used == 0) {
        bb_small_emptied(self, slab);
    }
}

static bb_status take_small(bb_pool *self, uint32_t size_class, bb_slab **slab, void **block,
                            bb_refusal *refusal) {
    *slab = self->rooms[size_class];
    if (*slab == NULL || (*slab)->free == NULL) {
        const bb_status status = bb_pool_refill(self, size_class, refusal);
        if (status != BB_OK) {
            return status;
        }
        *slab = self->rooms[size_class];
    }
    *block = pop(self, *slab);
    return BB_OK;
}

/* A block, the rooms, the table and a page of descriptions. */
static uint64_t least_bytes(const bb_pool *self, uint32_t size_class) {
    return pages_up(self, bb_class_size(size_class)) + rooms_bytes(self) + 2 * self->page;
}

uint64_t bb_pool_least_bytes(const bb_pool *self, uint64_t size) {
    return least_bytes(self, bb_size_class(size));
}

/* A request that is doomed is refused before anything moves to make room for it. */
static bb_status prepare(bb_pool *self, uint32_t size_class, bb_refusal *refusal) {
    if (self->rooms != NULL && self->rooms[size_class] != NULL) {
        return BB_OK;
    }
    const uint64_t need = self->rooms == NULL ? least_bytes(self, size_class)
                                              : pages_up(self, bb_class_size(size_class));
    bb_status status = bb_pool_admits(self, need, refusal);
    if (status == BB_OK && self->rooms == NULL) {
        status = bb_pool_make_rooms(self, refusal);
    }
    return status;
}

/* Takes a block of at least `room` bytes and books `size`. */
static bb_status take(bb_pool *self, uint64_t room, uint64_t size, void **block, bool *fresh,
                      bb_refusal *refusal) {
    const uint32_t size_class = bb_size_class(room);
    bb_slab *slab = self->freed_span;
    *fresh = false;
    if (slab != NULL && slab->size_class == size_class) {
        self->freed_span = NULL;
        *block = self->freed;
        account_taken(self, slab, size);
        return BB_OK;
    }
    bb_status status = prepare(self, size_class, refusal);
    if (status == BB_OK) {
        status = size_class < SMALL_CLASSES
                     ? take_small(self, size_class, &slab, block, refusal)
                     : bb_span_take(self, size_class, &slab, block, fresh, refusal);
    }
    if (status == BB_OK) {
        account_taken(self, slab, size);
    } else if (self->slabs == 0) {
        (void)bb_pool_give_back(self, 0); /* as it was before its first block */
    }
    return status;
}

static void give(bb_pool *self, bb_slab *slab, void *block, uint64_t size) {
    account_given(self, slab, size);
    if (is_small(slab)) {
        push(self, slab, block);
    } else {
        bb_pool_settle(self);
        self->freed_span = slab;
        self->freed = block;
    }
}

/* ---- the commonest case: small blocks, and a slab that stays in its rings ---- */

/* A size of 0 passes for too large, and in debug mode every size does. */
static inline bool is_quick(const bb_pool *self, uint64_t size) {
    return size - 1 < self->quick_max;
}

static inline void *take_quickly(bb_pool *self, uint64_t size) {
    bb_slab *slab = self->rooms == NULL ? NULL : self->rooms[bb_size_class(size)];
    free_block *block = slab == NULL ? NULL : slab->free;
    if (block == NULL || slab->idle_bytes != 0) {
        return NULL;
    }
    slab->free = block->next;
    account_taken(self, slab, size);
    return block;
}

static inline bool give_quickly(bb_pool *self, void *freed, uint64_t size) {
    bb_slab *slab = slab_of(self, freed);
    if (slab == NULL || !is_small(slab) || slab->inexact ||
        (slab->free == NULL && slab != self->rooms[slab->size_class]) ||
        (slab->used == 1 && slab != self->emptied)) {
        return false;
    }
    free_block *block = freed;
    block->next = slab->free;
    slab->free = block;
    account_given(self, slab, size);
    return true;
}

/* ---- blocks as they are handed out ---- */

static uint64_t aligned_size(uint64_t size, uint64_t alignment) {
    const uint64_t least = size != 0 ? size : 1;
    return (least + alignment - 1) & ~(alignment - 1);
}

/* Nothing is that large; but say whether the bound refuses it already. */
static bb_status refuse(bb_pool *self, uint64_t size, bb_refusal *refusal) {
    const bb_status status = bb_pool_admits(self, size, refusal);
    return status == BB_OK ? BB_NO_MEMORY : status;
}

/* What is not the commonest case is kept out of its way, for the sake of its registers. */
__attribute__((noinline)) static bb_status allocate(bb_pool *self, uint64_t size,
                                                    uint64_t alignment, bool zero, void **block,
                                                    bb_refusal *refusal) {
    uint64_t room = size;
    bool fresh;
    if (size > BB_BLOCK_MAX) {
        return refuse(self, size, refusal);
    }
    if (self->debug) {
        room = bb_guarded_size(size, alignment);
    }
    if (alignment > 16) {
        room = aligned_size(room, alignment);
    }
    if (room > BB_BLOCK_MAX) {
        return refuse(self, room, refusal);
    }
    const bb_status status = take(self, room, size, block, &fresh, refusal);
    if (status != BB_OK) {
        return status;
    }
    if (self->debug) {
        *block = bb_guard(self, *block, size, alignment);
    }
    if (zero && !fresh) {
        memset(*block, 0, (size_t)size);
    }
    return BB_OK;
}

/* A size that nobody is sure of. That of the only block in a slab is known. */
static uint64_t guessed_size(bb_slab *slab, uint64_t guess) {
    if (slab->used == 1) {
        return slab->requested;
    }
    slab->inexact = true;
    return bb_size_class(guess) == slab->size_class ? guess : slab->requested / slab->used;
}

/* Frees a block, and says what was wrong with it. */
static bb_damage release(bb_pool *self, void *block, uint64_t size, bool sized) {
    bb_damage damage = {BB_NO_DAMAGE, block, size, 0};
    void *raw = block;
    if (self->debug) {
        damage = bb_check_guards(self, block, &raw);
        if (raw == NULL) {
            return damage;
        }
        if (sized && damage.kind == BB_NO_DAMAGE && damage.size != size) {
            damage.kind = BB_WRONG_SIZE;
        }
        size = damage.size;
        bb_poison(block, size);
    }
    bb_slab *slab = slab_of(self, raw);
    if (slab == NULL) {
        damage.kind = BB_FOREIGN_FREE;
    } else {
        give(self, slab, raw, sized || self->debug ? size : guessed_size(slab, size));
    }
    return damage;
}

static void report(const bb_pool *self, const bb_damage *damage) {
    if (damage->kind != BB_NO_DAMAGE && self->report != NULL) {
        self->report(self->report_context, damage);
    }
}

bb_status bb_pool_allocate(bb_pool *self, uint64_t size, uint64_t alignment, bool zero,
                           void **block, bb_refusal *refusal) {
    bb_status status = BB_OK;
    void *taken = NULL;
    bb_spinlock_take(&self->lock);
    if (is_quick(self, size) && alignment <= 16 && !zero) {
        taken = take_quickly(self, size);
    }
    if (taken == NULL) {
        status = allocate(self, size, alignment, zero, &taken, refusal);
    }
    bb_spinlock_leave(&self->lock);
    if (status == BB_OK) {
        *block = taken;
    }
    return status;
}

__attribute__((noinline)) static void release_and_leave(bb_pool *self, void *block, uint64_t size,
                                                        bool sized) {
    const bb_damage damage = release(self, block, size, sized);
    bb_spinlock_leave(&self->lock);
    report(self, &damage);
}

void bb_pool_free(bb_pool *self, void *block, uint64_t size) {
    bb_spinlock_take(&self->lock);
    if (is_quick(self, size) && give_quickly(self, block, size)) {
        bb_spinlock_leave(&self->lock);
        return;
    }
    release_and_leave(self, block, size, true);
}

void bb_pool_free_unsized(bb_pool *self, void *block, uint64_t guess) {
    bb_spinlock_take(&self->lock);
    release_and_leave(self, block, guess, false);
}

bb_damage bb_pool_inspect(bb_pool *self, const void *block) {
    void *raw;
    bb_spinlock_take(&self->lock);
    const bb_damage damage = bb_check_guards(self, block, &raw);
    bb_spinlock_leave(&self->lock);
    return damage;
}

/* ---- resizing ---- */

static uint64_t room_of(bb_pool *self, const void *block) {
    if (self->debug) {
        void *raw;
        return bb_check_guards(self, block, &raw).size;
    }
    const bb_slab *slab = slab_of(self, block);
    return slab == NULL ? 0 : slab->block_size;
}

uint64_t bb_pool_usable(bb_pool *self, const void *block) {
    bb_spinlock_take(&self->lock);
    const uint64_t room = room_of(self, block);
    bb_spinlock_leave(&self->lock);
    return room;
}

/* Changes the size of a block where it is, if a block of the same class is wanted. */
static bool resize_in_place(bb_pool *self, bb_slab *slab, uint64_t old_size, uint64_t new_size,
                            uint64_t alignment) {
    if (self->debug || slab == NULL || new_size > BB_BLOCK_MAX ||
        bb_size_class(aligned_size(new_size, alignment)) != slab->size_class) {
        return false;
    }
    account_changed(self, slab, old_size, new_size);
    return true;
}

/* Shrinking never fails, also where no smaller block can be had. */
static void shrink_in_place(bb_pool *self, void *block, uint64_t old_size, uint64_t new_size) {
    bb_spinlock_take(&self->lock);
    account_changed(self, slab_of(self, block), old_size, new_size);
    if (self->debug) {
        bb_guard_shrink(block, new_size);
    }
    bb_spinlock_leave(&self->lock);
}

bb_status bb_pool_resize(bb_pool *self, void **block, uint64_t old_size, uint64_t new_size,
                         uint64_t alignment, bb_refusal *refusal) {
    void *old = *block, *new;
    bb_spinlock_take(&self->lock);
    const bool done = resize_in_place(self, slab_of(self, old), old_size, new_size, alignment);
    bb_spinlock_leave(&self->lock);
    if (done) {
        return BB_OK;
    }
    const bb_status status = bb_pool_allocate(self, new_size, alignment, false, &new, refusal);
    if (status == BB_OK) {
        memcpy(new, old, (size_t)(old_size < new_size ? old_size : new_size));
        bb_pool_free(self, old, old_size);
        *block = new;
    } else if (new_size <= old_size) {
        shrink_in_place(self, old, old_size, new_size);
        return BB_OK;
    }
    return status;
}

static bool resize_in_place_unsized(bb_pool *self, void *block, uint64_t new_size,
                                    uint64_t *usable) {
    bb_spinlock_take(&self->lock);
    bb_slab *slab = slab_of(self, block);
    *usable = room_of(self, block);
    const uint64_t size = slab == NULL || self->debug ? *usable : guessed_size(slab, 0);
    const bool done = resize_in_place(self, slab, size, new_size, 16);
    bb_spinlock_leave(&self->lock);
    return done;
}

bb_status bb_pool_resize_unsized(bb_pool *self, void **block, uint64_t new_size,
                                 bb_refusal *refusal) {
    void *new;
    uint64_t usable;
    if (resize_in_place_unsized(self, *block, new_size, &usable)) {
        return BB_OK;
    }
    const bb_status status = bb_pool_allocate(self, new_size, 16, false, &new, refusal);
    if (status == BB_OK) {
        memcpy(new, *block, (size_t)(usable < new_size ? usable : new_size));
        bb_pool_free_unsized(self, *block, 0);
        *block = new;
    }
    return status;
}

static void *allocator_resize(void *context, void *block, size_t old_size, size_t new_size) {
    bb_refusal refusal;
    if (new_size == 0) {
        if (block != NULL) {
            bb_pool_free(context, block, old_size);
        }
        return NULL;
    }
    const bb_status status =
        block == NULL ? bb_pool_allocate(context, new_size, 16, false, &block, &refusal)
                      : bb_pool_resize(context, &block, old_size, new_size, 16, &refusal);
    return status == BB_OK ? block : NULL;
}

bb_allocator bb_pool_allocator(bb_pool *self) {
    return (bb_allocator){allocator_resize, self};
}
