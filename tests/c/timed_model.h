/* What lru_model.h does not do to an LRU: times and pins. */
#ifndef BYTEBOUND_TEST_TIMED_MODEL_H
#define BYTEBOUND_TEST_TIMED_MODEL_H

#include "lru_model.h"

/* As a write does: what has expired goes first, some of it. */
static inline void pair_expire_some(pair *self, uintptr_t key, uint64_t charge) {
    bb_batch batch;
    bb_batch_init(&batch);
    const uint32_t index =
        bb_lru_clear_way(&self->lru, find(&self->lru, key), self->now, charge, &batch);
    take_batch(self, &batch, 0);
    CHECK(index == find(&self->lru, key) ||
          bb_lru_has_expired(&self->lru, find(&self->lru, key), self->now));
}

static inline bb_status pair_put_for(pair *self, uintptr_t key, uint64_t charge, uint64_t ttl,
                                     uint64_t idle) {
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    const uint32_t columns = idle != BB_NEVER  ? BB_LRU_TIMERS | BB_LRU_IDLES
                             : ttl != BB_NEVER ? BB_LRU_TIMERS
                                               : 0;
    const uint32_t count = self->lru.count;
    const uint32_t index = self->now & 1 ? find(&self->lru, key) : 0; /* what stays */
    bb_status status = bb_lru_keep_times(&self->lru, columns, index, charge, &batch, &refusal);
    CHECK(status == BB_OK || (batch.count == 0 && self->lru.count == count));
    CHECK(status != BB_OVER_BUDGET || refusal.level == &self->parent);
    take_batch(self, &batch, index != 0 ? key : 0);
    CHECK(index == 0 || find(&self->lru, key) != 0);
    if (status != BB_OK) {
        return status;
    }
    pair_expire_some(self, key, charge);
    status = pair_put(self, key, charge);
    if (status == BB_OK) {
        bb_lru_schedule(&self->lru, bb_lru_newest(&self->lru), self->now, ttl, idle);
        model_schedule(self, self->model.count - 1, ttl, idle);
    }
    return status;
}

/* Lets one leave after the other, or counts only. */
static inline void pair_expire(pair *self, uint32_t most) {
    uint32_t live = 0;
    for (uint32_t at = 0; at < self->model.count; at++) {
        live += !model_has_expired(&self->model.entries[at], self->now);
    }
    CHECK(bb_lru_live_count(&self->lru, self->now) == live);
    for (bool done = most == 0; !done;) {
        bb_batch batch;
        bb_batch_init(&batch);
        done = bb_lru_expire(&self->lru, self->now, most, &batch);
        CHECK(done || batch.count != 0);
        take_batch(self, &batch, 0);
    }
    CHECK(most == 0 || self->lru.count == live);
}

static inline void pair_pin(pair *self, uintptr_t key) {
    bb_batch batch;
    bb_refusal refusal;
    bb_batch_init(&batch);
    const uint32_t index = pair_find(self, key);
    if (index != 0) {
        const uint64_t total = self->lru.budget.total;
        const bb_status status = bb_lru_pin(&self->lru, index, &batch, &refusal);
        CHECK(status == BB_OK || (batch.count == 0 && self->lru.budget.total == total));
        CHECK(status != BB_OVER_BUDGET || refusal.level == &self->parent);
        take_batch(self, &batch, key);
        if (status == BB_OK) {
            self->model.entries[model_find(&self->model, key)].pins++;
        }
    }
}

static inline void pair_unpin(pair *self, uintptr_t key) {
    const uint32_t at = model_find(&self->model, key);
    if (at < self->model.count && self->model.entries[at].pins != 0) {
        bb_lru_unpin(&self->lru, (void *)key, hash_of(key));
        self->model.entries[at].pins--;
    }
}

/* What is seen of an LRU at one instant: what has not expired, and what is pinned. */
static inline void pair_snapshot(pair *self) {
    pair copy;
    bb_refusal refusal;
    pair_open(&copy, BB_UNLIMITED, BB_UNLIMITED, UINT32_MAX, false);
    copy.ledger.fail_in = self->ledger.fail_in;
    const bb_status status = bb_lru_copy(&self->lru, &copy.lru, &refusal);
    CHECK(status == BB_OK || status == BB_NO_MEMORY);
    uint64_t expired = 0;
    for (uint32_t at = 0; at < self->model.count; at++) {
        const model_entry *entry = &self->model.entries[at];
        expired += model_has_expired(entry, self->now) ? entry->charge : 0;
    }
    CHECK(bb_lru_expired_payload(&self->lru, self->now) == expired);
    if (status == BB_OK) {
        bb_lru_hold_pinned(&self->lru, &copy.lru);
        bb_lru_forget_expired(&copy.lru, self->now);
        for (uint32_t at = 0; at < self->model.count; at++) {
            if (!model_has_expired(&self->model.entries[at], self->now)) {
                copy.model.entries[copy.model.count++] = self->model.entries[at];
            }
        }
    }
    pair_close(&copy); /* which looks whether they are the same */
}

static inline void check_pinned(pair *self) {
    uint64_t payload = 0;
    for (uint32_t at = 0; at < self->model.count; at++) {
        payload += self->model.entries[at].pins != 0 ? self->model.entries[at].charge : 0;
    }
    CHECK(bb_lru_pinned_payload(&self->lru) == payload);
    CHECK(self->lru.budget.total <= self->lru.budget.limit);
}

#endif
