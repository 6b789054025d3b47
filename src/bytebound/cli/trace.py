"""Recorded requests: ``time,key,size`` CSV, plain, gzip or xz, read as a stream."""

import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NoReturn

from bytebound.cli.errors import UsageError

# A file is held in memory one block at a time, and so is its longest line.
BLOCK_NBYTES = 1 << 20

# Any size below 10**18 is one that the cache takes; nothing real is larger.
MAX_SIZE_DIGITS = 18

COLUMNS = ("time", "key", "size")

GZIP_START = b"\x1f\x8b"
XZ_START = b"\xfd7zXZ\0"

_is_number = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch
# What no text holds, and what is left of bytes that are no UTF-8.
_find_binary = re.compile(r"[\0-\x08\x0e-\x1f\udc80-\udcff]").search


def read_trace(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the key and the size in bytes of each request in a trace.

    The header names the columns, in any order. `time` is a decimal number, `key` any text,
    `size` a whole number of bytes; other columns are not looked at.

    Parameters
    ----------
    path : Path
        CSV in UTF-8, plain or packed with gzip or xz, whatever its name.

    Raises
    ------
    UsageError
        Naming file, line and column of what is wrong.
    """
    try:
        with path.open("rb") as file, _unpack(file) as unpacked:
            yield from _requests(path, unpacked)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None


def _unpack(file: io.BufferedReader) -> io.BufferedIOBase:
    start = file.peek(len(XZ_START))
    if start.startswith(GZIP_START):
        return gzip.open(file)
    if start.startswith(XZ_START):
        return lzma.open(file)
    return file


def _requests(path: Path, file: io.BufferedIOBase) -> Iterator[tuple[str, int]]:
    reader = csv.reader(chain.from_iterable(_blocks(file)), skipinitialspace=True)

    def fail(what: str, column: str | int = "") -> NoReturn:
        where = f", column {column!r}" if column else ""
        raise UsageError(f"{path}: line {max(reader.line_num, 1)}{where}: {what}")

    try:
        header = next(reader, [])
        text = ",".join(header)
        for column in COLUMNS:
            if column not in header:
                if _find_binary(text):
                    fail("neither text in UTF-8 nor packed with gzip or xz")
                fail(f"the header has no such column: {_excerpt(text)}", column)
            if header.count(column) > 1:
                fail(f"the header names it more than once: {_excerpt(text)}", column)
        width = len(header)
        time, key, size = map(header.index, COLUMNS)
        for row in reader:
            if len(row) != width:
                if not row:
                    continue
                wrong = header[len(row)] if len(row) < width else width + 1
                fail(f"a row of {len(row)} fields, the header has {width}", wrong)
            if not _is_number(row[time]):
                fail(f"not a number: {_excerpt(row[time])}", "time")
            digits = row[size]
            if not (digits.isascii() and digits.isdecimal()):
                fail(f"not a whole number of bytes: {_excerpt(digits)}", "size")
            if len(digits) > MAX_SIZE_DIGITS and len(digits.lstrip("0")) > MAX_SIZE_DIGITS:
                fail(f"10**{MAX_SIZE_DIGITS} bytes or more, too large: {_excerpt(digits)}", "size")
            # Zeros before these may be more digits than Python converts.
            yield row[key], int(digits[-MAX_SIZE_DIGITS:])
    except (csv.Error, LineTooLongError) as error:
        fail(str(error))
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        fail(f"damaged or cut short: {error}")


class LineTooLongError(Exception):
    """A line does not end within a block."""


def _blocks(file: io.BufferedIOBase) -> Iterator[io.StringIO]:
    """Yield the text in blocks of whole lines, so that no file has to fit into memory."""
    # What is no UTF-8 is kept as it is: it may be part of a key.
    encoding = "utf-8-sig"
    rest = b""
    # Not read(): of a packed file that is cut short, it would lose what came before the cut.
    while read := file.read1(BLOCK_NBYTES):
        block = rest + read
        end = block.rfind(b"\n") + 1
        if not end and len(block) > BLOCK_NBYTES:
            raise LineTooLongError(f"longer than {BLOCK_NBYTES} bytes")
        yield io.StringIO(block[:end].decode(encoding, "surrogateescape"), newline="")
        if end:
            encoding = "utf-8"
        rest = block[end:]
    yield io.StringIO(rest.decode(encoding, "surrogateescape"), newline="")


def _excerpt(text: str) -> str:
    """Quote text that may be long or hold anything."""
    return repr(text if len(text) <= 40 else text[:40] + "...")
