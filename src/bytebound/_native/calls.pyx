# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""Functions that remember what they returned: the native half of lru_cache and memoize."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject

from bytebound._native.core cimport BB_LRU_GIVEN
from bytebound._native.lru cimport read_hashed, store
from bytebound._native.lru_state cimport charge_of
from bytebound._native.support cimport (
    PySequence_Fast_ITEMS,
    bb_count,
    bb_hash,
    bb_publish,
    bb_steal,
    decref,
    incref,
)

from collections import namedtuple
from functools import _CacheInfo as _LRUCacheInfo, update_wrapper
from types import GenericAlias, MethodType
from weakref import ref

from bytebound._native.units import MAX_SIZE as _MAX_SIZE


cdef extern from "Python.h":
    void PyErr_Clear()
    const unsigned long Py_TPFLAGS_METHOD_DESCRIPTOR
    PyObject *PyTuple_GET_ITEM(PyObject *tuple, Py_ssize_t index)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *tuple)
    object PyVectorcall_Call(object callable, object args, object kwargs)
    object PyLong_FromVoidPtr(void *pointer)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)
    object PyObject_Vectorcall(
        PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names
    )


cdef extern from "calls_support.h":
    Py_hash_t bb_hash_unchecked "bb_hash"(PyObject *key) noexcept
    void bb_install_vectorcall(
        PyTypeObject *type, Py_ssize_t offset, unsigned long more_flags
    )
    PyObject *bb_make_key(
        const bb_key_rules *rules, PyObject *const *prefix, Py_ssize_t prefix_size,
        Py_ssize_t first, PyObject *const *args, Py_ssize_t count, PyObject *names
    ) except NULL


cdef object MARK = object()
cdef object NOTHING = object()


class MemoInfo(namedtuple("MemoInfo", ("hits", "misses", "nbytes", "max_bytes", "items"))):
    """What ``cache_info()`` of a memoized function tells; sizes in bytes.

    Attributes
    ----------
    hits, misses : int
        Calls that were answered from the cache, and those that were not.
    nbytes, max_bytes : int or None
        Of the cache; None if it is one that does not count bytes.
    items : int
        Entries in the cache.
    """

    __slots__ = ()


cdef class CachedCall:
    """What functions with a cache share."""

    def __cinit__(self, *args, **kwargs):
        self.rules = bb_key_rules(False, <PyObject *> MARK, NULL, NULL)

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __get__(self, instance, owner):
        return self if instance is None else MethodType(self, instance)

    def __call__(self, /, *args, **kwargs):
        return PyVectorcall_Call(self, args, kwargs)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return self.__qualname__

    def __repr__(self):
        return f"<{type(self).__name__} of {self.function!r}>"


# ---- functools.lru_cache ----

cdef object lru_call(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names
):
    cdef LRUCachedCall self = <LRUCachedCall> callable
    cdef LRUCache table = self.table
    cdef PyObject *key
    cdef PyObject *value = NULL
    cdef Py_hash_t hash_value
    cdef uint64_t charge
    if table is None:
        bb_count(&self.misses)
        return PyObject_Vectorcall(<PyObject *> self.function, args, nargsf, names)
    key = bb_make_key(&self.rules, NULL, 0, 0, args, PyVectorcall_NARGS(nargsf), names)
    try:
        hash_value = bb_hash(key)
        if read_hashed(table, key, hash_value, True, &value):
            bb_count(&self.hits)
            return bb_steal(value)
        bb_count(&self.misses)
        result = PyObject_Vectorcall(<PyObject *> self.function, args, nargsf, names)
        charge = BB_LRU_GIVEN
        if self.max_bytes is not None:
            charge = charge_of(table, key, <PyObject *> result)
        store(table, key, <PyObject *> result, hash_value, charge)
        return result
    finally:
        decref(key)


