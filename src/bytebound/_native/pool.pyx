# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""The pool as users have it: blocks, arrays, and the interface for other extensions."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport INT64_MAX, uint64_t

from bytebound._native.core cimport (
    BB_OK,
    bb_page_size,
    bb_pool,
    bb_pool_allocate,
    bb_pool_free,
    bb_pool_resize,
    bb_refusal,
    bb_status,
)
from bytebound._native.pool_base cimport PoolBase, take_memory
from bytebound._native.support cimport bb_publish

from contextvars import copy_context
from functools import partial
from operator import index as to_index

from bytebound._native.errors import PoolExhaustedError


cdef extern from "pool_support.h":
    const int BB_MAX_DIMENSIONS

    ctypedef struct bb_array_handler:
        pass

    void **bb_numpy()
    int bb_numpy_found(object api) except -1
    object bb_get_handler()
    object bb_set_handler(object handler)
    object bb_new_array(
        object dtype, int dimensions, const Py_ssize_t *shape, void *data, object owner
    )
    void bb_describe_handler(bb_array_handler *handler, bb_pool *pool)
    PyObject *bb_current_context()
    object bb_handler_capsule(bb_array_handler *handler, object owner)


cdef extern from "pool_api.h":
    const char *BB_POOL_API_NAME
    const int BB_POOL_API_VERSION

    ctypedef struct bb_pool_api:
        int version
        bint (*check)(object) noexcept
        void *(*allocate)(object, size_t, size_t, bint) except NULL
        void *(*resize)(object, void *, size_t, size_t) except NULL
        void (*free)(object, void *, size_t) noexcept


cdef object numpy = None
cdef object to_dtype = None
cdef object float64 = None


cdef int find_numpy() except -1:
    global numpy, to_dtype, float64
    import numpy as module

    try:
        from numpy._core._multiarray_umath import _ARRAY_API
    except ImportError:  # NumPy 1
        from numpy.core._multiarray_umath import _ARRAY_API
    numpy = module
    to_dtype = module.dtype
    float64 = module.dtype(float)
    return bb_numpy_found(_ARRAY_API)  # last: whoever sees it has the others too


cdef inline int need_numpy() except -1:
    return 0 if bb_numpy() != NULL else find_numpy()


cdef int dimensions_of(shape, Py_ssize_t *dimensions) except -1:
    """How many there are."""
    cdef Py_ssize_t count = 0
    if type(shape) is int:
        dimensions[0] = shape
        return 1
    try:
        lengths = tuple(shape)
    except TypeError:
        lengths = (shape,)
    if len(lengths) > BB_MAX_DIMENSIONS:
        raise ValueError(f"an array has at most {BB_MAX_DIMENSIONS} dimensions, not {len(lengths)}")
    for length in lengths:
        dimensions[count] = to_index(length)
        count += 1
    return count


cdef uint64_t array_nbytes(
    shape, const Py_ssize_t *dimensions, int count, uint64_t item
) except? 0xFFFFFFFFFFFFFFFF:
    cdef uint64_t nbytes = item
    cdef bint empty = False
    cdef int i
    for i in range(count):
        if dimensions[i] < 0:
            raise ValueError(f"dimensions must not be negative: {shape!r}")
        if dimensions[i] == 0:
            empty = True
        elif nbytes > <uint64_t> INT64_MAX // <uint64_t> dimensions[i]:
            raise ValueError(f"an array cannot have so many bytes: shape {shape!r}")
        else:
            nbytes *= dimensions[i]
    return 0 if empty else nbytes


cdef object new_array(MemoryPool pool, shape, dtype, bint zero):
    cdef Py_ssize_t dimensions[64]
    cdef int count = dimensions_of(shape, dimensions)
    cdef uint64_t item = 8
    cdef ArrayMemory memory
    need_numpy()
    if dtype is None or dtype is float:
        dtype = float64
    else:
        dtype = to_dtype(dtype)
        if dtype.hasobject:
            raise TypeError(
                f"objects cannot lie in a pool, only their memory: dtype {dtype} holds references; "
                "with pool.numpy() NumPy makes such arrays"
            )
        item = dtype.itemsize
    memory = ArrayMemory.__new__(ArrayMemory)
    memory.size = array_nbytes(shape, dimensions, count, item)
    memory.data = take_memory(pool, memory.size, 16, zero)
    memory.pool = pool
    return bb_new_array(dtype, count, dimensions, memory.data, memory)


