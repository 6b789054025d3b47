"""What blocks and arrays of a pool cost in time and in memory."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, Timing, compile_loop, time_contests
from bytebound import MemoryPool

ROOT = Path(__file__).resolve().parents[1]
PAIR_SIZES = [16, 256, 4096, 65536, 262144]
MIMALLOC = "BYTEBOUND_MIMALLOC"  # names a shared library of it

# What is timed: a loop over `make(given)`, what is made of the pool and what it is compared with.
REPEATS = 20_000
LARGE = 1000


def uses(pool: MemoryPool) -> dict[str, tuple[str, Any, Any, tuple[Any, ...], int]]:
    """Return by name: the loop, ours, theirs, the arguments, the repeats."""
    make = "for _ in range(repeats):\n    make(*given)"
    write = "for _ in range(repeats):\n    make(*given).fill(1)"
    return {
        "alloc(256), bytearray(256)": (make, pool.alloc, bytearray, (256,), REPEATS),
        "empty(256), np.empty(256)": (make, pool.empty, np.empty, (256,), REPEATS),
        "256 KiB written, np.empty": (write, pool.empty, np.empty, (65536, "f4"), LARGE),
    }


def time_uses(rounds: int) -> dict[str, dict[str, Timing]]:
    pool = MemoryPool("64MiB")
    return {
        name: time_contests(
            {
                who: Contest(
                    compile_loop("make, given, repeats", loop),
                    lambda make=make, given=given, repeats=repeats: (make, given, repeats),
                    repeats,
                )
                for who, make in (("ours", ours), ("theirs", theirs))
            },
            rounds,
        )
        for name, (loop, ours, theirs, given, repeats) in uses(pool).items()
    }


def time_pairs(notes: list[str]) -> dict[str, list[float]]:
    """Nanoseconds of a pair in C, by allocator and size; nothing without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        notes.append("Without a C compiler no pairs in C.")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "pool_pair")
        sources = [ROOT / "benchmarks/pool_pair.c", *(ROOT / "csrc/src").glob("*.c")]
        include = f"-I{ROOT / 'csrc/include'}"
        flags = ["-std=c11", "-O2", "-DNDEBUG", include]
        subprocess.run([compiler, *flags, *sources, "-o", program, "-lpthread"], check=True)
        plain = run_pairs(program, {})
        found = {"pool": [pair[0] for pair in plain], "malloc": [pair[1] for pair in plain]}
        if MIMALLOC in os.environ:
            preloaded = run_pairs(program, {"LD_PRELOAD": os.environ[MIMALLOC]})
            found["mimalloc"] = [pair[1] for pair in preloaded]
        else:
            notes.append(
                f"{MIMALLOC} names no library, so pairs in C are compared with malloc only."
            )
    return found


def run_pairs(program: Path, environment: dict[str, str]) -> list[tuple[float, float]]:
    result = subprocess.run(
        [program, *map(str, PAIR_SIZES)],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows = [line.split() for line in result.stdout.splitlines()]
    return [(float(ours), float(theirs)) for _, ours, theirs in rows]


def measure_mix() -> dict[str, int]:
    command = [sys.executable, "-m", "benchmarks.pool_mix"]
    result = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, int] = json.loads(result.stdout)
    return figures


def run(rounds: int) -> Suite:
    """Time blocks and arrays, and replace a mix of blocks 50 times over."""
    notes = ["Pairs in C: the least of 15 runs, in turn; the figure is the worst of the sizes."]
    times = time_uses(rounds)
    targets = [1.2, 1.3, 1.0]
    claims = [
        Claim(f"{name}: times theirs", of["ours"].median / of["theirs"].median, target)
        for (name, of), target in zip(times.items(), targets, strict=True)
    ]
    details = [
        Table(
            ["median ns", "ours", "theirs"],
            [
                [name, f"{of['ours'].median:.1f}", f"{of['theirs'].median:.1f}"]
                for name, of in times.items()
            ],
        )
    ]
    pairs = time_pairs(notes)
    if pairs:
        ours, *others = pairs.values()
        worst = max(mine / min(theirs) for mine, *theirs in zip(ours, *others, strict=True))
        claims.append(Claim("a pair in C, times the faster of the others", worst, 1.2))
        rows = [[who, *(f"{pair:.1f}" for pair in of)] for who, of in pairs.items()]
        details.append(Table(["ns a pair in C", *(f"{size} B" for size in PAIR_SIZES)], rows))
    return Suite(
        f"MemoryPool: time, {rounds} rounds, and memory",
        [*claims, *mix_claims(details)],
        details,
        notes,
    )


def mix_claims(details: list[Table]) -> list[Claim]:
    mix = measure_mix()
    details.append(Table(["the mix", "bytes"], [[name, f"{of:,}"] for name, of in mix.items()]))
    return [
        Claim("mix: reserved, times requested", mix["reserved"] / mix["requested"], 1.15),
        Claim(
            "mix: growth of the process but for Python's objects, times the bound",
            (mix["growth"] - mix["objects"]) / mix["bound"],
            1.0,
        ),
        Claim(
            "mix: metadata, in thousandths of what is usable",
            mix["overhead"] / mix["usable"] * 1000,
            4.0,
        ),
    ]