cdef class LRUCachedCall(CachedCall):
    """What ``bytebound.compat.functools.lru_cache`` makes of a function."""

    def __cinit__(self, *args, **kwargs):
        self.vectorcall = <vectorcallfunc> lru_call

    def __init__(self, function, maxsize, typed, max_bytes):
        if not callable(function):
            raise TypeError("the first argument must be callable")
        self.function = function
        self.rules.typed = typed
        self.maxsize = maxsize
        self.max_bytes = max_bytes
        if max_bytes is not None:
            self.table = LRUCache(max_bytes, max_items=maxsize or None)
        elif maxsize != 0:
            self.table = LRUCache(_MAX_SIZE, max_items=maxsize, charge_overhead=False)
        if maxsize == 0:
            self.table = None
        update_wrapper(self, function)

    def cache_info(self):
        """Hits, misses, maxsize and currsize, as functools tells them."""
        count = 0 if self.table is None else len(self.table)
        return _LRUCacheInfo(self.hits, self.misses, self.maxsize, count)

    def cache_clear(self):
        """Drop every result and set the counters to zero."""
        self.hits = self.misses = 0
        if self.table is not None:
            self.table.clear()

    def cache_parameters(self):
        """What the decorator was given."""
        given = {"maxsize": self.maxsize, "typed": self.rules.typed != 0}
        if self.max_bytes is not None:
            given["max_bytes"] = self.table.max_bytes if self.table is not None else 0
        return given

    @property
    def nbytes(self):
        """int or None: Bytes charged now, if they are bounded."""
        if self.max_bytes is None:
            return None
        return 0 if self.table is None else self.table.nbytes


# ---- memoize ----

cdef object memo_call(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names
):
    cdef MemoizedCall self = <MemoizedCall> callable
    cdef PyObject *key = self.key_of(args, nargsf, names)
    cdef PyObject *value = NULL
    cdef Py_hash_t hash_value
    try:
        hash_value = bb_hash_unchecked(key)
        if hash_value == -1:
            PyErr_Clear()
            self.refuse_key(<object> key, call_of(args, nargsf, names))
        if self.table is not None:
            if read_hashed(self.table, key, hash_value, True, &value):
                bb_count(&self.hits)
                if self.hit is None:
                    return bb_steal(value)
                return self.hit(bb_steal(value))
        else:
            found = self.cache.get(<object> key, NOTHING)
            if found is not NOTHING:
                bb_count(&self.hits)
                return found if self.hit is None else self.hit(found)
        bb_count(&self.misses)
        if self.deaths > 0:
            self.sweep()
        positional, named = call_of(args, nargsf, names)
        return self.miss(<object> key, positional, named)
    finally:
        decref(key)


cdef tuple call_of(PyObject *const *args, size_t nargsf, PyObject *names):
    """The arguments of a call as ``(args, kwargs)``."""
    cdef Py_ssize_t count = PyVectorcall_NARGS(nargsf)
    cdef Py_ssize_t i
    cdef dict named = {}
    if names != NULL:
        for i in range(PyTuple_GET_SIZE(names)):
            named[<object> PyTuple_GET_ITEM(names, i)] = <object> args[count + i]
    return tuple([<object> args[i] for i in range(count)]), named


@cython.final
cdef class Token:
    """Stands for an instance in keys and does not keep it alive; is called when that dies."""

    cdef object instance
    cdef object function
    cdef object place
    cdef bint dead

    def __call__(self, _reference):
        cdef MemoizedCall function = self.function()
        self.dead = True
        if function is not None and function.tokens.get(self.place) is self:
            del function.tokens[self.place]
            function.deaths += 1


