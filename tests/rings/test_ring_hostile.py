"""Items, sizers and callbacks that misbehave: a RingBuffer neither crashes nor passes its bound."""

import contextlib
import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hostile import LastWords, Odd, unraisable

from bytebound import Budget, RingBuffer, sizeof

Ring = RingBuffer[Any]
Use = Callable[[Ring], object]


def refill(ring: Ring) -> None:
    ring.clear()
    ring.extend([1, 2, 3])


# What an item, sizer or callback may do to a ring that is at work.
MEDDLING: dict[str, Use] = {
    "clear": lambda ring: ring.clear(),
    "append": lambda ring: ring.append(1),
    "appendleft": lambda ring: ring.appendleft(1),
    "grow": lambda ring: ring.extend(range(50)),
    "pop": lambda ring: ring and ring.pop(),
    "popleft": lambda ring: ring and ring.popleft(),
    "assign": lambda ring: ring and ring.__setitem__(0, 5),
    "splice": lambda ring: ring.__setitem__(slice(0, 1), []),
    "delete all": lambda ring: ring.__delitem__(slice(None)),
    "rotate": lambda ring: ring.rotate(),
    "reverse": lambda ring: ring.reverse(),
    "resize": lambda ring: ring.resize(max_items=1),
    "resize to nothing": lambda ring: ring.resize(max_bytes=0),
    "trim": lambda ring: ring.trim(0),
    "refill": refill,
    "copy": lambda ring: ring.copy(),
    "collect": lambda ring: gc.collect(),
}


def check(ring: Ring) -> None:
    """Check that a ring is sound, keeps to its bounds, and can be used."""
    ring._validate()
    assert ring.nbytes <= (ring.max_bytes or 0)
    ring.resize(5, "1MiB")
    ring.extend("abcdefg")
    assert "".join(ring.tail(5)) == "cdefg"
    ring.clear()
    assert ring.nbytes == 0


class Meddler:
    """An item that does something when it is compared, so many times."""

    def __init__(self, action: Callable[[], object], answer: bool, times: int = 3) -> None:
        self.action, self.answer, self.times = action, answer, times

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if self.times:
            self.times -= 1
            self.action()
        return self.answer


USES: dict[str, Use] = {
    "append": lambda ring: ring.append("new"),
    "appendleft": lambda ring: ring.appendleft("new"),
    "append large": lambda ring: ring.append("new" * 200),
    "insert": lambda ring: ring.insert(1, "new"),
    "assign": lambda ring: ring.__setitem__(1, "new"),
    "assign slice": lambda ring: ring.__setitem__(slice(0, 2), ["new", "newer"]),
    "extend": lambda ring: ring.extend(["new", "newer"]),
    "pop": lambda ring: ring.pop(),
    "delete": lambda ring: ring.__delitem__(1),
    "delete slice": lambda ring: ring.__delitem__(slice(None, None, 2)),
    "clear": lambda ring: ring.clear(),
    "trim": lambda ring: ring.trim(100),
    "resize": lambda ring: ring.resize(max_items=1),
    "repeat": lambda ring: ring.__imul__(2),
    "remeasure": lambda ring: ring.remeasure(0),
    "audit": lambda ring: ring.audit(),
    "init": lambda ring: ring.__init__("xy", 3, "2KiB", **settings(ring)),  # type: ignore[misc]
}


def settings(ring: Ring) -> dict[str, Any]:
    return {"sizer": ring.sizer, "on_evict": ring.on_evict}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)
def test_callbacks_and_sizers_may_do_anything(meddle: Use, use: Use) -> None:
    for through in ("callback", "sizer", "finaliser"):
        depth = 0
        ready = False

        def act() -> None:
            nonlocal depth
            if depth < 3 and ready:  # noqa: B023
                depth += 1
                assert ring.nbytes <= (ring.max_bytes or 0)  # noqa: B023
                meddle(ring)  # noqa: B023

        def on_evict(item: object, reason: str) -> None:
            if through == "callback":  # noqa: B023
                act()

        def sizer(item: object) -> int:
            if through == "sizer":  # noqa: B023
                act()
            return 100

        ring = Ring(max_items=8, max_bytes="2KiB", on_evict=on_evict, sizer=sizer)
        if through == "finaliser":
            ring.extend([LastWords(act) for _ in range(6)])
        else:
            ring.extend("abcdef")
        ready = True
        with contextlib.suppress(IndexError, ValueError):  # what is left may be empty or too small
            use(ring)
        ready = False
        check(ring)


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)
def test_comparisons_may_do_anything(meddle: Use, answer: bool) -> None:
    searches: list[Use] = [
        lambda ring: "absent" in ring,
        lambda ring: ring.index("absent"),
        lambda ring: ring.count("absent"),
        lambda ring: ring.remove("absent"),
        lambda ring: ring == ring.copy(),
        lambda ring: ring < Ring(["b"], 3),
    ]
    for search in searches:
        ring = Ring(max_items=9, max_bytes="2KiB")
        ring.extend([Meddler(lambda: meddle(ring), answer) for _ in range(4)])  # noqa: B023
        try:
            search(ring)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            assert "changed" in str(error) or "not in" in str(error) or "<" in str(error)  # noqa: PT017
        check(ring)


