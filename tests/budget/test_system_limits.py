"""Which limits are found, and what is counted as used, in made-up trees and on this machine."""

import resource
from pathlib import Path

import psutil
import pytest
from machines import V1_MOUNT, V2_MOUNT, make_root

from bytebound import Limit, memory_limit
from bytebound.system import share_of_limit
from bytebound.system.cgroups import memory_groups

MIB = 2**20
PHYSICAL = 64 * 2**30
V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"
NO_LIMIT_V1 = 9223372036854771712


@pytest.fixture(autouse=True)
def no_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the machine 64 GiB and the process no resource limits."""
    memory = psutil.virtual_memory()._replace(total=PHYSICAL)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: unlimited)


def limits(root: Path) -> list[int | None]:
    return [group.limit() for group in memory_groups(root)]


def test_own_group(tmp_path: Path) -> None:
    files = {f"{V2}/app/memory.max": 256 * MIB}
    root = make_root(tmp_path, own="0::/app", mounts=V2_MOUNT, files=files)
    assert memory_limit(root) == Limit(256 * MIB, "cgroup")
    assert memory_limit(str(root)).nbytes == 256 * MIB


def test_smallest_of_all_above_counts(tmp_path: Path) -> None:
    files = {
        f"{V2}/a/b/c/memory.max": "max",
        f"{V2}/a/b/memory.max": 512 * MIB,
        f"{V2}/a/memory.max": 300 * MIB,
        f"{V2}/other/memory.max": MIB,
    }
    root = make_root(tmp_path, own="0::/a/b/c", mounts=V2_MOUNT, files=files)
    assert limits(root) == [None, 512 * MIB, 300 * MIB, None]
    assert memory_limit(root) == Limit(300 * MIB, "cgroup")


def test_high_is_a_limit_too(tmp_path: Path) -> None:
    files = {f"{V2}/app/memory.max": 256 * MIB, f"{V2}/app/memory.high": 200 * MIB}
    root = make_root(tmp_path, own="0::/app", mounts=V2_MOUNT, files=files)
    assert memory_limit(root).nbytes == 200 * MIB


def test_namespace_of_its_own(tmp_path: Path) -> None:
    """A container with its own cgroup namespace is at the root, and so is its limit."""
    root = make_root(tmp_path, own="0::/", mounts=V2_MOUNT, files={f"{V2}/memory.max": 128 * MIB})
    assert limits(root) == [128 * MIB]


def test_host_namespace(tmp_path: Path) -> None:
    """The path is the host's; the mount shows the own group alone."""
    mount = V2_MOUNT.replace(" / /sys", " /docker/123 /sys")
    files = {f"{V2}/memory.max": 128 * MIB, f"{V2}/job/memory.max": 64 * MIB}
    root = make_root(tmp_path, own="0::/docker/123", mounts=mount, files=files)
    assert limits(root) == [128 * MIB]
    root = make_root(tmp_path, own="0::/docker/123/job", mounts=mount, files=files)
    assert limits(root) == [64 * MIB, 128 * MIB]


@pytest.mark.parametrize("own", ["/../../other", "/docker/1234", "/elsewhere", "relative", ""])
def test_own_group_is_not_mounted(tmp_path: Path, own: str) -> None:
    """What is mounted is all there is to see; above it nothing is looked at."""
    mount = V2_MOUNT.replace(" / /sys", " /docker/123 /sys")
    files = {f"{V2}/memory.max": 128 * MIB, "sys/fs/memory.max": 1, "sys/other/memory.max": 1}
    root = make_root(tmp_path, own=f"0::{own}", mounts=mount, files=files)
    assert limits(root) == [128 * MIB]


def test_version_1(tmp_path: Path) -> None:
    files = {f"{V1}/app/memory.limit_in_bytes": 256 * MIB}
    own = "9:name=systemd:/other\n4:cpu,memory:/app\n3:cpuset:/third"
    root = make_root(tmp_path, own=own, mounts=V1_MOUNT, files=files)
    assert limits(root) == [256 * MIB, None]
    assert memory_limit(root) == Limit(256 * MIB, "cgroup")


def test_version_1_tells_of_what_is_not_mounted(tmp_path: Path) -> None:
    stat = f"cache 1\nhierarchical_memory_limit {100 * MIB}\ntotal_rss 5"
    files = {f"{V1}/memory.limit_in_bytes": NO_LIMIT_V1, f"{V1}/memory.stat": stat}
    root = make_root(tmp_path, own="4:memory:/", mounts=V1_MOUNT, files=files)
    assert limits(root) == [100 * MIB]


