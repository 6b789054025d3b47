"""Every type of the corpus comes out exactly, and looking at it changes nothing."""

import gc
from collections.abc import Iterator

import pytest
from hostile import run_apart
from sizing_corpus import CASES, compare, fresh_text, growth, traced

from bytebound._native.sizing import sizeof


@pytest.fixture(autouse=True, scope="module")
def _short_collections() -> Iterator[None]:
    """Keep what is there already out of the many collections that counting needs."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", CASES)
def test_size_is_what_was_requested(name: str) -> None:
    requested, told, again = compare(CASES[name], sizeof, sizeof)
    assert told - requested == 0
    assert again == told, "looking at it changed it"


@pytest.mark.parametrize("name", CASES)
def test_looking_allocates_nothing_that_stays(name: str) -> None:
    graph = CASES[name]()
    sizeof(graph)

    def look() -> None:
        for _ in range(3):
            sizeof(graph)

    with traced():
        growth(look)
        assert growth(look)[1] == 0


@pytest.mark.parametrize("name", CASES)
def test_rounded_size_is_that_and_a_little_more(name: str) -> None:
    graph = CASES[name]()
    assert sizeof(graph) <= sizeof(graph, rounded=True) <= 1.5 * sizeof(graph) + 64


@pytest.mark.parametrize("name", CASES)
def test_shallow_sizes_of_nested_parts_are_less(name: str) -> None:
    graph = CASES[name]()
    assert 0 < sizeof(graph, deep=False) <= sizeof(graph)


@pytest.mark.parametrize("name", CASES)
def test_limit_is_passed_or_the_size_is_exact(name: str) -> None:
    graph = CASES[name]()
    size = sizeof(graph)
    for limit in (0, size // 2, size - 1, size, size + 1):
        told = sizeof(graph, limit=limit)
        assert told == size if limit >= size else limit < told <= size


# The first instances of a class get one slot fewer each, and do not say how many.


def new_class(attributes: int) -> type:
    """Make a class whose instances have so many attributes."""

    def __init__(self: object) -> None:
        for number in range(attributes):
            setattr(self, f"attribute_{number}", None)

    return type("New", (), {"__init__": __init__})


@pytest.mark.parametrize("count", [1, 2, 5, 28, 29, 30, 100])
@pytest.mark.parametrize("attributes", [0, 1, 3, 6, 7, 12, 15, 20])
@pytest.mark.parametrize("materialised", [False, True])
def test_all_instances_of_a_class_are_known(
    attributes: int, count: int, materialised: bool
) -> None:
    names = new_class(attributes)()  # keeps the names of the attributes
    cls = new_class(attributes)

    def build() -> list[object]:
        instances = [cls() for _ in range(count)]
        if materialised:
            for instance in instances:
                vars(instance)
        return instances

    with traced():
        growth(lambda: [None] * count)
        graph, requested = growth(build)
    assert sizeof(graph) == requested
    del names


@pytest.mark.parametrize("chosen", [slice(0, 3), slice(3, 20), slice(25, 40), slice(0, 60, 7)])
def test_some_instances_of_a_class_are_nearly_known(chosen: slice) -> None:
    """Each early one may be wrong by four slots of 8 bytes (docs/sizes.md)."""
    names = new_class(3)()
    cls = new_class(3)
    with traced():
        growth(lambda: [None])
        made = [growth(cls) for _ in range(60)]
    instances = [instance for instance, _ in made][chosen]
    requested = sum(nbytes for _, nbytes in made[chosen])
    told = sizeof(*instances)
    assert abs(told - requested) <= 4 * 8 * min(len(instances), 29)
    settled = [instance for instance, _ in made][30:]
    assert sizeof(*settled) == sum(nbytes for _, nbytes in made[30:])
    del names


def test_a_case_depends_on_no_other() -> None:
    """The corpus holds in a fresh process, in reverse order."""
    script = (
        "from sizing_corpus import CASES, compare\n"
        "from bytebound._native.sizing import sizeof\n"
        "wrong = {}\n"
        "for name in reversed(CASES):\n"
        "    requested, told = compare(CASES[name], sizeof)\n"
        "    if requested != told:\n"
        "        wrong[name] = told - requested\n"
        "print(wrong)\n"
    )
    assert run_apart("-c", script).strip() == "{}"


def test_no_cached_form_is_made() -> None:
    """Neither a UTF-8 form of text nor a __dict__."""
    texts = [fresh_text() + "\u1234" for _ in range(100)]
    plain = sizeof(texts)
    assert [sizeof(text, rounded=True) for text in texts]
    assert sizeof(texts) == plain
    instances = [new_class(2)() for _ in range(100)]
    plain = sizeof(instances)
    assert [sizeof(instance) for instance in instances]
    assert sizeof(instances) == plain
