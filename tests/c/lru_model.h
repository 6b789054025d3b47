/*
 * A slow, obvious LRU and a driver that applies one operation to both: the
 * tests and the fuzz target feed it with operations. Keys are small numbers,
 * stored as pointers; the hash is chosen to collide often.
 */
#ifndef BYTEBOUND_TEST_LRU_MODEL_H
#define BYTEBOUND_TEST_LRU_MODEL_H

#include <string.h>

#include "bytebound/lru.h"
#include "check.h"

enum { MODEL_KEYS = 200 };

typedef struct model_entry {
    uintptr_t key;
    uintptr_t value;
    uint64_t charge;
    uint64_t deadline;
    uint64_t expires;
    uint64_t idle;
    uint32_t pins;
} model_entry;

typedef struct model {
    model_entry entries[MODEL_KEYS]; /* oldest first */
    uint32_t count;
} model;

typedef struct pair {
    bb_lru lru;
    model model;
    bb_budget parent;
    ledger ledger;
    uintptr_t next_value;
    uint64_t now;
} pair;

static inline uint64_t hash_of(uintptr_t key) {
    return key % 3 == 0 ? (uint64_t)key << 40 : key % 7; /* some distinct, many equal */
}

static inline uint32_t model_find(const model *self, uintptr_t key) {
    uint32_t at = 0;
    while (at < self->count && self->entries[at].key != key) {
        at++;
    }
    return at;
}

static inline void model_remove(model *self, uint32_t at) {
    memmove(&self->entries[at], &self->entries[at + 1],
            (self->count - at - 1) * sizeof(model_entry));
    self->count--;
}

static inline uint32_t find(const bb_lru *self, uintptr_t key) {
    bb_lru_probe probe;
    uint32_t index = bb_lru_first(self, hash_of(key), &probe);
    while (index != 0 && (uintptr_t)self->entries[index].key != key) {
        index = bb_lru_next(self, &probe);
    }
    return index;
}

static inline bool model_has_expired(const model_entry *entry, uint64_t now) {
    return entry->deadline <= now && entry->pins == 0;
}

/* Every removed entry must have expired, or be the model's oldest at that moment that is
 * not pinned, except `kept`. */
static inline void take_batch(pair *self, bb_batch *batch, uintptr_t kept) {
    for (uint32_t i = 0; i < batch->count; i++) {
        const bb_removed *removed = &batch->items[i];
        uint32_t at = 0;
        if (removed->reason == BB_EXPIRED) {
            at = model_find(&self->model, (uintptr_t)removed->key);
            CHECK(model_has_expired(&self->model.entries[at], self->now));
        } else {
            while (self->model.entries[at].key == kept || self->model.entries[at].pins != 0) {
                at++;
            }
        }
        CHECK(at < self->model.count);
        CHECK((uintptr_t)removed->key == self->model.entries[at].key);
        CHECK((uintptr_t)removed->value == self->model.entries[at].value);
        CHECK(removed->charge == self->model.entries[at].charge);
        model_remove(&self->model, at);
    }
    bb_batch_free(batch, &self->lru.allocator);
}

static inline void check_times(pair *self, uint32_t index, const model_entry *entry) {
    if (model_has_expired(entry, self->now)) {
        CHECK(bb_lru_has_expired(&self->lru, index, self->now));
        return;
    }
    const uint64_t left = bb_lru_time_left(&self->lru, index, self->now);
    CHECK(!bb_lru_has_expired(&self->lru, index, self->now));
    CHECK(entry->deadline == BB_NEVER    ? left == BB_NEVER
          : entry->deadline <= self->now ? left == 0
                                         : left == entry->deadline - self->now);
}

static inline void check_same(pair *self) {
    uint32_t index = bb_lru_oldest(&self->lru);
    CHECK(self->lru.count == self->model.count);
    for (uint32_t at = 0; at < self->model.count; at++) {
        CHECK((uintptr_t)self->lru.entries[index].key == self->model.entries[at].key);
        CHECK((uintptr_t)self->lru.entries[index].value == self->model.entries[at].value);
        CHECK(bb_lru_charge(&self->lru.entries[index]) == self->model.entries[at].charge);
        CHECK(bb_lru_is_pinned(&self->lru, index) == (self->model.entries[at].pins != 0));
        check_times(self, index, &self->model.entries[at]);
        index = bb_lru_newer(&self->lru, index);
    }
    CHECK(self->ledger.bytes == self->lru.overhead);
    CHECK_VALID(bb_lru_validate, &self->lru);
    CHECK_VALID(bb_budget_validate, &self->parent);
    CHECK(self->parent.total == self->lru.budget.total);
}

static inline void pair_open(pair *self, uint64_t limit, uint64_t parent_limit, uint32_t max_count,
                             bool charge_overhead) {
    memset(self, 0, sizeof(*self));
    self->ledger.fail_in = -1;
    bb_budget_init(&self->parent, parent_limit, NULL, true);
    bb_lru_init(&self->lru, ledger_allocator(&self->ledger), limit, max_count, charge_overhead,
                &self->parent);
}

static inline void pair_clear(pair *self) {
    bb_lru taken;
    bb_lru_take_all(&self->lru, &taken);
    uint32_t at = 0;
    for (uint32_t i = bb_lru_oldest(&taken); i != 0; i = bb_lru_newer(&taken, i)) {
        CHECK((uintptr_t)taken.entries[i].key == self->model.entries[at++].key);
    }
    CHECK(at == self->model.count);
    bb_lru_discard(&taken);
    self->model.count = 0;
}

