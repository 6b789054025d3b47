"""The package as installed: its version, its weight at import, its symbols, its command."""

import importlib.machinery
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import bytebound
import bytebound._native

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
NATIVE = Path(bytebound._native.__path__[0])
EXTENSIONS = sorted(
    path
    for path in NATIVE.iterdir()
    if path.name.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
)
MODULES = [f"bytebound._native.{path.name.partition('.')[0]}" for path in EXTENSIONS]


def run_python(code: str) -> str:
    """Run code in a fresh interpreter with no settings that would change the GIL."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def test_version_has_one_source() -> None:
    assert importlib.metadata.version("bytebound") == bytebound.__version__


def test_tests_run_against_the_installed_package() -> None:
    assert Path(bytebound.__file__).is_relative_to(sysconfig.get_path("platlib"))


def test_every_extension_is_installed_with_stub_and_declarations() -> None:
    assert {"budget", "lru", "mapping", "sizing"} <= {name.rpartition(".")[2] for name in MODULES}
    for name in ("py.typed", "include/bytebound/lru.h", "_native/budget.pxd", "_native/lru.pyi"):
        assert (NATIVE.parent / name).is_file(), name


@pytest.mark.parametrize("path", EXTENSIONS, ids=lambda path: path.name)
def test_only_the_init_function_is_exported(path: Path) -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm, which lists the exported symbols, is not on PATH")
    listing = subprocess.run(
        [nm, "-D", "--defined-only", path], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    symbols = [line.split()[-1] for line in listing.splitlines()]
    assert symbols == [f"PyInit_{path.name.partition('.')[0]}"]


def test_import_pulls_in_neither_numpy_nor_psutil() -> None:
    code = "import sys, bytebound; print(*{'numpy', 'psutil'} & set(sys.modules))"
    assert run_python(code).split() == []


def test_import_is_quick() -> None:
    def seconds(module: str) -> float:
        clock = "from time import perf_counter as clock; start = clock()"
        return float(run_python(f"{clock}; import {module}; print(clock() - start)"))

    # In turn, and the least of each: what other load on the machine disturbs least.
    pairs = [(seconds("bytebound"), seconds("dataclasses")) for _ in range(15)]
    ours, theirs = (min(times) for times in zip(*pairs, strict=True))
    assert ours < 1.5 * theirs


def test_import_leaves_the_gil_as_it_was() -> None:
    code = f"""
import sys, bytebound
{"; ".join(f"import {name}" for name in MODULES)}
print(getattr(sys, "_is_gil_enabled", lambda: True)())
"""
    assert run_python(code).strip() == str(not FREE_THREADED)


def test_these_tests_run_without_the_gil_where_there_can_be_none() -> None:
    assert getattr(sys, "_is_gil_enabled", lambda: True)() is not FREE_THREADED


def test_console_script_is_installed() -> None:
    script = Path(sysconfig.get_path("scripts"), "bytebound")
    listing = subprocess.run([script, "--help"], check=True, stdout=subprocess.PIPE, text=True)
    assert "stress" in listing.stdout
