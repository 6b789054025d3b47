from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

from typing_extensions import disjoint_base

from bytebound._native.mapped_ring import MappedRing

class ByteRingStats(NamedTuple):
    items: int
    appends: int
    evictions: dict[str, int]
    set_aside: int
    views: int
    nbytes: int
    payload_nbytes: int
    overhead_nbytes: int
    pinned_nbytes: int
    peak_nbytes: int
    max_bytes: int

@disjoint_base
class ByteRingBase(MappedRing):
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    @property
    def capacity(self) -> int: ...
    @property
    def on_pinned(self) -> Literal["raise", "copy"]: ...
    @property
    def first_seq(self) -> int: ...
    @property
    def next_seq(self) -> int: ...
    @property
    def payload_nbytes(self) -> int: ...
    @property
    def pinned_nbytes(self) -> int: ...
    def stats(self) -> ByteRingStats: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __len__(self) -> int: ...
