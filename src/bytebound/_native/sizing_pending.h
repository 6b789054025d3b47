/*
 * What one measurement has still to look into: a stack of words.
 *
 * Purpose
 *   A nesting of a million levels must not use the C stack, and the stack that replaces it must
 *   not double: it is a list of pieces, so that it takes the 8 bytes of a word and no more.
 *
 * Layout
 *   The first words are part of the struct: few, because a __sizeof__ may measure in turn, a
 *   thousand levels deep. Above them are pieces from the heap; one emptied piece is kept, so that
 *   a stack which moves back and forth over a border does not allocate each time. The walk stores an
 *   object as its address, and a container that it left half-way as an index under its address
 *   plus 1.
 *
 * Complexity: constant.
 */
#ifndef BYTEBOUND_SIZING_PENDING_H
#define BYTEBOUND_SIZING_PENDING_H

#include <Python.h>

#include <stdint.h>

enum { BB_FIRST_WORDS = 64, BB_PIECE_WORDS = 511 };

typedef struct bb_piece {
    struct bb_piece *below; /* NULL: the words of the struct */
    uintptr_t words[BB_PIECE_WORDS];
} bb_piece;

typedef struct bb_pending {
    uintptr_t *words; /* of the piece on top */
    size_t used;      /* of them; 0 only if the stack is empty */
    size_t room;
    bb_piece *top; /* NULL: the words of the struct */
    bb_piece *spare;
    uintptr_t first[BB_FIRST_WORDS];
} bb_pending;

static inline void bb_pending_start(bb_pending *pending) {
    pending->words = pending->first;
    pending->used = 0;
    pending->room = BB_FIRST_WORDS;
    pending->top = NULL;
    pending->spare = NULL;
}

void bb_pending_free_pieces(bb_pending *pending);

/* Frees the pieces; what the words stand for is the caller's to release first. */
static inline void bb_pending_end(bb_pending *pending) {
    if (pending->top != NULL || pending->spare != NULL) {
        bb_pending_free_pieces(pending);
    }
}

/* Puts a piece on top. 0, or -1 without memory. */
int bb_pending_rise(bb_pending *pending);

/* Goes back to the piece below the emptied one, which is kept. */
void bb_pending_sink(bb_pending *pending);

static inline int bb_pending_push(bb_pending *pending, uintptr_t word) {
    if (pending->used == pending->room && bb_pending_rise(pending) < 0) {
        return -1;
    }
    pending->words[pending->used++] = word;
    return 0;
}

/* The newest word, or 0 if there is none. */
static inline uintptr_t bb_pending_pop(bb_pending *pending) {
    if (pending->used == 0) {
        return 0;
    }
    uintptr_t word = pending->words[--pending->used];
    if (pending->used == 0 && pending->top != NULL) {
        bb_pending_sink(pending);
    }
    return word;
}

#endif
