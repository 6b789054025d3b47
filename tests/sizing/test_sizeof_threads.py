"""Threads that change what is being measured."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hostile import run_apart
from sizing_corpus import fresh_text

from bytebound._native.sizing import register_sizer, sizeof

SECONDS = 0.6


class Attributes:
    two: Any

    def __init__(self) -> None:
        self.one: Any = [1]


class Slots:
    __slots__ = ("one", "two")
    one: Any
    two: Any


def change_list(held: list[Any], number: int) -> None:
    held.append([fresh_text()])
    if number % 7 == 0:
        held.clear()
    if number % 3 == 0 and held:
        held.pop()
    held[:0] = [(number, fresh_text())] * 3


def change_dict(held: dict[Any, Any], number: int) -> None:
    held[number % 50] = {fresh_text(): [number]}
    held.pop((number * 7) % 50, None)
    if number % 100 == 0:
        held.clear()


def change_set(held: set[Any], number: int) -> None:
    held.add((number % 50, fresh_text()))
    if len(held) > 100:
        held.pop()


def change_deque(held: deque[Any], number: int) -> None:
    held.append([number])
    held.appendleft([fresh_text()])
    if len(held) > 300:
        held.popleft()
        held.clear()


def change_attributes(held: Attributes, number: int) -> None:
    held.one = [fresh_text()]
    held.two = {number: [number]}
    if number % 5 == 0:
        del held.two
    if number % 10 == 0:
        vars(held)["three"] = [number]


def change_slots(held: Slots, number: int) -> None:
    held.one = [fresh_text()]
    held.two = (held.one, [number])
    if number % 3 == 0:
        del held.one


CHANGES: dict[str, tuple[Callable[[], Any], Callable[[Any, int], None]]] = {
    "list": (list, change_list),
    "dict": (dict, change_dict),
    "set": (set, change_set),
    "deque": (deque, change_deque),
    "attributes": (Attributes, change_attributes),
    "slots": (Slots, change_slots),
}


def contend(name: str) -> None:
    """Change and measure one object from several threads; called in a process of its own."""
    make, change = CHANGES[name]
    held = make()
    other = [held, {"held": held}, (held,)]
    over = threading.Event()
    failures: list[BaseException] = []

    def guard(work: Callable[[int], object]) -> None:
        number = 0
        while not over.is_set():
            number += 1
            try:
                work(number)
            except (IndexError, KeyError, AttributeError, RuntimeError):
                continue  # the changes get into each other's way
            except BaseException as error:
                failures.append(error)
                return

    def measure(number: int) -> None:
        size = sizeof(other, held)
        if not 0 < size < 10**9:
            raise AssertionError(size)
        sizeof(held, limit=100, rounded=number % 2 == 0)

    works = [lambda number: change(held, number)] * 2 + [measure] * 2
    threads = [threading.Thread(target=guard, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    over.wait(SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("name", CHANGES)
def test_what_other_threads_change_may_be_measured(name: str) -> None:
    script = f"import test_sizeof_threads\ntest_sizeof_threads.contend({name!r})"
    run_apart("-c", script)


def answer(nbytes: int) -> Callable[[object], tuple[int, tuple[()]]]:
    """Make a sizer that always says the same."""
    return lambda measured: (nbytes, ())


def test_threads_measure_each_their_own() -> None:
    """The caches are a thread's own; classes and sizers are everyone's."""
    expected = sizeof([Attributes() for _ in range(100)])
    failures: list[object] = []

    class Hidden:
        pass

    def measure() -> None:
        for number in range(300):
            size = sizeof([[number + 1000] for _ in range(100)])
            if size != sizeof([[1000 + number] for _ in range(100)]):
                failures.append(size)
            if sizeof(Hidden()) <= 0:
                failures.append("hidden")

    def register() -> None:
        for number in range(300):
            register_sizer(Hidden, answer(number + 1))
            type("Fresh", (Hidden,), {})()

    threads = [threading.Thread(target=work) for work in (measure, measure, register, measure)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    register_sizer(Hidden, None)
    assert not failures
    assert expected > 0