def test_what_changes_while_compared_is_never_taken_out_unasked() -> None:
    ring = Ring(max_items=9)
    ring.extend([Meddler(lambda: ring.appendleft("other"), True, 1), "last"])
    with pytest.raises(IndexError, match="changed"):
        ring.remove("x")
    assert len(ring) == 3


def test_errors_of_items_leave_the_ring_as_it_was() -> None:
    class Incomparable:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise ArithmeticError

    ring = Ring([Incomparable(), "a"], 5)
    before = ring.stats()
    for use in (ring.index, ring.count, ring.remove, ring.__contains__):
        with pytest.raises(ArithmeticError):
            use("a")
    with pytest.raises(ZeroDivisionError):
        ring.append(Odd(lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        ring[0] = Odd(lambda: 1 // 0)
    assert ring.stats() == before


def test_exceptions_in_callbacks_belong_to_nobody() -> None:
    def on_evict(item: Any, reason: str) -> None:
        raise KeyboardInterrupt if item == 1 else ArithmeticError

    ring = Ring(max_items=2, on_evict=on_evict)
    with unraisable() as seen:
        ring.extend(range(4))
        ring[0] = 9
        del ring[0]
        ring.clear()
    assert seen == [ArithmeticError, KeyboardInterrupt, *[ArithmeticError] * 3]
    ring._validate()


def test_state_is_consistent_inside_a_callback() -> None:
    seen = []

    def on_evict(item: Any, reason: str) -> None:
        ring._validate()
        seen.append((item, item in list(ring), ring.nbytes <= 1000))

    ring = Ring(max_bytes=1000, on_evict=on_evict)
    for number in range(50):
        ring.append(f"item {number}")
    assert seen
    assert all(not there and kept for _item, there, kept in seen)


def test_sizes_that_lie_cannot_pass_the_bound() -> None:
    ring = Ring(max_bytes=1000, sizer=lambda item: item)
    for size in (0, 2**62 - 1, 10, 984, 985):
        try:
            ring.append(size)
        except ValueError:
            assert size > 984
        assert ring.nbytes <= 1000
    ring._validate()


# ---- dying ----


def test_weak_references_and_cycles() -> None:
    ring = Ring(max_items=5)
    gone = weakref.ref(ring)
    ring.append(ring)
    ring.append(iter(ring))
    ring.append(reversed(ring))
    assert gone() is ring
    del ring
    gc.collect()
    assert gone() is None


def test_cycles_through_a_callback_and_a_sizer() -> None:
    budget = Budget(10_000)

    class Holder:
        def __init__(self) -> None:
            self.ring = Ring(max_items=5, sizer=self.size, on_evict=self.left, budget=budget)
            self.ring.append("x")

        def size(self, item: object) -> int:
            return 5

        def left(self, item: object, reason: str) -> None:
            raise AssertionError

    for _ in range(100):
        Holder()
    gc.collect()
    assert budget.nbytes == 0


def test_a_dying_ring_calls_nothing_and_drops_everything() -> None:
    left: list[object] = []
    died: list[int] = []
    ring = Ring(max_items=5, on_evict=lambda *entry: left.append(entry))
    ring.extend(LastWords(lambda number=number: died.append(number)) for number in range(3))  # type: ignore[misc]
    del ring
    gc.collect()
    assert (left, died) == ([], [0, 1, 2])


def test_a_long_chain_of_rings_dies_without_recursion() -> None:
    chain = Ring(max_items=1)
    for _ in range(100_000):
        chain = Ring([chain], 1, sizer="shallow")
    del chain
    gc.collect()


def test_deep_nesting_is_measured_without_recursion() -> None:
    ring = Ring(max_items=1, sizer="shallow")
    for _ in range(30_000):
        ring = Ring([ring], 1, sizer="shallow")
    assert sizeof(ring) > 30_000 * sys.getsizeof(Ring(max_items=1))
    with pytest.raises(RecursionError):
        repr(ring)
    twin = Ring(max_items=1, sizer="shallow")
    for _ in range(30_000):
        twin = Ring([twin], 1, sizer="shallow")
    with pytest.raises(RecursionError):
        assert ring == twin
