"""Eight containers of different kinds under one budget, with eight threads at them."""

import json

from hostile import run_isolated

MAX_BYTES = 16 * 2**20


def test_the_root_is_never_passed_and_every_total_is_exact() -> None:
    found = json.loads(run_isolated("budget_load.py", "4", str(MAX_BYTES)))
    assert found["passed"] == 0
    assert MAX_BYTES // 2 < found["peak"] <= MAX_BYTES
    assert found["rounds"] >= 2
    assert found["evicted"] > 1000
    assert found["looks"] > 10_000
