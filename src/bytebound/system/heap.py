"""Give what the C library's heap keeps free back to the operating system."""

import ctypes
from collections.abc import Callable

import psutil


def _find() -> Callable[[], object]:
    if hasattr(psutil, "heap_trim"):
        trim: Callable[[], object] = psutil.heap_trim
        return trim
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # no glibc, or no C library that can be opened
        return lambda: None
    malloc_trim.argtypes = [ctypes.c_size_t]
    return lambda: malloc_trim(0)


give_back_heap: Callable[[], object] = _find()
"""Return free pages of the heap to the system, where the C library offers it; else do nothing.

It takes time in proportion to the heap's size. Thread-safe.
"""
