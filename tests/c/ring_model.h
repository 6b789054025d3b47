/*
 * A slow, obvious ring and a driver that applies one operation to both: the tests and
 * the fuzz target feed it with operations. Items are numbers, stored as pointers.
 */
#ifndef BYTEBOUND_TEST_RING_MODEL_H
#define BYTEBOUND_TEST_RING_MODEL_H

#include <string.h>

#include "bytebound/ring.h"
#include "check.h"

enum { MODEL_ITEMS = 400 };

typedef struct model_item {
    uintptr_t item;
    uint64_t charge;
} model_item;

typedef struct pair {
    bb_ring ring;
    model_item items[MODEL_ITEMS]; /* from left to right */
    uint32_t count;
    bb_budget parent;
    ledger ledger;
    uintptr_t next_item;
} pair;

static inline void model_insert(pair *self, uint32_t at, uintptr_t item, uint64_t charge) {
    CHECK(self->count < MODEL_ITEMS);
    memmove(&self->items[at + 1], &self->items[at], (self->count - at) * sizeof(model_item));
    self->items[at] = (model_item){item, charge};
    self->count++;
}

static inline void model_remove(pair *self, uint32_t at) {
    memmove(&self->items[at], &self->items[at + 1], (self->count - at - 1) * sizeof(model_item));
    self->count--;
}

static inline void check_removed(pair *self, uint32_t at, const bb_removed *removed) {
    CHECK(at < self->count);
    CHECK(removed->key == NULL && (uintptr_t)removed->value == self->items[at].item);
    CHECK(removed->charge == self->items[at].charge);
}

/* Who left must have stood at that end of the model, but for one that stays. */
static inline void take_batch(pair *self, bb_batch *batch, bb_end from, uintptr_t stays) {
    for (uint32_t i = 0; i < batch->count; i++) {
        CHECK(self->count > 0);
        uint32_t at = from == BB_LEFT ? 0 : self->count - 1;
        at += self->items[at].item == stays;
        check_removed(self, at, &batch->items[i]);
        model_remove(self, at);
    }
    bb_batch_free(batch, &self->ring.allocator);
}

static inline void check_same(pair *self) {
    CHECK(self->ring.count == self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        CHECK((uintptr_t)bb_ring_at(&self->ring, at)->item == self->items[at].item);
        CHECK(bb_ring_at(&self->ring, at)->charge == self->items[at].charge);
    }
    CHECK(self->ledger.bytes == bb_ring_overhead(&self->ring));
    CHECK_VALID(bb_ring_validate, &self->ring);
    CHECK_VALID(bb_budget_validate, &self->parent);
    CHECK(self->parent.total == self->ring.budget.total);
    CHECK(self->parent.total <= self->parent.limit);
}

static inline void pair_open(pair *self, uint64_t limit, uint64_t parent_limit,
                             uint32_t max_count) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = -1;
    bb_budget_init(&self->parent, parent_limit, NULL, true);
    bb_ring_init(&self->ring, ledger_allocator(&self->ledger), limit, max_count, &self->parent);
}

static inline void pair_clear(pair *self) {
    bb_ring taken;
    bb_ring_take_all(&self->ring, &taken);
    CHECK(taken.count == self->count);
    for (uint32_t at = 0; at < taken.count; at++) {
        CHECK((uintptr_t)bb_ring_at(&taken, at)->item == self->items[at].item);
    }
    bb_ring_discard(&taken);
    self->count = 0;
}

static inline void pair_close(pair *self) {
    pair_clear(self);
    bb_ring_close(&self->ring);
    CHECK(self->ledger.bytes == 0 && self->ledger.blocks == 0);
    CHECK(self->parent.total == 0);
}

/* What fits alone by the own bounds and the parent's is taken, unless memory fails. */
static inline void check_refused(const pair *self, bb_status status, uint64_t charge) {
    const uint64_t least = charge + bb_ring_overhead_for(1);
    CHECK(status != BB_TOO_LARGE || least > self->ring.budget.limit);
    CHECK(status != BB_OVER_BUDGET || least > self->parent.limit);
    CHECK(status != BB_NO_MEMORY || self->ledger.fail_in < 0);
}