@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class ArrayMemory:
    """What an array of a pool has as its ``base``: it goes back with the array, never before."""

    cdef MemoryPool pool
    cdef void *data
    cdef uint64_t size

    def __init__(self):
        raise TypeError("memory of arrays is taken by MemoryPool.empty()")

    def __dealloc__(self):
        if self.data != NULL:
            bb_pool_free(&self.pool.pool, self.data, self.size)

    def __reduce__(self):
        raise TypeError("an ArrayMemory cannot be copied or pickled: it is memory of this process")


@cython.final
cdef class ArrayScope:
    """What `MemoryPool.numpy` returns."""

    cdef MemoryPool pool
    cdef object handler  # None until it is entered
    cdef object before  # None once it is left
    cdef object context  # in which it was entered

    def __init__(self):
        raise TypeError("scopes are made by MemoryPool.numpy()")

    def __enter__(self):
        if self.handler is not None:
            raise RuntimeError("this scope was entered already; call numpy() for each `with`")
        self.pool.check_open()
        before = bb_get_handler()
        handler = self.pool.new_handler()
        try:
            bb_set_handler(handler)
        except MemoryError:
            bb_set_handler(before)  # CPython may have set the variable all the same
            raise
        self.handler = handler
        self.before = before
        self.context = <object> bb_current_context()
        return self

    def __exit__(self, *exception):
        if self.before is None:
            done = "not entered" if self.handler is None else "left already"
            raise RuntimeError(f"this scope was {done}")
        if bb_current_context() != <PyObject *> self.context:
            raise RuntimeError(
                "this scope is left where it was not entered: it is of another thread, task or "
                "context, in which it goes on"
            )
        if bb_get_handler() is not self.handler:
            raise RuntimeError(
                "this scope is left where it was not entered: "
                "one that was entered later has to be left first"
            )
        bb_set_handler(self.before)  # without memory it fails, and may be called once more
        self.before = self.context = None

    def bind(self, function):
        """Make a function run in a scope of the pool, whichever thread calls it.

        Threads and executors begin with a context of their own, in which NumPy's arrays come
        from the ordinary heap.

        Parameters
        ----------
        function : callable
            What the thread or the executor is to run.

        Returns
        -------
        callable

        Raises
        ------
        TypeError
            If it is none, or one of a coroutine or a generator, whose body runs later.

        Examples
        --------
        >>> import numpy as np
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> pool = MemoryPool("1MiB")
        >>> with pool.numpy() as scope, ThreadPoolExecutor() as executor:
        ...     array = executor.submit(scope.bind(np.ones), 1000).result()
        >>> pool.requested_nbytes
        8000
        """
        if not callable(function):
            raise TypeError(f"function must be callable, not {type(function).__name__}")
        if runs_later(function):
            raise TypeError(
                f"function must run when it is called, not later as {function!r} does: bind what "
                "it calls, or start its task inside the scope"
            )
        return partial(run_in_scope, self.pool, function)


cdef bint runs_later(function) except -1:
    """Whether calling it only makes a coroutine or a generator."""
    import inspect

    if not inspect.isroutine(function) and not isinstance(function, (partial, type)):
        function = type(function).__call__
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )


def run_in_scope(MemoryPool pool, function, /, *args, **kwargs):
    """Call a function in a scope of the pool, in a context of its own: leaving that cannot fail."""
    return copy_context().run(call_in_scope, pool, function, args, kwargs)


def call_in_scope(MemoryPool pool, function, tuple args, dict kwargs):
    pool.numpy().__enter__()
    return function(*args, **kwargs)


