/*
 * What one measurement has still to look into: a stack of words.
 *
 * Purpose
 *   A nesting of a million levels must not use the C stack, and the stack that replaces it must
 *   not double: it is a list of pieces, so that it takes the 8 bytes of a word and no more.
 *
 * Layout
 *   The first piece is part of the struct. One emptied piece is kept, so that a stack which
 *   moves to and fro over a border does not allocate each time. The walk stores an object as its
 *   address, and a container that it left half-way as an index under its address plus 1.
 *
 * Complexity: constant.
 */
#ifndef BYTEBOUND_SIZING_PENDING_H
#define BYTEBOUND_SIZING_PENDING_H

#include <Python.h>

#include <stdint.h>

enum { BB_PIECE_WORDS = 510 };

typedef struct bb_piece {
    struct bb_piece *below;
    struct bb_piece *above; /* the spare one, or NULL */
    uintptr_t words[BB_PIECE_WORDS];
} bb_piece;

typedef struct bb_pending {
    bb_piece *top;
    size_t used; /* words in the top piece; 0 only if the stack is empty */
    bb_piece first;
} bb_pending;

static inline void bb_pending_start(bb_pending *pending) {
    pending->top = &pending->first;
    pending->used = 0;
    pending->first.below = NULL;
    pending->first.above = NULL;
}

/* Frees the pieces; what the words stand for is the caller's to release first. */
void bb_pending_end(bb_pending *pending);

/* Makes the piece above the top one. 0, or -1 without memory. */
int bb_pending_rise(bb_pending *pending);

/* Goes back to the piece below, keeping one spare. */
void bb_pending_sink(bb_pending *pending);

static inline int bb_pending_push(bb_pending *pending, uintptr_t word) {
    if (pending->used == BB_PIECE_WORDS && bb_pending_rise(pending) < 0) {
        return -1;
    }
    pending->top->words[pending->used++] = word;
    return 0;
}

/* The newest word, or 0 if there is none. */
static inline uintptr_t bb_pending_pop(bb_pending *pending) {
    if (pending->used == 0) {
        return 0;
    }
    uintptr_t word = pending->top->words[--pending->used];
    if (pending->used == 0 && pending->top->below != NULL) {
        bb_pending_sink(pending);
    }
    return word;
}

#endif
