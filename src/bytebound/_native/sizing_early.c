/* See sizing_early.h. */
#include "sizing_early.h"

#include <string.h>

enum {
    MOST = 29, /* slots of the very first instance */
    RANGE = 8, /* lengths that share a prefix */
    FIRST = 6, /* the largest length of the first range */
    SLOT = 8,  /* bytes */
};

static int range_of(int slots) {
    return (slots + 1) / RANGE;
}

/* The largest and the least length that an early instance of a range can have. */
static int range_top(int range) {
    int top = FIRST + range * RANGE;
    return top < MOST ? top : MOST;
}

static int range_bottom(int range, int least) {
    int bottom = range == 0 ? 1 : FIRST + (range - 1) * RANGE + 1;
    return bottom > least ? bottom : least + 1;
}

int bb_early_slots(const bb_early *early) {
    int range = range_of(early->slots);
    return (range_bottom(range, early->least) + range_top(range)) / 2;
}

static bb_early_class *find(bb_early_classes *classes, const bb_early *early) {
    for (Py_ssize_t i = 0; i < classes->count; i++) {
        if (classes->classes[i].keys == early->keys) {
            return &classes->classes[i];
        }
    }
    if (classes->count == BB_EARLY_CLASSES) {
        return NULL;
    }
    bb_early_class *added = &classes->classes[classes->count++];
    *added =
        (bb_early_class){.keys = early->keys, .least = early->least, .settling = early->settling};
    return added;
}

void bb_early_count(bb_early_classes **classes, const bb_early *early) {
    if (*classes == NULL) {
        *classes = PyMem_RawCalloc(1, sizeof(bb_early_classes));
        if (*classes == NULL) {
            return;
        }
    }
    bb_early_class *found = find(*classes, early);
    int range = range_of(early->slots);
    if (found != NULL && range == range_of(early->least)) {
        found->alike++;
    } else if (found != NULL && range < BB_EARLY_RANGES) {
        found->counts[range]++;
    }
}

#if PY_VERSION_HEX >= 0x030D0000

/* The instance next to the last early one was counted: then the last one, with one slot more than
 * it says, is taken to be there too. */
static Py_ssize_t correction(const bb_early_class *early) {
    Py_ssize_t now = early->least, then = now + 1;
    (void)range_bottom;
    return SLOT + ((then + 7) & ~(Py_ssize_t)7) - ((now + 7) & ~(Py_ssize_t)7);
}

#else

/* The sum of all whole numbers from one to another, 0 if there are none. */
static Py_ssize_t sum(Py_ssize_t from, Py_ssize_t to) {
    return from > to ? 0 : (from + to) * (to - from + 1) / 2;
}

/* Whether all instances of a range above that of the new ones were counted. */
static int is_complete(const bb_early_class *early, int range) {
    int bottom = range_bottom(range, early->least);
    return range < BB_EARLY_RANGES && bottom <= MOST &&
           early->counts[range] == range_top(range) - bottom + 1;
}

static Py_ssize_t correction(const bb_early_class *early) {
    int own = range_of(early->least);
    int above = range_top(own);
    Py_ssize_t slots = 0;
    int complete = above < MOST; /* all ranges above that of the new instances */
    for (int range = own + 1; range <= range_of(MOST); range++) {
        bb_early sample = {NULL, early->least, range_top(range), 0};
        if (is_complete(early, range)) {
            slots += sum(range_bottom(range, early->least), range_top(range)) -
                     early->counts[range] * bb_early_slots(&sample);
        } else {
            complete = 0;
        }
    }
    /* Those in the range of the new instances were charged as if they were new. */
    int present = early->settling ? early->alike == above - early->least + 1 : 1;
    if (present && (complete || (early->settling && above == MOST))) {
        slots += sum(early->least + 1, above) - (Py_ssize_t)early->least * (above - early->least);
    }
    return slots * SLOT;
}

#endif

Py_ssize_t bb_early_correction(const bb_early_classes *classes) {
    Py_ssize_t nbytes = 0;
    for (Py_ssize_t i = 0; classes != NULL && i < classes->count; i++) {
        nbytes += correction(&classes->classes[i]);
    }
    return nbytes;
}
