"""The governor's thread: its life, what wakes it, and that nothing ends it."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from hostile import run_isolated
from machines import Machine, Purse

from bytebound import Governor, LRUCache
from bytebound.pressure.watch import Watch, report

Reports = list[threading.ExceptHookArgs]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    """Collect what reaches `threading.excepthook`."""
    found: Reports = []
    monkeypatch.setattr(threading, "excepthook", found.append)
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """See that no thread and no descriptor outlives a test."""
    process = psutil.Process()
    before = process.num_fds()
    yield
    assert [thread.name for thread in threading.enumerate() if "governor" in thread.name] == []
    assert process.num_fds() == before


def until(condition: Callable[[], object]) -> None:
    end = monotonic() + 30
    while not condition():
        assert monotonic() < end, "waited for 30 s"
        sleep(0.002)


def governor(machine: Machine, **settings: Any) -> Governor:
    settings = {"interval": 0.01} | settings
    return Governor(machine.budget, source=machine, **settings)  # type: ignore[arg-type]


def test_it_trims_while_others_work() -> None:
    machine = Machine(Purse(), beside=500)
    with governor(machine) as watcher:
        assert watcher.running
        machine.budget.nbytes = 450
        until(lambda: machine.budget.nbytes == 300)
    assert not watcher.running
    assert watcher.stats().reliefs == 1


def test_start_and_stop_again_and_again() -> None:
    watcher = governor(Machine(Purse()))
    watcher.stop()
    for _ in range(3):
        assert watcher.start() is watcher
        assert watcher.start() is watcher
        assert sum("governor" in thread.name for thread in threading.enumerate()) == 1
        watcher.stop()
        watcher.stop()
    with watcher, watcher:
        pass
    assert not watcher.running


def test_stop_does_not_wait_for_the_interval() -> None:
    start = monotonic()
    with governor(Machine(Purse()), interval=3600) as watcher:
        until(lambda: watcher.stats().looks)
    assert monotonic() - start < 60


def test_it_is_a_daemon() -> None:
    with governor(Machine(Purse())):
        [thread] = [each for each in threading.enumerate() if each.name == "bytebound-governor"]
        assert thread.daemon


def test_exceptions_of_on_pressure(reports: Reports) -> None:
    errors = [LookupError("first"), SystemExit(3), KeyboardInterrupt(), LookupError("last")]
    left = errors.copy()

    def refuse(relief: object) -> None:
        machine.budget.nbytes += 150
        if left:
            raise left.pop(0)

    machine = Machine(Purse(450), beside=500)
    with governor(machine, on_pressure=refuse) as watcher:
        until(lambda: watcher.stats().reliefs >= 6)
    assert [found.exc_value for found in reports] == errors
    assert {found.thread.name for found in reports if found.thread} == {"bytebound-governor"}
    assert all(found.exc_traceback is not None for found in reports)
    assert watcher.stats().failures == 4


def test_source_that_fails_and_comes_back(reports: Reports) -> None:
    """The first error of a kind in a row is told; what is looked at is found anew."""
    machine = Machine(Purse(450), beside=500)
    machine.error = FileNotFoundError("gone")
    with governor(machine) as watcher:
        until(lambda: watcher.stats().failures >= 3)
        assert len(reports) == 1
        machine.error = PermissionError("mine")
        until(lambda: len(reports) == 2)
        machine.error = None
        until(lambda: watcher.stats().reliefs)
        machine.error = PermissionError("mine again")
        until(lambda: len(reports) == 3)
    assert [type(found.exc_value) for found in reports] == [
        FileNotFoundError,
        PermissionError,
        PermissionError,
    ]


def test_callbacks_of_containers_that_raise(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: ignored.append(found.exc_type))

    def refuse(key: int, value: bytes, why: str) -> None:
        raise LookupError(key)

    cache = LRUCache[int, bytes]("1MiB", on_evict=refuse)
    cache.update((number, bytes(100)) for number in range(1000))
    machine = Machine(cache, limit=cache.nbytes)
    with governor(machine) as watcher:
        until(lambda: watcher.stats().reliefs)
    assert cache.nbytes <= 0.8 * machine.limit
    assert set(ignored) == {LookupError}
    assert reports == []


def test_excepthook_that_raises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no reports here")

    monkeypatch.setattr(threading, "excepthook", refuse)
    report(LookupError("one"))
    assert "no reports here" in capsys.readouterr().err
    monkeypatch.setattr(sys, "excepthook", refuse)
    report(LookupError("two"))


def test_stop_in_on_pressure() -> None:
    machine = Machine(Purse(450), beside=500)
    stopped = threading.Event()

    def stop(relief: object) -> None:
        watcher.stop()
        stopped.set()

    watcher = governor(machine, on_pressure=stop)
    watcher.start()
    assert stopped.wait(30)
    assert not watcher.running
    until(lambda: not any("governor" in thread.name for thread in threading.enumerate()))


def test_restart_in_on_pressure() -> None:
    machine = Machine(Purse(450), beside=500)

    def restart(relief: object) -> None:
        if watcher.stats().reliefs < 5:
            watcher.stop()
            watcher.start()
        machine.budget.nbytes = 450

    watcher = governor(machine, on_pressure=restart)
    with watcher:
        until(lambda: watcher.stats().reliefs > 5)
    until(lambda: not any("governor" in thread.name for thread in threading.enumerate()))


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    watcher = governor(Machine(Purse()))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            watcher.start()
    assert not watcher.running
    with watcher:
        assert watcher.running


def test_dropped_while_it_runs() -> None:
    """It goes on: nobody has to keep it."""
    machine = Machine(Purse(), beside=500)
    told: list[Governor] = []
    watch = governor(machine, on_pressure=lambda relief: told[0].stop()).start()
    told.append(watch)
    del watch
    machine.budget.nbytes = 450
    until(lambda: not told[0].running)
    until(lambda: not any("governor" in thread.name for thread in threading.enumerate()))


def test_no_memory_to_look_with() -> None:
    looks = []

    def look(fired: bool) -> float:
        looks.append(fired)
        if len(looks) < 3:
            raise MemoryError
        return 0.001

    watch = Watch(look, None)
    watch.start()
    until(lambda: len(looks) > 5)
    watch.stop()


def test_trigger_wakes_it() -> None:
    """Urgent data on a socket polls POLLPRI, as a trigger of the kernel does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    looks = []

    def look(fired: bool) -> float:
        looks.append(fired)
        if fired:
            near_copy.recv(1, socket.MSG_OOB)
        return 3600.0

    near_copy = near.dup()
    watch = Watch(look, near.detach())
    watch.start()
    for number in (1, 2):
        until(lambda: len(looks) >= number)  # noqa: B023 - awaited within the round
        far.send(b"!", socket.MSG_OOB)
    until(lambda: looks == [False, True, True])
    watch.stop()
    far.close()
    near_copy.close()


