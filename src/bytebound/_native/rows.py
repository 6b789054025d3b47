"""What rows of numbers are made of: their shape, and which of their bytes have a meaning."""

from math import prod
from operator import index as to_index
from typing import TYPE_CHECKING, Any, SupportsIndex

if TYPE_CHECKING:
    import numpy as np


def checked_shape(
    shape: SupportsIndex | tuple[SupportsIndex, ...] | list[SupportsIndex],
) -> tuple[int, ...]:
    """Return the shape of a row as a tuple.

    Raises
    ------
    TypeError
        If it is no int or tuple of ints.
    ValueError
        If a length is below 1.
    """
    try:
        lengths = tuple(map(to_index, shape if isinstance(shape, (tuple, list)) else (shape,)))
    except TypeError:
        raise TypeError(f"shape must be an int or a tuple of ints, not {shape!r}") from None
    if min(lengths, default=1) < 1:
        raise ValueError(f"shape must have no length below 1, not {shape!r}")
    return lengths


def written_bytes(dtype: "np.dtype[Any]") -> bytearray:
    """Return ones for the bytes of a value that have a meaning, and zeros for padding."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return written_bytes(base) * prod(shape)
    if dtype.names is None:
        return _bytes_of_number(dtype)
    written = bytearray(dtype.itemsize)
    for field, offset, *_ in (dtype.fields or {}).values():
        for at, byte in enumerate(written_bytes(field), offset):
            written[at] |= byte
    return written


def _bytes_of_number(dtype: "np.dtype[Any]") -> bytearray:
    parts = {"g": 1, "G": 2}.get(dtype.char, 0)
    if parts != 0:
        import numpy as np  # whoever has a dtype has imported it

        if np.finfo(dtype).nmant == 63:  # 80 bits, and some to align it
            padding = bytes(dtype.itemsize // parts - 10)
            part = b"\xff" * 10
            return bytearray((part + padding if dtype.isnative else padding + part) * parts)
    return bytearray(b"\xff" * dtype.itemsize)
