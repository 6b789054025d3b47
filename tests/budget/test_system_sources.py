"""What meters read, when stalls are told, and which sources there are."""

import ctypes
import os
import resource
import select
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from machines import V1_MOUNT, V2_MOUNT, make_root

from bytebound.system.heap import give_back_heap
from bytebound.system.limits import memory_limit
from bytebound.system.sources import SOURCES, find_sources
from bytebound.system.stalls import STALL_SECONDS, WINDOW_SECONDS, StallMeter
from bytebound.system.usage import (
    GroupMeter,
    ResidentMeter,
    ResourceMeter,
    Unavailable,
    Usage,
)

V2 = "sys/fs/cgroup"
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def grouped(root: Path, **groups: tuple[object, object]) -> Path:
    """Write groups below one another, each with limit and used bytes."""
    files: dict[str, object] = {}
    folder = V2
    for name, (limit, used) in groups.items():
        folder += f"/{name}"
        files |= {f"{folder}/memory.max": limit, f"{folder}/memory.stat": f"anon {used}\nfile 7"}
    return make_root(root, own=f"0::{folder.removeprefix(V2)}", mounts=V2_MOUNT, files=files)


def pressed(microseconds: int) -> str:
    zero = "avg10=0.00 avg60=0.00 avg300=0.00"
    return f"some {zero} total={microseconds}\nfull {zero} total=0"


