"""The tests that cachetools and lru-dict ship, with nothing changed but what they import."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from peers import fetch, run_unittests


def copy_tests(source: Path, into: Path, change: Callable[[str], str]) -> Path:
    """Copy a folder of tests, each line that imports changed."""
    folder = into / "suite"
    shutil.copytree(source, folder)
    (folder / "__init__.py").touch()
    for path in folder.rglob("*.py"):
        lines = path.read_text().splitlines(keepends=True)
        is_import = re.compile(r"\s*(import|from) ")
        path.write_text("".join(change(line) if is_import.match(line) else line for line in lines))
    return folder


def import_our_cachetools(line: str) -> str:
    line = re.sub(r"\bfrom cachetools\b", "from bytebound.compat.cachetools", line)
    match = re.fullmatch(r"(\s*)import cachetools(\.\w+)?\n", line)
    if match is None:
        return line
    indent, module = match[1], match[2] or ""
    return (
        f"{indent}import bytebound.compat.cachetools{module}\n"
        f"{indent}from bytebound.compat import cachetools\n"
    )


def test_cachetools_own_tests_pass(tmp_path: Path) -> None:
    source = fetch("cachetools==8.*")
    folder = copy_tests(source / "tests", tmp_path, import_our_cachetools)
    ran, output = run_unittests(folder)
    assert ran > 400
    assert "skipped" not in output


def test_lru_dict_own_tests_pass(tmp_path: Path) -> None:
    source = fetch("lru-dict==1.4.*")
    folder = copy_tests(
        source / "test",
        tmp_path,
        lambda line: line.replace("from lru import", "from bytebound.compat.lru import"),
    )
    ran, output = run_unittests(folder)
    assert ran >= 26
    assert "skipped" not in output
