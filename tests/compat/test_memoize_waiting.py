"""memoize: one computation for all who want the same result at the same time."""

import asyncio
import gc
import inspect
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hostile import run_isolated

from bytebound import memoize

TIMEOUT = 20


def run_threads(*functions: Callable[[], Any]) -> list[Any]:
    """Return what each function returned or raised, each in a thread of its own."""
    outcomes: list[Any] = [None] * len(functions)

    def run(index: int) -> None:
        try:
            outcomes[index] = functions[index]()
        except BaseException as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    return outcomes


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def waiters(function: Any) -> int:
    """How many callers wait in the flights of a function."""
    (flights,) = (
        found for found in gc.get_referents(function) if type(found).__name__.endswith("Flights")
    )
    return sum(len(flight.waiters) for flight in flights._flights.values())


# ---- threads ----


def test_threads_wait_for_one_computation() -> None:
    calls: list[int] = []

    @memoize
    def slow(number: int) -> list[int]:
        calls.append(number)
        until(lambda: waiters(slow) == 7)
        return [number]

    outcomes = run_threads(*[lambda: slow(1)] * 8)
    assert calls == [1]
    assert all(outcome is outcomes[0] for outcome in outcomes)
    assert slow.cache_info()[:2] == (0, 8)


def test_other_keys_do_not_wait() -> None:
    together = threading.Barrier(4)

    @memoize
    def slow(number: int) -> int:
        together.wait(TIMEOUT)
        return number

    assert run_threads(*[lambda i=i: slow(i) for i in range(4)]) == [0, 1, 2, 3]  # type: ignore[misc]


def test_failure_reaches_everybody_and_is_not_kept() -> None:
    calls: list[int] = []

    @memoize
    def fail(number: int) -> int:
        calls.append(number)
        until(lambda: waiters(fail) == 4)
        raise LookupError(number)

    outcomes = run_threads(*[lambda: fail(1)] * 5)
    assert calls == [1]
    assert isinstance(outcomes[0], LookupError)
    assert all(outcome is outcomes[0] for outcome in outcomes)
    assert len(fail.cache) == 0


def test_interrupted_leader_hands_over() -> None:
    calls: list[int] = []

    @memoize
    def interrupted(number: int) -> int:
        calls.append(number)
        if len(calls) == 1:
            until(lambda: waiters(interrupted) == 3)
            raise KeyboardInterrupt
        return number

    outcomes = run_threads(*[lambda: interrupted(1)] * 4)
    assert len(calls) == 2
    assert sorted(map(repr, outcomes)) == ["1", "1", "1", "KeyboardInterrupt()"]


def test_result_too_large_reaches_those_who_wait() -> None:
    calls: list[int] = []

    @memoize(1000)
    def large(size: int) -> bytes:
        calls.append(size)
        until(lambda: waiters(large) == 3)
        return bytes(size)

    outcomes = run_threads(*[lambda: large(5000)] * 4)
    assert calls == [5000]
    assert outcomes == [bytes(5000)] * 4


def test_those_who_come_after_clearing_do_not_wait_for_what_was_before() -> None:
    calls: list[int] = []
    go_on = threading.Event()

    @memoize
    def version(number: int) -> int:
        calls.append(number)
        mine = len(calls)
        if mine == 1:
            go_on.wait(TIMEOUT)
        return mine

    def clear_and_call() -> int:
        until(lambda: len(calls) == 1)
        version.cache_clear()
        found = version(1)
        go_on.set()
        return found

    assert run_threads(lambda: version(1), clear_and_call) == [1, 2]
    assert version(1) == 2


# ---- circles ----


@pytest.mark.parametrize("size", [2, 3, 5])
def test_computations_that_want_each_others_results(size: int) -> None:
    together = threading.Barrier(size)
    local = threading.local()

    @memoize
    def next_one(number: int) -> int:
        if not hasattr(local, "first"):
            local.first = number
            together.wait(TIMEOUT)
            return next_one((number + 1) % size) + 1
        # reached only by who computes instead of waiting
        return 0 if (number + 1) % size == local.first else next_one((number + 1) % size) + 1

    outcomes = run_threads(*[lambda i=i: next_one(i) for i in range(size)])  # type: ignore[misc]
    assert all(isinstance(outcome, int) and outcome > 0 for outcome in outcomes), outcomes


