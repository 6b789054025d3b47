"""The load of the stress run: an agent that serves sessions from documents.

Which request comes next depends on the seed and the documents alone, never on time or on
what the store still holds. So two runs ask for the same, whatever their stores keep.
"""

import random
import re
from itertools import accumulate
from typing import Any, Protocol

import numpy
from numpy.typing import NDArray

from bytebound.cli.corpus import Corpus, split_messages

Key = tuple[str, int, int]
Piece = dict[str, Any]
Vector = NDArray[numpy.float32]

LIVE_SESSIONS = 64
MEAN_TURNS = 16
NEW_SHARE = 0.5
NEIGHBOURS = 3
REREAD_TURNS = 2
VECTOR_LENGTH = 384

_WORD = re.compile(r"\w+")


class Store(Protocol):
    """What the agent keeps things in."""

    def get(self, key: Key, /) -> Any:
        """Return the value of a key, or None."""

    def put(self, key: Key, value: Any, /) -> object:
        """Keep a value, or not."""


class PlainStore(dict[Key, Any]):
    """A dict: what an agent keeps things in that bounds nothing."""

    put = dict.__setitem__


class Agent:
    """Serves requests of many sessions, and keeps whatever it read and made in a store.

    Documents, parts of them and sessions are asked for with a heavy tail: a few again and
    again, most of them seldom. Half of the requests were never made before.

    Parameters
    ----------
    corpus : Corpus
        The documents, read whenever the store has them no more.
    store : Store
        Keeps documents, parsed pieces, vectors, results and sessions.
    seed : int
        Decides all requests.
    """

    def __init__(self, corpus: Corpus, store: Store, seed: int) -> None:
        self._corpus = corpus
        self._store = store
        self._random = random.Random(seed)
        self._ranks = list(range(len(corpus.names)))
        self._random.shuffle(self._ranks)
        self._document_weights = _zipf_weights(len(corpus.names))
        self._session_weights = _zipf_weights(LIVE_SESSIONS)
        # The number and the turn of each live session.
        self._sessions = [[number, 0] for number in range(LIVE_SESSIONS)]
        self._started = LIVE_SESSIONS

    def serve(self) -> None:
        """Serve one request: find the part of a document, answer, and note it down."""
        choose, draw = self._random.choices, self._random.random
        slot = choose(range(LIVE_SESSIONS), cum_weights=self._session_weights)[0]
        document = choose(self._ranks, cum_weights=self._document_weights)[0]
        depth, is_new, ends = draw() ** 2, draw() < NEW_SHARE, draw() < 1 / MEAN_TURNS
        session, turn = self._sessions[slot]

        self._reread(session, turn)
        messages = self._messages(document)
        if messages:
            part = int(depth * len(messages))
            owner = (session, turn) if is_new else (-1 - document, part)
            self._result(owner, document, part, messages)
        self._note(session, turn, document)

        self._sessions[slot][1] += 1
        if ends:
            self._sessions[slot] = [self._started, 0]
            self._started += 1

    def _messages(self, document: int) -> list[str]:
        messages: list[str] | None = self._store.get(("document", document, 0))
        if messages is None:
            messages = split_messages(self._corpus.read(document))
            self._store.put(("document", document, 0), messages)
        return messages

    def _piece(self, document: int, part: int, text: str) -> Piece:
        piece: Piece | None = self._store.get(("piece", document, part))
        if piece is None:
            piece = parse(text)
            self._store.put(("piece", document, part), piece)
        return piece

    def _vector(self, document: int, part: int, text: str) -> Vector:
        vector: Vector | None = self._store.get(("vector", document, part))
        if vector is None:
            vector = embed(text)
            self._store.put(("vector", document, part), vector)
        return vector

    def _result(
        self, owner: tuple[int, int], document: int, part: int, messages: list[str]
    ) -> None:
        """Answer from the part of a document and the one after it that is most alike."""
        key = ("result", *owner)
        if self._store.get(key) is not None:
            return
        text = messages[part]
        wanted = self._vector(document, part, text)
        neighbours = range(part + 1, min(part + 1 + NEIGHBOURS, len(messages)))
        scores = {
            other: float(wanted @ self._vector(document, other, messages[other]))
            for other in neighbours
        }
        best = max(scores, key=scores.__getitem__, default=part)
        piece = self._piece(document, best, messages[best])
        names: dict[str, int] = piece["names"]
        answer = {
            "role": "assistant",
            "request": {"owner": list(owner), "document": document, "part": part},
            "sources": [{"part": other, "score": score} for other, score in scores.items()],
            "names": sorted(names, key=names.__getitem__, reverse=True)[:8],
            "found": parse(text),
        }
        self._store.put(key, answer)

    def _reread(self, session: int, turn: int) -> None:
        """Look at the last results of a session again, as a model is shown its history."""
        for earlier in range(max(turn - REREAD_TURNS, 0), turn):
            self._store.get(("result", session, earlier))

    def _note(self, session: int, turn: int, document: int) -> None:
        """Replace the history of a session by one that is a turn longer."""
        key = ("session", session, 0)
        history: list[Piece] = self._store.get(key) or []
        self._store.put(key, [*history, {"turn": turn, "document": document}])


def parse(text: str) -> Piece:
    """Parse text into nested dicts and lists: its lines, their words, and how often each is."""
    lines: list[Piece] = []
    names: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = _WORD.findall(line)
        if words:
            indent = len(line) - len(line.lstrip())
            lines.append({"line": number, "indent": indent, "words": words})
        for word in words:
            names[word] = names.get(word, 0) + 1
    return {"lines": lines, "names": names, "length": len(text)}


def embed(text: str) -> Vector:
    """Turn text into a vector of length 1 by counting its pairs of bytes."""
    data = numpy.frombuffer(text.encode("utf-8", "replace"), dtype=numpy.uint8).astype(numpy.intp)
    pairs = (data[:-1] * 31 + data[1:]) % VECTOR_LENGTH
    counts = numpy.bincount(pairs, minlength=VECTOR_LENGTH).astype(numpy.float32)
    return counts / max(float(numpy.linalg.norm(counts)), 1.0)


def _zipf_weights(count: int) -> list[float]:
    """Return running totals of 1, 1/2, 1/3 and so on."""
    return list(accumulate(1 / rank for rank in range(1, count + 1)))


def warm_up(corpus: Corpus) -> None:
    """Load and use once whatever the load uses, so that it is not taken for growth later."""
    agent = Agent(corpus, PlainStore(), seed=0)
    for _ in range(20):
        agent.serve()
