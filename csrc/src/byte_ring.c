#include <string.h>

#include "byte_ring_internal.h"

/* ---- the index ---- */

static inline void index_record(bb_byte_ring *self, uint64_t seq, size_t offset) {
    self->index[(seq >> self->stride_bits) & (self->slots - 1)] = offset;
}

static inline bool is_indexed(const bb_byte_ring *self, uint64_t seq) {
    return (seq & (((uint64_t)1 << self->stride_bits) - 1)) == 0;
}

static void rebuild_index(bb_byte_ring *self, uint32_t stride_bits) {
    size_t offset = self->first;
    self->stride_bits = stride_bits;
    for (uint64_t seq = self->first_seq; seq != self->next_seq; seq++) {
        if (is_indexed(self, seq)) {
            index_record(self, seq, offset);
        }
        offset = bb_after(self, offset, bb_record_room(*bb_header(self, offset) & LENGTH_MASK));
    }
}

/* Once a lap, so that it costs each record little. Leaves half of the slots to spare, lest the
 * next few records change it again. */
static void refine_index(bb_byte_ring *self) {
    uint32_t stride_bits = self->stride_bits;
    while (stride_bits != 0 && bb_byte_ring_count(self) <= (self->slots << stride_bits) / 4) {
        stride_bits--;
    }
    if (stride_bits != self->stride_bits) {
        rebuild_index(self, stride_bits);
    }
}

/* ---- appending ---- */

/* The records that have to go for another one, oldest first. */
typedef struct dropping {
    size_t offset; /* the new floor */
    uint64_t seq;
    size_t free;
    uint64_t payload;
} dropping;

static inline uint64_t drop_next(const bb_byte_ring *self, dropping *plan) {
    const uint64_t header = *bb_header(self, plan->offset);
    const size_t room = bb_record_room(header & LENGTH_MASK);
    plan->payload += plan->seq >= self->first_seq ? header & LENGTH_MASK : 0;
    plan->offset = bb_after(self, plan->offset, room);
    plan->free += room;
    plan->seq++;
    return header;
}

static inline void drop(bb_byte_ring *self, const dropping *plan) {
    self->floor = plan->offset;
    self->floor_seq = plan->seq;
    self->held = self->size - plan->free;
    self->payload -= plan->payload;
    if (plan->seq > self->first_seq) {
        self->counters.evictions += plan->seq - self->first_seq;
        self->first = plan->offset;
        self->first_seq = plan->seq;
    }
}

static inline dropping nothing_dropped(const bb_byte_ring *self) {
    return (dropping){self->floor, self->floor_seq, self->size - self->held, 0};
}

/* As make_room, where some of the records are viewed. */
static bb_status make_room_below_views(bb_byte_ring *self, size_t room, bb_refusal *refusal) {
    dropping plan = nothing_dropped(self);
    bb_keeping keeping = {0, 0, 0};
    uint64_t set_aside = 0;
    while (plan.free < room) {
        const size_t offset = plan.offset;
        const uint64_t header = drop_next(self, &plan);
        if (header <= LENGTH_MASK) {
            continue;
        }
        if (self->on_pinned == BB_PINNED_RAISE) {
            self->blocker = plan.seq - 1;
            return BB_PINNED;
        }
        bb_keeping_add(self, &keeping, offset + HEADER_BYTES, header & LENGTH_MASK);
        set_aside++;
    }
    const bb_status status =
        keeping.pages == 0 ? BB_OK : bb_keeping_commit(self, &keeping, refusal);
    if (status == BB_OK) {
        self->counters.set_aside += set_aside;
        drop(self, &plan);
    }
    return status;
}

static inline bb_status make_room(bb_byte_ring *self, size_t room, bb_refusal *refusal) {
    dropping plan = nothing_dropped(self);
    while (plan.free < room) {
        if (drop_next(self, &plan) > LENGTH_MASK) {
            return make_room_below_views(self, room, refusal);
        }
    }
    drop(self, &plan);
    return BB_OK;
}

static inline void place(bb_byte_ring *self, const void *bytes, size_t length, size_t room) {
    if (bb_byte_ring_count(self) == self->slots << self->stride_bits) {
        rebuild_index(self, self->stride_bits + 1);
    }
    *bb_header(self, self->head) = length;
    if (length != 0) {
        memcpy(self->data + self->head + HEADER_BYTES, bytes, length);
    }
    if (is_indexed(self, self->next_seq)) {
        index_record(self, self->next_seq, self->head);
    }
    const size_t head = bb_after(self, self->head, room);
    const bool lapped = head < self->head;
    self->head = head;
    self->held += room;
    self->payload += length;
    self->next_seq++;
    self->counters.appends++;
    if (lapped && self->stride_bits != 0) {
        refine_index(self);
    }
}

