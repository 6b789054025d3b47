"""Run the suites: ``python -m benchmarks [NAME ...] [--rounds N] [--json FILE]``."""

import argparse
import json
import os
import platform
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.report import Suite
from benchmarks.timing import ROUNDS

PREFIX = "bench_"


def suite_names() -> list[str]:
    """Return the suites there are."""
    paths = Path(__file__).parent.glob(f"{PREFIX}*.py")
    return sorted(path.stem.removeprefix(PREFIX) for path in paths)


def describe_machine() -> str:
    """Say what the figures hold for; how the interpreter was built moves all of them."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    optimised = "yes" if "--enable-optimizations" in options else "no"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.python_implementation()} {platform.python_version()} "
        f"(--enable-optimizations: {optimised}), {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} processors{load}\n"
    )


def run_suite(name: str, rounds: int) -> Suite | None:
    """Run a suite and print what it found; one that has no `run` prints for itself."""
    module = f"benchmarks.{PREFIX}{name}"
    run: Callable[[int], Suite] | None = getattr(import_module(module), "run", None)
    if run is None:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", module], check=True)
        print(flush=True)
        return None
    suite = run(rounds)
    print(suite, flush=True)
    return suite


def main() -> int:
    """Run what is asked for; a target that is missed is told, only a crash is a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(suite_names()))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    names = arguments.names or suite_names()
    if unknown := set(names) - set(suite_names()):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    print(describe_machine())
    found: dict[str, Suite] = {}
    crashed = []
    for name in names:
        try:
            suite = run_suite(name, arguments.rounds)
        except Exception:
            traceback.print_exc()
            crashed.append(name)
            continue
        if suite is not None:
            found[name] = suite
    if arguments.json is not None:
        figures = {name: suite.as_json() for name, suite in found.items()}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    missed = sum(claim.reached is False for suite in found.values() for claim in suite.claims)
    print(f"targets missed: {missed}; suites crashed: {', '.join(crashed) or 'none'}", flush=True)
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
