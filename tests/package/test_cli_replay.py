"""`bytebound replay`: its figures on small traces, and one clear line for each bad one."""

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cli_runner import BUFFERINGS, complaint, run_cli, run_redirected, run_unread
from hypothesis import given
from hypothesis import strategies as st

from bytebound.cli import trace as trace_module
from bytebound.cli.errors import UsageError
from bytebound.cli.replay import ReplayResult, replay
from bytebound.cli.trace import read_trace

HEADER = "time,key,size\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "trace.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rows(*requests: tuple[str, int]) -> str:
    return HEADER + "".join(f"0,{key},{size}\n" for key, size in requests)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([], (0, 0, 0, 0, 0)),
        ([("a", 10), ("a", 10)], (2, 1, 10, 10, 1)),
        # The least recently used leaves, and no more than must.
        ([("a", 40), ("b", 40), ("a", 40), ("c", 40), ("b", 40)], (5, 4, 160, 80, 2)),
        # As large as the bound is kept; larger is not, and evicts nothing.
        ([("a", 100), ("a", 100)], (2, 1, 100, 100, 1)),
        ([("a", 60), ("b", 101), ("a", 60), ("b", 101)], (4, 3, 262, 60, 1)),
        # A changed size is put anew: larger evicts others, smaller makes room.
        ([("a", 50), ("b", 50), ("a", 60), ("b", 50)], (4, 3, 150, 50, 1)),
        ([("a", 60), ("a", 10), ("b", 90), ("a", 10)], (4, 2, 150, 100, 2)),
        # Grown beyond the bound: that was a hit on what was kept, and is kept no more.
        ([("a", 60), ("b", 10), ("a", 101), ("a", 60)], (4, 3, 130, 70, 2)),
        ([("a", 0), ("a", 0)], (2, 1, 0, 0, 1)),
    ],
)
def test_counts(
    write: Callable[..., Path], requests: list[tuple[str, int]], expected: tuple[int, ...]
) -> None:
    assert replay(write(rows(*requests)), 100) == ReplayResult(*expected)


def test_sizes_are_those_of_the_file_alone(write: Callable[..., Path]) -> None:
    result = replay(write(rows(*((f"a long key {i}", 1) for i in range(1000)))), 1000)
    assert (result.payload_nbytes, result.items) == (1000, 1000)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.csv", bytes),
        ("t.csv.gz", gzip.compress),
        ("t.csv.xz", lzma.compress),
        # What a file holds tells more than its name.
        ("t", bytes),
        ("T.CSV.GZ", gzip.compress),
        ("T.CSV.XZ", lzma.compress),
        ("t.csv", gzip.compress),
        ("t.csv", lzma.compress),
        ("t.csv.xz", gzip.compress),
        ("t.csv.gz", bytes),
    ],
)
def test_packed_files(
    write: Callable[..., Path], name: str, pack: Callable[[bytes], bytes]
) -> None:
    path = write(pack(rows(("a", 1), ("b", 2)).encode()), name)
    assert list(read_trace(path)) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + "0,a,1\n0,b,2\n",
        HEADER + "0,a,1\n0,b,2",
        (HEADER + "0,a,1\n0,b,2\n").replace("\n", "\r\n"),
        (HEADER + "0,a,1\n0,b,2\n").replace("\n", "\r"),
        "\ufefftime,key,size\n0,a,1\n0,b,2\n",
        HEADER + "\n0,a,1\n\n\n0,b,2\n\n",
        "size,other,key,time,other\n1,x,a,0,\n2,,b,0,y\n",
        'time, key, size\n0, "a", 1\n0, b, 2\n',
        HEADER + "-1.5,a,1\n1.7e+9,b,002\n",
        HEADER + f".5,a,1\n1.,b,{'0' * 5000}2\n",
    ],
)
def test_what_csv_may_look_like(write: Callable[..., Path], content: str) -> None:
    assert list(read_trace(write(content))) == [("a", 1), ("b", 2)]


def test_a_byte_order_mark_is_no_part_of_a_name_in_a_later_block(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "BLOCK_NBYTES", 16)
    path = write("\ufefftime,key,size\n0,a,1\n0,\ufeffb,2\n0,c,3\n")
    assert list(read_trace(path)) == [("a", 1), ("\ufeffb", 2), ("c", 3)]


