/*
 * Looking into modules that are imported already, and into no others.
 *
 * Purpose
 *   The types of a library are known only once it is in sys.modules; measuring imports nothing. A
 *   module may be half imported, may be anything that somebody put there, and may lack a name.
 *
 * Errors: want of memory, and what is no Exception (an interrupt), come out; everything else means
 * that the thing is not there.
 */
#ifndef BYTEBOUND_SIZING_IMPORTS_H
#define BYTEBOUND_SIZING_IMPORTS_H

#include <Python.h>

/* After a call failed: 0 with the exception cleared if it means that the thing is not there, or -1. */
int bb_not_there(void);

/* 1 and a new reference if the module is there; 0; -1 with an exception set. */
int bb_imported(PyObject *modules, const char *name, PyObject **module);

/* The same for a type that a module or another object has. One that a class statement made is not
 * there: it has not the layout of the C type by that name. */
int bb_type_of(PyObject *module, const char *name, PyTypeObject **type);

/* Both at once. */
int bb_imported_type(PyObject *modules, const char *module, const char *name, PyTypeObject **type);

#endif
