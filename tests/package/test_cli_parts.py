"""The parts of the stress run: its documents, its load, its measurements."""

import mmap
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bytebound import LRUCache
from bytebound.cli import baseline, measure
from bytebound.cli.corpus import MAX_MESSAGE_LENGTH, Corpus, find_corpus, split_messages
from bytebound.cli.drive import drive
from bytebound.cli.errors import UsageError
from bytebound.cli.measure import MAX_SAMPLES, Series, format_size, robust_slope
from bytebound.cli.workload import Agent, Key, PlainStore, embed, parse


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return find_corpus()


def test_the_corpus_is_the_standard_library(corpus: Corpus) -> None:
    assert len(corpus.names) > 500
    assert corpus.names == sorted(corpus.names, key=lambda name: corpus.names.index(name))
    assert "json/decoder.py" in corpus.names
    assert not any("site-packages" in name for name in corpus.names)
    assert "class JSONDecoder" in corpus.read(corpus.names.index("json/decoder.py"))


def test_a_corpus_takes_text_only(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("text")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "latin").write_bytes("dé".encode("latin-1"))
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "empty").touch()
    (tmp_path / "blank").write_text("\n \n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("text")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = find_corpus(tmp_path)
    assert found.names == ["b.txt", "a/latin"]
    assert found.read(1) == "d\ufffd"


def test_a_document_that_has_gone_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "here.txt"
    path.write_text("text")
    found = find_corpus(tmp_path)
    path.unlink()
    assert found.read(0) == ""
    Agent(found, PlainStore(), 0).serve()


@pytest.mark.parametrize("content", [{}, {"empty": b""}, {"binary": b"\0"}])
def test_a_corpus_without_text_is_refused(tmp_path: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match="no text file"):
        find_corpus(tmp_path)
    with pytest.raises(UsageError, match="No such file or directory"):
        find_corpus(tmp_path / "none")


def test_messages_keep_every_word(corpus: Corpus) -> None:
    text = corpus.read(corpus.names.index("json/decoder.py"))
    messages = split_messages(text)
    assert "".join("".join(messages).split()) == "".join(text.split())
    assert len(messages) > 3
    assert max(map(len, messages)) <= MAX_MESSAGE_LENGTH
    assert split_messages("") == split_messages("\n\n\n\n") == []
    assert list(map(len, split_messages("x" * 5000))) == [2000, 2000, 1000]


def test_a_message_is_parsed_into_nested_pieces() -> None:
    assert parse("if a:\n\n    a = b_1\n") == {
        "lines": [
            {"line": 1, "indent": 0, "words": ["if", "a"]},
            {"line": 3, "indent": 4, "words": ["a", "b_1"]},
        ],
        "names": {"if": 1, "a": 2, "b_1": 1},
        "length": 19,
    }


def test_vectors_tell_what_is_alike() -> None:
    one, other, same = embed("def add(a, b):"), embed("Once upon a time"), embed("def sub(a, b):")
    assert float(one @ one) == pytest.approx(1, abs=1e-5)
    assert float(one @ same) > float(one @ other)
    for text in ("", "x", "\ud800"):
        assert embed(text).shape == one.shape


class Recorder(PlainStore):
    """Notes which documents and sessions are asked for."""

    def __init__(self) -> None:
        self.requests: list[Key] = []

    def get(self, key: Key, default: Any = None) -> Any:
        if key[0] in ("document", "session"):
            self.requests.append(key)
        return super().get(key, default)


class Forgetful(Recorder):
    """Keeps nothing."""

    def put(self, key: Key, value: Any) -> None:
        return


def requests(corpus: Corpus, store: Recorder, seed: int, count: int = 300) -> list[Key]:
    agent = Agent(corpus, store, seed)
    for _ in range(count):
        agent.serve()
    return store.requests


def test_requests_depend_on_the_seed_alone(corpus: Corpus) -> None:
    first = requests(corpus, Recorder(), seed=1)
    assert requests(corpus, Recorder(), seed=1) == first
    assert requests(corpus, Forgetful(), seed=1) == first
    assert requests(corpus, Recorder(), seed=2) != first


def test_the_load_is_heavy_tailed_new_and_repeated(corpus: Corpus) -> None:
    store = Recorder()
    documents = [key[1] for key in requests(corpus, store, 0, 1500) if key[0] == "document"]
    counts = sorted((documents.count(one) for one in set(documents)), reverse=True)
    assert counts[0] > 50
    assert counts[len(counts) // 2] <= 2
    results = [key for key in store if key[0] == "result"]
    assert 700 < sum(key[1] >= 0 for key in results) < 800
    assert 100 < sum(key[1] < 0 for key in results) < 750
    assert {key[0] for key in store} == {"document", "piece", "vector", "result", "session"}
    assert len({key[1] for key in store if key[0] == "session"}) > 100


class Careful(PlainStore):
    """Remembers how each value looked when it was put."""

    def __init__(self) -> None:
        self.looks: dict[Key, str] = {}

    def put(self, key: Key, value: Any) -> None:
        assert repr(self.get(key)) == self.looks.get(key, "None")
        self.looks[key] = repr(value)
        super().put(key, value)


def test_nothing_kept_is_changed_later(corpus: Corpus) -> None:
    store = Careful()
    agent = Agent(corpus, store, 0)
    for _ in range(300):
        agent.serve()
    assert len(store) > 300
    assert {key: repr(value) for key, value in store.items()} == store.looks


def test_the_load_leaves_no_drift(corpus: Corpus) -> None:
    cache: LRUCache[Key, Any] = LRUCache("2MiB")
    agent = Agent(corpus, cache, 0)
    for _ in range(300):
        agent.serve()
    assert cache.audit().drift == 0
    assert cache.stats().evictions["size"] > 0


def test_a_series_is_bounded_and_spans_all() -> None:
    series = Series()
    now = 0.0
    while now < 1000:
        series.append(now, int(now))
        assert len(series.seconds) == len(series.nbytes) <= MAX_SAMPLES
        now += series.interval
    assert len(series.seconds) >= MAX_SAMPLES // 2
    assert series.interval == 16 * measure.FIRST_INTERVAL
    assert (series.seconds[0], series.nbytes[0]) == (0, 0)
    assert series.seconds[-1] > 999
    steps = {b - a for a, b in zip(series.seconds, series.seconds[1:], strict=False)}
    assert max(steps) < 1.5 * series.interval


def series_of(values: Iterator[float]) -> Series:
    series = Series()
    for second, value in enumerate(values):
        series.append(second, int(value))
    return series


def test_the_slope_ignores_jumps_and_the_first_half() -> None:
    noise = random.Random(0)
    rising = series_of(
        9000 * min(t, 50) + 1000 * max(t - 50, 0) + noise.gauss(0, 50) for t in range(100)
    )
    assert robust_slope(rising, 50) == pytest.approx(1000, rel=0.02)
    spikes = series_of(1e7 * (t % 10 == 0) + 1000 * t for t in range(100))
    assert robust_slope(spikes, 0) == pytest.approx(1000, rel=0.02)
    falling = series_of(1e6 - 10 * t for t in range(MAX_SAMPLES))
    assert robust_slope(falling, MAX_SAMPLES / 2) == pytest.approx(-10)


def test_a_slope_needs_two_samples() -> None:
    for count in (0, 1):
        assert robust_slope(series_of(iter([5.0] * count)), 0) == 0
    assert robust_slope(series_of(iter([5.0, 6.0])), 1) == 0
    assert robust_slope(series_of(iter([5.0] * 9)), 0) == 0


def test_resident_memory_is_measured() -> None:
    before = measure.resident_nbytes()
    # Straight from the system: an allocator might have some left, or take more.
    with mmap.mmap(-1, 32 << 20) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
        grown = measure.resident_nbytes() - before
        assert 30 << 20 < grown < 40 << 20
    assert measure.resident_nbytes() - before <= grown - (30 << 20)
    assert measure.peak_resident_nbytes() >= before + (30 << 20)


@pytest.mark.parametrize(
    ("max_bytes", "available", "limit"),
    [
        (64 << 20, 32 << 30, 512 << 20),
        (1, 32 << 30, 256 << 20),
        (64 << 20, 400 << 20, 100 << 20),
        (1 << 50, 32 << 30, 8 << 30),
    ],
)
def test_the_safety_limit(
    monkeypatch: pytest.MonkeyPatch, max_bytes: int, available: int, limit: int
) -> None:
    monkeypatch.setattr(baseline, "available_nbytes", lambda: available)
    assert baseline.safety_limit(max_bytes) == limit


def test_a_container_with_less_memory_than_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert measure.available_nbytes() > 0
    files = []
    for name, text in (("max", "1000000"), ("current", "400000"), ("none", "max")):
        (tmp_path / name).write_text(text + "\n")
        files.append(tmp_path / name)
    most, current, none = files
    monkeypatch.setattr(measure, "_CGROUP_FILES", ((most, current), (none, current)))
    assert measure.available_nbytes() == 600_000
    monkeypatch.setattr(measure, "_CGROUP_FILES", ((current, most),))
    assert measure.available_nbytes() == 0


def load(**changes: Any) -> baseline.Load:
    return baseline.Load(None, 0, 30.0, 10**9, 1 << 30)._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "ended"),
    [
        ({"max_requests": 200}, "all requests served"),
        ({"seconds": 0.3}, "time was up"),
        ({"max_growth": 8 << 20}, "stopped at the safety limit"),
    ],
)
def test_how_the_baseline_ends(changes: dict[str, Any], ended: str) -> None:
    result = baseline.run_baseline(load(**changes), lambda *_: True)
    assert result is not None
    assert result.ended == ended
    assert result.growth > 0
    if "max_growth" in changes:
        assert 8 << 20 <= result.growth < 32 << 20
    if "max_requests" in changes:
        assert result.served == 200


def test_the_baseline_can_be_stopped() -> None:
    growths = []

    def on_sample(elapsed: float, growth: int, served: int) -> bool:
        growths.append(growth)
        return len(growths) < 3

    result = baseline.run_baseline(load(), on_sample)
    assert result is not None
    assert result.ended == "stopped"
    assert growths[0] == 0
    assert max(growths) == result.growth


def test_a_run_ends_by_time_by_count_or_by_wish(corpus: Corpus) -> None:
    agent = Agent(corpus, PlainStore(), 0)
    assert drive(agent, Series(), lambda *_: True, seconds=60, max_requests=7) == 7
    assert drive(agent, Series(), lambda *_: False, seconds=60) == 0
    series = Series()
    served = []
    drive(agent, series, lambda *sample: served.append(sample[2]) or True, seconds=0.3)
    assert 0.3 <= series.seconds[-1] < 1
    assert len(served) == len(series.seconds) >= 3
    assert served == sorted(served)


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 40, "5.0 TiB"), (2**60, "1024.0 PiB")],
)
def test_sizes_for_people(nbytes: int, text: str) -> None:
    assert format_size(nbytes) == text
