"""What many keys in one call cost beside a loop over them."""

from benchmarks.operations import make_data
from benchmarks.report import Claim, Suite, Table
from benchmarks.timing import Contest, compile_loop, time_contests
from bytebound import LRUCache

ENTRIES = 2_000  # so few that the loop, and not the memory, is what takes the time
BATCH = 100

GET_LOOP = "for keys in batches:\n    {key: cache.get(key) for key in keys}"
GET_MANY = "for keys in batches:\n    cache.get_many(keys)"
PUT_LOOP = "for pairs in batches:\n    for key, value in pairs:\n        cache[key] = value"
PUT_MANY = "for pairs in batches:\n    cache.put_many(pairs)"
POP_LOOP = "for keys in batches:\n    {key: cache.pop(key) for key in keys}"
POP_MANY = "for keys in batches:\n    cache.pop_many(keys)"

RIVALS = {
    "get_many": (GET_LOOP, GET_MANY, 1.5),
    "put_many": (PUT_LOOP, PUT_MANY, 1.3),
    "pop_many": (POP_LOOP, POP_MANY, None),
}


def run(rounds: int) -> Suite:
    """Time each loop beside the call that takes its place."""
    data = make_data(ENTRIES)
    pairs = list(zip(data.shuffled, data.others, strict=True))
    claims, rows = [], []
    for name, (loop, call, target) in RIVALS.items():
        work = pairs if name == "put_many" else data.shuffled
        batches = [work[at : at + BATCH] for at in range(0, ENTRIES, BATCH)]

        def prepare(batches: list[object] = batches) -> tuple[object, ...]:
            cache: LRUCache[str, str] = LRUCache("1GiB")
            cache.put_many(zip(data.present, data.values, strict=False))
            return cache, batches

        times = time_contests(
            {
                "loop": Contest(compile_loop("cache, batches", loop), prepare, ENTRIES),
                "call": Contest(compile_loop("cache, batches", call), prepare, ENTRIES),
            },
            rounds,
        )
        share = times["call"].median / times["loop"].median
        most = None if target is None else round(1 / target, 2)
        claims.append(Claim(f"{name} of {BATCH}, times a loop's time", share, most))
        rows.append(
            [
                name,
                f"{times['loop'].median:.0f}",
                f"{times['call'].median:.0f}",
                f"{1 / share:.2f}",
            ]
        )
    return Suite(
        f"Bulk work: {ENTRIES:,} entries, str keys and values, {rounds} rounds",
        claims,
        [Table(["median ns an entry", "loop", "call", "times faster"], rows)],
        ["get: a dict comprehension over get; put: cache[key] = value; pop: as get."],
    )
