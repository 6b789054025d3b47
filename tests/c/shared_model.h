/*
 * A slow, obvious LRU of entries that share parts, and a driver that applies one operation to
 * both. The model knows which parts each entry has and what each measured last; what is
 * charged is added up anew every time.
 */
#ifndef BYTEBOUND_TEST_SHARED_MODEL_H
#define BYTEBOUND_TEST_SHARED_MODEL_H

#include <string.h>

#include "bytebound/lru.h"
#include "check.h"

enum { KEYS = 40, PARTS = 64 };

typedef struct model_entry {
    uintptr_t key;
    uintptr_t value;
    uint64_t charge;
    uint64_t parts; /* a bit each */
} model_entry;

typedef struct model {
    model_entry entries[KEYS + 1]; /* oldest first */
    uint32_t count;
    uint64_t nbytes[PARTS];
} model;

typedef struct pair {
    bb_lru lru;
    model model;
    bb_budget parent;
    ledger ledger;
    ledger scratch;
    uintptr_t next_value;
} pair;

static inline uint64_t hash_of(uintptr_t key) {
    return key % 3 == 0 ? (uint64_t)key << 40 : key % 7;
}

static inline uint32_t find(const bb_lru *self, uintptr_t key) {
    bb_lru_probe probe = {0, 0};
    uint32_t index = bb_lru_first(self, hash_of(key), &probe);
    while (index != 0 && (uintptr_t)self->entries[index].key != key) {
        index = bb_lru_next(self, &probe);
    }
    return index;
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

static inline uint64_t model_payload(const model *self) {
    uint64_t payload = 0, parts = 0;
    for (uint32_t at = 0; at < self->count; at++) {
        payload += self->entries[at].charge;
        parts |= self->entries[at].parts;
    }
    for (uint32_t part = 0; part < PARTS; part++) {
        payload += parts >> part & 1 ? self->nbytes[part] : 0;
    }
    return payload;
}

static inline void check_same(pair *self) {
    uint32_t index = bb_lru_oldest(&self->lru);
    CHECK(self->lru.count == self->model.count);
    CHECK(self->lru.payload == model_payload(&self->model));
    for (uint32_t at = 0; at < self->model.count; at++) {
        CHECK((uintptr_t)self->lru.entries[index].key == self->model.entries[at].key);
        CHECK((uintptr_t)self->lru.entries[index].value == self->model.entries[at].value);
        model without = self->model;
        model_remove(&without, at);
        CHECK(bb_lru_releasable(&self->lru, index) == self->lru.payload - model_payload(&without));
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
    self->ledger.fail_in = self->scratch.fail_in = -1;
    bb_budget_init(&self->parent, parent_limit, NULL, true);
    bb_lru_init(&self->lru, ledger_allocator(&self->ledger), limit, max_count, charge_overhead,
                &self->parent);
    bb_lru_share(&self->lru);
}

static inline void pair_clear(pair *self) {
    bb_lru taken;
    bb_lru_take_all(&self->lru, &taken);
    CHECK(self->lru.payload == 0 && self->lru.overhead == 0);
    bb_lru_discard(&taken);
    self->model.count = 0;
    CHECK(self->ledger.bytes == 0 && self->ledger.blocks == 0);
}

static inline void pair_close(pair *self) {
    pair_clear(self);
    bb_lru_close(&self->lru);
    CHECK(self->parent.total == 0);
    CHECK(self->scratch.blocks == 0);
}

/* Every entry that left must be the model's oldest, except `kept`, and release what is gone. */
static inline void take_batch(pair *self, bb_batch *batch, uintptr_t kept) {
    uint64_t released = 0;
    const uint64_t before = model_payload(&self->model);
    for (uint32_t i = 0; i < batch->count; i++) {
        const uint32_t oldest = self->model.entries[0].key == kept ? 1 : 0;
        CHECK(oldest < self->model.count);
        CHECK((uintptr_t)batch->items[i].key == self->model.entries[oldest].key);
        CHECK((uintptr_t)batch->items[i].value == self->model.entries[oldest].value);
        model_remove(&self->model, oldest);
        released += batch->items[i].charge;
    }
    CHECK(kept != 0 || released == before - model_payload(&self->model));
    bb_batch_free(batch, &self->lru.allocator);
}

static inline void find_parts(pair *self, uint64_t parts, uint64_t nbytes, bb_found *found) {
    bb_found_init(found, ledger_allocator(&self->scratch));
    for (uint32_t part = 0; part < PARTS; part++) {
        if (parts >> part & 1) {
            CHECK(bb_found_add(found, (uintptr_t)(part + 1) << 4, 1 + nbytes * part));
        }
    }
}

/* An entry of these parts, and of `charge` bytes of its own. On failure nothing may have changed,
 * and what fits alone may fail only for want of memory or above. */
static inline bb_status pair_put(pair *self, uintptr_t key, uint64_t charge, uint64_t parts,
                                 uint64_t nbytes) {
    bb_batch batch;
    bb_refusal refusal = {0};
    bb_found found;
    bb_batch_init(&batch);
    find_parts(self, parts, nbytes, &found);
    const uintptr_t value = ++self->next_value;
    const uint64_t overhead =
        self->lru.charge_overhead ? bb_lru_shared_overhead_for(&self->lru, found.count) : 0;
    const bool fits_alone = found.nbytes + charge + overhead <= self->lru.budget.limit;
    const uint32_t index = find(&self->lru, key);
    void *old = NULL;
    bb_status status;
    if (index == 0) {
        status = bb_lru_insert_shared(&self->lru, (void *)key, (void *)value, hash_of(key), charge,
                                      &found, &batch, &refusal);
    } else {
        status = bb_lru_replace_shared(&self->lru, index, (void *)value, charge, &found, &batch,
                                       &refusal, &old);
    }
    if (status == BB_OK) {
        for (size_t i = 0; i < found.count; i++) {
            const size_t part = (found.items[i].identity >> 4) - 1;
            self->model.nbytes[part] = 1 + nbytes * part;
        }
        const uint32_t at = model_find(&self->model, key);
        CHECK((index != 0) == (at < self->model.count));
        if (index != 0) {
            CHECK((uintptr_t)old == self->model.entries[at].value);
        }
        take_batch(self, &batch, key);
        if (index != 0) {
            model_remove(&self->model, model_find(&self->model, key));
        }
        self->model.entries[self->model.count++] = (model_entry){key, value, charge, parts};
    } else {
        CHECK(batch.count == 0);
        CHECK((status == BB_TOO_LARGE) == !fits_alone || status == BB_NO_MEMORY);
        bb_batch_free(&batch, &self->lru.allocator);
    }
    bb_found_free(&found);
    return status;
}

static inline void pair_recharge(pair *self, uintptr_t key, uint64_t parts, uint64_t nbytes) {
    const uint32_t index = find(&self->lru, key);
    if (index == 0) {
        return;
    }
    bb_batch batch;
    bb_refusal refusal = {0};
    bb_found found;
    bb_batch_init(&batch);
    find_parts(self, parts, nbytes, &found);
    uint64_t releasable = 0;
    const bb_status status =
        bb_lru_recharge_shared(&self->lru, index, 0, &found, &batch, &refusal, &releasable);
    if (status == BB_OK) {
        for (size_t i = 0; i < found.count; i++) {
            const size_t part = (found.items[i].identity >> 4) - 1;
            self->model.nbytes[part] = 1 + nbytes * part;
        }
        take_batch(self, &batch, key);
        model_entry *entry = &self->model.entries[model_find(&self->model, key)];
        entry->charge = 0;
        entry->parts = parts;
        CHECK(releasable == bb_lru_releasable(&self->lru, find(&self->lru, key)));
    }
    bb_batch_free(&batch, &self->lru.allocator);
    bb_found_free(&found);
}

static inline void pair_get(pair *self, uintptr_t key) {
    const uint32_t index = find(&self->lru, key);
    if (index != 0) {
        const uint32_t at = model_find(&self->model, key);
        const model_entry entry = self->model.entries[at];
        bb_lru_promote(&self->lru, index);
        model_remove(&self->model, at);
        self->model.entries[self->model.count++] = entry;
    }
}

static inline void pair_delete(pair *self, uintptr_t key) {
    const uint32_t index = find(&self->lru, key);
    if (index != 0) {
        bb_removed removed;
        const uint64_t before = self->lru.payload;
        bb_lru_remove(&self->lru, index, BB_DELETED, &removed);
        model_remove(&self->model, model_find(&self->model, key));
        CHECK(removed.charge == before - model_payload(&self->model));
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
    CHECK(self->lru.budget.total <= target);
}

static inline void pair_limit(pair *self, uint64_t limit, uint32_t max_count) {
    bb_batch batch;
    bb_batch_init(&batch);
    const uint32_t count = self->lru.count;
    const bb_status status = bb_lru_limit(&self->lru, limit, max_count, &batch);
    CHECK(status == BB_OK || (status == BB_NO_MEMORY && self->lru.count == count));
    take_batch(self, &batch, 0);
}

/* A copy under the same bound holds the same, or takes nothing. */
static inline bb_status pair_copy(pair *self, int64_t fail_in) {
    pair copy;
    bb_refusal refusal;
    pair_open(&copy, self->lru.budget.limit, BB_UNLIMITED, self->lru.max_count,
              self->lru.charge_overhead);
    copy.ledger.fail_in = fail_in;
    const bb_status status = bb_lru_copy(&self->lru, &copy.lru, &refusal);
    copy.ledger.fail_in = -1;
    CHECK(status == BB_OK || status == BB_NO_MEMORY);
    if (status == BB_OK) {
        copy.model = self->model;
    }
    check_same(&copy);
    pair_close(&copy);
    return status;
}

#endif
