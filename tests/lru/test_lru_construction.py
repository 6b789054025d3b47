"""How an LRUCache is made, and what is refused."""

from typing import Any

import pytest
from hostile import AnyCache, Use

import bytebound
from bytebound import Budget, LRUCache


def test_settings_are_kept() -> None:
    budget = Budget("1GiB")

    def size(key: object, value: object) -> int:
        return 1

    def callback(key: object, value: object, reason: str) -> None:
        pass

    cache = AnyCache(
        "64MiB",
        max_items=5,
        sizer=size,
        on_evict=callback,
        budget=budget,
        charge_overhead=False,
        name="results",
    )
    assert cache.max_bytes == 64 * 2**20
    assert cache.max_items == 5
    assert cache.sizer is size
    assert cache.on_evict is callback
    assert cache.budget is budget
    assert cache.charge_overhead is False
    assert cache.name == "results"


def test_settings_left_out() -> None:
    cache = AnyCache(max_bytes=1000)
    assert (cache.max_bytes, cache.max_items, cache.sizer) == (1000, None, "deep")
    assert (cache.on_evict, cache.budget, cache.name) == (None, None, None)
    assert cache.charge_overhead is True


def test_a_new_cache_is_empty_and_owns_nothing() -> None:
    cache = AnyCache(1000)
    assert len(cache) == 0
    assert not cache
    assert (cache.nbytes, cache.payload_nbytes, cache.overhead_nbytes) == (0, 0, 0)
    assert cache.peak_nbytes == 0
    cache._validate()


def test_it_is_named_after_the_package() -> None:
    assert LRUCache.__module__ == "bytebound"
    assert LRUCache.__qualname__ == "LRUCache"
    assert bytebound.LRUCache is LRUCache


def test_the_bound_is_required() -> None:
    with pytest.raises(TypeError):
        AnyCache()  # type: ignore[call-arg]


def test_only_the_bound_is_given_by_position() -> None:
    with pytest.raises(TypeError):
        AnyCache(1000, 5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("text", "size"), [("64MiB", 64 * 2**20), ("64MB", 64 * 10**6), ("1.5kB", 1500), ("7", 7)]
)
def test_the_bound_may_be_text(text: str, size: int) -> None:
    assert AnyCache(text).max_bytes == size


@pytest.mark.parametrize("bound", [True, False, 1.0, float("nan"), None, b"1MiB", ()])
def test_a_bound_of_another_type_is_refused(bound: Any) -> None:
    with pytest.raises(TypeError, match="max_bytes must be an int or text"):
        AnyCache(bound)


@pytest.mark.parametrize("bound", [-1, 2**62, 2**64, 2**70, "much", "-1MiB", ""])
def test_a_bound_out_of_range_is_refused(bound: int | str) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        AnyCache(bound)


def test_the_largest_bound_works() -> None:
    cache = AnyCache(2**62 - 1)
    cache["key"] = 1
    assert cache.max_bytes == 2**62 - 1
    cache._validate()


def test_a_bound_of_nothing_keeps_nothing() -> None:
    cache = AnyCache(0)
    assert not cache.put("key", 1)
    assert not cache.put("key", 1, size=0)
    assert (len(cache), cache.nbytes, cache.overhead_nbytes) == (0, 0, 0)


@pytest.mark.parametrize("items", [0, -1, -(2**70)])
def test_a_bound_on_items_below_one_is_refused(items: int) -> None:
    with pytest.raises(ValueError, match="max_items must be at least 1"):
        AnyCache(1000, max_items=items)


@pytest.mark.parametrize("items", [1.0, "5", b"5", ()])
def test_a_bound_on_items_of_another_type_is_refused(items: Any) -> None:
    with pytest.raises(TypeError, match="max_items must be an int or None"):
        AnyCache(1000, max_items=items)


@pytest.mark.parametrize("items", [2**32, 2**64, 2**70])
def test_a_bound_on_items_beyond_all_memory_is_no_error(items: int) -> None:
    cache = AnyCache(1000, max_items=items)
    cache["key"] = 1
    assert "key" in cache


