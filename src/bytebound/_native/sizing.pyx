# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True
"""Exact sizes of Python objects, natively."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

cdef extern from "sizing_layout.h":
    int bb_layout_check() except -1

cdef extern from "sizing_types.h":
    int bb_types_prepare() except -1

cdef extern from "sizing_known.h":
    int bb_known_prepare() except -1
    int bb_known_refresh() except -1

cdef extern from "sizing_walk.h":
    ctypedef struct bb_walk:
        Py_ssize_t total
    void bb_walk_start(bb_walk *walk, int deep, Py_ssize_t limit)
    void bb_walk_end(bb_walk *walk)
    void bb_walk_visit(bb_walk *walk, PyObject *object)
    int bb_walk_run(bb_walk *walk) except -1

bb_types_prepare()
bb_known_prepare()
bb_layout_check()


cdef Py_ssize_t measure(
    PyObject *const *objects, Py_ssize_t count, bint deep, Py_ssize_t limit
) except -1:
    cdef bb_walk walk
    cdef Py_ssize_t i
    bb_known_refresh()
    bb_walk_start(&walk, deep, limit)
    # A second reference each, so that a cycle back to an object finds it among those met.
    for i in range(count):
        Py_INCREF(<object>objects[i])
    try:
        for i in range(count):
            bb_walk_visit(&walk, objects[i])
        bb_walk_run(&walk)
        return walk.total
    finally:
        bb_walk_end(&walk)
        for i in range(count):
            Py_DECREF(<object>objects[i])


def sizeof(obj, /, *more, bint deep=True, limit=None):
    """Return the bytes that the allocator was asked for."""
    cdef tuple objects = (obj, *more)
    cdef PyObject *pointers[16]
    cdef Py_ssize_t i, most = -1 if limit is None else limit
    if len(objects) > 16:
        raise ValueError
    for i in range(len(objects)):
        pointers[i] = <PyObject *>objects[i]
    return measure(pointers, len(objects), deep, most)
