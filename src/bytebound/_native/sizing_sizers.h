/*
 * Functions that tell the size of types which hide memory: bytebound.register_sizer.
 *
 * Purpose
 *   A list of pairs (type, function), few enough to be searched one by one, and the libraries whose
 *   functions come with this package (sizing_libraries.py) and are entered when the library is
 *   found imported.
 *
 * Invariants
 *   The list holds references. Looking a type up runs no Python code. The function found is handed
 *   out with a reference of its own, since calling it may register others.
 */
#ifndef BYTEBOUND_SIZING_SIZERS_H
#define BYTEBOUND_SIZING_SIZERS_H

#include <Python.h>

/* Enters or replaces; a NULL function removes. -1 with an exception set. */
int bb_sizers_register(PyTypeObject *type, PyObject *function);

/* The function of the nearest base that has one: a new reference, or NULL without an exception. */
PyObject *bb_sizers_find(PyTypeObject *type);

/* Whether there is one. */
int bb_sizers_have(PyTypeObject *type);

/* Enters those of libraries imported since. 1 if one is being imported and has to be asked again,
 * 0 if not, -1 with an exception set. */
int bb_sizers_refresh(PyObject *modules);

#endif
