/*
 * Prints, for each size given, the nanoseconds that a pool and malloc() take to allocate and
 * free one block: the least of several runs of each, in turn. Another allocator is measured by
 * preloading it in malloc's place.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bytebound/pool.h"

enum { PAIRS = 200000, ROUNDS = 15 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double pool_pairs(bb_pool *pool, volatile size_t *size) {
    const double start = now();
    for (int i = 0; i < PAIRS; i++) {
        void *block;
        bb_refusal refusal;
        if (bb_pool_allocate(pool, *size, 16, false, &block, &refusal) != BB_OK) {
            abort();
        }
        *(volatile char *)block = 1;
        bb_pool_free(pool, block, *size);
    }
    return (now() - start) / PAIRS;
}

static double malloc_pairs(volatile size_t *size) {
    const double start = now();
    for (int i = 0; i < PAIRS; i++) {
        void *block = malloc(*size);
        if (block == NULL) {
            abort();
        }
        *(volatile char *)block = 1;
        free(block);
    }
    return (now() - start) / PAIRS;
}

int main(int count, char **sizes) {
    bb_pool pool;
    bb_pool_init(&pool, bb_system_pages, (uint64_t)1 << 30, NULL, false);
    for (int i = 1; i < count; i++) {
        volatile size_t size = strtoul(sizes[i], NULL, 10);
        double ours = 1e9, theirs = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            const double pool_time = pool_pairs(&pool, &size);
            const double malloc_time = malloc_pairs(&size);
            ours = pool_time < ours ? pool_time : ours;
            theirs = malloc_time < theirs ? malloc_time : theirs;
        }
        printf("%zu %f %f\n", size, ours, theirs);
    }
    return bb_pool_close(&pool) ? 0 : 1;
}
