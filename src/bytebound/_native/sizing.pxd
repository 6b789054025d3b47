# cython: language_level=3
"""The sizing engine, for the other extensions: they share its registry and its caches."""

from cpython.object cimport PyObject

cdef extern from *:
    ctypedef int (*visitproc)(PyObject *object, void *argument) noexcept
    ctypedef int (*traverseproc)(PyObject *object, visitproc visit, void *argument) noexcept

cdef extern from "sizing_blocks.h":
    # Told of each distinct object charged, or block of memory that is none, with its own bytes.
    # Must not run Python code. -1 stops, with an exception set.
    ctypedef int (*bb_visitor)(void *context, const void *identity, Py_ssize_t nbytes) noexcept

cdef extern from "sizing_inline.h":
    # The bytes of an exact str, bytes, int or float, of None and of a bool; -1 for anything else.
    Py_ssize_t bb_leaf_nbytes(PyObject *object) nogil
    # The same for what is itself a key or a value: interned text and constants count.
    Py_ssize_t bb_root_nbytes(PyObject *object) nogil

# The bytes requested of the allocator for `count` objects, measured as one graph: shared parts
# count once. `deep` false: own bytes of each object only. `limit` negative: none; else the walk
# may stop early, and returns something above it. The caller holds references to the objects.
# Python code may run (a `__sizeof__`, a registered sizer) and may raise.
cdef Py_ssize_t measure(
    PyObject *const *objects, Py_ssize_t count, bint deep, Py_ssize_t limit
) except -1

# The same, deep, telling `visitor` of each object charged. Identities are good as long as the
# objects measured are held. The first instances of a class are told of with an approximate size
# (sizing_early.h).
cdef Py_ssize_t measure_each(
    PyObject *const *objects, Py_ssize_t count, Py_ssize_t limit, bb_visitor visitor, void *context
) except -1

# Has the instances of an extension type measured by their `__sizeof__`, a C method that runs no
# Python code, and followed by `traverse` instead of `tp_traverse`: one that keeps other threads
# from changing the container while it visits. The visits run no Python code and take no lock.
cdef int register_container(cls, traverseproc traverse) except -1
