/*
 * The types that are measured by knowledge of their layout, and the registered sizers.
 *
 * Purpose
 *   Which base types are known, what each of them is, and which modules they come from. Nothing is
 *   imported for it: a module's types are looked up once it is in sys.modules.
 *
 * Layout
 *   A small open-addressed table from type to kind. Built-in types are entered when this module is
 *   imported, others when the number of imported modules has changed since the last measurement.
 *
 * Invariants
 *   A type is entered only if its basic size is the one that the mirrored layout has.
 *   bb_known_find and bb_known_is_trusted run no Python code.
 */
#ifndef BYTEBOUND_SIZING_KNOWN_H
#define BYTEBOUND_SIZING_KNOWN_H

#include <Python.h>

#include "sizing_types.h"

/* -1 with an exception set. Called once, when the module is imported. */
int bb_known_prepare(void);

/* Enters the types of modules imported since the last call. -1 with an exception set. */
int bb_known_refresh(void);

/* Whether the base type is known, and as what. */
int bb_known_find(PyTypeObject *base, bb_kind *kind);

/* Whether a C __sizeof__ that this type defines is known to run no Python code. */
int bb_known_is_trusted(PyTypeObject *owner);

/* Whether a sizer was registered for the type or one of its bases. */
int bb_known_has_sizer(PyTypeObject *type);

#endif
