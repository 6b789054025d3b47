/* See sizing_tally.h. */
#include "sizing_tally.h"

#include <unistd.h>

enum {
    FRACTIONS = 65536,
    POOL = 16 * 1024,
    POOL_HEADER = 48,
    POOL_MOST = 512,
    MALLOC_HEADER = 8,
    MALLOC_LEAST = 32,
    MAPPED_HEADER = 16,
    MAPPED_LEAST = 128 * 1024,
    SLICE = 64 * 1024,
    SLICE_MOST = 8 * 1024,
};

static int has_own_allocator = 1; /* pymalloc or mimalloc, not the C library's malloc */
static Py_ssize_t page_nbytes = 4096;

void bb_tally_prepare(Py_ssize_t blocks_in_use) {
    long page = sysconf(_SC_PAGESIZE);
    page_nbytes = page > 0 ? page : page_nbytes;
    has_own_allocator = blocks_in_use > 0;
}

/* To a multiple of `step`, a power of two; the largest size stays itself. */
static Py_ssize_t round_up(Py_ssize_t nbytes, Py_ssize_t step) {
    return nbytes > PY_SSIZE_T_MAX - step ? nbytes : (nbytes + step - 1) & ~(step - 1);
}

/* A block of one size out of a page: itself, and its share of what the page has left over. */
static void add_share(bb_tally *tally, Py_ssize_t block, Py_ssize_t page, Py_ssize_t header) {
    Py_ssize_t blocks = (page - header) / block;
    Py_ssize_t left = page - blocks * block;
    bb_tally_add(tally, block);
    tally->fraction += left * FRACTIONS / blocks;
}

void bb_tally_taken_raw(bb_tally *tally, Py_ssize_t nbytes) {
#ifdef __GLIBC__
    if (nbytes >= MAPPED_LEAST) {
        bb_tally_add(tally, round_up(nbytes, page_nbytes));
        bb_tally_add(tally, nbytes % page_nbytes > page_nbytes - MAPPED_HEADER ? page_nbytes : 0);
        return;
    }
    Py_ssize_t taken = round_up(nbytes + MALLOC_HEADER, 16);
    bb_tally_add(tally, taken < MALLOC_LEAST ? MALLOC_LEAST : taken);
#else
    bb_tally_add(tally, round_up(nbytes, 16));
#endif
}

#ifdef Py_GIL_DISABLED

/* By 16 bytes up to 64, then four sizes a doubling. */
static Py_ssize_t block_size(Py_ssize_t nbytes) {
    if (nbytes <= 64) {
        return round_up(nbytes, 16);
    }
    int bits = 64 - __builtin_clzll((unsigned long long)nbytes - 1);
    return round_up(nbytes, (Py_ssize_t)1 << (bits - 3));
}

/* In a page, the first of the small blocks comes a few blocks late. In a large block, the system's
 * pages that were not asked for are never touched. */
void bb_tally_taken(bb_tally *tally, Py_ssize_t nbytes) {
    if (!has_own_allocator) {
        bb_tally_taken_raw(tally, nbytes);
        return;
    }
    Py_ssize_t block = block_size(nbytes);
    if (block <= SLICE_MOST) {
        add_share(tally, block, SLICE, block <= 64 ? 3 * block : block <= 512 ? block : 0);
    } else {
        Py_ssize_t touched = round_up(nbytes, page_nbytes);
        bb_tally_add(tally, block < touched ? block : touched);
    }
}

#else

void bb_tally_taken(bb_tally *tally, Py_ssize_t nbytes) {
    if (has_own_allocator && nbytes <= POOL_MOST) {
        add_share(tally, round_up(nbytes, 16), POOL, POOL_HEADER);
    } else {
        bb_tally_taken_raw(tally, nbytes);
    }
}

#endif

void bb_tally_blocks(bb_tally *tally, Py_ssize_t nbytes, Py_ssize_t count) {
    bb_tally one = {.rounded = tally->rounded};
    bb_tally_block(&one, nbytes);
    Py_ssize_t all;
    if (__builtin_mul_overflow(one.nbytes, count, &all)) {
        all = PY_SSIZE_T_MAX;
    }
    bb_tally_add(tally, all);
    tally->fraction += one.fraction * count;
}
