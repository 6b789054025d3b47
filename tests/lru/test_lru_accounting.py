"""What a cache says of itself: stats, entry_nbytes, remeasure, audit, peak, __sizeof__."""

import sys
from typing import Any

import pytest
from hostile import AnyCache, Departures

from bytebound import Audit, Budget, CacheStats


@pytest.fixture
def cache() -> AnyCache:
    """Hold a, b and c, the oldest first, of 10, 20 and 30 bytes."""
    made = AnyCache("1MiB", charge_overhead=False)
    for size, key in enumerate("abc", 1):
        made.put(key, size, size=size * 10)
    return made


# ---- stats ----

NONE = dict.fromkeys(
    ("size", "items", "budget", "trimmed", "expired", "replaced", "deleted", "cleared"), 0
)

LOOKUPS: dict[str, tuple[Any, int, int]] = {
    "cache[key]": (lambda cache: cache["a"], 1, 0),
    "get": (lambda cache: cache.get("a"), 1, 0),
    "get of none": (lambda cache: cache.get("absent"), 0, 1),
    "pop": (lambda cache: cache.pop("a"), 1, 0),
    "pop of none": (lambda cache: cache.pop("absent", None), 0, 1),
    "setdefault": (lambda cache: cache.setdefault("a", 1), 1, 0),
    "setdefault of none": (lambda cache: cache.setdefault("absent", 1), 0, 1),
    "peek": (lambda cache: [cache.peek("a"), cache.peek("absent")], 0, 0),
    "in": (lambda cache: ["a" in cache, "absent" in cache], 0, 0),
    "iteration": (lambda cache: [list(cache), list(cache.items())], 0, 0),
    "write": (lambda cache: cache.update(a=1, absent=2), 0, 0),
    "put": (lambda cache: [cache.put("a", 1), cache.put("a", 1, size=2**40)], 0, 0),
    "del": (lambda cache: cache.__delitem__("a"), 0, 0),
    "popitem": (lambda cache: cache.popitem(), 0, 0),
    "ends": (lambda cache: [cache.oldest(), cache.newest()], 0, 0),
    "entry_nbytes": (lambda cache: cache.entry_nbytes("a"), 0, 0),
    "remeasure": (lambda cache: cache.remeasure("a"), 0, 0),
    "audit": (lambda cache: cache.audit(), 0, 0),
    "copy": (lambda cache: cache.copy(), 0, 0),
    "==": (lambda cache: cache == {"a": 1, "absent": 2}, 0, 0),
    "views": (lambda cache: ["a" in cache.keys(), ("a", 1) in cache.items()], 0, 0),  # noqa: SIM118
}


@pytest.mark.parametrize(("use", "hits", "misses"), LOOKUPS.values(), ids=LOOKUPS)
def test_a_lookup_counts_once(cache: AnyCache, use: Any, hits: int, misses: int) -> None:
    use(cache)
    assert (cache.stats().hits, cache.stats().misses) == (hits, misses)


def test_a_subscript_that_misses_counts(cache: AnyCache) -> None:
    with pytest.raises(KeyError):
        cache["absent"]
    assert (cache.stats().hits, cache.stats().misses) == (0, 1)


def test_stats_of_a_life(cache: AnyCache) -> None:
    cache["a"], cache.get("absent")
    cache["a"] = "new"
    del cache["b"]
    stats = cache.stats()
    assert isinstance(stats, CacheStats)
    assert (stats.hits, stats.misses, stats.hit_ratio) == (1, 1, 0.5)
    assert (stats.inserts, stats.replacements) == (3, 1)
    assert (stats.items, stats.max_items, stats.max_bytes) == (2, None, 2**20)
    assert stats.nbytes == cache.nbytes
    assert stats.payload_nbytes == cache.payload_nbytes
    assert stats.overhead_nbytes == cache.overhead_nbytes
    assert stats.peak_nbytes == cache.peak_nbytes
    assert stats.evictions == {**NONE, "replaced": 1, "deleted": 1}


def test_the_hit_ratio_of_no_lookups_is_zero(cache: AnyCache) -> None:
    assert cache.stats().hit_ratio == 0.0


def test_stats_are_those_of_the_moment(cache: AnyCache) -> None:
    before = cache.stats()
    cache.clear()
    assert (before.items, before.nbytes) == (3, 60)


def test_every_reason_is_counted() -> None:
    cache = AnyCache(100, max_items=3, charge_overhead=False, budget=Budget(90))
    for key in "abcd":
        cache.put(key, key, size=20)  # d puts a out by items
    cache.put("d", "large", size=80)  # replaces; b leaves by size, c by the budget
    cache.resize(70)  # d leaves by size
    cache.put("e", "e", size=5)
    cache.trim(0)
    cache.put("f", "f", size=5)
    cache.put("f", "g", size=5)
    del cache["f"]
    cache.put("h", "h", size=5)
    cache.clear()
    assert cache.stats().evictions == {
        "size": 2,
        "items": 1,
        "budget": 1,
        "trimmed": 1,
        "expired": 0,
        "replaced": 2,
        "deleted": 1,
        "cleared": 1,
    }


def test_reset_stats_starts_anew(cache: AnyCache) -> None:
    cache["a"], cache.get("absent"), cache.pop("c")
    cache.reset_stats()
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.inserts, stats.replacements) == (0, 0, 0, 0)
    assert stats.evictions == NONE
    assert stats.peak_nbytes == stats.nbytes == 30
    assert list(cache) == ["b", "a"]
    cache._validate()


