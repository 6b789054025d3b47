"""What an LRU cache ought to hold: an OrderedDict, with sizes, bounds and reasons.

Without charged overhead the model knows beforehand which entries leave and why. With it, what
leaves depends on slack too: then the model follows what the cache reports, and checks that it
is always the oldest entry that goes.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

from hostile import Departures, Left

NO_KEY = object()
BOUNDS = ("items", "size", "budget")


@dataclass
class Entry:
    """What is kept under a key."""

    key: Any
    value: Any
    size: int
    given: bool = False


class Model:
    """An LRU mapping in plain Python. Sizes are in bytes."""

    def __init__(self, max_bytes: int, max_items: int | None, budget_bytes: int | None) -> None:
        self.entries: OrderedDict[Any, Entry] = OrderedDict()
        self.max_bytes = max_bytes
        self.max_items = max_items
        self.budget_bytes = budget_bytes
        self.others_bytes = 0  # what other containers charge to the budget
        self.least_overhead = 0  # of a cache of one entry
        self.exact = True
        self.left: list[Left] = []  # by the operation at hand
        self.reported: list[Left] = []  # by the cache, not yet accounted for
        self.counts: Counter[str] = Counter()
        self.peak = 0
        self.changes = 0  # how often an entry entered or left

    @property
    def payload(self) -> int:
        return sum(entry.size for entry in self.entries.values())

    # ---- what left ----

    def begin(self, reported: Departures) -> None:
        """Start an operation about which the cache reported so much."""
        self.left = []
        self.reported = list(reported)
        reported.clear()

    def check_reports(self, departed: list[Left]) -> None:
        """Check that the cache told of these departures, of these very objects, in order."""
        for told, expected in zip(departed, self.left, strict=True):
            if told.reason != expected.reason:
                self.take_other_bound(told.reason, expected.reason)
            # What replaces a value may come under an equal key.
            if expected.reason == "replaced":
                assert [told.key] == [expected.key]
            else:
                assert told.key is expected.key
            assert told.value is expected.value

    def take_other_bound(self, told: str, expected: str) -> None:
        """Where both the own bounds and the budget make an entry leave, either may be named."""
        assert {told, expected} <= set(BOUNDS)
        assert "budget" in {left.reason for left in self.left}
        self.counts[expected] -= 1
        self.counts[told] += 1

    def leave(self, key: Any, reason: str) -> Entry:
        entry = self.entries.pop(key)
        self.tell(entry, reason)
        self.changes += 1
        return entry

    def tell(self, entry: Entry, reason: str) -> None:
        self.left.append(Left(entry.key, entry.value, reason))
        self.counts[reason] += 1

    # ---- reading ----

    def find(self, key: Any) -> Entry | None:
        return self.entries.get(key)

    def look_up(self, key: Any) -> Entry | None:
        """Find, count and promote."""
        entry = self.entries.get(key)
        self.counts["misses" if entry is None else "hits"] += 1
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    # ---- making room ----

    def budget_lacks(self, payload: int) -> bool:
        return self.budget_bytes is not None and self.others_bytes + payload > self.budget_bytes

    def could_fit(self, size: int) -> bool:
        return size + self.least_overhead <= self.max_bytes

    def oldest_but(self, key: Any) -> Any:
        return next(other for other in self.entries if other is not key and other != key)

    def make_room(self, key: Any, charge: int, items: int) -> None:
        """Let the oldest entries leave, all but one, for so many bytes and items more."""
        if not self.exact:
            self.follow(key, BOUNDS)
            return
        self.make_room_for(key, charge, items, protected=key)

    def make_room_for(self, key: Any, charge: int, items: int, protected: Any) -> None:
        """Let the oldest leave; for the budget all but the protected one, till `key` is gone."""
        while True:
            plan = self.plan_for_own_bounds(key, charge, items)
            released = sum(self.entries[other].size for other, _ in plan)
            lacking = self.lacking(charge - released)
            if lacking <= 0:
                break
            self.give_back(lacking, protected)
            if not items and key not in self.entries:
                return
        for other, reason in plan:
            self.leave(other, reason)

    def plan_for_own_bounds(self, key: Any, charge: int, items: int) -> list[tuple[Any, str]]:
        """Say who would have to leave, all but one key, if there were no budget."""
        plan: list[tuple[Any, str]] = []
        payload, count = self.payload + charge, len(self.entries) + items
        for other, entry in self.entries.items():
            too_many = self.max_items is not None and count > self.max_items
            if not too_many and payload <= self.max_bytes:
                break
            if other is not key and other != key:
                plan.append((other, "items" if too_many else "size"))
                payload, count = payload - entry.size, count - 1
        return plan

    def lacking(self, charge: int) -> int:
        """Return by how much so many bytes more would pass the budget."""
        if self.budget_bytes is None:
            return 0
        return self.others_bytes + self.payload + charge - self.budget_bytes

    def give_back(self, need: int, kept: Any = NO_KEY) -> None:
        """Let the oldest leave, all but one, until the budget has so many bytes more."""
        freed = 0
        while freed < need:
            freed += self.leave(self.oldest_but(kept), "budget").size

    def follow(self, key: Any, reasons: tuple[str, ...]) -> None:
        """Let those leave that the cache reported next, if they are the oldest."""
        while self.reported and self.reported[0].reason in reasons:
            left = self.reported.pop(0)
            oldest = self.oldest_but(key)
            assert self.entries[oldest].key is left.key
            if left.reason == "items":
                assert len(self.entries) >= (self.max_items or 0)
            self.leave(oldest, left.reason)

    def expected_outcome(self, key: Any, size: int) -> str:
        """Say how writing an entry must end; only where the model is exact."""
        if not self.could_fit(size):
            return "too large"
        return "over budget" if self.budget_lacks(size) else "kept"

    # ---- writing ----

    def keep(self, key: Any, value: Any, size: int, given: bool) -> None:
        """Insert or replace what the cache has accepted."""
        entry = self.entries.get(key)
        self.make_room(key, size - (entry.size if entry else 0), 0 if entry else 1)
        if entry is None:
            self.entries[key] = Entry(key, value, size, given)
            self.counts["inserts"] += 1
            self.changes += 1
        else:
            if entry.value is not value:
                self.tell(entry, "replaced")
            entry.value, entry.size, entry.given = value, size, given
            self.entries.move_to_end(key)
        self.peak = max(self.peak, self.payload)

    def remeasure(self, key: Any, size: int) -> int:
        """Charge an entry anew; return what it is charged then."""
        entry = self.entries[key]
        if not self.could_fit(size):
            self.leave(key, "size")
            return 0
        if self.budget_lacks(size):
            self.leave(key, "budget")
            return 0
        # Nobody protects an entry that is only measured: it may be what gives back.
        self.make_room_for(key, size - entry.size, 0, protected=NO_KEY)
        if key not in self.entries:
            return 0
        entry.size, entry.given = size, False
        return size

    # ---- shrinking ----

    def resize(self, max_bytes: int, max_items: int | None) -> None:
        self.max_bytes, self.max_items = max_bytes, max_items
        if not self.exact:
            self.follow(NO_KEY, BOUNDS)
            return
        while self.entries:
            if self.payload > max_bytes:
                self.leave(next(iter(self.entries)), "size")
            elif max_items is not None and len(self.entries) > max_items:
                self.leave(next(iter(self.entries)), "items")
            else:
                return

    def trim(self, target: int) -> None:
        if not self.exact:
            self.follow(NO_KEY, ("trimmed",))
            return
        while self.payload > target:
            self.leave(next(iter(self.entries)), "trimmed")

    def clear(self) -> None:
        for key in list(self.entries):
            self.leave(key, "cleared")
