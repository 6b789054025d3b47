/* Threads allocate from one pool and free what others allocated. Without BB_THREADED there is
 * no lock to test, and the threads run in turn. */
#include <pthread.h>
#include <string.h>

#include "bytebound/pool.h"
#include "check.h"

enum { THREADS = 4, ROUNDS = 20000, SLOTS = 64, LIMIT = 1 << 20 };

/* A place that one thread fills and any other may empty. */
typedef struct slot {
    bb_spinlock lock;
    unsigned char *block;
    uint64_t size;
} slot;

static bb_pool pool;
static slot slots[SLOTS];

static uint64_t size_at(uint64_t state) {
    return (state >> 33) % ((uint64_t)16 << ((state >> 20) % 12)) + 1;
}

static void exchange(slot *at, unsigned char **block, uint64_t *size) {
    unsigned char *const other = at->block;
    const uint64_t other_size = at->size;
    at->block = *block;
    at->size = *size;
    *block = other;
    *size = other_size;
}

static void *allocate_and_free(void *argument) {
    uint64_t state = (uint64_t)(uintptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t size = size_at(state);
        void *taken = NULL;
        bb_refusal refusal;
        if (bb_pool_allocate(&pool, size, 16, false, &taken, &refusal) == BB_OK) {
            memset(taken, (int)(size & 0xFF), size);
        }
        unsigned char *block = taken;
        slot *at = &slots[(state >> 40) % SLOTS];
        bb_spinlock_take(&at->lock);
        exchange(at, &block, &size);
        bb_spinlock_leave(&at->lock);
        if (block != NULL) {
            CHECK(block[0] == (size & 0xFF) && block[size - 1] == (size & 0xFF));
            bb_pool_free(&pool, block, size);
        }
        if (i % 1000 == 0) {
            (void)bb_pool_trim(&pool, LIMIT / 2);
            const bb_pool_totals totals = bb_pool_read(&pool);
            CHECK(totals.reserved + totals.overhead <= LIMIT && totals.budget.peak <= LIMIT);
            CHECK(totals.requested <= totals.usable && totals.usable <= totals.reserved);
        }
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    bb_pool_init(&pool, bb_system_pages, LIMIT, NULL, false);
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, allocate_and_free, (void *)(i + 1)) == 0);
        if (!BB_THREADED) {
            pthread_join(threads[i], NULL);
        }
    }
    for (int i = 0; BB_THREADED && i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_VALID(bb_pool_validate, &pool);
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].block != NULL) {
            bb_pool_free(&pool, slots[i].block, slots[i].size);
        }
    }
    CHECK(bb_pool_close(&pool));
    return 0;
}