@cython.final
@cython.no_gc_clear
cdef class MemoryPool(PoolBase):
    """MemoryPool(max_bytes, *, budget=None, name=None, debug=False)
--

    Memory for buffers and arrays, under a bound in bytes that is never passed.

    The pool takes pages from the operating system, charges each before it can be written to,
    and rounds requests up by at most a sixteenth above 256 bytes. Freed memory is kept for
    reuse, and goes back before new pages are taken, by `trim`, or with the pool.

    Parameters
    ----------
    max_bytes : int or str
        The bound, in bytes or as text such as ``"64MiB"``. It covers all pages, those in which
        the pool keeps its books too: the first block takes four.
    budget : Budget, optional
        A bound over several containers, to which all pages are charged as well.
    name : str, optional
        What errors and representations call it.
    debug : bool, optional
        Whether to put guard bytes round each block and to overwrite freed ones. What is found
        wrong with a block when it is freed goes to `sys.unraisablehook`, as a RuntimeError
        with the block's size and serial number.

    Notes
    -----
    ``requested_nbytes <= usable_nbytes <= reserved_nbytes``, and ``reserved_nbytes +
    overhead_nbytes == nbytes <= max_bytes``, always. `reserved_nbytes` never rises above the
    most that blocks in use needed at once.

    Safe to use from several threads, with and without the GIL; any thread may free any block.
    A pool cannot be pickled or copied, and has no say in a forked child.

    Examples
    --------
    >>> from bytebound import MemoryPool
    >>> pool = MemoryPool("16MiB", name="frames")
    >>> frame = pool.zeros((480, 640), "uint8")
    >>> pool.requested_nbytes
    307200
    >>> with pool.numpy():
    ...     doubled = frame * 2
    >>> pool.requested_nbytes
    614400
    >>> del frame, doubled
    >>> pool.requested_nbytes
    0
    """

    cdef bb_array_handler handler

    def __cinit__(self, *args, **kwargs):
        bb_describe_handler(&self.handler, &self.pool)

    cdef object new_handler(self):
        need_numpy()
        return bb_handler_capsule(&self.handler, self)

    def empty(self, shape, dtype=None):
        """Make an array in the pool, with whatever was in its memory.

        Parameters
        ----------
        shape : int or sequence of int
        dtype : dtype-like, optional
            By default float. It must not hold references to objects.

        Returns
        -------
        numpy.ndarray
            Of C order. Its memory goes back when the last array or view of it is gone.

        Raises
        ------
        PoolExhaustedError, BudgetExceededError, MemoryError
            As `alloc`.
        TypeError, ValueError
            If it is no shape or no data type, or the pool is closed.

        Examples
        --------
        >>> pool = MemoryPool("1MiB")
        >>> pool.empty((2, 3), "float32").nbytes
        24
        """
        return new_array(self, shape, dtype, False)

    def zeros(self, shape, dtype=None):
        """Make an array of zeros in the pool; as `empty` in all else."""
        return new_array(self, shape, dtype, True)

    def array(self, obj, dtype=None):
        """Make an array in the pool of what NumPy can make an array of.

        Parameters
        ----------
        obj : array-like
            Always copied.
        dtype : dtype-like, optional

        Returns
        -------
        numpy.ndarray

        Raises
        ------
        PoolExhaustedError
            If the pool or a budget above has no room.
        ValueError
            If the pool is closed.

        Examples
        --------
        >>> pool = MemoryPool("1MiB")
        >>> array = pool.array([[1, 2], [3, 4]], "int16")
        >>> pool.requested_nbytes
        8
        """
        try:
            need_numpy()
            return run_in_scope(self, numpy.array, obj, dtype)
        except MemoryError as error:
            totals = self.read()
            limit = totals.budget.limit
            available = max(limit - totals.budget.total, 0) + totals.idle
            name = "" if self.name is None else f" {self.name!r}"
            raise PoolExhaustedError(
                f"pool{name} has no room: {error} "
                f"({available} of max_bytes={limit} are available)",
                None, available, limit,
            ) from None

    def numpy(self):
        """Charge what NumPy allocates for arrays in a ``with`` to the pool.

        Returns
        -------
        ArrayScope
            To be entered once, and left where it was entered. Its `ArrayScope.bind` takes a
            thread or an executor along.

        Raises
        ------
        MemoryError
            From NumPy, in the ``with``, where the pool or a budget above has no room. Nothing is
            lost.
        RuntimeError
            Where a scope is entered a second time; where it is left in another thread, task or
            context, before one that was entered later, or a second time. Nothing has changed
            then.

        Notes
        -----
        Scopes nest; the inner one holds. They are of one context, as `contextvars` has them:
        tasks of asyncio begin with their parent's, threads do not.

        No generator, plain or asynchronous, should yield inside the ``with``: whoever runs it
        goes on with the scope in force, and one that is dropped there may be closed in another
        context, which cannot leave it.

        Under a full `Budget` NumPy gets a MemoryError where `alloc`, `empty` and `zeros` succeed:
        NumPy may hold locks, so that no other container can be asked to evict. Make room first,
        by `Budget.trim`. The same goes for `array`.

        Arrays may outlive the ``with``, and keep the pool alive. Arrays made before it keep
        their own memory, wherever they are resized. What NumPy allocates for other purposes is
        not charged; ``docs/pool.md`` lists that.

        References
        ----------
        NEP 49, Data allocation strategies, https://numpy.org/neps/nep-0049.html

        Examples
        --------
        >>> import numpy as np
        >>> pool = MemoryPool("1MiB")
        >>> with pool.numpy():
        ...     array = np.arange(1000)
        >>> pool.requested_nbytes
        8000
        >>> with pool.numpy():
        ...     array = np.ones(10**6)
        Traceback (most recent call last):
            ...
        numpy...MemoryError: Unable to allocate 7.63 MiB ...
        """
        cdef ArrayScope scope = ArrayScope.__new__(ArrayScope)
        need_numpy()
        scope.pool = self
        return scope


