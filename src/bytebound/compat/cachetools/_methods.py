"""``cachedmethod``: methods whose results a mapping that the instance has keeps."""

import functools
import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any

from bytebound.compat.cachetools._calls import Calls, CallsWithInfo
from bytebound.compat.cachetools.keys import methodkey

# Where an instance has the wrappers of those descriptors that a subclass overrides. It is
# cachetools' own name, so that what was pickled there is found.
_OVERRIDDEN = "__cachetools_cachedmethods"


def _nothing(instance: Any) -> None:
    return None


class _CachedMethod(Calls):
    """A method of one instance, with its cache."""

    __wrapped__: Callable[..., Any]

    def __init__(
        self, instance: Any, descriptor: "_Descriptor", cache: Any, key: Any, lock: Any,
        condition: Any,
    ) -> None:  # fmt: skip
        method = descriptor.__wrapped__
        functools.update_wrapper(self, method)
        super().__init__(MethodType(method, instance))
        self.__instance = instance
        self.__descriptor = descriptor
        self.__cache = cache
        self.__lock = lock or condition or _nothing
        self.__condition = condition or _nothing
        self.cache_key = functools.partial(key, instance)

    @property
    def cache(self) -> Any:
        return self.__cache(self.__instance)

    @property
    def cache_lock(self) -> Any:
        return self.__lock(self.__instance)

    @property
    def cache_condition(self) -> Any:
        return self.__condition(self.__instance)

    def __reduce__(self) -> Any:
        # By way of the descriptor: locks and the function cannot be pickled. Counters start anew.
        return self.__descriptor.__get__, (self.__instance,)

    def __repr__(self) -> str:
        return f"<cachedmethod {self.__wrapped__!r} of {object.__repr__(self.__instance)}>"


class _CachedMethodWithInfo(_CachedMethod, CallsWithInfo):
    """The same with ``cache_info()``."""


class _Descriptor:
    """What a class has; gives each instance a wrapper, which then lies in its ``__dict__``."""

    __wrapped__: Callable[..., Any]

    def __init__(
        self, method: Callable[..., Any], kind: type[_CachedMethod], settings: tuple[Any, ...]
    ) -> None:
        functools.update_wrapper(self, method)
        self.__kind = kind
        self.__settings = settings
        self.__owner: Any = None
        self.__name: str | None = None
        self.__unbound: _Unbound | None = None

    def __set_name__(self, owner: Any, name: str) -> None:
        if self.__name is None:
            self.__owner, self.__name = owner, name
        elif name != self.__name:
            raise TypeError(
                "Cannot assign the same descriptor to two different names "
                f"({self.__name!r} and {name!r})."
            )

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        name = self.__name
        if name is None:
            if isinstance(instance, type):
                self()
            raise TypeError("Cannot use descriptor instance without calling __set_name__ on it")
        if instance is None:
            if self.__unbound is None:
                self.__unbound = _Unbound(self)
            return self.__unbound
        found = next((vars(c)[name] for c in type(instance).__mro__ if name in vars(c)), None)
        attributes = self.__attributes(instance)
        if found is self:
            return self.__keep(instance, attributes, name, self.__wrap)
        # super() must neither find the wrapper of what overrides it nor replace that.
        overridden = self.__keep(instance, attributes, _OVERRIDDEN, lambda _instance: {})
        return self.__keep(instance, overridden, self, self.__wrap)

    def __wrap(self, instance: Any) -> _CachedMethod:
        return self.__kind(instance, self, *self.__settings)

    def __attributes(self, instance: Any) -> Any:
        try:
            return instance.__dict__
        except AttributeError:
            raise TypeError(
                f"No '__dict__' attribute on {type(instance).__name__!r} "
                f"instance to cache {self.__name!r}"
            ) from None

    def __keep(self, instance: Any, holder: Any, place: Any, make: Callable[[Any], Any]) -> Any:
        """Return what is in a place, put there now if there was nothing; the first wins."""
        kept = holder.get(place)
        if kept is None:
            made = make(instance)
            try:
                kept = holder.setdefault(place, made)
            except (AttributeError, TypeError):
                raise TypeError(
                    f"The '__dict__' attribute on {type(instance).__name__!r} instance does not "
                    f"support item assignment for caching {self.__name!r}"
                ) from None
        return kept

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called: only class methods do so."""
        raise TypeError("Decorating class methods is not supported")

    def __reduce__(self) -> Any:
        return _descriptor_of, (self.__owner, self.__name)


def _descriptor_of(owner: Any, name: str) -> Any:
    return vars(owner)[name]


class _Unbound:
    """What a class gives for the method: called with an instance, it calls that one's."""

    __wrapped__: Callable[..., Any]

    def __init__(self, descriptor: _Descriptor) -> None:
        functools.update_wrapper(self, descriptor.__wrapped__)
        self.__descriptor = descriptor

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self.__descriptor.__get__(instance)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method of the instance, which is the first argument."""
        if args:
            instance, *args = args  # type: ignore[assignment]
        else:
            name = self.__receiver()
            if name not in kwargs:
                raise TypeError("Cannot call @cachedmethod through the class without an instance")
            instance = kwargs.pop(name)
        return self.__descriptor.__get__(instance)(*args, **kwargs)

    def __receiver(self) -> str:
        """Return what the method calls its instance."""
        try:
            first = next(iter(inspect.signature(self).parameters.values()))
        except (ValueError, StopIteration):
            return ""
        return first.name if first.kind is first.POSITIONAL_OR_KEYWORD else ""

    def __reduce__(self) -> Any:
        return self.__descriptor.__get__, (None,)

    def __repr__(self) -> str:
        return f"<cachedmethod {self.__wrapped__!r}>"


def cachedmethod(
    cache: Any, key: Any = methodkey, lock: Any = None, condition: Any = None, info: bool = False
) -> Any:
    """Keep what a method returns in a mapping of its instance's.

    Parameters
    ----------
    cache : callable
        ``cache(instance)`` is the mapping.
    key : callable, optional
        Makes a key of instance and arguments.
    lock, condition : callable, optional
        ``lock(instance)`` and ``condition(instance)`` are what `cached` takes.
    info : bool, default False
        Whether the method of an instance counts, and has ``cache_info()``.

    Examples
    --------
    >>> from bytebound.compat.cachetools import LRUCache, cachedmethod
    >>> class Doubler:
    ...     def __init__(self):
    ...         self.results = LRUCache(100)
    ...
    ...     @cachedmethod(lambda self: self.results)
    ...     def double(self, number):
    ...         return 2 * number
    >>> doubler = Doubler()
    >>> doubler.double(4), len(doubler.results)
    (8, 1)
    """
    kind = _CachedMethodWithInfo if info else _CachedMethod

    def decorate(method: Callable[..., Any]) -> Any:
        return _Descriptor(method, kind, (cache, key, lock, condition))

    return decorate
