from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from types import GenericAlias, MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar, overload

from bytebound._native.evicting import EvictingContainer

_K = TypeVar("_K")
_V = TypeVar("_V")
_K_co = TypeVar("_K_co", covariant=True)
_V_co = TypeVar("_V_co", covariant=True)

class _KeysAndGetItem(Protocol[_K, _V_co]):
    def keys(self) -> Iterable[_K]: ...
    def __getitem__(self, key: _K, /) -> _V_co: ...

class CacheKeysView(KeysView[_K_co]):
    @property
    def mapping(self) -> MappingProxyType[Any, Any]: ...
    def __reversed__(self) -> Iterator[_K_co]: ...

class CacheValuesView(ValuesView[_V_co]):
    @property
    def mapping(self) -> MappingProxyType[Any, Any]: ...
    def __reversed__(self) -> Iterator[_V_co]: ...

class CacheItemsView(ItemsView[_K_co, _V_co]):
    @property
    def mapping(self) -> MappingProxyType[Any, Any]: ...
    def __reversed__(self) -> Iterator[tuple[_K_co, _V_co]]: ...

class CacheStats(NamedTuple):
    hits: int
    misses: int
    inserts: int
    replacements: int
    evictions: dict[str, int]
    items: int
    max_items: int | None
    nbytes: int
    payload_nbytes: int
    overhead_nbytes: int
    peak_nbytes: int
    max_bytes: int
    pinned_items: int
    pinned_nbytes: int
    @property
    def hit_ratio(self) -> float: ...

class BoundedMapping(EvictingContainer, Generic[_K, _V]):
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias: ...
    @classmethod
    def fromkeys(
        cls, iterable: Iterable[_K], value: _V | None = None, /, *args: Any, **settings: Any
    ) -> Self: ...
    def keys(self) -> CacheKeysView[_K]: ...
    def values(self) -> CacheValuesView[_V]: ...
    def items(self) -> CacheItemsView[_K, _V]: ...
    @overload
    def update(self, other: _KeysAndGetItem[_K, _V], /) -> None: ...
    @overload
    def update(
        self: BoundedMapping[str, _V], other: _KeysAndGetItem[str, _V], /, **pairs: _V
    ) -> None: ...
    @overload
    def update(self, other: Iterable[tuple[_K, _V]], /) -> None: ...
    @overload
    def update(
        self: BoundedMapping[str, _V], other: Iterable[tuple[str, _V]], /, **pairs: _V
    ) -> None: ...
    @overload
    def update(self: BoundedMapping[str, _V], **pairs: _V) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __or__(self, other: Mapping[_K, _V], /) -> Self: ...
    def __ror__(self, other: Mapping[_K, _V], /) -> Self: ...
    def __ior__(self, other: _KeysAndGetItem[_K, _V] | Iterable[tuple[_K, _V]], /) -> Self: ...
