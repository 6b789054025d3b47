/*
 * The first instances of a class, of which nothing tells the size one by one.
 *
 * The problem
 *   A class shares one table of names among its instances. While that table has free slots, each
 *   new instance takes one off, and gets an array with room for what is left: the first instance
 *   has 29 slots, the next 28, until one slot is free beside the names in use. From then on all
 *   are alike. CPython 3.11 and 3.12 do not store the length of an array, only that length plus 2
 *   rounded up to 8; 3.13 stores it, but allocates it one slot larger while slots are taken off.
 *
 * What is done
 *   An instance that is alike with new ones is taken for one. Of an early one the array tells a
 *   range of eight lengths: the middle is charged. Since each length was given to one instance
 *   only, a graph that holds all the instances of a range is known exactly after all, and so is one
 *   that holds every instance of a class. So a measurement counts the early instances that it
 *   meets, and corrects its total at the end. What is left is a few times 8 bytes for a graph that
 *   holds some of the first 29 instances of a class and not the others.
 *
 * Layout: a few classes, found by their tables; of more classes than that none is corrected.
 * Complexity: constant for an early instance, nothing for others.
 */
#ifndef BYTEBOUND_SIZING_EARLY_H
#define BYTEBOUND_SIZING_EARLY_H

#include "sizing_layout.h"

enum { BB_EARLY_CLASSES = 16, BB_EARLY_RANGES = 4 };

typedef struct bb_early_class {
    const void *keys;
    int least;
    int settling;
    Py_ssize_t alike;                   /* instances that look like a new one */
    Py_ssize_t counts[BB_EARLY_RANGES]; /* early ones, by the range that their array tells */
} bb_early_class;

typedef struct bb_early_classes {
    Py_ssize_t count;
    bb_early_class classes[BB_EARLY_CLASSES];
} bb_early_classes;

/* The slots that an early instance is charged with. */
int bb_early_slots(const bb_early *early);

/* Counts an instance. *classes is allocated when there is a first one; without memory nothing is
 * counted. */
void bb_early_count(bb_early_classes **classes, const bb_early *early);

/* What to add to the total of what was charged. */
Py_ssize_t bb_early_correction(const bb_early_classes *classes);

#endif
