# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
"""What rings in memory mapped twice have in common: they are closed, and stay in their process."""


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

    @property
    def closed(self):
        """bool: Whether `close` was called."""
        return self.is_closed[0]

    @property
    def overhead_nbytes(self):
        """int: Bytes charged beside the payload: room that is free, structure, views' copies."""
        return max(self.nbytes - self.payload_nbytes, 0)

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