def test_trigger_that_is_gone() -> None:
    """What hangs up would wake it for ever."""
    ear, bell = os.pipe()
    os.close(bell)
    looks = []

    def look(fired: bool) -> float:
        looks.append(fired)
        return 0.02

    watch = Watch(look, ear)
    watch.start()
    until(lambda: len(looks) >= 4)
    watch.stop()
    assert not any(looks)
    assert len(looks) < 100


def test_threads_that_start_stop_and_step() -> None:
    cache = LRUCache[int, bytes]("1MiB")
    machine = Machine(cache, limit=40_000)
    watcher = governor(machine, on_pressure=lambda relief: watcher.stats())
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(60):
                cache.update((number * 1000 + each, bytes(100)) for each in range(50))
                (watcher.start, watcher.step, watcher.stop)[(step + number) % 3]()
                assert watcher.last is None or watcher.last.limit == 40_000
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watcher.stop()
    assert errors == []
    assert watcher.stats().reliefs > 0
    until(lambda: not any("governor" in thread.name for thread in threading.enumerate()))


def test_the_sooner_the_faster_memory_grows() -> None:
    """An hour's interval does not keep it from looking while memory grows towards high."""
    machine = Machine(Purse(0), beside=100)
    with governor(machine, interval=3600) as watcher:
        until(lambda: watcher.stats().looks)
        for used in range(100, 460):
            machine.budget.nbytes = used
            sleep(0.002)
            if watcher.stats().looks > 3:
                break
    assert watcher.stats().looks > 3


def test_forks() -> None:
    assert run_isolated("forks.py").strip() == "ok"