@pytest.fixture
def limit_resources(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that makes it seem that there are such resource limits."""

    def limit(**limits: int) -> None:
        found = {getattr(resource, name): (value, value) for name, value in limits.items()}
        monkeypatch.setattr(resource, "getrlimit", lambda which: found.get(which, NO_LIMIT))

    limit()
    return limit


def test_usage() -> None:
    assert Usage(1, 4).share == 0.25
    assert Usage(0, 0).share == float("inf")


def test_group_that_is_fullest_counts(tmp_path: Path) -> None:
    """Others may fill a group above; then it is there that the process is killed."""
    root = grouped(tmp_path, pod=(1000, 900), app=(100, 50))
    meter = GroupMeter(root)
    assert meter.read() == Usage(900, 1000)
    (root / V2 / "pod/app/memory.stat").write_text("anon 95")
    assert meter.read() == Usage(95, 100)


def test_group_limit_that_changes(tmp_path: Path) -> None:
    root = grouped(tmp_path, app=(100, 50))
    meter = GroupMeter(root)
    (root / V2 / "app/memory.max").write_text("60")
    assert meter.read() == Usage(50, 60)
    (root / V2 / "app/memory.max").write_text("max")
    with pytest.raises(OSError, match="app has no limit any more"):
        meter.read()


def test_group_that_vanishes(tmp_path: Path) -> None:
    root = grouped(tmp_path, app=(100, 50))
    meter = GroupMeter(root)
    (root / V2 / "app/memory.stat").unlink()
    with pytest.raises(OSError, match=r"memory\.stat"):
        meter.read()


def test_no_group_with_a_limit(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no memory cgroup of the process has a limit"):
        GroupMeter(grouped(tmp_path, app=("max", 50)))


def test_resource_meter(limit_resources: Callable[..., None]) -> None:
    with pytest.raises(Unavailable, match="neither RLIMIT_AS nor RLIMIT_DATA is set"):
        ResourceMeter()
    memory = psutil.Process().memory_info()
    limit_resources(RLIMIT_AS=10 * memory.vms, RLIMIT_DATA=100 * memory.data)
    meter = ResourceMeter()
    nbytes, limit = meter.read()
    assert limit == 10 * memory.vms
    assert 0.5 < nbytes / memory.vms < 2
    limit_resources(RLIMIT_DATA=2 * memory.data)
    assert meter.read().limit == 2 * memory.data
    limit_resources()
    with pytest.raises(OSError, match="is set any more"):
        meter.read()


def test_resident_meter(tmp_path: Path) -> None:
    nbytes, limit = ResidentMeter(Path("/")).read()
    assert 0.5 < nbytes / psutil.Process().memory_info().rss < 2
    assert limit == memory_limit().nbytes
    assert ResidentMeter(grouped(tmp_path, app=(100, 50))).read().limit == 100


class Stalls:
    """A meter over a file and a clock that the test sets."""

    def __init__(self, root: Path) -> None:
        self.now = 100.0
        self.path = root / "proc/pressure/memory"
        make_root(root, files={"proc/pressure/memory": pressed(5_000_000)})
        self.meter = StallMeter(root, clock=lambda: self.now)

    def lose(self, total: float, after: float) -> bool:
        self.now += after
        self.path.write_text(pressed(int(total * 1e6)))
        return self.meter.stalled()


def test_stalls_within_the_window(tmp_path: Path) -> None:
    stalls = Stalls(tmp_path)
    assert not stalls.lose(5.0, after=0.1)
    assert not stalls.lose(5.1, after=0.1)
    assert stalls.lose(5.2, after=0.1)
    assert not stalls.lose(5.2, after=0.1)


def test_stalls_long_ago_do_not_add_up(tmp_path: Path) -> None:
    stalls = Stalls(tmp_path)
    lost = 5.0
    for _ in range(20):
        lost += STALL_SECONDS / 2
        assert not stalls.lose(lost, after=WINDOW_SECONDS)


def test_stalls_are_told_once_a_window(tmp_path: Path) -> None:
    stalls = Stalls(tmp_path)
    told = [stalls.lose(5.0 + number, after=0.1) for number in range(1, 61)]
    assert told.count(True) == 3


def test_own_group_before_the_machine(tmp_path: Path) -> None:
    files = {f"{V2}/app/memory.pressure": pressed(0), "proc/pressure/memory": pressed(0)}
    root = make_root(tmp_path, own="0::/app", mounts=V2_MOUNT, files=files)
    assert StallMeter(root).path == root / V2 / "app/memory.pressure"
    (root / V2 / "app/memory.pressure").write_text("")
    assert StallMeter(root).path == root / "proc/pressure/memory"


def test_no_pressure_files(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="pressure/memory can be read"):
        StallMeter(tmp_path)


def test_pressure_file_that_vanishes(tmp_path: Path) -> None:
    stalls = Stalls(tmp_path)
    stalls.path.unlink()
    with pytest.raises(OSError, match="memory"):
        stalls.meter.stalled()


def test_trigger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stalls = Stalls(tmp_path)
    trigger = stalls.meter.open_trigger()
    assert trigger is not None
    os.close(trigger)
    assert stalls.path.read_bytes().startswith(b"some 200000 2000000\0")

    def refuse(*_: object) -> int:
        raise PermissionError

    before = psutil.Process().num_fds()
    monkeypatch.setattr(os, "write", refuse)
    assert stalls.meter.open_trigger() is None
    assert psutil.Process().num_fds() == before
    monkeypatch.setattr(os, "open", refuse)
    assert stalls.meter.open_trigger() is None


def test_trigger_of_the_kernel() -> None:
    """It takes the trigger, or says that it does not; a quiet machine does not fire it."""
    try:
        meter = StallMeter(Path("/"))
    except Unavailable as error:
        pytest.skip(str(error))
    trigger = meter.open_trigger()
    if trigger is None:
        pytest.skip(f"no trigger is allowed on {meter.path}")
    poll = select.poll()
    poll.register(trigger, select.POLLPRI)
    assert not any(event & select.POLLERR for _, event in poll.poll(1))
    os.close(trigger)


def test_automatic(tmp_path: Path, limit_resources: Callable[..., None]) -> None:
    assert find_sources("auto", tmp_path / "bare").names() == "resident"
    make_root(tmp_path, files={"proc/pressure/memory": pressed(0)})
    assert find_sources("auto", tmp_path).names() == "resident+pressure"
    root = grouped(tmp_path, app=(100, 50))
    assert find_sources("auto", root).names() == "cgroup+pressure"
    limit_resources(RLIMIT_AS=2**40)
    assert find_sources("auto", root).names() == "cgroup+rlimit+pressure"


def test_named(tmp_path: Path, limit_resources: Callable[..., None]) -> None:
    limit_resources(RLIMIT_AS=2**40)
    root = grouped(tmp_path, app=(100, 50))
    make_root(root / "p", files={"proc/pressure/memory": pressed(0)})
    assert find_sources("cgroup", root).names() == "cgroup"
    assert find_sources("rlimit", root).names() == "rlimit"
    assert find_sources("resident", root).names() == "resident"
    assert find_sources("pressure", root / "p").names() == "pressure"


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"auto", "resident"}))
def test_not_available(tmp_path: Path, name: str, limit_resources: Callable[..., None]) -> None:
    with pytest.raises(RuntimeError, match=f"source='{name}' is not available here: n"):
        find_sources(name, tmp_path)


def test_no_such_name() -> None:
    with pytest.raises(ValueError, match=r"'auto', 'cgroup', .*not 'memory'"):
        find_sources("memory")


def test_version_1_without_limit_is_no_source(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712}
    root = make_root(tmp_path, own="4:memory:/", mounts=V1_MOUNT, files=files)
    with pytest.raises(Unavailable):
        find_sources("cgroup", root)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no malloc_trim here")
def test_heap_goes_back() -> None:
    """Free heap between blocks in use is resident until it is given back."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(20_000) for _ in range(3000)]
    for block in blocks:
        ctypes.memset(block, 1, 20_000)
    before = psutil.Process().memory_info().rss
    for block in blocks[:-1]:
        libc.free(block)
    give_back_heap()
    assert psutil.Process().memory_info().rss < before - 40_000_000
    libc.free(blocks[-1])
