"""What support.h offers, and borrowed references."""

from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport uint64_t

from bytebound._native.core cimport bb_allocator


cdef extern from "Python.h":
    # For borrowed pointers, which take no part in Cython's own reference counting.
    void incref "Py_INCREF" (PyObject *object)
    void decref "Py_DECREF" (PyObject *object)
    int PyObject_RichCompareBool(PyObject *left, PyObject *right, int operation) except -1
    PyObject **PySequence_Fast_ITEMS(object sequence)


cdef extern from "support.h":
    ctypedef struct bb_mutex:
        pass

    void bb_lock(bb_mutex *mutex)
    void bb_unlock(bb_mutex *mutex)
    Py_hash_t bb_hash(PyObject *key) except -1
    void bb_count(uint64_t *counter)
    object bb_steal(PyObject *object)
    bb_allocator bb_python_allocator()
    void bb_notify(PyObject *callback, PyObject *const *arguments, size_t count)
    void bb_publish(PyTypeObject *type, const char *name)