# ---- peak ----


def test_the_peak_is_the_most_there_was(cache: AnyCache) -> None:
    cache.put("large", 1, size=1000)
    del cache["large"]
    assert (cache.nbytes, cache.peak_nbytes) == (60, 1060)


def test_the_peak_never_passes_the_bound() -> None:
    cache = AnyCache(20_000)
    for number in range(2000):
        cache[number % 300] = "x" * (number % 777)
        assert cache.nbytes <= cache.peak_nbytes <= 20_000


# ---- entry_nbytes ----


def test_payload_is_the_sum_of_the_entries(cache: AnyCache) -> None:
    assert [cache.entry_nbytes(key) for key in cache] == [10, 20, 30]
    assert cache.payload_nbytes == 60


# ---- remeasure ----


def test_remeasure_charges_what_is_now() -> None:
    cache = AnyCache("1MiB")
    value: list[bytes] = []
    cache["key"] = value
    before = cache.entry_nbytes("key")
    value.append(bytes(5000))
    after = cache.remeasure("key")
    assert after == cache.entry_nbytes("key") == cache.payload_nbytes
    assert 5000 < after - before < 5200
    value.clear()
    assert cache.remeasure("key") < after - 5000
    cache._validate()


def test_remeasure_measures_what_had_been_given(cache: AnyCache) -> None:
    cache.put("key", bytes(3000), size=1)
    assert cache.remeasure("key") > 3000
    assert cache.audit().drift < 0 or cache.audit().measured > 3000


def test_growing_evicts_others_oldest_first() -> None:
    sizes = dict.fromkeys("abcd", 20)
    departures = Departures()
    cache = AnyCache(
        80, sizer=lambda key, value: sizes[key], charge_overhead=False, on_evict=departures
    )
    cache.update(dict.fromkeys("abcd", 0))
    sizes["b"] = 50
    assert cache.remeasure("b") == 50
    assert list(cache) == ["b", "d"]
    assert departures == [("a", 0, "size"), ("c", 0, "size")]
    cache._validate()


def test_what_outgrew_the_bound_leaves_and_nothing_else() -> None:
    sizes = dict.fromkeys("abc", 20)
    departures = Departures()
    cache = AnyCache(
        80, sizer=lambda key, value: sizes[key], charge_overhead=False, on_evict=departures
    )
    cache.update(dict.fromkeys("abc", 0))
    sizes["b"] = 81
    assert cache.remeasure("b") == 0
    assert list(cache) == ["a", "c"]
    assert departures == [("b", 0, "size")]
    assert cache.nbytes == 40


def test_what_outgrew_a_budget_leaves() -> None:
    sizes = dict.fromkeys("abc", 20)
    departures = Departures()
    cache = AnyCache(
        1000,
        sizer=lambda key, value: sizes[key],
        charge_overhead=False,
        on_evict=departures,
        budget=Budget(100),
    )
    cache.update(dict.fromkeys("abc", 0))
    sizes["b"] = 101
    assert cache.remeasure("b") == 0
    assert list(cache) == ["a", "c"]
    assert departures == [("b", 0, "budget")]


def test_a_failing_sizer_leaves_the_charge_as_it_was() -> None:
    fails = False

    def size(key: object, value: object) -> int:
        return 1 // 0 if fails else 10

    cache = AnyCache("1MiB", sizer=size)
    cache["key"] = 1
    fails = True
    with pytest.raises(ZeroDivisionError):
        cache.remeasure("key")
    with pytest.raises(ZeroDivisionError):
        cache.audit()
    assert cache.entry_nbytes("key") == 10
    cache._validate()


# ---- audit ----


def test_a_fresh_audit_has_no_drift() -> None:
    cache = AnyCache("1MiB")
    cache.update({number: [str(number)] * number for number in range(50)})
    audit = cache.audit()
    assert isinstance(audit, Audit)
    assert audit.charged == audit.measured == cache.payload_nbytes
    assert audit.drift == 0


def test_drift_tells_growth_and_shrinking() -> None:
    cache = AnyCache("1MiB")
    grows: list[bytes] = []
    shrinks = [bytes(2000)]
    cache.update(grows=grows, shrinks=shrinks)
    charged = cache.payload_nbytes
    grows.append(bytes(5000))
    audit = cache.audit()
    assert 5000 < audit.drift < 5200
    assert (audit.charged, audit.measured) == (charged, charged + audit.drift)
    grows.clear()
    shrinks.clear()
    assert cache.audit().drift < -2000
    assert cache.payload_nbytes == charged


def test_sizes_given_count_as_given(cache: AnyCache) -> None:
    cache.put("key", bytes(5000), size=1)
    assert cache.audit() == (61, 61, 0)


def test_an_audit_of_nothing() -> None:
    assert AnyCache(1000).audit() == (0, 0, 0)


def test_an_audit_may_change_the_cache_meanwhile() -> None:
    def size(key: object, value: object) -> int:
        if auditing:
            cache.clear()
        return 10

    auditing = False
    cache = AnyCache("1MiB", sizer=size)
    cache.update({number: number for number in range(20)})
    auditing = True
    assert cache.audit() == (200, 200, 0)
    assert len(cache) == 0


# ---- __sizeof__ ----


def test_sizeof_is_the_object_and_its_structure() -> None:
    cache = AnyCache("1MiB")
    empty = sys.getsizeof(cache)
    cache.update({number: bytes(1000) for number in range(100)})
    assert sys.getsizeof(cache) == empty + cache.overhead_nbytes
