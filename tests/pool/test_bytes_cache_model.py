"""A cache of bytes beside an ordered dict: it holds the newest of what was put."""

from collections import OrderedDict

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bytebound import Budget, BytesCache, EntryTooLargeError, PinnedError

KEYS = st.integers(0, 60).map(lambda number: b"key%d" % number)
VALUES = st.tuples(
    st.sampled_from([0, 1, 40, 100, 600, 3000, 5000, 30_000, 90_000]), st.integers(0, 255)
).map(lambda drawn: bytes([drawn[1]]) * drawn[0])


class BytesCacheMachine(RuleBasedStateMachine):
    """The model learns from the cache how many of the oldest had to leave, but not which."""

    @initialize(
        bound=st.sampled_from([40_000, 150_000, 2**20]),
        max_items=st.sampled_from([None, 20]),
        told=st.booleans(),
        above=st.sampled_from([None, 100_000]),
    )
    def start(self, bound: int, max_items: int | None, told: bool, above: int | None) -> None:
        self.budget = Budget(above or 2**30)
        self.told: list[tuple[bytes, bytes, str]] = []
        self.cache = BytesCache(
            bound,
            max_items=max_items,
            on_evict=(lambda *given: self.told.append(given)) if told else None,
            budget=self.budget if above else None,
        )
        self.model: OrderedDict[bytes, bytes] = OrderedDict()
        self.views: list[tuple[memoryview, bytes]] = []

    def learn(self, *put: bytes) -> None:
        """Let the oldest of the model leave, all but what was put, until as many are left."""
        for key in list(self.model):
            if len(self.model) > len(self.cache) and key not in put:
                del self.model[key]

    @rule(key=KEYS, value=VALUES)
    def put(self, key: bytes, value: bytes) -> None:
        try:
            self.cache[key] = value
        except EntryTooLargeError:
            assert len(value) > 1000
            return
        except (PinnedError, MemoryError):
            self.learn(key)
            if key not in self.cache:
                self.model.pop(key, None)
            return
        self.model[key] = value
        self.model.move_to_end(key)
        self.learn(key)

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.cache.get(bytearray(key)) == self.model.get(key)
        if key in self.model:
            self.model.move_to_end(key)

    @rule(key=KEYS)
    def view(self, key: bytes) -> None:
        if key in self.model:
            self.views.append((self.cache.view(key), self.model[key]))
            self.model.move_to_end(key)

    @rule(at=st.integers(0, 5))
    def drop_view(self, at: int) -> None:
        del self.views[at : at + 1]

    @rule(key=KEYS)
    def pop(self, key: bytes) -> None:
        assert self.cache.pop(key, None) == self.model.pop(key, None)

    @rule()
    def popitem(self) -> None:
        if self.model:
            assert self.cache.popitem() == self.model.popitem(last=False)

    @rule(share=st.floats(0, 1))
    def trim(self, share: float) -> None:
        before = self.cache.nbytes
        freed = self.cache.trim(int(before * share))
        assert freed == before - self.cache.nbytes
        assert self.cache.nbytes <= before * share or (self.views and not self.cache)
        self.learn()

    @rule()
    def copy(self) -> None:
        items = list(self.cache.copy().items())
        assert items == list(self.model.items())[len(self.model) - len(items) :]
        self.learn()  # the copy may have needed room in the budget

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        self.learn()
        assert list(self.cache.items()) == list(self.model.items())
        assert all(view == value for view, value in self.views)
        assert bool(self.views) == bool(self.cache.pinned_nbytes)
        assert self.cache.nbytes <= self.cache.max_bytes
        assert self.budget.nbytes in (0, self.cache.nbytes)
        assert len({reason for _, _, reason in self.told} - {"expired", "cleared"}) <= 6
        self.cache._validate()


TestBytesCacheMachine = BytesCacheMachine.TestCase
TestBytesCacheMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
