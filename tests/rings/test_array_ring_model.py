"""ArrayRing against the end of one long array."""

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bytebound import ArrayRing, Budget

DTYPES = ["f8", "i8", "u1", "f4", ">i2", [("a", "u1"), ("b", "i8")]]


class Machine(RuleBasedStateMachine):
    """The model: every row that was ever added, and how many of them are still there."""

    @initialize(
        capacity=st.integers(1, 700),
        dtype=st.sampled_from(DTYPES),
        shape=st.sampled_from([(), (1,), (3,), (2, 37)]),
    )
    def make(self, capacity: int, dtype: Any, shape: tuple[int, ...]) -> None:
        self.budget = Budget("64MiB")
        self.ring = ArrayRing(capacity, dtype, shape, budget=self.budget)
        self.rows = np.zeros((0, *shape), dtype)
        self.count = 0
        self.charged = self.ring.nbytes
        self.window = self.ring.view()

    def some(self, count: int, seed: int) -> np.ndarray:
        size = count * int(np.prod(self.ring.shape, dtype=int)) * self.ring.dtype.itemsize
        noise = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
        if self.ring.dtype.kind == "f":  # no two NaN are the same
            noise &= 0x3F
        return noise.view(self.ring.dtype).reshape(count, *self.ring.shape)

    def added(self, rows: np.ndarray) -> None:
        self.rows = np.concatenate([self.rows, rows]).astype(self.ring.dtype)
        self.count = min(self.count + len(rows), self.ring.capacity)

    @rule(seed=st.integers(0, 2**30), converted=st.booleans())
    def append(self, seed: int, converted: bool) -> None:
        rows = self.some(1, seed)
        self.ring.append(rows.tolist()[0] if converted else rows[0])
        self.added(rows)

    @rule(share=st.floats(0, 2.5), seed=st.integers(0, 2**30), step=st.sampled_from([1, 2, -1]))
    def extend(self, share: float, seed: int, step: int) -> None:
        rows = self.some(int(share * self.ring.capacity), seed)[::step]
        self.ring.extend(rows)
        self.added(rows)

    @rule(n=st.integers(0, 800), step=st.sampled_from([1, 2, -1]))
    def extend_by_its_own(self, n: int, step: int) -> None:
        rows = self.ring.view(n)[::step]
        copied = rows.copy()
        self.ring.extend(rows)
        self.added(copied)

    @rule()
    def clear(self) -> None:
        self.ring.clear()
        self.count = 0

    @rule(n=st.integers(0, 800))
    def look(self, n: int) -> None:
        self.window = self.ring.view(n)
        expected = self.rows[len(self.rows) - min(n, self.count) :]
        assert self.window.tobytes() == expected.tobytes()
        assert self.ring.snapshot(n).tobytes() == expected.tobytes()

    @invariant()
    def is_the_same(self) -> None:
        if not hasattr(self, "ring"):
            return
        self.ring._validate()
        expected = self.rows[len(self.rows) - self.count :]
        assert np.asarray(self.ring).tobytes() == expected.tobytes()
        assert (len(self.ring), self.ring.total) == (self.count, len(self.rows))
        assert self.ring.nbytes == self.budget.nbytes == self.charged
        if self.count:
            assert self.ring[-1].tobytes() == expected[-1].tobytes()

    def teardown(self) -> None:
        if hasattr(self, "ring"):
            self.ring.close()
            del self.window
            assert self.budget.nbytes == 0


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_model = Machine.TestCase
