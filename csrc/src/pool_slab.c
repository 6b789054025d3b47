/* Slabs and where they are found: their descriptions and the table by address. */
#include "pool_internal.h"

/* ---- descriptions ---- */

static bb_slab_page *page_of(const bb_pool *self, const bb_slab *slab) {
    return (bb_slab_page *)((uintptr_t)slab & ~(uintptr_t)(self->page - 1));
}

/* Maps a page of descriptions and puts it first. */
static bb_status page_make(bb_pool *self, bb_refusal *refusal) {
    void *pages;
    const bb_status status = bb_pool_map_own(self, self->page, &pages, refusal);
    if (status != BB_OK) {
        return status;
    }
    bb_slab_page *page = pages;
    bb_slab *slabs = (bb_slab *)(page + 1);
    for (uint64_t i = (self->page - sizeof(*page)) / sizeof(bb_slab); i-- != 0;) {
        slabs[i].room.newer = page->free;
        page->free = &slabs[i];
    }
    RING_INSERT(self->slab_pages, page, ring);
    self->slab_pages = page;
    return BB_OK;
}

static bb_status description_take(bb_pool *self, bb_slab **result, bb_refusal *refusal) {
    if (self->slab_pages == NULL || self->slab_pages->free == NULL) {
        const bb_status status = page_make(self, refusal);
        if (status != BB_OK) {
            return status;
        }
    }
    bb_slab_page *page = self->slab_pages;
    bb_slab *slab = page->free;
    page->free = slab->room.newer;
    page->used++;
    if (page->free == NULL) {
        self->slab_pages = page->ring.newer; /* it is the last now */
    }
    *slab = (bb_slab){0};
    *result = slab;
    return BB_OK;
}

static void description_give(bb_pool *self, bb_slab *slab) {
    bb_slab_page *page = page_of(self, slab);
    const bool was_full = page->free == NULL;
    slab->room.newer = page->free;
    page->free = slab;
    page->used--;
    if (was_full || page->used == 0) {
        RING_REMOVE(self->slab_pages, page, ring);
    }
    if (page->used == 0) {
        bb_pool_unmap_own(self, page, self->page);
    } else if (was_full) {
        RING_INSERT(self->slab_pages, page, ring);
        self->slab_pages = page;
    }
}

/* ---- the table ---- */

static uint64_t table_bytes(uint32_t bits) {
    return bits == 0 ? 0 : sizeof(bb_place) << bits;
}

static uint32_t table_mask(uint32_t bits) {
    return ((uint32_t)1 << bits) - 1;
}

/* A table is a page or more. */
static uint32_t least_table_bits(const bb_pool *self) {
    return (uint32_t)__builtin_ctzll(self->page / sizeof(bb_place));
}

static void place_insert(bb_pool *self, bb_place place) {
    const uint32_t mask = table_mask(self->table_bits);
    uint32_t at = place_home(self, place.number);
    while (self->table[at].slab != NULL) {
        at = (at + 1) & mask;
    }
    self->table[at] = place;
    self->table_used++;
}

/* Closes the gap by moving later places of the run back, so no tombstone is left. */
static void place_remove(bb_pool *self, uint64_t number) {
    const uint32_t mask = table_mask(self->table_bits);
    bb_place *table = self->table;
    uint32_t gap = place_home(self, number);
    while (table[gap].number != number || table[gap].slab == NULL) {
        gap = (gap + 1) & mask;
    }
    for (uint32_t at = (gap + 1) & mask; table[at].slab != NULL; at = (at + 1) & mask) {
        const uint32_t home = place_home(self, table[at].number);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            table[gap] = table[at];
            gap = at;
        }
    }
    table[gap].slab = NULL;
    self->table_used--;
}

/* Moves into a table of another size. */
static bb_status table_resize(bb_pool *self, uint32_t bits, bb_refusal *refusal) {
    void *pages;
    const bb_status status = bb_pool_map_own(self, table_bytes(bits), &pages, refusal);
    if (status != BB_OK) {
        return status;
    }
    /* read only now: charging may have given slabs back */
    bb_place *old = self->table;
    const uint32_t old_bits = self->table_bits;
    self->table = pages;
    self->table_bits = bits;
    self->table_used = 0;
    for (uint32_t at = 0; old_bits != 0 && at <= table_mask(old_bits); at++) {
        if (old[at].slab != NULL) {
            place_insert(self, old[at]);
        }
    }
    if (old_bits != 0) {
        bb_pool_unmap_own(self, old, table_bytes(old_bits));
    }
    return BB_OK;
}

