/* Several threads charge one tree: no level is ever passed and nothing is lost.
 * Without BB_THREADED there is no lock to test, and the threads run in turn. */
#include <pthread.h>

#include "bytebound/budget.h"
#include "check.h"

enum { THREADS = 4, ROUNDS = 50000, LIMIT = 1000 };

static bb_budget root, middle;

static void *charge_and_release(void *argument) {
    bb_budget leaf;
    uint64_t state = (uint64_t)(uintptr_t)argument;
    bb_budget_init(&leaf, LIMIT, &middle, false);
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t size = (state >> 33) % 400;
        const uint64_t held = bb_budget_read(&leaf).total;
        bb_refusal refusal;
        if (bb_budget_exchange(&leaf, held, size, &refusal) == BB_OK) {
            CHECK(bb_budget_read(&leaf).total == size);
        }
        const bb_budget_totals totals = bb_budget_read(&root);
        CHECK(totals.total <= LIMIT && totals.peak <= LIMIT);
    }
    bb_budget_close(&leaf);
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    bb_budget_init(&root, LIMIT, NULL, true);
    bb_budget_init(&middle, LIMIT - 100, &root, true);
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, charge_and_release, (void *)(i + 1)) == 0);
        if (!BB_THREADED) {
            pthread_join(threads[i], NULL);
        }
    }
    for (int i = 0; BB_THREADED && i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(root.total == 0 && middle.total == 0);
    CHECK(root.peak > 0 && middle.peak <= LIMIT - 100);
    return 0;
}
