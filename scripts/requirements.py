"""Print what the named extras of pyproject.toml ask for, one requirement a line.

`build` names the requirements of the build itself, `run` those of the installed package.
"""

import sys
import tomllib
from pathlib import Path


def main() -> None:
    """Read pyproject.toml beside this folder and print the requirements of each argument."""
    table = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    project = table["project"]
    groups = {
        "build": table["build-system"]["requires"],
        "run": project["dependencies"],
        **project["optional-dependencies"],
    }
    for name in sys.argv[1:]:
        print(*groups[name], sep="\n")


if __name__ == "__main__":
    main()
