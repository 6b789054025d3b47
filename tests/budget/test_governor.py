"""What a governor decides, look by look, on machines made up for it."""

import copy
import gc
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import Machine, Purse

from bytebound import Budget, Governor, LRUCache, Relief
from bytebound.pressure.relief import REST


@pytest.fixture(autouse=True)
def quick_collections() -> Iterator[None]:
    """Spare the collections what the tests' libraries hold."""
    gc.freeze()
    yield
    gc.unfreeze()


def governor(machine: Machine, **settings: Any) -> Governor:
    return Governor(machine.budget, source=machine, **settings)  # type: ignore[arg-type]


def test_nothing_to_do_up_to_high() -> None:
    machine = Machine(Purse(400), beside=500)
    watcher = governor(machine)
    assert watcher.step() is None
    assert machine.budget.nbytes == 400
    assert watcher.last is None
    assert watcher.stats().looks == 1
    assert watcher.stats().reliefs == 0


def test_above_high_it_trims_to_low() -> None:
    machine = Machine(Purse(401), beside=500)
    relief = governor(machine).step()
    assert relief is not None
    assert relief == Relief("machine", 1000, 901, 800, 101, 101, 0, 0, relief.collected_objects, 0)
    assert relief.given_back_nbytes == 101


def test_between_low_and_high_it_depends_on_where_it_comes_from() -> None:
    machine = Machine(Purse(350), beside=500)
    watcher = governor(machine)
    assert watcher.step() is None
    machine.budget.nbytes = 450
    machine.budget.least = 350
    assert watcher.step().used_after == 850  # type: ignore[union-attr]
    machine.budget.least = 0
    assert watcher.step().used_after == 800  # type: ignore[union-attr]
    machine.budget.nbytes = 390
    assert watcher.step() is None


def test_other_marks() -> None:
    machine = Machine(Purse(400), beside=100)
    assert governor(machine, high=0.5, low=0.4).step() is None
    machine.budget.nbytes = 401
    governor(machine, high=0.5, low=0.4).step()
    assert machine.budget.nbytes == 300


def test_never_more_than_half_at_once() -> None:
    """Memory that is not the budget's must not cost all of it before anybody can react."""
    machine = Machine(Purse(200), beside=1000)
    watcher = governor(machine)
    held = []
    for _ in range(4):
        watcher.step()
        held.append(machine.budget.nbytes)
    assert held == [100, 50, 25, 12]


def test_what_the_budget_does_not_give_is_not_asked_for_again() -> None:
    machine = Machine(Purse(300, least=300), beside=700)
    watcher = governor(machine)
    relief = watcher.step()
    assert relief is not None
    assert relief.trimmed_nbytes == 0
    assert [watcher.step() for _ in range(5)] == [None] * 5
    assert len(machine.budget.targets) == 1
    machine.beside += 5
    assert watcher.step() is None, "usage only trembles"
    machine.beside += 20
    assert watcher.step() is not None, "used memory grew"
    machine.beside -= 300
    assert watcher.step() is None
    machine.beside += 300
    assert watcher.step() is not None, "it was low meanwhile"


def test_heap_that_keeps_what_left_the_budget() -> None:
    """Used memory does not fall, but the budget lives on what is free; no more is taken."""
    machine = Machine(Purse(450), beside=500, keeps=True)
    watcher = governor(machine)
    relief = watcher.step()
    assert relief is not None
    assert (relief.used_before, relief.used_after) == (950, 950)
    assert (relief.trimmed_nbytes, relief.free_nbytes) == (150, 150)
    assert [watcher.step() for _ in range(5)] == [None] * 5
    assert machine.budget.nbytes == 300
    for _ in range(20):
        machine.budget.nbytes += 80
        assert watcher.step() is None
        machine.budget.nbytes += 60
        relief = watcher.step()
        assert relief is not None
        assert relief.used_after == 950
        assert machine.budget.nbytes == 300


def test_others_that_take_what_is_free() -> None:
    """They take it without a sign; when used memory grows, that was too much of an estimate."""
    machine = Machine(Purse(450), beside=500, keeps=True)
    watcher = governor(machine)
    watcher.step()
    machine._most -= 150  # all of it is taken by
    machine.beside += 150  # somebody else
    assert watcher.step() is None
    machine.beside += 13
    relief = watcher.step()
    assert relief is not None
    assert relief.trimmed_nbytes > 100
    assert machine.budget.nbytes < 200


