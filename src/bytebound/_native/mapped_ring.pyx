# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""What rings in memory mapped twice have in common: they are closed, and stay in their process."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo

from bytebound._native.core cimport bb_budget_reset_peak
from bytebound._native.support cimport bb_lock, bb_unlock


cdef class MappedRing(BoundedContainer):
    """A ring in one block of memory that is charged once."""

    cdef object unusable(self):
        name = type(self).__name__
        if not self.ready:
            return RuntimeError(f"{name} was not initialised: call its __init__")
        if self.is_closed[0]:
            return ValueError(f"the {name} is closed")
        return RuntimeError(
            f"the {name} belongs to the process that made it, and this one was forked from it: "
            "make one after forking"
        )

    cdef void close_core(self) noexcept:
        pass

    cdef bint check_core(self, const char **reason) noexcept:
        return True

    cdef void look_away(self, MappedView view) noexcept:
        pass

    def close(self):
        """Give the memory back; the ring can only be looked at from outside then.

        As long as views are alive it stays, and stays charged. Closing again does nothing.
        """
        bb_lock(&self.mutex)
        self.close_core()
        bb_unlock(&self.mutex)

    @property
    def closed(self):
        """bool: Whether `close` was called."""
        return self.is_closed[0]

    @property
    def overhead_nbytes(self):
        """int: Bytes charged beside the payload: room that is free, structure, views' copies."""
        return max(self.nbytes - self.payload_nbytes, 0)

    def reset_stats(self):
        """Set `peak_nbytes` to what is charged now."""
        bb_lock(&self.mutex)
        if self.own != NULL:
            bb_budget_reset_peak(self.own)
        bb_unlock(&self.mutex)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        name = type(self).__name__
        raise TypeError(
            f"cannot copy or pickle the {name}: its memory belongs to one process. Take what is in "
            "it, and fill another"
        )

    def __sizeof__(self):
        return object.__sizeof__(self) + self.nbytes

    def _validate(self):
        """Raise AssertionError if an invariant of the core does not hold."""
        cdef const char *reason = NULL
        cdef bint valid
        bb_lock(&self.mutex)
        valid = self.check_core(&reason)
        bb_unlock(&self.mutex)
        if not valid:
            raise AssertionError((<bytes> reason).decode())


@cython.no_gc_clear  # without its ring it could not look away
cdef class MappedView:
    """A read-only buffer in the memory of a ring, which it keeps."""

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, <void *> self.start, self.nbytes, 1, flags)

    def __dealloc__(self):
        if self.ring is not None:
            bb_lock(&self.ring.mutex)
            self.ring.look_away(self)
            bb_unlock(&self.ring.mutex)
