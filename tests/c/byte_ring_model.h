/*
 * A slow, obvious ring of records, and a driver that applies one operation to both: the tests and
 * the fuzz target feed it with operations. What is in a record follows from its number.
 */
#ifndef BYTEBOUND_TEST_BYTE_RING_MODEL_H
#define BYTEBOUND_TEST_BYTE_RING_MODEL_H

#include "bytebound/byte_ring.h"
#include "mirror_steps.h"

enum { MOST_RECORDS = 1 << 16, VIEWERS = 16 };

typedef struct viewer {
    bool looks;
    bb_record_view view;
    size_t length;
} viewer;

typedef struct ring_pair {
    bb_byte_ring ring;
    bb_budget parent;
    ledger ledger;
    mirror_steps steps;
    uint64_t floor_seq, first_seq, next_seq;
    uint32_t lengths[MOST_RECORDS]; /* by number, modulo */
    viewer viewers[VIEWERS];
} ring_pair;

static inline unsigned char byte_of(uint64_t seq, size_t at) {
    return (unsigned char)((seq * 2654435761u >> 8) + at * 31 + (at >> 8));
}

static inline size_t length_of(const ring_pair *self, uint64_t seq) {
    return self->lengths[seq % MOST_RECORDS];
}

static inline size_t room_of(size_t length) {
    return (length + 8 + 7) / 8 * 8;
}

static inline bool is_viewed(const ring_pair *self, uint64_t seq) {
    for (size_t i = 0; i < VIEWERS; i++) {
        if (self->viewers[i].looks && self->viewers[i].view.seq == seq) {
            return true;
        }
    }
    return false;
}

static inline void check_record(bb_record record, size_t length, uint64_t seq) {
    CHECK(record.length == length);
    for (size_t at = 0; at < record.length; at += 1 + record.length / 512) {
        CHECK(record.bytes[at] == byte_of(seq, at));
    }
    if (record.length != 0) {
        CHECK(record.bytes[record.length - 1] == byte_of(seq, record.length - 1));
    }
}

static inline void check_view(const viewer *viewer) {
    check_record(viewer->view.record, viewer->length, viewer->view.seq);
}

static inline void check_views(const ring_pair *self) {
    for (size_t i = 0; i < VIEWERS; i++) {
        if (self->viewers[i].looks) {
            check_view(&self->viewers[i]);
        }
    }
}

static inline void check_same_ring(ring_pair *self) {
    uint64_t payload = 0;
    CHECK_VALID(bb_byte_ring_validate, &self->ring);
    CHECK_VALID(bb_budget_validate, &self->parent);
    CHECK(self->ring.first_seq == self->first_seq && self->ring.next_seq == self->next_seq);
    for (uint64_t seq = self->first_seq; seq != self->next_seq; seq++) {
        payload += length_of(self, seq);
    }
    const uint64_t count = self->next_seq - self->first_seq;
    for (uint64_t i = 0; i < count; i += 1 + count / 64) {
        const uint64_t seq = self->first_seq + i;
        check_record(bb_byte_ring_find(&self->ring, seq), length_of(self, seq), seq);
    }
    CHECK(self->ring.payload == payload);
    CHECK(self->parent.total == self->ring.budget.total);
    check_views(self);
}

static inline bb_status ring_pair_open(ring_pair *self, size_t capacity, bb_on_pinned on_pinned,
                                       uint64_t limit, bool mapped) {
    bb_refusal refusal;
    *self = (ring_pair){.ledger = {0, 0, -1}};
    mirror_steps_open(&self->steps, mapped);
    bb_budget_init(&self->parent, limit, NULL, true);
    bb_byte_ring_init(&self->ring, ledger_allocator(&self->ledger), &self->steps.source);
    return bb_byte_ring_open(&self->ring, capacity, on_pinned, &self->parent, &refusal);
}

/* The model's floor once a record of such a length has room; false if somebody looks at what has
 * to be overwritten for that. */
