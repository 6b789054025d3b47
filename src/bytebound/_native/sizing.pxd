# cython: language_level=3
"""The sizing engine, for the other extensions: they share its registry and its caches."""

from cpython.object cimport PyObject

cdef extern from "sizing_inline.h":
    # The bytes of an exact str, bytes, int or float, of None and of a bool; -1 for anything else.
    Py_ssize_t bb_leaf_nbytes(PyObject *object) nogil

# The bytes requested of the allocator for `count` objects, measured as one graph: shared parts
# count once. `deep` false: own bytes of each object only. `limit` negative: none; else the walk
# may stop early, and returns something above it. The caller holds references to the objects.
# Python code may run (a `__sizeof__`, a registered sizer) and may raise.
cdef Py_ssize_t measure(
    PyObject *const *objects, Py_ssize_t count, bint deep, Py_ssize_t limit
) except -1