def test_circle_through_a_nested_computation() -> None:
    ready = [threading.Event(), threading.Event()]

    @memoize
    def outer(number: int) -> int:
        return inner(number)

    @memoize
    def inner(number: int) -> int:
        ready[number].set()
        ready[1 - number].wait(TIMEOUT)
        if depth() > 8:
            return 1
        return outer(1 - number)

    def depth() -> int:
        return len([f for f in inspect.stack(0) if f.function == "inner"])

    assert run_threads(lambda: outer(0), lambda: outer(1)) == [1, 1]


def test_many_threads_over_a_web_of_keys() -> None:
    size = 12

    @memoize
    def total(number: int, left: int) -> int:
        if left == 0:
            return 1
        time.sleep(0.0005)
        return sum(total((number * step + 1) % size, left - 1) for step in (2, 3))

    def work() -> list[int]:
        order = list(range(size))
        random.shuffle(order)
        return [total(number, 5) for number in order]

    assert run_threads(*[work] * 6) == [[32] * size] * 6


# ---- tasks ----


def test_tasks_wait_for_one_computation() -> None:
    calls: list[int] = []

    @memoize
    async def slow(number: int) -> list[int]:
        calls.append(number)
        await asyncio.sleep(0.01)
        return [number]

    async def main() -> None:
        results = await asyncio.gather(*[slow(1) for _ in range(10)])
        assert all(result is results[0] for result in results)
        assert await slow(1) is results[0]

    asyncio.run(main())
    assert calls == [1]
    assert slow.cache_info()[:2] == (1, 10)
    assert list(slow.cache.values()) == [[1]]


def test_failure_reaches_every_task() -> None:
    calls: list[int] = []

    @memoize
    async def fail(number: int) -> int:
        calls.append(number)
        await asyncio.sleep(0.01)
        raise LookupError(number)

    async def main() -> list[Any]:
        return await asyncio.gather(*[fail(1) for _ in range(5)], return_exceptions=True)

    outcomes = asyncio.run(main())
    assert calls == [1]
    assert all(outcome is outcomes[0] for outcome in outcomes)
    assert len(fail.cache) == 0


def test_cancelled_leader_hands_over() -> None:
    calls: list[int] = []

    @memoize
    async def slow(number: int) -> int:
        calls.append(number)
        await asyncio.sleep(0.02)
        return len(calls)

    async def main() -> None:
        leader = asyncio.create_task(slow(1))
        await asyncio.sleep(0)
        others = [asyncio.create_task(slow(1)) for _ in range(3)]
        await asyncio.sleep(0.001)
        leader.cancel()
        assert await asyncio.gather(*others) == [2, 2, 2]
        with pytest.raises(asyncio.CancelledError):
            await leader

    asyncio.run(main())
    assert len(calls) == 2


def test_cancelled_waiter_disturbs_nobody() -> None:
    @memoize
    async def slow(number: int) -> int:
        await asyncio.sleep(0.02)
        return number

    async def main() -> None:
        tasks = [asyncio.create_task(slow(1)) for _ in range(3)]
        await asyncio.sleep(0.001)
        tasks[1].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [outcomes[0], outcomes[2]] == [1, 1]
        assert isinstance(outcomes[1], asyncio.CancelledError)

    asyncio.run(main())


def test_event_loops_in_several_threads_share_a_computation() -> None:
    calls: list[int] = []

    @memoize
    async def slow(number: int) -> list[int]:
        calls.append(number)
        while waiters(slow) < 7:
            await asyncio.sleep(0.001)
        return [number]

    async def main() -> list[list[int]]:
        return await asyncio.gather(slow(1), slow(1))

    outcomes = [
        outcome for pair in run_threads(*[lambda: asyncio.run(main())] * 4) for outcome in pair
    ]
    assert calls == [1]
    assert len(outcomes) == 8
    assert all(outcome is outcomes[0] for outcome in outcomes)


