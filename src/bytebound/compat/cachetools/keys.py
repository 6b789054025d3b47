"""What makes the arguments of a call a key, as ``cachetools.keys`` does."""

from collections.abc import Hashable
from typing import Any

__all__ = ("hashkey", "methodkey", "typedkey", "typedmethodkey")


class _Mark:
    """Stands in a key between positional and keyword arguments; is pickled by its name."""


def hashkey(*args: Hashable, **kwargs: Hashable) -> tuple[Hashable, ...]:
    """Return a key for the arguments.

    Examples
    --------
    >>> from bytebound.compat.cachetools.keys import hashkey
    >>> hashkey(1, 2), hashkey(a=1, b=2) == hashkey(b=2, a=1)
    ((1, 2), True)
    """
    if not kwargs:
        return args
    return (*args, _Mark, *sorted(kwargs.items()))


def methodkey(self: Any, /, *args: Hashable, **kwargs: Hashable) -> tuple[Hashable, ...]:
    """Return a key for the arguments without the instance."""
    return hashkey(*args, **kwargs)


def typedkey(*args: Hashable, **kwargs: Hashable) -> tuple[Hashable, ...]:
    """Return a key that also tells the types of the arguments."""
    types = [type(value) for _name, value in sorted(kwargs.items())]
    return (*hashkey(*args, **kwargs), *types, *map(type, args))


def typedmethodkey(self: Any, /, *args: Hashable, **kwargs: Hashable) -> tuple[Hashable, ...]:
    """Return a key for the arguments and their types without the instance."""
    return typedkey(*args, **kwargs)
