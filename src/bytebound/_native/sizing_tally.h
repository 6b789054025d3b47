/*
 * Adding up the blocks that one object consists of.
 *
 * Purpose
 *   An object is one block of the allocator or several (a list and its array), and what the
 *   allocator really takes for it depends on each. So the rules of each type report blocks, and
 *   this adds either what was requested or what is taken.
 *
 * What is taken
 *   pymalloc cuts pools of 16 KiB into blocks of one size, a multiple of 16 up to 512 bytes.
 *   glibc's malloc adds 8 bytes and rounds to 16, 32 at least, and gives pages to what is 128 KiB
 *   or more. The free-threaded build's mimalloc has four sizes a doubling and cuts pages of 64 KiB
 *   into blocks of one size. What is left over in a pool or page is shared out among its blocks;
 *   since that is less than a byte for small ones, it is kept in 65536ths and added at the end.
 *   Elsewhere a request is rounded to 16 bytes.
 *
 * Invariants: no allocation, no error, no Python code. A total past the largest size stays there.
 */
#ifndef BYTEBOUND_SIZING_TALLY_H
#define BYTEBOUND_SIZING_TALLY_H

#include <Python.h>

typedef struct bb_tally {
    Py_ssize_t nbytes;
    Py_ssize_t fraction; /* in 65536ths of a byte, on top of nbytes */
    int rounded;
    int failed; /* a size could not be learned for want of memory */
} bb_tally;

/* Which allocator serves Python objects. Called once, when the module is imported. */
void bb_tally_prepare(Py_ssize_t blocks_in_use);

/* Adds what the allocator of Python objects, or the C library's, takes for one request. */
void bb_tally_taken(bb_tally *tally, Py_ssize_t nbytes);
void bb_tally_taken_raw(bb_tally *tally, Py_ssize_t nbytes);

static inline void bb_tally_add(bb_tally *tally, Py_ssize_t nbytes) {
    if (__builtin_add_overflow(tally->nbytes, nbytes, &tally->nbytes)) {
        tally->nbytes = PY_SSIZE_T_MAX;
    }
}

/* A block of PyObject_Malloc or PyMem_Malloc; none if nbytes is 0. */
static inline void bb_tally_block(bb_tally *tally, Py_ssize_t nbytes) {
    if (!tally->rounded) {
        bb_tally_add(tally, nbytes);
    } else if (nbytes > 0) {
        bb_tally_taken(tally, nbytes);
    }
}

/* A block of malloc or PyMem_RawMalloc; none if nbytes is 0. */
static inline void bb_tally_raw_block(bb_tally *tally, Py_ssize_t nbytes) {
    if (!tally->rounded) {
        bb_tally_add(tally, nbytes);
    } else if (nbytes > 0) {
        bb_tally_taken_raw(tally, nbytes);
    }
}

/* Several blocks of PyObject_Malloc or PyMem_Malloc of one size. */
void bb_tally_blocks(bb_tally *tally, Py_ssize_t nbytes, Py_ssize_t count);

#endif
