"""Recorded traces, against what an established cache simulator counts on them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bytebound import LRUCache
from bytebound.cli.replay import ReplayResult, replay
from bytebound.cli.trace import read_trace

KEYED = (
    "cache2k_web12",
    "cloudphysics",
    "mooncake_conv_blocks",
    "mooncake_conv_sessions",
    "tau_context",
    "tau_toolresults",
)


@cache
def expected_rows(traces: Path) -> list[dict[str, Any]]:
    lines = (traces / "expected.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def expected(traces: Path, trace: str, policy: str) -> dict[int, ReplayResult]:
    """Return what is to be counted, by bound."""
    return {
        row["cache"]: ReplayResult(
            row["n"], row["n_miss"], row["miss_bytes"], row["occ"], row["nobj"]
        )
        for row in expected_rows(traces)
        if (row["trace"], row["policy"]) == (trace, policy)
    }


def manifest(traces: Path) -> dict[str, dict[str, Any]]:
    entries = json.loads((traces / "manifest.json").read_text())
    return {entry["file"].partition(".")[0]: entry for entry in entries}


def keep_first_size(path: Path, max_bytes: int) -> ReplayResult:
    """Replay as the simulator does: a hit keeps the size that was put."""
    kept: LRUCache[str, int] = LRUCache(max_bytes, charge_overhead=False)
    requests = misses = miss_bytes = 0
    for key, size in read_trace(path):
        requests += 1
        if kept.get(key) is None:
            misses += 1
            miss_bytes += size
            kept.put(key, size, size=size)
    return ReplayResult(requests, misses, miss_bytes, kept.payload_nbytes, len(kept))


def test_no_trace_is_left_out(traces: Path) -> None:
    assert {row["trace"] for row in expected_rows(traces)} == set(KEYED)
    assert set(manifest(traces)) >= set(KEYED)


@pytest.mark.parametrize("trace", KEYED)
def test_lru(traces: Path, trace: str) -> None:
    rows = expected(traces, trace, "LRU")
    assert len(rows) >= 3
    path = traces / f"{trace}.csv.xz"
    assert {bound: keep_first_size(path, bound) for bound in rows} == rows


# One size changes in tau_toolresults, and nothing is written down for putting it anew.
@pytest.mark.parametrize("trace", sorted({*KEYED} - {"tau_toolresults"}))
def test_replay(traces: Path, trace: str) -> None:
    path = traces / f"{trace}.csv.xz"
    changes = manifest(traces)[trace]["size_changes"]
    rows = expected(traces, trace, "LRU_resize_on_hit" if changes else "LRU")
    assert len(rows) >= 3
    assert {bound: replay(path, bound) for bound in rows} == rows


def test_the_golden_numbers_of_the_simulator(traces: Path) -> None:
    golden = json.loads((traces / "golden_libcachesim_tests.json").read_text())
    lru = golden["algos"]["LRU"]
    wanted = list(zip(golden["cache_sizes"], lru["n_miss"], lru["miss_bytes"], strict=True))
    results = [(bound, replay(traces / golden["trace"], bound)) for bound in golden["cache_sizes"]]
    assert [(bound, r.misses, r.miss_bytes) for bound, r in results] == wanted
    assert {r.requests for _, r in results} == {golden["requests"]}
