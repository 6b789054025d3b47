/*
 * The kinds of objects that are known by their layout, and what is done for each.
 *
 * Purpose
 *   One place that says, for each kind, which blocks it has beside its own and what it refers to.
 *   sizing_builtin.c, sizing_stdlib.c and sizing_numpy.c hold the rules; sizing_known.c says which
 *   type is of which kind; sizing_expand.c applies them.
 *
 * Invariants
 *   A rule runs no Python code, takes no reference and fails only through bb_walk's error. In the
 *   free-threaded build its caller holds a critical section on the object.
 *   A rule that visits a window of a long object leaves the rest to another call with `next`.
 */
#ifndef BYTEBOUND_SIZING_RULES_H
#define BYTEBOUND_SIZING_RULES_H

#include <Python.h>

#include "sizing_layout.h"
#include "sizing_tally.h"

struct bb_walk;

typedef enum bb_kind {
    BB_NOT_DATA, /* not charged, not followed */
    BB_OBJECT,   /* its own block only, and what slots and attributes hold */
    BB_TRAVERSE, /* likewise, and what tp_traverse visits */
    BB_TOLD,     /* likewise, and its __sizeof__ knows best */
    /* built-in types */
    BB_STR,
    BB_INT,
    BB_BYTEARRAY,
    BB_LIST,
    BB_TUPLE,
    BB_DICT,
    BB_SET,
    BB_RANGE,
    BB_RANGE_ITERATOR,
    BB_BUILTIN,
    BB_STRUCTSEQ,
    BB_ORDERED_DICT,
    BB_CAPSULE,
    /* the standard library */
    BB_DEFAULT_DICT,
    BB_DEQUE,
    BB_DATETIME,
    BB_TIME,
    BB_TIMEZONE,
    BB_BYTES_IO,
    BB_STRING_IO,
    BB_CTYPES,
    /* NumPy */
    BB_ARRAY,
    BB_DTYPE,
    BB_VOID,
    BB_NUMPY_STR,
    BB_FLAT_ITERATOR,
    BB_BROADCAST,
    /* our own */
    BB_MEMORY,
    BB_CONTAINER,
    BB_KINDS,
} bb_kind;

typedef struct bb_rule {
    /* Blocks beside the object's own; NULL: none. */
    void (*blocks)(PyObject *object, bb_tally *tally);
    /* Referents beside slots and attributes, from the `next`-th on; NULL: none. */
    void (*visit)(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
} bb_rule;

extern const bb_rule bb_rules[BB_KINDS];

/* Elements visited before what was found among them: enough to read ahead, few enough to fit. */
enum { BB_WINDOW = 64 };

/* Visits a window of pointers, NULL among them, and has the rest visited later. */
void bb_visit_window(struct bb_walk *walk, PyObject *object, PyObject **items, Py_ssize_t count,
                     Py_ssize_t next);

/* The end of the window that begins at `next`; has the rest visited later. */
Py_ssize_t bb_window_end(struct bb_walk *walk, PyObject *object, Py_ssize_t count, Py_ssize_t next);

/* What bb_rules is made of. */
void bb_str_blocks(PyObject *object, bb_tally *tally);
void bb_bytearray_blocks(PyObject *object, bb_tally *tally);
void bb_list_blocks(PyObject *object, bb_tally *tally);
void bb_dict_blocks(PyObject *object, bb_tally *tally);
void bb_set_blocks(PyObject *object, bb_tally *tally);
void bb_ordered_dict_blocks(PyObject *object, bb_tally *tally);
void bb_capsule_blocks(PyObject *object, bb_tally *tally);
void bb_deque_blocks(PyObject *object, bb_tally *tally);
void bb_string_io_blocks(PyObject *object, bb_tally *tally);
void bb_ctypes_blocks(PyObject *object, bb_tally *tally);
void bb_array_blocks(PyObject *object, bb_tally *tally);
void bb_dtype_blocks(PyObject *object, bb_tally *tally);
void bb_void_blocks(PyObject *object, bb_tally *tally);
void bb_numpy_str_blocks(PyObject *object, bb_tally *tally);

void bb_list_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_tuple_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_dict_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_dict_visit_view(struct bb_walk *walk, PyObject *object, const bb_dict_view *view,
                        Py_ssize_t next);
void bb_dict_visit_keys(struct bb_walk *walk, PyObject *object);
void bb_set_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_range_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_range_iterator_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_builtin_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_default_dict_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_deque_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_datetime_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_time_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_timezone_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_bytes_io_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_string_io_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_ctypes_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_array_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_dtype_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_void_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_flat_iterator_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);
void bb_broadcast_visit(struct bb_walk *walk, PyObject *object, Py_ssize_t next);

/* Whether the object is a built-in function rather than a method bound to data. */
int bb_builtin_is_function(PyObject *object);

/* Whether there is one such time zone, or data type, for everyone. */
int bb_timezone_is_utc(PyObject *object);
int bb_dtype_is_shared(PyObject *object);

/* The bytes of a datetime.time or datetime.datetime: less than the type's without a time zone. */
Py_ssize_t bb_time_nbytes(PyObject *object);
Py_ssize_t bb_datetime_nbytes(PyObject *object);

/* The basic size of the layout that a rule relies on; 0 if it relies on none. */
Py_ssize_t bb_builtin_basic_size(bb_kind kind);
Py_ssize_t bb_stdlib_basic_size(bb_kind kind);

/* -1 with an exception set. Called once, when the module is imported. */
int bb_builtin_prepare(void);

/* Called when datetime.timezone becomes known. -1 with an exception set. */
int bb_timezone_prepare(PyTypeObject *timezone);

#endif