bb_status bb_byte_ring_append(bb_byte_ring *self, const void *bytes, size_t length,
                              bb_refusal *refusal) {
    if (length > bb_byte_ring_longest(self)) {
        refusal->level = NULL;
        return BB_TOO_LARGE;
    }
    const size_t room = bb_record_room(length);
    if (room > self->size - self->held) {
        const bb_status status = make_room(self, room, refusal);
        if (status != BB_OK) {
            return status;
        }
    }
    place(self, bytes, length, room);
    return BB_OK;
}

/* ---- reading and dropping ---- */

size_t bb_byte_ring_longest(const bb_byte_ring *self) {
    return self->size - HEADER_BYTES;
}

bb_record bb_byte_ring_find(const bb_byte_ring *self, uint64_t seq) {
    uint64_t at = seq & ~(((uint64_t)1 << self->stride_bits) - 1);
    size_t offset;
    if (at <= self->first_seq) {
        at = self->first_seq;
        offset = self->first;
    } else {
        offset = (size_t)self->index[(at >> self->stride_bits) & (self->slots - 1)];
    }
    for (; at != seq; at++) {
        offset = bb_after(self, offset, bb_record_room(*bb_header(self, offset) & LENGTH_MASK));
    }
    return (bb_record){self->data + offset + HEADER_BYTES,
                       (size_t)(*bb_header(self, offset) & LENGTH_MASK)};
}

void bb_byte_ring_pop(bb_byte_ring *self) {
    const uint64_t length = *bb_header(self, self->first) & LENGTH_MASK;
    self->first = bb_after(self, self->first, bb_record_room(length));
    self->first_seq++;
    self->payload -= length;
}

void bb_byte_ring_clear(bb_byte_ring *self) {
    self->first = self->head;
    self->first_seq = self->next_seq;
    self->payload = 0;
    if (self->views == 0) {
        bb_windows_close(self);
    }
}

/* ---- life ---- */

void bb_byte_ring_init(bb_byte_ring *self, bb_allocator allocator, const bb_mirror_source *source) {
    *self = (bb_byte_ring){.closed = true, .allocator = allocator, .source = source};
    self->mirror.file = -1;
    bb_budget_init(&self->budget, 0, NULL, false);
}

size_t bb_byte_ring_least(void) {
    return 2 * bb_page_size();
}

/* A power of two bytes, of which there are whole pages. */
static size_t index_bytes(size_t capacity) {
    size_t bytes = bb_page_size();
    while (bytes <= capacity / 64) {
        bytes *= 2;
    }
    return bytes;
}

bb_status bb_byte_ring_open(bb_byte_ring *self, size_t capacity, bb_on_pinned on_pinned,
                            bb_budget *parent, bb_refusal *refusal) {
    const size_t whole = capacity & ~(bb_page_size() - 1);
    const size_t prefix = index_bytes(whole);
    const size_t size = whole - prefix;
    if (size > LENGTH_MASK) {
        return BB_TOO_LARGE;
    }
    const uint64_t block = bb_mirror_bytes(self->source, prefix, size);
    const uint64_t beside = on_pinned == BB_PINNED_COPY ? block + 2 * bb_window_bytes(size) : 0;
    bb_budget_init(&self->budget, block + beside, parent, false);
    bb_status status = bb_budget_exchange(&self->budget, 0, block, refusal);
    if (status != BB_OK) {
        return status;
    }
    status = bb_mirror_open(&self->mirror, self->source, prefix, size, on_pinned == BB_PINNED_COPY);
    if (status != BB_OK) {
        bb_budget_close(&self->budget);
        return status;
    }
    self->data = bb_mirror_ring(&self->mirror);
    self->size = size;
    self->index = (uint64_t *)(void *)self->mirror.base;
    self->slots = prefix / sizeof(uint64_t);
    self->block = block;
    self->on_pinned = on_pinned;
    self->closed = false;
    return BB_OK;
}

void bb_byte_ring_close(bb_byte_ring *self) {
    self->closed = true;
    bb_byte_ring_clear(self);
    if (self->views == 0 && self->data != NULL) {
        bb_mirror_close(&self->mirror, self->source);
        bb_budget_close(&self->budget);
        self->data = NULL;
        self->block = 0;
    }
}
