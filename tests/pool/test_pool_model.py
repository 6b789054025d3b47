"""A pool beside a shadow ledger, after every operation of random sequences of them."""

import contextlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from bytebound import Block, Budget, BudgetExceededError, MemoryPool, PoolExhaustedError

BOUND = 400_000
ABOVE = 600_000

sizes = st.one_of(
    st.integers(0, 300), st.integers(0, 6000), st.integers(4000, 70_000), st.integers(60_000, 10**6)
)
NO_ROOM = (PoolExhaustedError, BudgetExceededError)


class PoolMachine(RuleBasedStateMachine):
    """Every block holds a byte of its own, in all of it."""

    blocks = Bundle("blocks")
    debug = False

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(ABOVE)
        self.pool = MemoryPool(BOUND, budget=self.budget, debug=self.debug)
        self.neighbour = MemoryPool(BOUND, budget=self.budget)
        self.ledger: dict[Block, bytes] = {}
        self.elsewhere: list[Block] = []
        self.number = 0
        self.needed = 0

    def keep(self, block: Block) -> Block:
        self.number = self.number % 250 + 1
        self.ledger[block] = bytes([self.number]) * len(block)
        memoryview(block)[:] = self.ledger[block]
        return block

    @rule(
        target=blocks, nbytes=sizes, align=st.sampled_from([16, 16, 64, 4096]), zero=st.booleans()
    )
    def alloc(self, nbytes: int, align: int, zero: bool) -> Block | None:
        before = self.pool.stats()
        try:
            block = self.pool.alloc(nbytes, align=align, zero=zero)
        except NO_ROOM:
            after = self.pool.stats()
            assert after.blocks == before.blocks
            assert after.usable_nbytes == before.usable_nbytes
            return None
        assert not zero or bytes(block) == bytes(nbytes)
        return self.keep(block)

    @rule(target=blocks, several=st.lists(sizes, max_size=5))
    def alloc_many(self, several: list[int]) -> Block | None:
        blocks = []
        try:
            blocks = self.pool.alloc_many(several)
        except NO_ROOM:
            assert self.pool.stats().blocks == len(self.ledger)
        for block in blocks:
            self.keep(block)
        return blocks[0] if blocks else None

    @rule(block=consumes(blocks))
    def release(self, block: Block | None) -> None:
        if block is not None:
            assert bytes(block) == self.ledger.pop(block)
            block.release()

    @rule(block=blocks)
    def release_viewed(self, block: Block | None) -> None:
        if block in self.ledger:
            with memoryview(block), pytest.raises(BufferError):
                block.release()

    @rule(nbytes=st.integers(0, BOUND))
    def elsewhere_comes(self, nbytes: int) -> None:
        with contextlib.suppress(NO_ROOM):
            self.elsewhere.append(self.neighbour.alloc(nbytes))

    @rule()
    def elsewhere_goes(self) -> None:
        self.elsewhere.clear()
        self.neighbour.trim()

    @rule(target_bytes=st.integers(0, BOUND))
    def trim(self, target_bytes: int) -> None:
        before, idle = self.pool.nbytes, self.pool.idle_nbytes
        freed = self.pool.trim(target_bytes)
        assert self.pool.nbytes == before - freed
        assert self.pool.nbytes <= target_bytes or self.pool.idle_nbytes == 0
        assert freed == 0 or before > target_bytes
        assert freed >= min(idle, max(before - target_bytes, 0))

    @rule(max_bytes=st.integers(0, 2 * BOUND))
    def resize(self, max_bytes: int) -> None:
        before = self.pool.max_bytes
        try:
            self.pool.resize(max_bytes)
        except ValueError:
            assert self.pool.nbytes > max_bytes
            max_bytes = before
        assert self.pool.max_bytes == max_bytes

    @invariant()
    def totals_are_those_of_the_ledger(self) -> None:
        stats = self.pool.stats()
        assert stats.requested_nbytes == sum(map(len, self.ledger.values()))
        assert stats.blocks == len(self.ledger)
        assert stats.requested_nbytes <= stats.usable_nbytes <= stats.reserved_nbytes
        assert stats.reserved_nbytes + stats.overhead_nbytes == stats.nbytes <= stats.max_bytes
        assert sum(size * of.blocks for size, of in stats.size_classes.items()) == (
            stats.usable_nbytes
        )
        assert sum(size for _, size in self.pool._ranges()) == stats.nbytes
        assert self.budget.nbytes == stats.nbytes + self.neighbour.nbytes <= ABOVE
        self.pool._validate()

    @invariant()
    def blocks_hold_what_was_written(self) -> None:
        for block, data in self.ledger.items():
            view = memoryview(block)
            assert view[:100] == data[:100]
            assert view[-100:] == data[-100:]

    def teardown(self) -> None:
        self.ledger.clear()


class DebugPoolMachine(PoolMachine):
    debug = True


for machine in (PoolMachine, DebugPoolMachine):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

TestPool = PoolMachine.TestCase
TestDebugPool = DebugPoolMachine.TestCase
