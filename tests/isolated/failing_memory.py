"""Fails the n-th allocation of an operation, for every n, for the scripts of this folder."""

import gc
import sys
from collections.abc import Callable
from typing import Any

try:
    from _testcapi import remove_mem_hooks, set_nomemory  # type: ignore[import-not-found]
except ImportError:
    print("skip: this interpreter has no _testcapi.set_nomemory")
    sys.exit()


def fail_nth(subject: Any, operate: Callable[[Any], object], nth: int) -> bool:
    """Do something while the n-th allocation fails; say whether that was an error."""
    gc.collect()  # which empties the free lists that would do instead of allocating
    set_nomemory(nth, nth + 1)
    try:
        held = (subject, operate)  # takes the pair that this call itself left in a free list
        operate(subject)
    except MemoryError:
        return True
    finally:
        remove_mem_hooks()
        del held
    return False


def fail_each(
    make: Callable[[], Any],
    operate: Callable[[Any], object],
    check: Callable[[Any, Any, int, bool], object],
    state: Callable[[Any], Any],
) -> int:
    """Let each allocation fail in turn, until there are no more; return how many were errors.

    `check` is given what `make` made, its state before, the number of the allocation, and whether
    that was an error.
    """
    sys.unraisablehook = lambda report: None
    failures = successes = nth = 0
    # One that succeeds may have swallowed the failure, in a callback say; so some more.
    while successes < 25:
        nth += 1
        subject = make()
        before = state(subject)
        failed = fail_nth(subject, operate, nth)
        check(subject, before, nth, failed)
        failures, successes = failures + failed, 0 if failed else successes + 1
        del subject, before
    return failures