def test_leader_in_a_loop_that_ends_hands_over() -> None:
    calls: list[int] = []

    @memoize
    async def slow(number: int) -> int:
        calls.append(number)
        if len(calls) == 1:
            await asyncio.sleep(TIMEOUT)
        return number

    async def lead_and_leave() -> None:
        task = asyncio.create_task(slow(1))
        while waiters(slow) < 1:
            await asyncio.sleep(0.001)
        del task  # the loop cancels it when it ends

    async def wait() -> int:
        while not calls:
            await asyncio.sleep(0.001)
        return await slow(1)

    outcomes = run_threads(lambda: asyncio.run(lead_and_leave()), lambda: asyncio.run(wait()))
    assert outcomes == [None, 1]


def test_tasks_on_threads_wait_too() -> None:
    calls: list[int] = []

    @memoize
    def slow(number: int) -> int:
        calls.append(number)
        until(lambda: waiters(slow) == 3)
        return number

    async def main() -> list[int]:
        return await asyncio.gather(*[asyncio.to_thread(slow, 1) for _ in range(4)])

    assert asyncio.run(main()) == [1] * 4
    assert calls == [1]


def test_task_recurses_into_its_own_key() -> None:
    depth = 0

    @memoize
    async def recurse(number: int) -> int:
        nonlocal depth
        depth += 1
        return await recurse(number) if depth < 4 else depth

    async def main() -> int:
        return await asyncio.wait_for(recurse(1), TIMEOUT)

    assert asyncio.run(main()) == 4


def test_task_that_a_computation_created_does_not_wait_for_it() -> None:
    depth = 0

    @memoize
    async def nested(number: int) -> int:
        nonlocal depth
        depth += 1
        if depth > 1:
            return number
        return sum(await asyncio.gather(*[asyncio.create_task(nested(number)) for _ in range(2)]))

    async def main() -> int:
        return await asyncio.wait_for(nested(1), TIMEOUT)

    assert asyncio.run(main()) == 2


def test_tasks_that_want_each_others_results() -> None:
    started: set[int] = set()

    @memoize
    async def other(number: int) -> int:
        if number in started:
            return 0
        started.add(number)
        while len(started) < 2:
            await asyncio.sleep(0.001)
        return await other(1 - number) + 1

    async def main() -> list[int]:
        return await asyncio.wait_for(asyncio.gather(other(0), other(1)), TIMEOUT)

    assert sorted(asyncio.run(main())) in ([1, 1], [1, 2])


def test_coroutine_function_stays_one() -> None:
    @memoize
    async def later(number: int) -> int:
        return number

    class Holder:
        @memoize
        async def method(self, number: int) -> int:
            return number

    async def main() -> None:
        for _ in range(2):
            task = asyncio.create_task(later(1))
            assert await task == 1
            assert await Holder().method(2) == 2

    asyncio.run(main())
    if sys.version_info >= (3, 12):
        assert inspect.iscoroutinefunction(later)
    else:
        assert asyncio.iscoroutinefunction(later)
    assert asyncio.run(later(1)) == 1


def test_unhashable_argument_is_refused_at_the_call() -> None:
    @memoize
    async def later(numbers: Any) -> Any:
        return numbers

    with pytest.raises(TypeError, match="argument 'numbers'"):
        later([])


# ---- load ----


def test_every_result_is_right_under_load() -> None:
    @memoize(20_000)
    def square(number: int) -> int:
        if number % 97 == 0:
            raise LookupError(number)
        return number * number

    def work(seed: int) -> int:
        order = random.Random(seed)
        for _ in range(3000):
            number = order.randrange(400)
            try:
                assert square(number) == number * number
            except LookupError as error:
                if error.args != (number,):
                    raise AssertionError(number) from error
            if number == 5:
                square.cache_clear()
            elif number == 6:
                square.cache_delete(order.randrange(400))
        return seed

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == list(range(6))
    assert square.cache.nbytes <= 20_000
    square.cache._validate()


# ---- forks ----


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_child_computes_what_others_were_computing() -> None:
    assert run_isolated("memoize_forks.py").strip() == "ok"