static inline bb_status pair_append(pair *self, bb_end end, uint64_t charge) {
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    const uintptr_t item = ++self->next_item;
    const bb_status status =
        bb_ring_append(&self->ring, end, (void *)item, charge, &batch, &refusal);
    if (status != BB_OK) {
        CHECK(batch.count == 0);
        bb_batch_free(&batch, &self->ring.allocator);
        check_refused(self, status, charge);
        return status;
    }
    take_batch(self, &batch, end == BB_LEFT ? BB_RIGHT : BB_LEFT, 0);
    model_insert(self, end == BB_LEFT ? 0 : self->count, item, charge);
    return BB_OK;
}

static inline bb_status pair_insert(pair *self, uint32_t index, uint64_t charge) {
    bb_refusal refusal;
    const uintptr_t item = ++self->next_item;
    const bool had_room = bb_ring_has_room(&self->ring, 1, charge);
    const bb_status status = bb_ring_insert(&self->ring, index, (void *)item, charge, &refusal);
    if (status == BB_OK) {
        model_insert(self, index, item, charge);
    }
    CHECK(status == BB_NO_MEMORY || !had_room || status == BB_OK);
    CHECK(had_room || status != BB_OK || self->count > 64);
    CHECK(status != BB_FULL || self->count != 0);
    CHECK(status != BB_TOO_LARGE || charge + bb_ring_overhead_for(1) > self->ring.budget.limit);
    return status;
}

static inline bb_status pair_replace(pair *self, uint32_t index, uint64_t charge) {
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    void *old = NULL;
    const uint64_t version = self->ring.version;
    const uintptr_t item = ++self->next_item;
    const uintptr_t before = self->items[index].item;
    const bb_status status =
        bb_ring_replace(&self->ring, index, (void *)item, charge, &batch, &refusal, &old);
    if (status != BB_OK) {
        CHECK(batch.count == 0);
        bb_batch_free(&batch, &self->ring.allocator);
        check_refused(self, status, charge);
        return status;
    }
    CHECK((uintptr_t)old == before);
    CHECK(batch.count != 0 || self->ring.version == version);
    take_batch(self, &batch, BB_LEFT, before);
    uint32_t at = 0;
    while (self->items[at].item != before) {
        at++;
    }
    self->items[at] = (model_item){item, charge};
    return BB_OK;
}

static inline void pair_remove(pair *self, uint32_t index) {
    bb_removed removed;
    bb_ring_remove(&self->ring, index, BB_DELETED, &removed);
    check_removed(self, index, &removed);
    model_remove(self, index);
}

static inline void pair_remove_many(pair *self, uint32_t start, uint32_t step, uint32_t count) {
    bb_batch batch;
    bb_batch_init(&batch);
    if (bb_ring_remove_many(&self->ring, start, step, count, BB_DELETED, &batch) == BB_OK) {
        CHECK(batch.count == count);
        for (uint32_t i = 0; i < count; i++) {
            check_removed(self, start + i * (step - 1), &batch.items[i]);
            model_remove(self, start + i * (step - 1));
        }
    } else {
        CHECK(batch.count == 0 && count > BB_BATCH_INLINE);
    }
    bb_batch_free(&batch, &self->ring.allocator);
}

static inline void pair_rotate(pair *self, int64_t steps) {
    bb_ring_rotate(&self->ring, steps);
    model_item turned[MODEL_ITEMS];
    for (int64_t at = 0; at < (int64_t)self->count; at++) {
        const int64_t to = (at + steps) % (int64_t)self->count;
        turned[to < 0 ? to + (int64_t)self->count : to] = self->items[at];
    }
    memcpy(self->items, turned, self->count * sizeof(model_item));
}

static inline void pair_reverse(pair *self) {
    bb_ring_reverse(&self->ring);
    for (uint32_t at = 0; at < self->count / 2; at++) {
        const model_item kept = self->items[at];
        self->items[at] = self->items[self->count - 1 - at];
        self->items[self->count - 1 - at] = kept;
    }
}