cdef class MemoizedCall(CachedCall):
    """A function with a cache in bytes; what `memoize` makes of one."""

    def __cinit__(self, *args, **kwargs):
        self.vectorcall = <vectorcallfunc> memo_call
        self.tokens = {}

    def __init__(self, function, cache, private, flights, key, ignored, masked, settings):
        self.function = function
        self.cache = cache
        self.flights = flights
        self.miss = flights.answer
        self.hit = flights.hit
        self.key = key
        self.settings = settings
        self.owner = None if private else object()
        self.rules.typed = settings["typed"]
        if type(cache) is LRUCache:
            self.table = cache
        if ignored:
            self.ignored = ignored
            self.masked = masked
            self.rules.ignored = <PyObject *> self.ignored
            self.rules.masked = <PyObject *> self.masked
        update_wrapper(self, function)

    def __set_name__(self, owner, name):
        self.is_method = True

    def __get__(self, instance, owner):
        if instance is None:
            return self
        self.is_method = True
        return MethodType(self, instance)

    # ---- keys ----

    cdef PyObject *key_of(
        self, PyObject *const *args, size_t nargsf, PyObject *names
    ) except NULL:
        """A new reference to the key of a call."""
        cdef PyObject *prefix[2]
        cdef Py_ssize_t size = 0, first = 0
        cdef Py_ssize_t count = PyVectorcall_NARGS(nargsf)
        token = None
        if self.owner is not None:
            prefix[size] = <PyObject *> self.owner
            size += 1
        if self.is_method and count > 0:
            token = self.token_of(<object> args[0])
            prefix[size] = <PyObject *> token
            size += 1
            first = 1
        if self.key is None:
            return bb_make_key(
                &self.rules, prefix, size, first, args + first, count - first, names
            )
        made = PyObject_Vectorcall(<PyObject *> self.key, args, count, names)
        if size > 0:
            made = (*[<object> prefix[i] for i in range(size)], made)
        incref(<PyObject *> made)
        return <PyObject *> made

    cdef object token_of(self, instance):
        """What stands for an instance in keys: itself, if it cannot be referred to weakly."""
        cdef Token token
        place = PyLong_FromVoidPtr(<void *> instance)
        token = self.tokens.get(place)
        if token is not None and token.instance() is instance:
            return token
        token = Token.__new__(Token)
        try:
            token.instance = ref(instance, token)
        except TypeError:
            return instance
        token.function = ref(self)
        token.place = place
        self.tokens[place] = token
        return token

    cdef int refuse_key(self, key, tuple call) except -1:
        """Raise the TypeError of a key that cannot be hashed."""
        try:
            hash(key)
        except TypeError as error:
            raise self.flights.unhashable(call, self.key, error) from None
        return 0

    cdef object key_for(self, tuple args, dict kwargs):
        cdef list values = [*args, *kwargs.values()]
        cdef tuple names = tuple(kwargs)
        return bb_steal(self.key_of(
            PySequence_Fast_ITEMS(values), len(args), <PyObject *> names if names else NULL
        ))

    # ---- what users ask ----

    def cache_info(self):
        """What the cache did and holds.

        Returns
        -------
        MemoInfo
        """
        return MemoInfo(
            self.hits, self.misses, getattr(self.cache, "nbytes", None),
            getattr(self.cache, "max_bytes", None), len(self.cache),
        )

    def cache_clear(self):
        """Drop every result of this function and set its counters to zero.

        What is being computed now is not kept either, and later calls do not wait for it.
        """
        self.flights.forget_all()
        self.hits = self.misses = 0
        if self.owner is None:
            self.cache.clear()
        else:
            self.drop_keys(False)

    def cache_delete(self, /, *args, **kwargs):
        """Drop the result of a call.

        Returns
        -------
        bool
            Whether there was one. What is being computed for it now is not kept.
        """
        key = self.key_for(args, kwargs)
        self.refuse_key(key, (args, kwargs))
        self.flights.forget(key)
        return self.cache.pop(key, NOTHING) is not NOTHING

    def cache_parameters(self):
        """What `memoize` was given."""
        return dict(self.settings)

    # ---- what nobody can ask for any more ----

    cdef int sweep(self) except -1:
        """Drop the results of dead instances, if they are a good part of all."""
        if self.deaths >= 16 and 4 * self.deaths >= len(self.tokens):
            self.deaths = 0
            self.drop_keys(True)
        return 0

    cdef int drop_keys(self, bint dead) except -1:
        """Drop this function's results: those of dead instances, or all."""
        for key in list(self.cache):
            if type(key) is not tuple or (self.owner is not None and key[0] is not self.owner):
                continue
            token = key[self.owner is not None] if len(key) > (self.owner is not None) else None
            if not dead or (type(token) is Token and (<Token> token).dead):
                self.cache.pop(key, None)
        return 0


cdef install(cls, unsigned long more_flags):
    cdef CachedCall probe = CachedCall.__new__(CachedCall)
    bb_install_vectorcall(
        <PyTypeObject *> cls, <char *> &probe.vectorcall - <char *> <PyObject *> probe, more_flags
    )


# A method of lru_cache's is found without binding it; memoize wants to know that it is a method.
install(LRUCachedCall, Py_TPFLAGS_METHOD_DESCRIPTOR)
install(MemoizedCall, 0)
MemoInfo.__module__ = "bytebound"
bb_publish(<PyTypeObject *> LRUCachedCall, "bytebound.compat.functools.LRUCachedCall")
bb_publish(<PyTypeObject *> MemoizedCall, "bytebound.MemoizedCall")