def test_keys_are_any_bytes(write: Callable[..., Path]) -> None:
    path = write(
        b"time,key,size\n0,\xff\xfe,1\n0,\xff\xfd,2\n0,\xff\xfe,1\n0,\0,3\n0,\xe2\x80\xa8,4\n"
    )
    assert replay(path, 100) == ReplayResult(5, 4, 10, 10, 4)


REQUESTS = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(0, 10**18 - 1))
)


@given(REQUESTS, st.integers(80, 300))
def test_blocks_do_not_change_what_is_read(requests: list[tuple[str, int]], block: int) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(("time", "key", "size"))
    writer.writerows((0, *request) for request in requests)
    file = io.BytesIO(text.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace_module, "BLOCK_NBYTES", block)
        assert list(trace_module._requests(Path("t"), file)) == requests


BAD = {
    "size text": (rows(("a", 1)) + "0,b,x\n", "line 3, column 'size': ", "'x'"),
    "size float": (HEADER + "0,a,1.0\n", "line 2, column 'size': ", "'1.0'"),
    "size negative": (HEADER + "0,a,-1\n", "line 2, column 'size': ", "'-1'"),
    "size empty": (HEADER + "0,a,\n", "line 2, column 'size': ", "''"),
    "size nan": (HEADER + "0,a,nan\n", "line 2, column 'size': ", "'nan'"),
    "size underscore": (HEADER + "0,a,1_0\n", "line 2, column 'size': ", "'1_0'"),
    "size superscript": (HEADER + "0,a,²\n", "line 2, column 'size': ", "'²'"),
    "size full-width": (
        HEADER + "0,a,\N{FULLWIDTH DIGIT ONE}\n",
        "line 2, column 'size': ",
        "not a whole number",
    ),
    "size huge": (HEADER + f"0,a,{'9' * 5000}\n", "line 2, column 'size': ", "too large: "),
    "size too large": (HEADER + f"0,a,{'9' * 23}\n", "line 2, column 'size': ", "too large: '999"),
    "size too large by one": (HEADER + f"0,a,{10**18}\n", "line 2, column 'size': ", "too large"),
    "time text": (HEADER + "foo,a,10\n", "line 2, column 'time': ", "not a number: 'foo'"),
    "time empty": (HEADER + ",a,10\n", "line 2, column 'time': ", "''"),
    "time nan": (HEADER + "nan,a,10\n", "line 2, column 'time': ", "'nan'"),
    "time full-width": (
        HEADER + "\N{FULLWIDTH DIGIT ONE},a,10\n",
        "line 2, column 'time': ",
        "not a number",
    ),
    "time long": (HEADER + f"{'9' * 100_000}x,a,10\n", "line 2, column 'time': ", "...'"),
    "no time": ("key,size\na,10\n", "line 1, column 'time': ", "'key,size'"),
    "key twice": ("time,key,size,key\n0,a,1,b\n", "line 1, column 'key': ", "more than once"),
    "size twice": ("time,size,key,size\n0,1,a,2\n", "line 1, column 'size': ", "more than once"),
    "tabs": (HEADER.replace(",", "\t"), "line 1, column 'time': ", "'time\\tkey\\tsize'"),
    "no size": ("time,key\n0,a\n", "line 1, column 'size': ", "'time,key'"),
    "no key": ("time,context_tokens,generated_tokens\n", "line 1, column 'key': ", "context"),
    "no header": ("0,a,1\n0,b,2\n", "line 1, column 'time': ", "'0,a,1'"),
    "empty": ("", "line 1, column 'time': ", "''"),
    "short row": (HEADER + "0,a\n", "line 2, column 'size': ", "2 fields"),
    "long row": (HEADER + "0,a,1,5\n", "line 2, column 4: ", "4 fields"),
    "line count with quotes": (HEADER + '0,"a\nb",1\n0,c,?\n', "line 4, column 'size': ", "'?'"),
    "long field": (HEADER + f"0,{'a' * 200_000},1\n", "line 2: ", "field"),
    "endless line": (b"x" * (3 << 20), "line 1: ", "longer than"),
    "binary": (bytes(range(256)) * 10, "line 1: ", "neither text"),
    "other packer": (bz2.compress(rows(("a", 1)).encode()), "line 1: ", "nor packed with gzip or"),
    "other encoding": (rows(("a", 1)).encode("utf-16"), "line 1: ", "UTF-8"),
}


