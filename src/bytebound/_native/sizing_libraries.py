"""Sizers for libraries whose objects hide memory; asked for once such a library is imported.

Nothing here imports a library: `sizers` is called when it is in `sys.modules` already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from bytebound._native.sizing import MemoryBlock, shell_nbytes

# None: what the native walk finds is everything, whatever the type's `__sizeof__` says.
Sizer = Callable[[Any], tuple[int, Iterable[object]]] | None


def sizers(library: str) -> list[tuple[type, Sizer]] | None:
    """Return the sizers for a library, or None while it is still being imported."""
    module = sys.modules.get(library)
    if module is None or getattr(module.__spec__, "_initializing", False):
        return None
    return [(cls, sizer) for cls, sizer in _FINDERS[library](module) if isinstance(cls, type)]


def _find(module: object, path: str) -> object:
    """Return what a dotted path leads to, or None in a release that has no such thing."""
    found = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


# pyarrow: what is large is in buffers, which slices and columns share.


def _arrow_memory(buffer: Any) -> MemoryBlock | None:
    """Return the memory of a buffer, or of the one that it is a slice of."""
    if buffer is None or not buffer.is_cpu:
        return None
    while buffer.parent is not None:
        buffer = buffer.parent
    return MemoryBlock(buffer.address, buffer.size)


def _arrow_buffer(buffer: Any) -> tuple[int, Iterable[object]]:
    return shell_nbytes(buffer), [_arrow_memory(buffer)]


def _arrow_array(array: Any) -> tuple[int, Iterable[object]]:
    referents: list[object] = [_arrow_memory(buffer) for buffer in array.buffers()]
    dictionary = getattr(array, "dictionary", None)
    if dictionary is not None:
        referents.append(dictionary)
    return shell_nbytes(array), referents


def _arrow_chunks(chunked: Any) -> tuple[int, Iterable[object]]:
    return shell_nbytes(chunked), chunked.chunks


def _arrow_columns(table: Any) -> tuple[int, Iterable[object]]:
    return shell_nbytes(table), table.columns


def _arrow_sizers(pyarrow: object) -> list[tuple[object, Sizer]]:
    return [
        (_find(pyarrow, "Buffer"), _arrow_buffer),
        (_find(pyarrow, "Array"), _arrow_array),
        (_find(pyarrow, "ChunkedArray"), _arrow_chunks),
        (_find(pyarrow, "RecordBatch"), _arrow_columns),
        (_find(pyarrow, "Table"), _arrow_columns),
    ]


# pandas: everything is in attributes and arrays, but for the hash table behind an index. Its
# `__sizeof__` adds up arrays that are reached anyway.


def _pandas_table(table: Any) -> tuple[int, Iterable[object]]:
    return shell_nbytes(table) + table.sizeof(), ()


def _pandas_sizers(pandas: object) -> list[tuple[object, Sizer]]:
    return [
        (_find(pandas, "core.base.PandasObject"), None),
        (_find(pandas, "_libs.index.IndexEngine"), None),
        (_find(pandas, "_libs.hashtable.HashTable"), _pandas_table),
    ]


# torch: a tensor looks at a storage, which several may share. What is on another device is no
# memory of this process.


def _torch_storage(storage: Any) -> tuple[int, Iterable[object]]:
    if storage.device.type != "cpu":
        return shell_nbytes(storage), ()
    return shell_nbytes(storage), [MemoryBlock(storage.data_ptr(), storage.nbytes())]


def _torch_tensor(tensor: Any) -> tuple[int, Iterable[object]]:
    referents: list[object] = [tensor.__dict__]
    try:
        storage = tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):  # a sparse tensor has none
        if tensor.layout is not None and "sparse_coo" in str(tensor.layout):
            referents += [tensor._indices(), tensor._values()]
    else:
        if storage.device.type == "cpu":
            referents.append(MemoryBlock(storage.data_ptr(), storage.nbytes()))
    if tensor.is_leaf and tensor.grad is not None:
        referents.append(tensor.grad)
    return shell_nbytes(tensor), referents


def _torch_sizers(torch: object) -> list[tuple[object, Sizer]]:
    return [
        (_find(torch, "Tensor"), _torch_tensor),
        (_find(torch, "UntypedStorage"), _torch_storage),
    ]


_FINDERS = {"pyarrow": _arrow_sizers, "pandas": _pandas_sizers, "torch": _torch_sizers}
