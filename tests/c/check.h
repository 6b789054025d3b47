/*
 * What every C test shares: CHECK, which works in release builds too, and an
 * allocator that keeps a ledger and can fail the n-th request.
 */
#ifndef BYTEBOUND_TEST_CHECK_H
#define BYTEBOUND_TEST_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytebound/alloc.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_VALID(validate, self)                                                                \
    do {                                                                                           \
        const char *reason_ = NULL;                                                                \
        if (!validate((self), &reason_)) {                                                         \
            fprintf(stderr, "%s:%d: invalid: %s\n", __FILE__, __LINE__, reason_);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef struct ledger {
    uint64_t bytes;
    uint64_t blocks;
    int64_t fail_in; /* requests that may still succeed; negative: all */
} ledger;

static inline void *ledger_resize(void *context, void *block, size_t old_size, size_t new_size) {
    ledger *self = context;
    if (new_size > old_size && self->fail_in >= 0 && self->fail_in-- == 0) {
        return NULL;
    }
    CHECK(self->bytes >= old_size);
    CHECK((block == NULL) == (old_size == 0));
    void *result = NULL;
    if (new_size != 0) {
        /* always moves, so that a stale pointer is a use after free */
        result = malloc(new_size);
        CHECK(result != NULL);
        for (size_t i = 0; i < new_size && i < old_size; i++) {
            ((char *)result)[i] = ((char *)block)[i];
        }
    }
    free(block);
    self->bytes += new_size;
    self->bytes -= old_size;
    self->blocks += (block == NULL && result != NULL);
    self->blocks -= (block != NULL && result == NULL);
    return result;
}

static inline bb_allocator ledger_allocator(ledger *self) {
    return (bb_allocator){ledger_resize, self};
}

#endif