static inline void pair_count_within(pair *self, uint32_t max_count, uint64_t max_charge) {
    const uint32_t count = bb_ring_count_within(&self->ring, max_count, max_charge);
    uint64_t sum = 0;
    CHECK(count <= max_count && count <= self->count);
    CHECK((count == 0) == (max_count == 0 || self->count == 0));
    for (uint32_t at = 0; at < count; at++) {
        sum += self->items[at].charge;
    }
    CHECK(count <= 1 || sum <= max_charge);
    CHECK(count == max_count || count == self->count ||
          sum + self->items[count].charge > max_charge);
}

static inline void pair_trim(pair *self, uint64_t target) {
    bool done;
    do {
        bb_batch batch;
        bb_batch_init(&batch);
        done = bb_ring_trim(&self->ring, target, BB_TRIMMED, &batch);
        take_batch(self, &batch, BB_LEFT, 0);
    } while (!done);
    CHECK(self->ring.budget.total <= target);
}

static inline bb_status pair_limit(pair *self, uint64_t limit, uint32_t max_count) {
    bb_batch batch;
    bb_batch_init(&batch);
    const uint32_t count = self->ring.count;
    const bool keeps = bb_ring_least(&self->ring) <= limit && count <= max_count;
    const bb_status status = bb_ring_limit(&self->ring, limit, max_count, &batch);
    CHECK(status == BB_OK || (status == BB_NO_MEMORY && self->ring.count == count));
    CHECK(status != BB_OK || (self->ring.count <= max_count && self->ring.budget.total <= limit));
    CHECK(status != BB_OK || keeps == (batch.count == 0));
    take_batch(self, &batch, BB_LEFT, 0);
    return status;
}

/* A copy under the same bounds holds the same, or takes nothing. */
static inline void pair_copy(pair *self, bool reversed) {
    pair copy;
    bb_refusal refusal;
    pair_open(&copy, self->ring.budget.limit, BB_UNLIMITED, self->ring.max_count);
    copy.ledger.fail_in = self->ledger.fail_in;
    const int64_t start = reversed ? (int64_t)self->count - 1 : 0;
    const bb_status status =
        bb_ring_copy(&self->ring, start, reversed ? -1 : 1, self->count, &copy.ring, &refusal);
    CHECK(status == BB_OK || status == BB_NO_MEMORY);
    for (uint32_t at = 0; status == BB_OK && at < self->count; at++) {
        copy.items[at] = self->items[reversed ? self->count - 1 - at : at];
        copy.count++;
    }
    check_same(&copy);
    pair_close(&copy);
}

/* `more`: how many more items than leave. */
static inline void pair_splice(pair *self, uint32_t start, uint32_t step, uint32_t count,
                               uint32_t more, uint64_t charge) {
    bb_ring fresh;
    bb_batch batch;
    bb_refusal refusal;
    const uint32_t entering = step == 1 ? count + more : count;
    bb_batch_init(&batch);
    bb_ring_init(&fresh, bb_system_allocator, BB_UNLIMITED, UINT32_MAX, NULL);
    for (uint32_t i = 0; i < entering; i++) {
        CHECK(bb_ring_append(&fresh, BB_RIGHT, (void *)++self->next_item, charge, &batch,
                             &refusal) == BB_OK);
    }
    const bb_status status =
        bb_ring_splice(&self->ring, start, step, count, &fresh, &batch, &refusal);
    CHECK(status == BB_OK || batch.count == 0);
    for (uint32_t i = 0; status == BB_OK && i < count; i++) {
        const uint32_t at = start + i * (step == 1 ? 0 : step);
        check_removed(self, at, &batch.items[i]);
        model_remove(self, at);
        if (step != 1) {
            model_insert(self, at, (uintptr_t)bb_ring_at(&fresh, i)->item, charge);
        }
    }
    for (uint32_t i = 0; status == BB_OK && step == 1 && i < entering; i++) {
        model_insert(self, start + i, (uintptr_t)bb_ring_at(&fresh, i)->item, charge);
    }
    bb_batch_free(&batch, &self->ring.allocator);
    bb_ring_discard(&fresh);
}

#endif
