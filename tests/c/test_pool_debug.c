/* Debug mode reports what was done to blocks that should not have been. */
#include <string.h>

#include "bytebound/pool.h"
#include "check.h"

typedef struct reports {
    uint64_t count;
    bb_damage last;
} reports;

static void note(void *context, const bb_damage *damage) {
    reports *self = context;
    self->count++;
    self->last = *damage;
}

static bb_pool pool;
static reports reported;

static void open_pool(void) {
    bb_pool_init(&pool, bb_system_pages, BB_UNLIMITED, NULL, true);
    reported = (reports){0};
    pool.report = note;
    pool.report_context = &reported;
}

static unsigned char *take(uint64_t size, uint64_t alignment) {
    void *block;
    bb_refusal refusal;
    CHECK(bb_pool_allocate(&pool, size, alignment, false, &block, &refusal) == BB_OK);
    return block;
}

static void check_reported(bb_damage_kind kind, const void *block, uint64_t size, uint64_t serial) {
    CHECK(reported.count == 1 && reported.last.kind == kind && reported.last.block == block);
    CHECK(reported.last.size == size && reported.last.serial == serial);
    reported.count = 0;
    CHECK_VALID(bb_pool_validate, &pool);
}

static void one_byte_too_far_is_reported(uint64_t size, uint64_t alignment) {
    open_pool();
    (void)take(1, 16);
    unsigned char *block = take(size, alignment);
    memset(block, 1, size);
    CHECK(bb_pool_inspect(&pool, block).kind == BB_NO_DAMAGE);
    block[size] = 1;
    CHECK(bb_pool_inspect(&pool, block).kind == BB_OVERRUN);
    bb_pool_free(&pool, block, size);
    check_reported(BB_OVERRUN, block, size, 2);
    block = take(size, alignment);
    block[-1] = 1;
    bb_pool_free(&pool, block, size);
    check_reported(BB_UNDERRUN, block, size, 3);
    CHECK(bb_pool_read(&pool).blocks == 1 && bb_pool_read(&pool).requested == 1);
}

static void a_second_free_is_reported(uint64_t size) {
    open_pool();
    unsigned char *other = take(size, 16);
    unsigned char *block = take(size, 16);
    bb_pool_free(&pool, block, size);
    CHECK(reported.count == 0);
    for (uint64_t i = 0; i < size; i++) {
        CHECK(block[i] == 0xDD);
    }
    bb_pool_free(&pool, block, size);
    check_reported(BB_DOUBLE_FREE, block, size, 2);
    bb_pool_free_unsized(&pool, block, 1);
    check_reported(BB_DOUBLE_FREE, block, size, 2);
    bb_pool_free(&pool, other, size);
    CHECK(reported.count == 0 && bb_pool_close(&pool));
}

static void what_is_no_block_is_reported(void) {
    open_pool();
    unsigned char *block = take(100, 16);
    unsigned char *span = take(5000, 16);
    unsigned char elsewhere[100];
    bb_pool_free(&pool, elsewhere, 100);
    check_reported(BB_FOREIGN_FREE, elsewhere, 0, 0);
    bb_pool_free(&pool, block + 16, 100);
    check_reported(BB_FOREIGN_FREE, block + 16, 0, 0);
    bb_pool_free(&pool, block - 32, 100);
    check_reported(BB_FOREIGN_FREE, block - 32, 0, 0);
    bb_pool_free(&pool, span + 10000, 100);
    check_reported(BB_FOREIGN_FREE, span + 10000, 0, 0);
    bb_pool_free(&pool, block, 99);
    check_reported(BB_WRONG_SIZE, block, 100, 1);
    bb_pool_free(&pool, span, 5000);
    CHECK(reported.count == 0 && bb_pool_close(&pool));
}

int main(void) {
    const uint64_t sizes[] = {0, 1, 16, 100, 4000, 5000, 65536, 1 << 20};
    for (int i = 0; i < 8; i++) {
        for (uint64_t alignment = 16; alignment <= 4096; alignment *= 4) {
            one_byte_too_far_is_reported(sizes[i], alignment);
        }
        a_second_free_is_reported(sizes[i]);
    }
    what_is_no_block_is_reported();
    return 0;
}
