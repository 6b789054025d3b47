/* See sizing_pending.h. */
#include "sizing_pending.h"

void bb_pending_free_pieces(bb_pending *pending) {
    while (pending->top != NULL) {
        bb_piece *piece = pending->top;
        pending->top = piece->below;
        PyMem_RawFree(piece);
    }
    PyMem_RawFree(pending->spare);
    bb_pending_start(pending);
}

int bb_pending_rise(bb_pending *pending) {
    bb_piece *piece = pending->spare;
    if (piece == NULL) {
        piece = PyMem_RawMalloc(sizeof(bb_piece));
        if (piece == NULL) {
            return -1;
        }
    }
    pending->spare = NULL;
    piece->below = pending->top;
    pending->top = piece;
    pending->words = piece->words;
    pending->room = BB_PIECE_WORDS;
    pending->used = 0;
    return 0;
}

void bb_pending_sink(bb_pending *pending) {
    PyMem_RawFree(pending->spare);
    pending->spare = pending->top;
    pending->top = pending->top->below;
    pending->words = pending->top == NULL ? pending->first : pending->top->words;
    pending->room = pending->top == NULL ? BB_FIRST_WORDS : BB_PIECE_WORDS;
    pending->used = pending->room;
}
