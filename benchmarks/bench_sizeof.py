"""What `sizeof` says of each type of the corpus, beside the truth and what others say."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Claim, Suite, Table
from benchmarks.sizers import MAIN, OURS, Sizer, find_peers

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from sizing_corpus import CASES, compare

FAILED = -1


def run(_rounds: int) -> Suite:
    """Build each case once; nothing here depends on time."""
    peers, notes = find_peers()
    sizers = MAIN | peers
    # The corpus by itself first: a case of it is exact only if nobody else has looked at it.
    truths = {name: compare(build, MAIN[OURS]) for name, build in CASES.items()}
    others = {name: sizer for name, sizer in sizers.items() if name != OURS}
    told = {name: _ask(build, others) for name, build in CASES.items()}
    off = [abs(said - truth) for truth, said in truths.values()]
    return Suite(
        f"sizeof: {len(CASES)} kinds of objects, bytes that were requested for them",
        [
            Claim("most bytes that bytebound is off, of any kind", max(off), 0, 0),
            Claim("kinds of which bytebound is off", sum(map(bool, off)), 0, 0),
            *(
                Claim(f"kinds of which {name} is off", _wrong(name, told), None, 0)
                for name in others
            ),
        ],
        [
            Table(
                ["bytes", "truth", *sizers],
                [
                    [
                        name,
                        f"{truth:,}",
                        f"{ours:+,}" if (ours := said - truth) else "0",
                        *(_difference(told[name], other) for other in others),
                    ]
                    for name, (truth, said) in truths.items()
                ],
            )
        ],
        ["truth: tracemalloc. The rest: by how many bytes each is off.", *notes],
    )


def _ask(build: Callable[[], object], sizers: dict[str, Sizer]) -> dict[str, int | None]:
    """Return the truth and by how much each sizer is off, None where it raised."""

    def guard(sizer: Sizer) -> Sizer:
        def ask(graph: Any) -> int:
            try:
                return sizer(graph)
            except Exception:  # whatever a peer may raise
                return FAILED

        return ask

    truth, *said = compare(build, *map(guard, sizers.values()))
    return {
        name: None if size == FAILED else size - truth
        for name, size in zip(sizers, said, strict=True)
    }


def _wrong(name: str, told: dict[str, dict[str, int | None]]) -> int:
    return sum(differences[name] != 0 for differences in told.values())


def _difference(differences: dict[str, int | None], name: str) -> str:
    difference = differences[name]
    if difference is None:
        return "raised"
    return f"{difference:+,}" if difference else "0"
