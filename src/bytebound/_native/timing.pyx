# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""Seconds, as callers give them, and microseconds, as the core counts them."""

from libc.math cimport isfinite, isnan, rint

from bytebound._native.core cimport BB_NEVER, BB_WHEEL_END


cdef double SECOND = 1e6

# The instant of a timer's 0: as far from the first instant as from the last.
cdef uint64_t ZERO = BB_WHEEL_END // 2


cdef double as_float(number, str what, str kind="a number of seconds") except? -1:
    if isinstance(number, (str, bytes)) or not (
        hasattr(number, "__float__") or hasattr(number, "__index__")
    ):
        raise TypeError(
            f"{what} must be {kind}, not {type(number).__name__}: {number!r}"
        )
    try:
        return float(number)
    except OverflowError:
        return float("-inf" if number < 0 else "inf")


cdef uint64_t parse_span(seconds, str what) except 0xFFFFFFFFFFFFFFFE:
    cdef double span
    if seconds is None:
        return BB_NEVER
    span = as_float(seconds, what) * SECOND
    if isnan(span) or span < 0:
        raise ValueError(f"{what} must not be negative or NaN: {seconds!r}")
    if span >= <double> BB_WHEEL_END:
        return BB_NEVER
    return max(<uint64_t> rint(span), <uint64_t> (span > 0))


cdef object seconds_of(uint64_t span):
    return None if span == BB_NEVER else span / SECOND


cdef double parse_jitter(jitter) except -1:
    cdef double share = as_float(jitter, "ttl_jitter", "a share from 0 to 1")
    if not 0 <= share <= 1:
        raise ValueError(f"ttl_jitter must be from 0 to 1, not {jitter!r}")
    return share


cdef uint64_t ask_timer(timer) except 0:
    cdef object told = timer()
    cdef double instant = as_float(told, "what a timer returns") * SECOND
    if not isfinite(instant) or not -<double> ZERO < instant < <double> ZERO:
        raise ValueError(f"a timer must return a number of seconds within 1000 years, not {told!r}")
    return ZERO + <uint64_t> <long long> rint(instant)
