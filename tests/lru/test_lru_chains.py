"""A chain of a million caches or values clears and dies without overflowing the stack."""

import pytest
from hostile import run_isolated

CHAINS = [
    "caches_cleared",
    "caches_dying",
    "caches_popped",
    "caches_evicted",
    "caches_collected",
    "subclasses_dying",
    "caches_as_keys_within_tuples",
    "lists_cleared",
    "lists_replaced",
    "lists_measured",
    "iterators_dying",
]


@pytest.mark.parametrize("name", CHAINS)
def test_a_long_chain(name: str) -> None:
    run_isolated("chains.py", name)