@pytest.mark.parametrize("page", [2**12, 2**14, 2**16])
def test_version_1_without_limit(tmp_path: Path, page: int) -> None:
    files = {f"{V1}/memory.limit_in_bytes": (2**63 - 1) // page * page}
    root = make_root(tmp_path, own="4:memory:/", mounts=V1_MOUNT, files=files)
    assert limits(root) == [None]
    assert memory_limit(root) == Limit(PHYSICAL, "physical")


def test_both_versions(tmp_path: Path) -> None:
    """A hybrid: the memory controller is in version 1, and version 2 has no files of it."""
    files = {f"{V1}/a/memory.limit_in_bytes": 256 * MIB, "sys/fs/cgroup/unified/a/cgroup.procs": 1}
    mounts = f"{V2_MOUNT.replace('/sys/fs/cgroup', '/sys/fs/cgroup/unified')}\n{V1_MOUNT}"
    root = make_root(tmp_path, own="4:memory:/a\n0::/a", mounts=mounts, files=files)
    assert limits(root) == [None, None, 256 * MIB, None]


def test_only_the_memory_controller(tmp_path: Path) -> None:
    mounts = V1_MOUNT.replace("rw,memory", "rw,cpu")
    files = {f"{V1}/memory.limit_in_bytes": 1}
    root = make_root(tmp_path, own="4:cpu:/", mounts=mounts, files=files)
    assert limits(root) == []


def test_mounted_elsewhere(tmp_path: Path) -> None:
    mounts = V2_MOUNT.replace("/sys/fs/cgroup", r"/my\040groups\134here")
    files = {"my groups\\here/app/memory.max": 256 * MIB}
    root = make_root(tmp_path, own="0::/app", mounts=mounts, files=files)
    assert limits(root) == [256 * MIB, None]


@pytest.mark.parametrize("content", ["max", "", "nonsense", "-1", "12.5", "1e9", "²"])
def test_files_that_tell_no_limit(tmp_path: Path, content: str) -> None:
    files = {f"{V2}/app/memory.max": content}
    root = make_root(tmp_path, own="0::/app", mounts=V2_MOUNT, files=files)
    assert memory_limit(root) == Limit(PHYSICAL, "physical")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    root = make_root(tmp_path, own="0::/app", mounts=V2_MOUNT)
    (root / V2 / "app/memory.max").mkdir(parents=True)
    (root / V2 / "app/memory.high").write_bytes(b"\xff\xfe\x00")
    assert memory_limit(root) == Limit(PHYSICAL, "physical")
    assert memory_limit(tmp_path / "nothing here") == Limit(PHYSICAL, "physical")


@pytest.mark.parametrize("mounts", ["", "a b c", "30 22 0:26 /", "- cgroup2", "1 2 3 4 5 6 - x"])
@pytest.mark.parametrize("own", ["", ":", "0", "0::", "::::", "4:memory", "\0"])
def test_nonsense(tmp_path: Path, own: str, mounts: str) -> None:
    root = make_root(tmp_path, own=own, mounts=mounts)
    assert memory_groups(root) == []


def test_a_limit_above_physical_memory_is_none(tmp_path: Path) -> None:
    files = {f"{V2}/memory.max": 2 * PHYSICAL}
    root = make_root(tmp_path, own="0::/", mounts=V2_MOUNT, files=files)
    assert memory_limit(root) == Limit(PHYSICAL, "physical")


@pytest.mark.parametrize("which", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_resource_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    unlimited = resource.RLIM_INFINITY

    def getrlimit(asked: int) -> tuple[int, int]:
        return (100 * MIB if asked == getattr(resource, which) else unlimited, unlimited)

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    assert memory_limit(tmp_path) == Limit(100 * MIB, "rlimit")
    files = {f"{V2}/memory.max": 50 * MIB}
    root = make_root(tmp_path, own="0::/", mounts=V2_MOUNT, files=files)
    assert memory_limit(root) == Limit(50 * MIB, "cgroup")


def test_this_machine() -> None:
    nbytes, source = memory_limit()
    assert 0 < nbytes <= PHYSICAL
    assert source in ("cgroup", "physical")


def test_used_is_what_cannot_be_reclaimed(tmp_path: Path) -> None:
    counters = {
        "anon": 1,
        "file": 1 << 40,
        "shmem": 20,
        "kernel_stack": 300,
        "slab_reclaimable": 1 << 41,
        "slab_unreclaimable": 4000,
        "inactive_anon": 1 << 42,
    }
    stat = "\n".join(f"{name} {value}" for name, value in counters.items())
    files = {f"{V2}/memory.stat": stat, f"{V2}/memory.current": 1 << 43}
    root = make_root(tmp_path, own="0::/", mounts=V2_MOUNT, files=files)
    assert memory_groups(root)[0].used_nbytes() == 4321


def test_used_of_version_1(tmp_path: Path) -> None:
    """The totals: the group's own figures leave out the groups below it."""
    stat = "cache 9\nrss 9\nshmem 9\ntotal_cache 99\ntotal_rss 5\ntotal_shmem 6"
    root = make_root(tmp_path, own="4:memory:/", mounts=V1_MOUNT, files={f"{V1}/memory.stat": stat})
    assert memory_groups(root)[0].used_nbytes() == 11


@pytest.mark.parametrize("stat", [None, "", "file 5", "anon", "anon many"])
def test_used_cannot_be_told(tmp_path: Path, stat: str | None) -> None:
    files = {} if stat is None else {f"{V2}/memory.stat": stat}
    root = make_root(tmp_path, own="0::/", mounts=V2_MOUNT, files=files)
    with pytest.raises(OSError, match=r"memory\.stat"):
        memory_groups(root)[0].used_nbytes()


def test_share_of_limit(tmp_path: Path) -> None:
    files = {f"{V2}/memory.max": 1001}
    root = make_root(tmp_path, own="0::/", mounts=V2_MOUNT, files=files)
    assert share_of_limit(0.5, root) == 500
    assert share_of_limit(1, root) == 1001


@pytest.mark.parametrize("fraction", [0, -0.5, 1.01, float("nan"), float("inf"), 50])
def test_share_out_of_range(fraction: float) -> None:
    with pytest.raises(ValueError, match=f"above 0 and at most 1, not {fraction}"):
        share_of_limit(fraction)


@pytest.mark.parametrize("fraction", ["0.5", None, True, 1j])
def test_share_of_another_type(fraction: object) -> None:
    with pytest.raises(TypeError, match="fraction must be a float"):
        share_of_limit(fraction)  # type: ignore[arg-type]