static inline void pair_close(pair *self) {
    pair_clear(self);
    bb_lru_close(&self->lru);
    CHECK(self->ledger.bytes == 0 && self->ledger.blocks == 0);
    CHECK(self->parent.total == 0);
}

static inline uint64_t model_after(uint64_t now, uint64_t span) {
    return span == BB_NEVER ? BB_NEVER : now + span;
}

static inline void model_schedule(pair *self, uint32_t at, uint64_t ttl, uint64_t idle) {
    model_entry *entry = &self->model.entries[at];
    const uint64_t unused = model_after(self->now, idle);
    entry->expires = model_after(self->now, ttl);
    entry->idle = idle;
    entry->deadline = entry->expires < unused ? entry->expires : unused;
}

/* The index of an entry that has not expired, or 0; one that has leaves. */
static inline uint32_t pair_find(pair *self, uintptr_t key) {
    const uint32_t index = find(&self->lru, key);
    if (index != 0 && bb_lru_has_expired(&self->lru, index, self->now)) {
        bb_batch batch;
        bb_batch_init(&batch);
        bb_lru_expire_at(&self->lru, index, &batch.items[0]);
        batch.count = 1;
        take_batch(self, &batch, 0);
        return 0;
    }
    return index;
}

/* Returns the status; on failure nothing may have changed. */
static inline bb_status pair_put(pair *self, uintptr_t key, uint64_t charge) {
    bb_batch batch;
    bb_refusal refusal = {0};
    bb_batch_init(&batch);
    const uintptr_t value = ++self->next_value;
    const uint32_t index = pair_find(self, key);
    const bool pinned = index != 0 && bb_lru_is_pinned(&self->lru, index);
    void *old = NULL;
    bb_status status;
    if (index == 0) {
        status = bb_lru_insert(&self->lru, (void *)key, (void *)value, hash_of(key), charge, &batch,
                               &refusal);
    } else {
        status = bb_lru_replace(&self->lru, index, (void *)value, charge, &batch, &refusal, &old);
    }
    if (status != BB_OK) {
        CHECK(batch.count == 0);
        bb_batch_free(&batch, &self->lru.allocator);
        return status;
    }
    CHECK(!pinned);
    take_batch(self, &batch, key);
    if (index != 0) {
        const uint32_t at = model_find(&self->model, key);
        CHECK((uintptr_t)old == self->model.entries[at].value);
        model_remove(&self->model, at);
    }
    CHECK(self->model.count < MODEL_KEYS);
    self->model.entries[self->model.count++] =
        (model_entry){key, value, charge, BB_NEVER, BB_NEVER, BB_NEVER, 0};
    bb_lru_schedule(&self->lru, bb_lru_newest(&self->lru), self->now, BB_NEVER, BB_NEVER);
    return BB_OK;
}

static inline void pair_get(pair *self, uintptr_t key) {
    const uint32_t index = pair_find(self, key);
    const uint32_t at = model_find(&self->model, key);
    CHECK((index != 0) == (at < self->model.count));
    if (index != 0) {
        model_entry entry = self->model.entries[at];
        const uint64_t unused = model_after(self->now, entry.idle);
        entry.deadline = entry.expires < unused ? entry.expires : unused;
        bb_lru_promote(&self->lru, index);
        bb_lru_renew(&self->lru, index, self->now);
        model_remove(&self->model, at);
        self->model.entries[self->model.count++] = entry;
    }
}

static inline void pair_delete(pair *self, uintptr_t key) {
    const uint32_t index = pair_find(self, key);
    if (index != 0 && !bb_lru_is_pinned(&self->lru, index)) {
        bb_removed removed;
        const uint32_t at = model_find(&self->model, key);
        bb_lru_remove(&self->lru, index, BB_DELETED, &removed);
        CHECK((uintptr_t)removed.value == self->model.entries[at].value);
        model_remove(&self->model, at);
    }
}

static inline void pair_trim(pair *self, uint64_t target) {
    bool done;
    do {
        bb_batch batch;
        bb_batch_init(&batch);
        done = bb_lru_trim(&self->lru, target, BB_TRIMMED, &batch);
        take_batch(self, &batch, 0);
    } while (!done);
    CHECK(self->lru.budget.total <= target || self->lru.pins.count == self->lru.count);
}

static inline void pair_limit(pair *self, uint64_t limit, uint32_t max_count) {
    bb_batch batch;
    bb_batch_init(&batch);
    const uint32_t count = self->lru.count;
    const bb_status status = bb_lru_limit(&self->lru, limit, max_count, &batch);
    CHECK(status == BB_OK ||
          ((status == BB_NO_MEMORY || status == BB_PINNED) && self->lru.count == count));
    take_batch(self, &batch, 0);
}

/* A copy under the same bound holds the same, or takes nothing. */
static inline void pair_copy(pair *self) {
    pair copy;
    bb_refusal refusal;
    pair_open(&copy, self->lru.budget.limit, BB_UNLIMITED, self->lru.max_count,
              self->lru.charge_overhead);
    copy.ledger.fail_in = self->ledger.fail_in;
    const bb_status status = bb_lru_copy(&self->lru, &copy.lru, &refusal);
    CHECK(status == BB_OK || status == BB_NO_MEMORY);
    copy.now = self->now;
    if (status == BB_OK) {
        copy.model = self->model;
    }
    for (uint32_t at = 0; at < copy.model.count; at++) {
        copy.model.entries[at].pins = 0;
    }
    check_same(&copy);
    pair_close(&copy);
}

#endif