@pytest.mark.parametrize("sizer", ["", "Deep", "deepest"])
def test_an_unknown_sizer_is_refused(sizer: Any) -> None:
    with pytest.raises(ValueError, match='sizer must be "deep", "shallow", "shared" or a callable'):
        AnyCache(1000, sizer=sizer)


@pytest.mark.parametrize("sizer", [None, 5, b"deep"])
def test_a_sizer_that_cannot_be_called_is_refused(sizer: Any) -> None:
    with pytest.raises(TypeError, match='sizer must be "deep", "shallow", "shared" or a callable'):
        AnyCache(1000, sizer=sizer)


def test_a_callback_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="on_evict must be callable or None, not str"):
        AnyCache(1000, on_evict="print")  # type: ignore[arg-type]


@pytest.mark.parametrize("budget", [5, "1MiB", AnyCache(10)])
def test_a_budget_of_another_type_is_refused(budget: Any) -> None:
    with pytest.raises(TypeError):
        AnyCache(1000, budget=budget)


def test_a_name_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="name must be a str or None, not int"):
        AnyCache(1000, name=5)  # type: ignore[arg-type]


def test_a_second_init_is_refused_and_changes_nothing() -> None:
    cache = AnyCache(1000, name="first")
    cache["key"] = 1
    with pytest.raises(RuntimeError, match="initialised already"):
        cache.__init__(5000)  # type: ignore[misc]
    assert (cache.max_bytes, cache.name, cache["key"]) == (1000, "first", 1)
    cache._validate()


def test_after_a_refused_init_another_may_follow() -> None:
    cache = LRUCache.__new__(LRUCache)
    with pytest.raises(ValueError, match="max_items"):
        cache.__init__(1000, max_items=0)  # type: ignore[misc]
    cache.__init__(1000)  # type: ignore[misc]
    cache["key"] = 1
    assert cache["key"] == 1


class Forgetful(LRUCache[Any, Any]):
    """A subclass that forgets to call its base."""

    def __init__(self) -> None:
        pass


WRITES = {
    "setitem": lambda cache: cache.__setitem__("key", 1),
    "put": lambda cache: cache.put("key", 1),
    "put with size": lambda cache: cache.put("key", 1, size=0),
    "setdefault": lambda cache: cache.setdefault("key", 1),
    "update": lambda cache: cache.update(key=1),
    "resize": lambda cache: cache.resize("1MiB"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_cache_without_init_says_so_when_written_to(write: Use) -> None:
    with pytest.raises(RuntimeError, match=r"Forgetful was not initialised: call its __init__"):
        write(Forgetful())


READS = {
    "len": len,
    "contains": lambda cache: "key" in cache,
    "get": lambda cache: cache.get("key"),
    "peek": lambda cache: cache.peek("key"),
    "iterate": list,
    "reversed": lambda cache: list(reversed(cache)),
    "items": lambda cache: list(cache.items()),
    "repr": repr,
    "clear": lambda cache: cache.clear(),
    "trim": lambda cache: cache.trim(0),
    "stats": lambda cache: cache.stats(),
    "audit": lambda cache: cache.audit(),
    "equal": lambda cache: cache == {},
    "validate": lambda cache: cache._validate(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_cache_without_init_can_be_read(read: Use) -> None:
    read(Forgetful())


def test_a_subclass_may_choose_its_own_arguments() -> None:
    class Sized(LRUCache[str, int]):
        def __init__(self, megabytes: int) -> None:
            super().__init__(f"{megabytes}MiB", name="sized")

    assert Sized(3).max_bytes == 3 * 2**20


@pytest.mark.parametrize("name", ["sizer", "on_evict", "budget", "name", "max_bytes", "max_items"])
def test_settings_are_read_only(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(AnyCache(1000), name, None)


def test_errors_say_what_is_wanted() -> None:
    with pytest.raises(TypeError, match="ttl_jitter must be a share from 0 to 1, not str: 'x'"):
        LRUCache("1MiB", ttl_jitter="x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"LRUCache.fromkeys\(\) needs what LRUCache\(\) needs"):
        LRUCache.fromkeys([1])

    class Bounded(LRUCache[str, int]):
        def __init__(self) -> None:
            super().__init__("1MiB")

    assert Bounded.fromkeys("ab", 1) == {"a": 1, "b": 1}