/* Three places in four may be taken. */
static bool table_holds(uint32_t bits, uint64_t places) {
    return bits != 0 && places * 4 <= (uint64_t)3 << bits;
}

static bb_status table_reserve(bb_pool *self, uint32_t places, bb_refusal *refusal) {
    uint32_t bits = self->table_bits == 0 ? least_table_bits(self) : self->table_bits;
    while (bits < 31 && !table_holds(bits, (uint64_t)self->table_used + places)) {
        bits++;
    }
    return bits == self->table_bits ? BB_OK : table_resize(self, bits, refusal);
}

void bb_pool_shrink_table(bb_pool *self) {
    bb_refusal refusal;
    uint32_t bits = least_table_bits(self);
    while (!table_holds(bits, self->table_used)) {
        bits++;
    }
    if (self->table_bits != 0 && self->table_used == 0) {
        bb_pool_unmap_own(self, self->table, table_bytes(self->table_bits));
        self->table = NULL;
        self->table_bits = 0;
    } else if (bits < self->table_bits) {
        (void)table_resize(self, bits, &refusal); /* the large one serves as well */
    }
}

void bb_pool_visit_own(const bb_pool *self, bb_pool_visitor *visitor, void *context) {
    if (self->rooms != NULL) {
        visitor(context, self->rooms, rooms_bytes(self));
    }
    if (self->table_bits != 0) {
        visitor(context, self->table, table_bytes(self->table_bits));
    }
    const bb_slab_page *page = self->slab_pages;
    while (page != NULL) {
        visitor(context, page, self->page);
        page = page->ring.newer == self->slab_pages ? NULL : page->ring.newer;
    }
}

void bb_pool_each_slab(bb_pool *self, slab_visitor *visit, void *context) {
    for (uint32_t at = 0; self->table_bits != 0 && at <= table_mask(self->table_bits); at++) {
        bb_slab *slab = self->table[at].slab;
        if (slab != NULL && self->table[at].number == first_place(slab)) {
            visit(self, slab, context);
        }
    }
}

/* ---- slabs ---- */

void bb_slab_describe(bb_slab *slab, uint32_t size_class) {
    slab->size_class = (uint16_t)size_class;
    slab->block_size = bb_class_size(size_class);
    if (is_small(slab)) {
        slab->capacity = (uint32_t)(SLAB_BYTES / slab->block_size);
        slab->mapped = SLAB_BYTES;
    } else {
        slab->capacity = slab->block_size <= SLAB_BYTES ? SPAN_BLOCKS : 1;
        slab->mapped = slab->block_size * slab->capacity;
    }
    /* whole places: what lies below is then mostly aligned by itself */
    slab->mapped = (slab->mapped + SLAB_BYTES - 1) & ~(SLAB_BYTES - 1);
}

bb_status bb_pool_make_slab(bb_pool *self, uint32_t size_class, bb_slab **result,
                            bb_refusal *refusal) {
    bb_slab *slab;
    bb_status status = description_take(self, &slab, refusal);
    if (status != BB_OK) {
        return status;
    }
    bb_slab_describe(slab, size_class);
    status = table_reserve(self, place_count(slab), refusal);
    if (status == BB_OK) {
        slab->base = bb_map_pages(&self->pages, (size_t)slab->mapped, SLAB_BYTES);
        status = slab->base == NULL ? BB_NO_MEMORY : BB_OK;
    }
    if (status != BB_OK) {
        description_give(self, slab);
        return status;
    }
    for (uint32_t place = 0; place < place_count(slab); place++) {
        place_insert(self, (bb_place){first_place(slab) + place, slab});
    }
    self->slabs++;
    room_enter(self, slab, true);
    *result = slab;
    return BB_OK;
}

void bb_pool_drop_slab(bb_pool *self, bb_slab *slab) {
    if (slab->has_room) {
        room_leave(self, slab);
    }
    for (uint32_t place = 0; place < place_count(slab); place++) {
        place_remove(self, first_place(slab) + place);
    }
    bb_unmap_pages(&self->pages, slab->base, (size_t)slab->mapped);
    self->idle -= slab->idle_bytes;
    self->reserved -= slab->charged;
    bb_budget_release(&self->budget, slab->charged);
    self->slabs--;
    description_give(self, slab);
}
