/*
 * NumPy arrays, by the layout that NumPy keeps for the extensions compiled against it.
 *
 * Purpose
 *   Arrays are among the commonest large values, and NumPy's own __sizeof__ leaves out what a view
 *   holds and what an object array refers to. NumPy is neither included nor imported here: the
 *   structs below are its public ones (ndarraytypes.h, the same in 1.x and 2.x but for the item
 *   size), and bb_numpy_prepare checks them on a sample before they are believed.
 *
 * What is counted
 *   The object, its shape and strides, and its data if it owns them. A view is followed to its base,
 *   so the memory of several views counts once. Memory that nobody in Python allocated (a mapped
 *   file, a C library's) counts 0.
 */
#ifndef BYTEBOUND_SIZING_NUMPY_H
#define BYTEBOUND_SIZING_NUMPY_H

#include <Python.h>

/* 1 and numpy.ndarray and numpy.generic (borrowed) if NumPy is imported and its layout is known;
 * 0 if not; -1 with an exception set. */
int bb_numpy_prepare(PyObject *modules, PyTypeObject **array, PyTypeObject **scalar);

/* Bytes of shape and strides, and of owned data. */
Py_ssize_t bb_numpy_shape_nbytes(PyObject *array);
Py_ssize_t bb_numpy_data_nbytes(PyObject *array);

/* The object whose memory the array looks at; borrowed; NULL if it owns its own. */
PyObject *bb_numpy_base(PyObject *array);

/* The elements of an array of objects that are not seen through its base: their number, and the
 * first of them; some may be NULL. */
Py_ssize_t bb_numpy_elements(PyObject *array, PyObject ***first);

#endif
