"""Those who say how large an object is: ours, and the others that are installed."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bytebound import sizeof

OURS = "bytebound"
SHALLOW = "getsizeof"

Sizer = Callable[[Any], int]

MAIN: dict[str, Sizer] = {OURS: sizeof, SHALLOW: sys.getsizeof}
PEERS = {"pympler": ("pympler.asizeof", "asizeof"), "objsize": ("objsize", "get_deep_size")}


def find_peers() -> tuple[dict[str, Sizer], list[str]]:
    """Return the peers by name, and a line on each: its version, or why it is absent."""
    peers: dict[str, Sizer] = {}
    notes = []
    for name, (module, attribute) in PEERS.items():
        try:
            peers[name] = getattr(import_module(module), attribute)
        except ImportError as error:
            notes.append(f"SKIPPED: {name}: {error}")
        else:
            notes.append(f"{name} {version(name)}")
    return peers, notes
