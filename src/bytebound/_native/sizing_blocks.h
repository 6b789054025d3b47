/*
 * Blocks of memory that are no objects, as one measurement has met them.
 *
 * Purpose
 *   Several objects may lead to one block and tell different sizes of it: views of a buffer that
 *   know its beginning and how far they reach. The block is then as large as the largest of them,
 *   whoever comes first.
 *
 * Layout
 *   One array of pairs (address, bytes), 0 where free, with linear probing; it grows by half at
 *   four fifths full: 20 to 30 bytes a block. Empty, it takes nothing.
 *
 * Identities
 *   A visitor is told of a block by its address, shifted by two bits, plus BB_PART_MEMORY (parts.h): even,
 *   and never that of an object.
 *
 * Complexity: constant on average; growing is amortised.
 */
#ifndef BYTEBOUND_SIZING_BLOCKS_H
#define BYTEBOUND_SIZING_BLOCKS_H

#include <Python.h>

#include <stdint.h>

/* Told of each distinct object charged, or block of memory that is none, with its own bytes. Must not
 * run Python code. -1 stops the walk, with an exception set. */
typedef int (*bb_visitor)(void *context, const void *identity, Py_ssize_t nbytes);

typedef struct bb_block {
    uintptr_t address;
    Py_ssize_t nbytes;
} bb_block;

/* Zeroed: none. */
typedef struct bb_blocks {
    bb_block *slots;
    size_t capacity;
    size_t count;
} bb_blocks;

/* What the block at an address (not 0) was known to have, 0 for a new one; it has `nbytes` at
 * least from now on. -1 without memory, and nothing has changed. */
Py_ssize_t bb_blocks_raise(bb_blocks *blocks, uintptr_t address, Py_ssize_t nbytes);

/* Tells of all of them. -1 once the visitor stops. */
int bb_blocks_tell(const bb_blocks *blocks, bb_visitor visitor, void *context);

void bb_blocks_end(bb_blocks *blocks);

#endif
