/*
 * Where CPython keeps what it does not show: dict tables and instance attributes.
 *
 * Purpose
 *   Measuring must not change what it measures. The public ways to an instance's attributes
 *   create its __dict__, and no public call tells what a table or an attribute array took. So the
 *   layouts that CPython 3.11 to 3.13 share a name for but not a shape are mirrored in
 *   sizing_layout.c, and nowhere else.
 *
 * Later versions, or a layout that does not answer as expected
 *   bb_layout_check() builds a few objects when the module is imported and compares the mirrored
 *   layout with what Python says of them. If they differ (or with BB_GENERIC_LAYOUT, or from 3.14
 *   on) the public interface is used: sizes are then __sizeof__'s, attributes are found through
 *   tp_traverse, and results are approximate (docs/sizes.md says by how much).
 *
 * Invariants
 *   Nothing here allocates, takes a reference or runs Python code. In the free-threaded build the
 *   caller holds a critical section on the object whose view it asks for, and the view is good
 *   until that section ends.
 *
 * Complexity: constant for every function but bb_layout_check.
 */
#ifndef BYTEBOUND_SIZING_LAYOUT_H
#define BYTEBOUND_SIZING_LAYOUT_H

#include <Python.h>

#include "sizing_inline.h"

#if PY_VERSION_HEX >= 0x030E0000
#define BB_GENERIC_LAYOUT 1
#endif

/* Bytes in front of a GC-tracked object, and in front of one whose __dict__ the type manages. */
#ifdef Py_GIL_DISABLED
#define BB_GC_HEADER ((Py_ssize_t)0)
#else
#define BB_GC_HEADER ((Py_ssize_t)16)
#endif
#define BB_MANAGED_HEADER ((Py_ssize_t)(2 * sizeof(PyObject *)))

#ifdef Py_GIL_DISABLED
#define BB_BEGIN_CRITICAL(object) Py_BEGIN_CRITICAL_SECTION(object)
#define BB_END_CRITICAL() Py_END_CRITICAL_SECTION()
#else
#define BB_BEGIN_CRITICAL(object) {
#define BB_END_CRITICAL() }
#endif

/*
 * Attributes of which the length cannot be told from the object alone, see sizing_early.h; keys is
 * NULL if it can. `slots` is what the array says of itself, `least` what new instances get now.
 */
typedef struct bb_early {
    const void *keys; /* the table that the class shares among its instances */
    int least;
    int slots;
    int settling; /* new instances still get fewer slots each */
} bb_early;

/*
 * A dict's memory outside its object, and its slots: keys[i * stride] and values[i * stride] for
 * i < count, both NULL where a slot is free. keys is NULL where the names belong to a class.
 */
typedef struct bb_dict_view {
    Py_ssize_t keys_nbytes;   /* the table; 0 if a class owns it or it is the static empty one */
    Py_ssize_t values_nbytes; /* the array of a key-sharing dict; 0 if part of an instance */
    PyObject **keys;
    PyObject **values;
    Py_ssize_t stride;
    Py_ssize_t count;
    bb_early early;
} bb_dict_view;

/* An instance's attributes as far as the type manages them. */
typedef struct bb_attributes {
    Py_ssize_t inline_nbytes; /* array that is part of the object's own block */
    Py_ssize_t values_nbytes; /* array in a block of its own */
    PyObject **values;        /* count slots, NULL where unset; NULL if a dict holds them */
    Py_ssize_t count;
    PyObject *dict; /* borrowed; NULL if none was made */
    bb_early early;
} bb_attributes;

/* Whether the mirrored layouts hold for the running interpreter. */
extern int bb_layout_known;

/* Sets bb_layout_known. -1 with an exception set if an object could not be made. */
int bb_layout_check(void);

/* 0; or -1 if the layout is not known, and nothing is written. */
int bb_dict_view_get(PyObject *dict, bb_dict_view *view);

/* For a type with BB_MANAGED_DICT. 0; or -1 if the layout is not known. */
int bb_attributes_get(PyObject *object, bb_attributes *view);

/* The __dict__ slot of a type that places it by tp_dictoffset; NULL if the object has none. */
PyObject **bb_dict_slot(PyObject *object);

/* Bytes in front of the objects of a type. */
Py_ssize_t bb_header_nbytes(PyTypeObject *type);

/* Bytes of the array of a list, with what the free-threaded build puts in front of it. */
Py_ssize_t bb_list_array_nbytes(PyListObject *list);

#endif