@pytest.mark.parametrize(("content", "where", "what"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named_with_line_and_column(
    write: Callable[..., Path], content: str | bytes, where: str, what: str
) -> None:
    path = write(content)
    with pytest.raises(UsageError) as caught:
        replay(path, 1000)
    message = str(caught.value)
    assert message.startswith(f"{path}: {where}")
    assert what in message
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 200
    assert message.isprintable()


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.xz"])
def test_a_packed_file_that_is_cut_short(write: Callable[..., Path], name: str) -> None:
    pack = gzip.compress if name.endswith("gz") else lzma.compress
    packed = pack(rows(*((str(i * i), i) for i in range(60_000))).encode())
    with pytest.raises(UsageError, match=r"line [34][0-9]{4}: damaged or cut short: "):
        replay(write(packed[: len(packed) * 2 // 3], name), 1000)
    with pytest.raises(UsageError, match=r"line 1: damaged or cut short: "):
        replay(write(packed[:20], name), 1000)
    with pytest.raises(UsageError, match=r"line 1, column 'time': .*: ''"):
        replay(write(b"", name), 1000)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.xz"])
def test_a_packed_file_that_is_damaged(write: Callable[..., Path], name: str) -> None:
    pack = gzip.compress if name.endswith("gz") else lzma.compress
    packed = bytearray(pack(rows(*((str(i * i), i) for i in range(1000))).encode()))
    packed[len(packed) // 2] ^= 255
    for content in (packed, b"no such thing", bytes(100)):
        with pytest.raises(UsageError, match=r"\.[gx]z: line [0-9]+.*: "):
            replay(write(bytes(content), name), 1000)


def test_a_long_trace_is_not_held_in_memory(write: Callable[..., Path]) -> None:
    row = f"0,{'a' * 100},1\n"
    path = write(lzma.compress((HEADER + row * 1_000_000).encode(), preset=0), "t.csv.xz")
    code = (
        "import resource, sys; from pathlib import Path; from bytebound.cli.replay import replay;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        f"result = replay(Path({str(path)!r}), 1000);"
        "print(result.requests, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    output = run_cli(command=[sys.executable, "-c", code])
    requests, grown_kib = map(int, output.stdout.split())
    assert requests == 1_000_000
    assert grown_kib < 32 << 10


def test_the_command_prints_names_and_numbers(write: Callable[..., Path]) -> None:
    path = write(rows(("a", 10), ("a", 10), ("b", 2_000)))
    result = run_cli("replay", path, "--max-bytes", "1kB")
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["requests", "3"],
        ["misses", "2"],
        ["miss_bytes", "2010"],
        ["payload_nbytes", "10"],
        ["items", "1"],
    ]
    result = run_cli("replay", "--max-bytes=1kB", "--json", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "requests": 3,
        "misses": 2,
        "miss_bytes": 2010,
        "payload_nbytes": 10,
        "items": 1,
    }


def test_a_bad_file_ends_the_command_with_status_2(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    path = write(rows(("a", 1)) + "0,b,x\n")
    assert complaint("replay", path, "--max-bytes", "1MiB") == (
        f"bytebound replay: {path}: line 3, column 'size': not a whole number of bytes: 'x'"
    )
    missing = tmp_path / "missing.csv.xz"
    assert complaint("replay", missing, "--max-bytes", "1MiB") == (
        f"bytebound replay: {missing}: No such file or directory"
    )
    assert complaint("replay", tmp_path, "--max-bytes", "1MiB").endswith(": Is a directory")


@pytest.mark.parametrize("command", BUFFERINGS.values(), ids=BUFFERINGS)
def test_a_result_that_cannot_be_written(
    write: Callable[..., Path], command: Sequence[str]
) -> None:
    arguments = ("replay", write(rows(("a", 10))), "--max-bytes=1kB")
    run = run_unread(*arguments, command=command)
    assert (run.returncode, run.stderr) == (141, "")
    run = run_redirected(">/dev/full", *arguments, command=command)
    assert run.returncode == 2
    assert run.stderr == "bytebound: cannot write to standard output: No space left on device\n"
    run = run_redirected(">&-", *arguments, command=command)
    assert (run.returncode, run.stderr) == (2, "bytebound: standard output is closed\n")


@pytest.mark.parametrize("redirection", ["2>&-", "<&- 2>&-", "2>/dev/full"])
def test_standard_error_is_not_needed(write: Callable[..., Path], redirection: str) -> None:
    arguments = ("replay", write(rows(("a", 10))), "--max-bytes=1kB", "--json")
    run = run_redirected(redirection, *arguments)
    assert run.returncode == 0
    assert json.loads(run.stdout)["requests"] == 1
