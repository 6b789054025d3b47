# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True
"""Exact sizes of Python objects, natively.

What is counted, and how, is written in the headers: `sizing_walk.h` for the walk, `sizing_types.h`
for what a type is, `sizing_rules.h` for each kind of object.
"""

import sys

cimport cython

from cpython.number cimport PyNumber_Index
from cpython.object cimport PyObject, PyTypeObject

from bytebound._native.units import MAX_SIZE, parse_size

__all__ = ["MemoryBlock", "register_sizer", "shell_nbytes", "sizeof"]

cdef extern from "Python.h":
    PyObject **PySequence_Fast_ITEMS(object sequence)

cdef extern from "sizing_layout.h":
    int bb_layout_check() except -1
    Py_ssize_t bb_header_nbytes(PyTypeObject *type)

cdef extern from "sizing_tally.h":
    void bb_tally_prepare(Py_ssize_t pymalloc_blocks)

cdef extern from "sizing_types.h":
    int bb_types_prepare() except -1

cdef extern from "sizing_rules.h":
    int bb_builtin_prepare() except -1

cdef extern from "sizing_known.h":
    int bb_known_prepare(PyTypeObject *memory_block) except -1
    void bb_known_enter_container(PyTypeObject *type, traverseproc traverse)

cdef extern from "sizing_sizers.h":
    int bb_sizers_register(PyTypeObject *type, PyObject *function) except -1

cdef extern from "sizing_walk.h":
    ctypedef struct bb_request:
        PyObject *const *objects
        Py_ssize_t count
        int shallow
        int rounded
        Py_ssize_t limit
        PyObject *stop_types
        PyObject *stop_objects
        bb_visitor visitor
        void *context
    Py_ssize_t bb_measure(const bb_request *request) except -1


cdef Py_ssize_t checked_number(number, str name) except -1:
    try:
        number = PyNumber_Index(number)
    except TypeError:
        raise TypeError(f"{name} must be an int, not {type(number).__name__}") from None
    if not 0 <= number <= sys.maxsize:
        raise ValueError(f"{name} must be between 0 and {sys.maxsize}")
    return number


@cython.final
cdef class MemoryBlock:
    """MemoryBlock(address, nbytes)
--

    Memory that is no Python object, as a referent that a registered sizer returns.

    However many objects lead to the same address, its bytes count once: the most that any of them
    tells. Blocks that begin at different addresses are different, even where they overlap.

    Parameters
    ----------
    address
        Where the memory begins. Address 0 counts nothing.
    nbytes
        Its bytes; not negative.

    Raises
    ------
    TypeError
        If a number is not an int.
    ValueError
        If a number is negative or above `sys.maxsize`.

    Examples
    --------
    >>> class Handle:
    ...     __slots__ = ("address",)
    >>> register_sizer(Handle, lambda handle: (24, [MemoryBlock(handle.address, 1000)]))
    >>> one, two = Handle(), Handle()
    >>> one.address = two.address = 4096
    >>> sizeof(one, two)
    1048
    >>> register_sizer(Handle, None)
    """

    # Nothing may come before these two: sizing_expand.c reads them.
    cdef size_t address
    cdef Py_ssize_t nbytes

    def __cinit__(self, address=None, nbytes=None, *others, **unknown):
        if nbytes is None or others or unknown:
            raise TypeError("MemoryBlock() takes two arguments, address and nbytes")
        self.address = checked_number(address, "address")
        self.nbytes = checked_number(nbytes, "nbytes")


bb_layout_check()
bb_tally_prepare(sys.getallocatedblocks())
bb_types_prepare()
bb_builtin_prepare()
bb_known_prepare(<PyTypeObject *>MemoryBlock)


cdef Py_ssize_t measure(
    PyObject *const *objects, Py_ssize_t count, bint deep, Py_ssize_t limit
) except -1:
    cdef bb_request request = bb_request(
        objects, count, not deep, False, limit, NULL, NULL, NULL, NULL
    )
    return bb_measure(&request)


cdef Py_ssize_t measure_each(
    PyObject *const *objects, Py_ssize_t count, Py_ssize_t limit, bb_visitor visitor, void *context
) except -1:
    cdef bb_request request = bb_request(
        objects, count, False, False, limit, NULL, NULL, visitor, context
    )
    return bb_measure(&request)


cdef int register_container(cls, traverseproc traverse) except -1:
    bb_known_enter_container(<PyTypeObject *>cls, traverse)
    return 0


cdef tuple stops_of(stop):
    if isinstance(stop, type):
        raise TypeError(f"stop must be an iterable: [{stop.__name__}] for one type")
    try:
        items = None if isinstance(stop, (str, bytes, bytearray)) else iter(stop)
    except TypeError:
        items = None
    if items is None:
        raise TypeError(
            f"stop must be an iterable of types and objects, not {type(stop).__name__}"
        )
    return tuple(items)


cdef tuple _LEAVES = (str, bytes, int, float, bool, type(None))


