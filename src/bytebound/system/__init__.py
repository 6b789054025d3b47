"""What the machine allows the process and how much of it is used: limits, usage, stalls, heap."""

from bytebound.system.limits import Limit, memory_limit, share_of_limit

__all__ = ["Limit", "memory_limit", "share_of_limit"]
