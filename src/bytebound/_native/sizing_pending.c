/* See sizing_pending.h. */
#include "sizing_pending.h"

void bb_pending_end(bb_pending *pending) {
    bb_piece *piece = pending->first.above;
    while (piece != NULL) {
        bb_piece *above = piece->above;
        PyMem_RawFree(piece);
        piece = above;
    }
    bb_pending_start(pending);
}

int bb_pending_rise(bb_pending *pending) {
    bb_piece *piece = pending->top->above;
    if (piece == NULL) {
        piece = PyMem_RawMalloc(sizeof(bb_piece));
        if (piece == NULL) {
            return -1;
        }
        piece->below = pending->top;
        piece->above = NULL;
        pending->top->above = piece;
    }
    pending->top = piece;
    pending->used = 0;
    return 0;
}

void bb_pending_sink(bb_pending *pending) {
    bb_piece *spare = pending->top;
    PyMem_RawFree(spare->above);
    spare->above = NULL;
    pending->top = spare->below;
    pending->used = BB_PIECE_WORDS;
}