def sizeof(obj, /, *more, bint deep=True, bint rounded=False, limit=None, stop=()):
    """Return the bytes of memory that objects and everything they refer to take.

    Counted is what the allocator was asked for, each distinct object once, garbage-collector
    headers and unused room in containers included. Not counted, and not followed, is what is not
    data: types, modules, functions and code, frames and generators, what a weak reference
    refers to, and what lives as long as the interpreter (None, small ints, interned names and
    constants; an interned str that is itself an argument does count). docs/sizes.md tells what
    counts for each type.

    Parameters
    ----------
    obj, *more
        Objects to measure as one graph: what they share counts once.
    deep
        Whether to follow references. If false, only the objects' own bytes are added up.
    rounded
        Whether to count what the allocator takes for each request (its size classes and its
        headers) instead of what was requested.
    limit
        Bytes past which to stop, an int or text such as ``"64MiB"``: the result is then above
        `limit`, and how far is not told.
    stop
        An iterable of types and objects that are left out, with what only they refer to. A type
        stands for its subclasses too, if they inherit from it. The ``__dict__`` of an instance is
        a part of the instance, which no type leaves out.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        If `limit` is no size, or a size told by a `__sizeof__` or a registered sizer is negative.
    TypeError
        If an argument or a size told is of the wrong type.
    OverflowError
        If the sizes add up to more than `sys.maxsize`.
    MemoryError
        If there is no memory for the measuring itself: up to 24 bytes for each object, and for a
        `MemoryBlock` 30 more.
    Exception
        Whatever a `__sizeof__` or a registered sizer raises.

    Notes
    -----
    The time is linear in the objects and references reached, a few nanoseconds for each, and
    nothing is created or changed by looking. No depth of nesting is too deep.

    Thread-safety: with the GIL nothing changes meanwhile unless a `__sizeof__` or a sizer runs.
    Without it, what another thread changes meanwhile is counted as it is found, if it is of a type
    that lets readers lock it: list, dict, set, deque, instances, the containers of this package.
    Other types have nothing to lock, so that measuring one while another thread rebinds what it
    holds is as unsafe as any read of it: NumPy arrays with objects for items or fields,
    exceptions, cells, ``ctypes.py_object``, partials being unpickled (docs/sizes.md).

    Examples
    --------
    >>> text = "any text, " * 1000
    >>> sizeof([text] * 10) == sizeof([None] * 10) + sizeof(text)
    True
    >>> sizeof([text], [text]) == 2 * sizeof([None]) + sizeof(text)
    True
    >>> sizeof(text, limit=100) > 100
    True
    >>> sizeof([text, 1.5], stop=[str]) == sizeof([text, 1.5]) - sizeof(text)
    True
    """
    cdef tuple objects = (obj,) + more
    cdef bb_request request = bb_request(
        PySequence_Fast_ITEMS(objects), len(objects), not deep, rounded, -1, NULL, NULL, NULL, NULL
    )
    cdef tuple stop_types, stop_objects
    if limit is not None:
        request.limit = parse_size(
            min(limit, MAX_SIZE) if isinstance(limit, int) else limit, "limit"
        )
    cdef tuple stops = stop if type(stop) is tuple else stops_of(stop)
    if stops:
        stop_types = tuple(item for item in stops if isinstance(item, type))
        stop_objects = tuple(item for item in stops if not isinstance(item, type))
        request.stop_types = <PyObject *>stop_types
        request.stop_objects = <PyObject *>stop_objects
    return bb_measure(&request)


def shell_nbytes(obj, /):
    """Return the bytes of an object's own block, whatever its `__sizeof__` adds to that.

    For sizers of types whose `__sizeof__` includes memory that they tell of as referents.

    Parameters
    ----------
    obj
        An object of a fixed size.

    Returns
    -------
    int
        Bytes, with what the interpreter puts in front of the object.

    Examples
    --------
    >>> shell_nbytes(1.5) == (1.5).__sizeof__()
    True
    """
    cdef object cls = type(obj)
    return bb_header_nbytes(<PyTypeObject *>cls) + (<PyTypeObject *>cls).tp_basicsize


def register_sizer(cls, fn, /):
    """Tell how to measure the instances of a type that hides memory.

    For types whose memory neither `__sizeof__` nor attributes show: a handle of a C library, a
    buffer that several objects share. The nearest class of an object's method resolution order
    that has a function is asked, and it alone: nothing else is charged or followed.
    NumPy, pyarrow, pandas and torch need no registration; a function registered for one of
    their types replaces what comes with this package.

    Parameters
    ----------
    cls
        The type. Its subclasses are measured likewise.
    fn
        Called with an object; returns a pair `(own_bytes, referents)`: all bytes of the object
        itself, an int, and the objects to go on with, any iterable. A `MemoryBlock` among them
        stands for memory that is not an object. None forgets what was registered.

    Raises
    ------
    TypeError
        If `cls` is not a type or `fn` cannot be called.
    ValueError
        If `cls` is str, bytes, int, float or bool: these are measured without asking what they
        are, in every put of a cache. Their subclasses may be registered.

    Notes
    -----
    `fn` runs after the walk over everything else that was found so far, never amid it. What it
    raises comes out of `sizeof`, or of the cache operation that measured. One call an object.
    Referents are taken from an iterable a few dozen at a time, and with a limit no more once what
    was found passes it: so there may be any number of them, as long as they have a size.

    Thread-safety: safe; measurements that are running may use the old function or the new one.

    Examples
    --------
    >>> class Handle:
    ...     nbytes = 1_000_000
    >>> handle = Handle()
    >>> register_sizer(Handle, lambda handle: (handle.nbytes, ()))
    >>> sizeof(handle)
    1000000
    >>> register_sizer(Handle, None)
    >>> sizeof(handle) < 1000
    True
    """
    if cls in _LEAVES:
        raise ValueError(f"the size of {cls.__name__} is known")
    if not isinstance(cls, type):
        raise TypeError(f"cls must be a type, not {type(cls).__name__}")
    if fn is not None and not callable(fn):
        raise TypeError(f"fn must be callable or None, not {type(fn).__name__}")
    bb_sizers_register(<PyTypeObject *>cls, NULL if fn is None else <PyObject *>fn)
