/*
 * A slow, obvious count of parts and holders, and a driver that applies one operation
 * to both: the tests and the fuzz target feed it with operations.
 */
#ifndef BYTEBOUND_TEST_PARTS_MODEL_H
#define BYTEBOUND_TEST_PARTS_MODEL_H

#include <string.h>

#include "bytebound/parts.h"
#include "check.h"

enum { PARTS = 60, HOLDERS = 12 };

typedef struct model {
    uint64_t nbytes[PARTS];
    uint64_t held[PARTS][HOLDERS];
} model;

typedef struct pair {
    bb_parts parts;
    model model;
    bb_parts_list lists[HOLDERS];
    ledger ledger;  /* the table and the lists */
    ledger scratch; /* anything else */
} pair;

static inline uintptr_t identity_of(uint64_t part) {
    const uintptr_t kind = part % 3 == 0 ? BB_PART_MEMORY : 0;
    return (part % 2 != 0 ? (uintptr_t)(part + 1) << 40 : (uintptr_t)(part + 1) * 16) | kind;
}

static inline size_t part_of(uintptr_t identity) {
    for (size_t part = 0; part < PARTS; part++) {
        if (identity_of(part) == identity) {
            return part;
        }
    }
    CHECK(false);
    return 0;
}

static inline uint64_t model_holders(const model *self, size_t part) {
    uint64_t holders = 0;
    for (size_t holder = 0; holder < HOLDERS; holder++) {
        holders += self->held[part][holder];
    }
    return holders;
}

static inline uint64_t model_total(const model *self) {
    uint64_t total = 0;
    for (size_t part = 0; part < PARTS; part++) {
        total += model_holders(self, part) != 0 ? self->nbytes[part] : 0;
    }
    return total;
}

static inline void check_same(const pair *self) {
    uint64_t members = 0;
    size_t held = 0;
    for (size_t part = 0; part < PARTS; part++) {
        const uint64_t holders = model_holders(&self->model, part);
        members += holders;
        held += holders != 0;
        CHECK(bb_parts_has(&self->parts, identity_of(part)) == (holders != 0));
    }
    CHECK(self->parts.members == members);
    CHECK(self->parts.held == held && self->parts.count == held);
    CHECK(self->parts.total == model_total(&self->model));
    CHECK(self->ledger.bytes == bb_parts_overhead(&self->parts));
    CHECK_VALID(bb_parts_validate, &self->parts);
}

static inline void pair_open(pair *self) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = self->scratch.fail_in = -1;
    bb_parts_init(&self->parts, ledger_allocator(&self->ledger));
}

static inline void pair_release(pair *self, size_t holder) {
    const uint64_t before = model_total(&self->model);
    for (size_t part = 0; part < PARTS; part++) {
        self->model.held[part][holder] = 0;
    }
    CHECK(bb_parts_let_go(&self->parts, &self->lists[holder]) ==
          before - model_total(&self->model));
    bb_parts_forget(&self->parts, &self->lists[holder]);
}

/* Lets go of two, forgets nothing and takes both back. */
static inline void pair_release_and_undo(pair *self, size_t one, size_t other) {
    const bb_parts before = self->parts;
    const uint64_t first = bb_parts_let_go(&self->parts, &self->lists[one]);
    if (one != other) {
        const uint64_t second = bb_parts_let_go(&self->parts, &self->lists[other]);
        CHECK(before.total - self->parts.total == first + second);
        bb_parts_take_back(&self->parts, &self->lists[other]);
    }
    bb_parts_take_back(&self->parts, &self->lists[one]);
    CHECK(memcmp(&before, &self->parts, sizeof(before)) == 0);
}

static inline void model_hold(model *self, const bb_found *found, size_t holder) {
    for (size_t i = 0; i < found->count; i++) {
        const size_t part = part_of(found->items[i].identity);
        const uint64_t nbytes = found->items[i].nbytes;
        const bool raises = (found->items[i].identity & BB_PART_MEMORY) == 0 ||
                            model_holders(self, part) == 0 || nbytes > self->nbytes[part];
        self->nbytes[part] = raises ? nbytes : self->nbytes[part];
        self->held[part][holder]++;
    }
}

/* Gives a holder other parts than it had. On failure nothing may have changed. */
static inline bb_status pair_hold(pair *self, bb_found *found, size_t holder) {
    model after = self->model;
    bb_parts_list list;
    for (size_t part = 0; part < PARTS; part++) {
        after.held[part][holder] = 0;
    }
    model_hold(&after, found, holder);
    (void)bb_parts_let_go(&self->parts, &self->lists[holder]);
    const bb_status status = bb_parts_hold(&self->parts, found, &list);
    if (status != BB_OK) {
        CHECK(list.identities == NULL && list.count == 0);
        bb_parts_take_back(&self->parts, &self->lists[holder]);
        return status;
    }
    bb_parts_forget(&self->parts, &self->lists[holder]);
    self->lists[holder] = list;
    self->model = after;
    return BB_OK;
}

/* The same, refused in the end; one more holder was let go of meanwhile. */
static inline void pair_hold_and_undo(pair *self, bb_found *found, size_t holder) {
    const size_t victim = (holder + 1) % HOLDERS;
    const uint64_t nbytes = found->nbytes;
    const size_t capacity = self->parts.capacity;
    bb_parts_list list;
    (void)bb_parts_let_go(&self->parts, &self->lists[holder]);
    if (bb_parts_hold(&self->parts, found, &list) == BB_OK) {
        (void)bb_parts_let_go(&self->parts, &self->lists[victim]);
        bb_parts_take_back(&self->parts, &self->lists[victim]);
        bb_parts_unhold(&self->parts, found, &list);
    }
    bb_parts_take_back(&self->parts, &self->lists[holder]);
    uint64_t sum = 0;
    for (size_t i = 0; i < found->count; i++) {
        sum += found->items[i].nbytes;
    }
    CHECK(sum == nbytes && self->parts.capacity == capacity);
}

static inline void pair_close(pair *self) {
    for (size_t holder = 0; holder < HOLDERS; holder++) {
        pair_release(self, holder);
    }
    check_same(self);
    bb_parts_close(&self->parts);
    CHECK(self->ledger.bytes == 0 && self->ledger.blocks == 0);
    CHECK(self->scratch.bytes == 0 && self->scratch.blocks == 0);
}

#endif