static inline bool model_floor(const ring_pair *self, size_t length, uint64_t *floor) {
    size_t used = room_of(length);
    uint64_t seq = self->next_seq;
    while (seq != self->floor_seq && used + room_of(length_of(self, seq - 1)) <= self->ring.size) {
        used += room_of(length_of(self, --seq));
    }
    *floor = seq;
    bool unviewed = true;
    for (uint64_t gone = self->floor_seq; gone != seq; gone++) {
        unviewed = unviewed && !is_viewed(self, gone);
    }
    return unviewed;
}

/* True if it was appended. What is refused must have changed nothing. */
static inline bool pair_append(ring_pair *self, size_t length) {
    bb_refusal refusal;
    uint64_t floor = self->floor_seq;
    unsigned char *bytes = malloc(length + 1);
    CHECK(bytes != NULL);
    for (size_t at = 0; at < length; at++) {
        bytes[at] = byte_of(self->next_seq, at);
    }
    const bool fits = length <= bb_byte_ring_longest(&self->ring);
    const bool unviewed = fits && model_floor(self, length, &floor);
    const uint64_t charged = self->ring.budget.total;
    const bb_status status = bb_byte_ring_append(&self->ring, bytes, length, &refusal);
    free(bytes);
    if (status == BB_OK) {
        CHECK(fits && (unviewed || self->ring.on_pinned == BB_PINNED_COPY));
        CHECK(self->next_seq - floor < MOST_RECORDS);
        self->lengths[self->next_seq++ % MOST_RECORDS] = (uint32_t)length;
        self->floor_seq = floor;
        self->first_seq = self->first_seq < floor ? floor : self->first_seq;
    } else if (!fits) {
        CHECK(status == BB_TOO_LARGE && refusal.level == NULL);
    } else {
        CHECK(!unviewed);
        CHECK((status == BB_PINNED) == (self->ring.on_pinned == BB_PINNED_RAISE));
        CHECK(status != BB_PINNED || is_viewed(self, self->ring.blocker));
        CHECK(self->ring.budget.total == charged);
    }
    return status == BB_OK;
}

static inline void pair_pop(ring_pair *self) {
    if (self->first_seq != self->next_seq) {
        bb_byte_ring_pop(&self->ring);
        self->first_seq++;
    }
}

static inline void pair_clear(ring_pair *self) {
    bb_byte_ring_clear(&self->ring);
    self->first_seq = self->next_seq;
}

static inline void pair_unview(ring_pair *self, size_t who) {
    if (self->viewers[who].looks) {
        check_view(&self->viewers[who]);
        self->viewers[who].looks = false;
        bb_byte_ring_unview(&self->ring, &self->viewers[who].view);
    }
}

/* True if there is a record and it is viewed. */
static inline bool pair_view(ring_pair *self, size_t who, uint64_t index) {
    bb_refusal refusal;
    pair_unview(self, who);
    const uint64_t count = self->next_seq - self->first_seq;
    if (count == 0) {
        return false;
    }
    const uint64_t seq = self->first_seq + index % count;
    const uint64_t charged = self->ring.budget.total;
    viewer *viewer = &self->viewers[who];
    viewer->length = length_of(self, seq);
    viewer->looks = bb_byte_ring_view(&self->ring, seq, &viewer->view, &refusal) == BB_OK;
    CHECK(viewer->looks || self->ring.budget.total == charged);
    return viewer->looks;
}

/* Gives everything back, also with views that outlive the ring. */
static inline void pair_end(ring_pair *self) {
    check_same_ring(self);
    bb_byte_ring_close(&self->ring);
    for (size_t who = 0; who < VIEWERS; who++) {
        CHECK(!self->viewers[who].looks || self->parent.total >= self->ring.block);
        check_views(self);
        CHECK_VALID(bb_byte_ring_validate, &self->ring);
        pair_unview(self, who);
    }
    bb_byte_ring_close(&self->ring);
    CHECK(self->parent.total == 0 && self->ledger.bytes == 0 && self->steps.pages.bytes == 0);
}

#endif
