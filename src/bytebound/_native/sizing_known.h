/*
 * The types that are measured by knowledge of their layout.
 *
 * Purpose
 *   Which types are known, what each of them is, and which modules they come from. Nothing is
 *   imported for it: a module's types are looked up once it is in sys.modules.
 *
 * Layout
 *   A small open-addressed table from type to kind. Built-in types are entered when this module is
 *   imported, others when the number of imported modules has changed since the last measurement.
 *   Entries are never removed, and hold a reference.
 *
 * Invariants
 *   A type is entered only if its basic size is the one that the mirrored layout has.
 *   Only bb_known_prepare and bb_known_refresh run Python code. In the free-threaded build they
 *   take turns, and a reader sees an entry whole or not at all.
 */
#ifndef BYTEBOUND_SIZING_KNOWN_H
#define BYTEBOUND_SIZING_KNOWN_H

#include <Python.h>

#include "sizing_rules.h"

/* -1 with an exception set. Called once, when the module is imported. */
int bb_known_prepare(PyTypeObject *memory_block);

/* Enters the types of modules imported since the last call. -1 with an exception set. */
int bb_known_refresh(void);

/* Enters a type whose objects are what their slots and attributes hold, whatever its __sizeof__ says. */
void bb_known_enter_plain(PyTypeObject *type);

/* Enters an extension type that knows its bytes (by a C __sizeof__ which runs no Python code) and has a
 * way to visit what it holds that is safe while other threads change it. */
void bb_known_enter_container(PyTypeObject *type, traverseproc traverse);

/* That way; NULL for a type that is no such container. */
traverseproc bb_known_traverse(PyTypeObject *known);

/* What a type is that bb_known_base returned. */
bb_kind bb_known_kind(PyTypeObject *known);

/* The first of a type's bases, itself included, that is known; NULL if none is. */
PyTypeObject *bb_known_base(PyTypeObject *type);

/* Whether the type is an enumeration. */
int bb_known_is_enum(PyTypeObject *type);

/* Whether a member is one that its class keeps, by name or by value. */
int bb_known_is_member(PyObject *object);

#endif
