/*
 * NumPy's arrays, data types and scalars, by the layout that NumPy keeps for compiled extensions.
 *
 * Purpose
 *   Arrays are among the commonest large values, and NumPy's own __sizeof__ leaves out what a view
 *   holds and what an object array refers to. NumPy is neither included nor imported here: the
 *   structs in sizing_numpy.c are its public ones (ndarraytypes.h, arrayscalars.h), and
 *   bb_numpy_prepare checks them on samples before they are believed.
 *
 * What is counted
 *   The object, its shape and strides, what the buffer protocol made it keep, its data if it owns
 *   them, and a data type that is its own: one with fields, a length, a unit or another byte order.
 *   The data types that NumPy has one of each are not counted, nor are its two booleans. A view is
 *   followed to its base, so the memory of several views counts once; so are ndarray.flat and
 *   numpy.broadcast to their arrays. Memory that nobody in Python allocated (a mapped file, a C
 *   library's) counts 0.
 *
 * Complexity: constant for an array; linear for one that holds objects.
 */
#ifndef BYTEBOUND_SIZING_NUMPY_H
#define BYTEBOUND_SIZING_NUMPY_H

#include <Python.h>

typedef struct bb_numpy_types {
    PyTypeObject *array;
    PyTypeObject *scalar;
    PyTypeObject *dtype;
    PyTypeObject *record; /* numpy.void */
    PyTypeObject *text;   /* numpy.str_ */
    PyTypeObject *boolean;
    PyTypeObject *flat_iterator; /* numpy.flatiter */
    PyTypeObject *broadcast;
} bb_numpy_types;

/* 1 if NumPy is imported and its layout is known; the types live as long as the process. 0 if not.
 * -1 with an exception set. */
int bb_numpy_prepare(PyObject *modules, bb_numpy_types *types);

#endif
