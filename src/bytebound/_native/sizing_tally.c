/* See sizing_tally.h. */
#include "sizing_tally.h"

#include <unistd.h>

enum {
    PYMALLOC_MOST = 512,
    PYMALLOC_STEP = 16,
    MALLOC_HEADER = 8,
    MALLOC_LEAST = 32,
    MAPPED_HEADER = 16,
    MAPPED_LEAST = 128 * 1024,
};

static int pymalloc_used = 1;
static Py_ssize_t page_nbytes = 4096;

void bb_tally_prepare(Py_ssize_t pymalloc_blocks) {
    long page = sysconf(_SC_PAGESIZE);
    page_nbytes = page > 0 ? page : page_nbytes;
    pymalloc_used = pymalloc_blocks > 0;
}

/* To a multiple of `step`, a power of two; the largest size stays itself. */
static Py_ssize_t round_up(Py_ssize_t nbytes, Py_ssize_t step) {
    return nbytes > PY_SSIZE_T_MAX - step ? nbytes : (nbytes + step - 1) & ~(step - 1);
}

Py_ssize_t bb_taken_raw(Py_ssize_t nbytes) {
#ifdef __GLIBC__
    if (nbytes >= MAPPED_LEAST) {
        return round_up(nbytes > PY_SSIZE_T_MAX - MAPPED_HEADER ? nbytes : nbytes + MAPPED_HEADER,
                        page_nbytes);
    }
    Py_ssize_t taken = round_up(nbytes + MALLOC_HEADER, 16);
    return taken < MALLOC_LEAST ? MALLOC_LEAST : taken;
#else
    return round_up(nbytes, 16);
#endif
}

#ifdef Py_GIL_DISABLED

/* mimalloc: by 16 bytes up to 64, then four classes a doubling, then pages. */
Py_ssize_t bb_taken(Py_ssize_t nbytes) {
    if (!pymalloc_used) {
        return bb_taken_raw(nbytes);
    }
    if (nbytes <= 64) {
        return round_up(nbytes, 16);
    }
    if (nbytes > MAPPED_LEAST) {
        return round_up(nbytes, page_nbytes);
    }
    Py_ssize_t step = (Py_ssize_t)1 << (61 - __builtin_clzll((unsigned long long)nbytes - 1));
    return round_up(nbytes, step);
}

#else

Py_ssize_t bb_taken(Py_ssize_t nbytes) {
    if (pymalloc_used && nbytes <= PYMALLOC_MOST) {
        return round_up(nbytes, PYMALLOC_STEP);
    }
    return bb_taken_raw(nbytes);
}

#endif
