/*
 * Status codes of the core.
 *
 * Purpose: every function that can fail returns a bb_status; BB_OK is zero and
 * failures are negative, so `if (status < 0)` reads the same everywhere. The
 * core never prints, aborts or sets errno: its caller turns a code into an
 * error, in one place.
 */
#ifndef BYTEBOUND_STATUS_H
#define BYTEBOUND_STATUS_H

typedef enum bb_status {
    BB_OK = 0,
    BB_NO_MEMORY = -1,    /* the allocator had nothing to give */
    BB_TOO_LARGE = -2,    /* could not fit even if everything else left */
    BB_OVER_BUDGET = -3,  /* a parent budget has no room, and evicting did not make any */
    BB_TOO_MANY = -4,     /* more entries than an index can name */
    BB_CHANGED = -5,      /* the structure changed under a cursor */
    BB_FULL = -6,         /* no room at the moment, and this operation does not evict */
    BB_EMPTY = -7,        /* nothing to take at the moment */
    BB_SHUT = -8,         /* the queue was shut down */
    BB_PINNED = -9,       /* what somebody uses would have to leave or be overwritten */
    BB_UNSUPPORTED = -10, /* the platform cannot do it */
    BB_NO_FILE = -11,     /* too many files are open, or ours was closed behind our back */
    BB_NO_MAPPING = -12,  /* the system maps no more memory */
} bb_status;

/* One line in English for a code; never NULL. */
const char *bb_status_text(bb_status status);

#endif
