/*
 * Adding up the blocks that one object consists of.
 *
 * Purpose
 *   An object is one block of the allocator or several (a list and its array), and what the
 *   allocator really takes for it depends on each. So the rules of each type report blocks, and
 *   this adds either what was requested or what is taken.
 *
 * What is taken
 *   pymalloc serves up to 512 bytes in classes of 16. glibc's malloc adds 8 bytes and rounds to 16,
 *   32 at least, and gives pages to what is 128 KiB or more. The free-threaded build's mimalloc has
 *   four classes a doubling. Elsewhere the request is rounded to 16 bytes. docs/sizes.md
 *   tells how close that comes to the growth of a process.
 *
 * Invariants: no allocation, no error, no Python code. A total past the largest size stays there.
 */
#ifndef BYTEBOUND_SIZING_TALLY_H
#define BYTEBOUND_SIZING_TALLY_H

#include <Python.h>

typedef struct bb_tally {
    Py_ssize_t nbytes;
    int rounded;
} bb_tally;

/* Which allocator serves Python objects. Called once, when the module is imported. */
void bb_tally_prepare(Py_ssize_t pymalloc_blocks);

/* What the allocator of Python objects, or the C library's, takes for a request. */
Py_ssize_t bb_taken(Py_ssize_t nbytes);
Py_ssize_t bb_taken_raw(Py_ssize_t nbytes);

static inline void bb_tally_add(bb_tally *tally, Py_ssize_t nbytes) {
    if (__builtin_add_overflow(tally->nbytes, nbytes, &tally->nbytes)) {
        tally->nbytes = PY_SSIZE_T_MAX;
    }
}

/* A block of PyObject_Malloc or PyMem_Malloc; none if nbytes is 0. */
static inline void bb_tally_block(bb_tally *tally, Py_ssize_t nbytes) {
    bb_tally_add(tally, tally->rounded && nbytes > 0 ? bb_taken(nbytes) : nbytes);
}

/* A block of malloc or PyMem_RawMalloc; none if nbytes is 0. */
static inline void bb_tally_raw_block(bb_tally *tally, Py_ssize_t nbytes) {
    bb_tally_add(tally, tally->rounded && nbytes > 0 ? bb_taken_raw(nbytes) : nbytes);
}

#endif