# ---- for other extensions ----


cdef bint api_check(object) noexcept:
    return isinstance(object, MemoryPool)


cdef int check_pool(pool, size_t alignment) except -1:
    if not isinstance(pool, MemoryPool):
        raise TypeError(f"pool must be a MemoryPool, not {type(pool).__name__}")
    if alignment == 0 or alignment & (alignment - 1) != 0 or alignment > bb_page_size():
        raise ValueError(
            f"alignment must be a power of two from 1 to {bb_page_size()}, not {alignment}"
        )
    return 0


cdef void *api_allocate(pool, size_t size, size_t alignment, bint zero) except NULL:
    cdef void *block = NULL
    cdef bb_refusal refusal
    cdef bb_status status
    check_pool(pool, alignment)
    status = bb_pool_allocate(
        &(<MemoryPool> pool).pool, size, max(alignment, 16), zero, &block, &refusal
    )
    if status != BB_OK:
        raise (<MemoryPool> pool).no_room(size, status, &refusal)
    return block


cdef void *api_resize(pool, void *block, size_t old_size, size_t new_size) except NULL:
    cdef bb_refusal refusal
    cdef bb_status status
    check_pool(pool, 16)
    status = bb_pool_resize(&(<MemoryPool> pool).pool, &block, old_size, new_size, 16, &refusal)
    if status != BB_OK:
        raise (<MemoryPool> pool).no_room(new_size, status, &refusal)
    return block


cdef void api_free(pool, void *block, size_t size) noexcept:
    if block != NULL:
        bb_pool_free(&(<MemoryPool> pool).pool, block, size)


cdef bb_pool_api api = bb_pool_api(
    BB_POOL_API_VERSION, api_check, api_allocate, api_resize, api_free
)
_C_API = PyCapsule_New(&api, BB_POOL_API_NAME, NULL)

bb_publish(<PyTypeObject *> MemoryPool, "bytebound.MemoryPool")
bb_publish(<PyTypeObject *> ArrayScope, "bytebound.ArrayScope")
