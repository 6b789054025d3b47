"""Modules to import in the place of others: the interfaces people know, bounded and native.

``bytebound.compat.cachetools``, ``.functools``, ``.collections`` and ``.lru`` each tell in a table
how they differ from what they are named after.
"""
