"""The operations of `benchmarks.operations` under pytest-benchmark: ``pytest benchmarks``."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.contestants import MAIN, PEERS, Contestant, find_peers
from benchmarks.operations import ENTRIES, OPERATIONS, Data, contests, make_data
from benchmarks.timing import ROUNDS

NAMES = [*MAIN, *PEERS, "functools"]


@pytest.fixture(scope="module")
def data() -> Data:
    """Make keys and values once."""
    return make_data(ENTRIES)


@pytest.fixture(scope="module")
def contestants() -> dict[str, Contestant]:
    """Find who is installed."""
    peers, _ = find_peers()
    return MAIN | peers


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_speed(
    operation: str,
    name: str,
    data: Data,
    contestants: dict[str, Contestant],
    benchmark: BenchmarkFixture,
) -> None:
    """Time a pass over all keys."""
    if name not in contestants:
        pytest.skip(f"{name} is not installed")
    entered = contests(operation, {name: contestants[name]}, data)
    if name not in entered:
        pytest.skip(f"{name} has no such operation")
    loop, prepare, count = entered[name]
    benchmark.group = f"{operation}, {count:,} times"
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        loop, setup=lambda: (prepare(), {}), rounds=ROUNDS, warmup_rounds=1
    )
