# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""How containers measure what they are given, and what they say of sizes."""

from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport UINT32_MAX, int64_t

from bytebound._native.core cimport BB_LRU_CHARGE_MAX, BB_UNLIMITED, bb_found_clear
from bytebound._native.sizing cimport measure, measure_each

from operator import index as to_index

from bytebound._native.errors import EntryTooLargeError
from bytebound._native.units import parse_size


cdef dict SIZERS = {"deep": SIZE_DEEP, "shallow": SIZE_SHALLOW, "shared": SIZE_SHARED}


cdef Sizing sizing_of(sizer, bint can_share=True) except *:
    if not isinstance(sizer, str) and callable(sizer):
        return SIZE_BY_CALL
    known = '"deep", "shallow", "shared"' if can_share else '"deep", "shallow"'
    if not isinstance(sizer, str):
        raise TypeError(
            f"sizer must be {known} or a callable, not {type(sizer).__name__}"
        )
    if sizer not in SIZERS or (sizer == "shared" and not can_share):
        raise ValueError(f"sizer must be {known} or a callable, not {sizer!r}")
    return SIZERS[sizer]


cdef uint64_t limit_of(max_bytes) except 0xFFFFFFFFFFFFFFFE:
    return BB_UNLIMITED if max_bytes is None else parse_size(max_bytes)


cdef uint32_t checked_items(max_items, int least=1) except? 0:
    if max_items is None:
        return UINT32_MAX
    try:
        max_items = to_index(max_items)
    except TypeError:
        raise TypeError(
            f"max_items must be an int or None, not {type(max_items).__name__}: {max_items!r}"
        ) from None
    if max_items < least:
        raise ValueError(f"max_items must be at least {least} or None, and is {max_items}")
    return min(max_items, UINT32_MAX - 1)  # no memory holds so many


cdef uint64_t checked_size(size, str what) except? 0xFFFFFFFFFFFFFFFF:
    cdef int overflow = 0
    cdef int64_t quick
    if type(size) is int:
        quick = PyLong_AsLongLongAndOverflow(size, &overflow)
        if quick >= 0 and not overflow and <uint64_t> quick <= BB_LRU_CHARGE_MAX:
            return quick
    try:
        size = to_index(size)
    except TypeError:
        raise TypeError(
            f"{what} must be an int number of bytes, not {type(size).__name__}: {size!r}"
        ) from None
    if size < 0:
        raise ValueError(f"{what} must not be negative")
    if size > BB_LRU_CHARGE_MAX:
        raise OverflowError(f"{what} must be at most {BB_LRU_CHARGE_MAX} bytes, and is more")
    return size


cdef uint64_t measure_together(
    Sizing sizing, sizer, PyObject *const *objects, Py_ssize_t count, uint64_t limit
) except? 0xFFFFFFFFFFFFFFFF:
    if sizing == SIZE_BY_CALL:
        if count == 1:
            return checked_size(sizer(<object> objects[0]), "a sizer's result")
        return checked_size(
            sizer(*[<object> objects[i] for i in range(count)]), "a sizer's result"
        )
    return measure(objects, count, sizing != SIZE_SHALLOW, min(limit, BB_LRU_CHARGE_MAX))


cdef int collect_parts(
    PyObject *const *objects, Py_ssize_t count, uint64_t limit, bb_found *found
) except -1:
    bb_found_clear(found)
    measure_each(objects, count, min(limit, BB_LRU_CHARGE_MAX), bb_collect_part, found)
    return 0


cdef object entry_too_large(
    str what, Sizing sizing, uint64_t size, bint given, uint64_t overhead, uint64_t limit
):
    stopped_early = sizing in (SIZE_DEEP, SIZE_SHARED) and not given and size > limit
    structure = f" and {overhead} bytes of structure" if overhead else ""
    return EntryTooLargeError(
        f"{what} of {'at least ' if stopped_early else ''}{size} bytes{structure} "
        f"cannot fit into max_bytes={limit}",
        size,
        limit,
    )