def test_heap_that_gives_back_later() -> None:
    machine = Machine(Purse(450), beside=500, keeps=True)
    watcher = governor(machine)
    watcher.step()
    machine._most = 300
    assert watcher.step() is None
    machine.budget.nbytes += 90
    assert watcher.step() is None
    machine.budget.nbytes += 20
    relief = watcher.step()
    assert relief is not None
    assert relief.used_before == 910
    assert machine.budget.nbytes == 300


def test_a_real_cache() -> None:
    cache = LRUCache[int, bytes]("1MiB", name="pages")
    for number in range(5000):
        cache[number] = bytes(100)
    machine = Machine(cache, limit=10 * cache.nbytes, beside=8 * cache.nbytes + cache.nbytes // 2)
    relief = governor(machine).step()
    assert relief is not None
    assert relief.used_after <= 8 * relief.limit // 10 or cache.nbytes <= relief.used_before // 10
    assert 0 not in cache
    assert 4999 in cache


def test_a_real_budget() -> None:
    """Everything leaves down to what the members are guaranteed, the lowest priority first."""
    budget = Budget("4MiB")
    kept = LRUCache[int, bytes]("1MiB", budget=budget.child("kept", min_bytes=100_000))
    first = LRUCache[int, bytes]("1MiB", budget=budget.child("first", priority=-1))
    last = LRUCache[int, bytes]("1MiB", budget=budget)
    for number in range(1000):
        for cache in (kept, first, last):
            cache[number] = bytes(200)
    machine = Machine(budget, limit=budget.nbytes)
    watcher = governor(machine, high=0.9, low=0.8)
    before = last.nbytes
    relief = watcher.step()
    assert relief is not None
    assert 0.7 * machine.limit < budget.nbytes <= 0.8 * machine.limit
    assert relief.used_after == budget.nbytes
    assert (kept.nbytes, last.nbytes) == (before, before)
    machine.beside = machine.limit
    while relief.trimmed_nbytes:
        relief = watcher.step() or relief._replace(trimmed_nbytes=0)
    assert 99_000 <= kept.nbytes <= 101_000
    assert budget.nbytes <= 105_000
    budget._validate()


def test_garbage_is_collected_but_not_all_the_time() -> None:
    machine = Machine(Purse(10_000), beside=900)
    found = []
    watcher = governor(machine, on_pressure=lambda relief: found.append(relief))
    ballast: list[Any] = [[] for _ in range(500_000)]  # a collection takes a while
    for _ in range(2):
        cycle: list[Any] = []
        cycle.append(cycle)
        del cycle
        watcher.step()
    assert found[0].collected_objects >= 1
    assert found[1].collected_objects == 0, f"it is not {REST} times as long ago as it took"
    ballast.clear()
    gc.collect()


def test_each_step_is_measured() -> None:
    """What a step gives back is what the meter says before and after it."""

    class Scripted:
        name = "scripted"
        used = iter([950, 940, 915, 905])

        def read(self) -> tuple[int, int]:
            return next(self.used), 1000

    relief = Governor(Purse(500), source=Scripted()).step()  # type: ignore[arg-type]
    assert relief is not None
    assert (relief.trim_nbytes, relief.collect_nbytes, relief.heap_nbytes) == (10, 25, 10)
    assert relief.given_back_nbytes == 45


def test_stats_add_up() -> None:
    machine = Machine(Purse(450), beside=500)
    watcher = governor(machine)
    for _ in range(3):
        machine.budget.nbytes = 450
        watcher.step()
    stats = watcher.stats()
    assert (stats.looks, stats.reliefs, stats.failures) == (3, 3, 0)
    assert (stats.trimmed_nbytes, stats.given_back_nbytes) == (450, 450)
    assert stats.collected_objects >= 0


def test_on_pressure_gets_what_step_returns() -> None:
    told: list[Relief] = []
    machine = Machine(Purse(450), beside=500)
    watcher = governor(machine, on_pressure=told.append)
    assert told == [watcher.step()] == [watcher.last]
    watcher.step()
    assert len(told) == 1


def test_errors_of_a_step_reach_the_caller_and_it_goes_on() -> None:
    def refuse(relief: Relief) -> None:
        raise LookupError(relief.source)

    machine = Machine(Purse(450), beside=500)
    watcher = governor(machine, on_pressure=refuse)
    with pytest.raises(LookupError, match="machine"):
        watcher.step()
    assert watcher.last is not None
    assert watcher.stats().reliefs == 1
    machine.error = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        watcher.step()
    machine.error = None
    assert watcher.step() is None


def test_errors_of_the_budget_reach_the_caller_and_it_goes_on() -> None:
    class Hostile(Purse):
        def trim(self, target_bytes: int) -> int:
            given = super().trim(target_bytes)
            if len(self.targets) == 1:
                raise LookupError("a callback of a container")
            return given

    machine = Machine(Hostile(500), beside=500)
    watcher = governor(machine)
    with pytest.raises(LookupError):
        watcher.step()
    assert watcher.stats().reliefs == 0
    machine.beside += 150
    relief = watcher.step()
    assert relief is not None
    assert relief.used_after == 800


def test_a_step_within_a_step_does_nothing() -> None:
    again: list[Relief | None] = []
    machine = Machine(Purse(450), beside=500)
    watcher = governor(machine, on_pressure=lambda relief: again.append(watcher.step()))
    assert watcher.step() is not None
    assert again == [None]

    cache = LRUCache[int, bytes](
        "1MiB", on_evict=lambda key, value, why: again.append(watcher.step())
    )
    cache.update((number, bytes(100)) for number in range(100))
    watcher = governor(Machine(cache, limit=cache.nbytes))
    assert watcher.step() is not None
    assert set(again) == {None}
    assert len(again) > 10


@given(
    moves=st.lists(
        st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=1, max_size=30
    ),
    least=st.integers(0, 200),
    keeps=st.booleans(),
)
def test_rules_hold_whatever_memory_does(
    moves: list[tuple[int, int]], least: int, keeps: bool
) -> None:
    purse = Purse(300, least)
    machine = Machine(purse, beside=400, keeps=keeps)
    watcher = governor(machine)
    shrunk = 0
    for budget, beside in moves:
        shrunk += min(purse.nbytes, max(0, -budget))
        purse.nbytes = max(0, purse.nbytes + budget)
        machine.beside = max(0, machine.beside + beside)
        held, used = purse.nbytes, machine.read().nbytes
        relief = watcher.step()
        taken = held - purse.nbytes
        assert taken <= (held + 1) // 2
        assert purse.nbytes >= min(held, least)
        if relief is None:
            assert taken == 0
            continue
        assert used > 800
        assert taken <= used - 800 or keeps
        if not keeps:
            # What leaves the budget by itself while others grow as much seems to be free.
            assert relief.free_nbytes <= shrunk
            asked = held - purse.targets[-1]
            assert min(used - 800 - shrunk, (held + 1) // 2) <= asked <= used - 800


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"high": 0}, ValueError, "high must be above 0 and at most 1, not 0"),
        ({"high": 1.1}, ValueError, "high must be above 0 and at most 1, not 1.1"),
        ({"high": float("nan")}, ValueError, "high must be above 0"),
        ({"high": "0.9"}, TypeError, "high must be a float, not str"),
        ({"low": -0.1}, ValueError, "low must be above 0"),
        ({"low": True}, TypeError, "low must be a float, not bool"),
        ({"low": 0.9}, ValueError, "0.9 is not below 0.9"),
        ({"interval": 0}, ValueError, "interval must be above 0 and finite, not 0"),
        ({"interval": float("inf")}, ValueError, "not inf"),
        ({"interval": float("nan")}, ValueError, "not nan"),
        ({"interval": None}, TypeError, "interval must be a float, not NoneType"),
        ({"source": "memory"}, ValueError, "not 'memory'"),
        ({"source": None}, TypeError, "source must be a str or have name and read, not None"),
        ({"on_pressure": 1}, TypeError, "on_pressure must be callable, not int"),
    ],
)
def test_refused(settings: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Governor(Purse(), **settings)


@pytest.mark.parametrize("budget", [None, 1, {}])
def test_not_a_budget(budget: Any) -> None:
    with pytest.raises(TypeError, match="budget must be a Budget, not "):
        Governor(budget)


def test_properties() -> None:
    machine = Machine(Purse(7))
    watcher = governor(machine, high=0.7, low=0.6, interval=5)
    assert watcher.budget is machine.budget
    assert (watcher.high, watcher.low, watcher.interval) == (0.7, 0.6, 5.0)
    assert watcher.source == "machine"
    assert not watcher.running
    assert repr(watcher).endswith("machine, high=0.7, low=0.6, stopped>")


def test_source_is_found() -> None:
    watcher = Governor(Purse(), interval=10)
    assert watcher.source.split("+")[0] in ("cgroup", "rlimit", "resident")
    assert watcher.step() is None


def test_neither_copied_nor_pickled() -> None:
    watcher = governor(Machine(Purse()))
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="a Governor cannot be copied or pickled"):
            use(watcher)


def test_named_in_the_package() -> None:
    import bytebound

    assert {"Governor", "Relief", "memory_limit"} <= set(dir(bytebound)) & set(bytebound.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Gouvernor'"):
        _ = bytebound.Gouvernor  # type: ignore[attr-defined]
