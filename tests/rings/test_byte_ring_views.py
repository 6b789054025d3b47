"""ByteRing.view: bytes that stay as and where they are, and what that takes."""

import gc
import mmap
import weakref

import numpy as np
import pytest

from bytebound import Budget, BudgetExceededError, ByteRing, LRUCache

PAGE = mmap.PAGESIZE
SMALL = 4 * PAGE


def record(number: int, length: int) -> bytes:
    return bytes((number * 7 + at) % 256 for at in range(length))


def address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])


def full_ring(length: int, **settings: object) -> ByteRing:
    ring = ByteRing(SMALL, **settings)  # type: ignore[arg-type]
    while ring.first_seq == 0:
        ring.append(record(ring.next_seq, length))
    return ring


@pytest.mark.parametrize("on_pinned", ["raise", "copy"])
def test_a_view_is_read_only_and_not_a_copy(on_pinned: str) -> None:
    ring = full_ring(1000, on_pinned=on_pinned)
    first, second = ring.view(3), ring.view(3)
    assert address(first) == address(second)
    assert (first.readonly, first.format, first.ndim, first.contiguous) == (True, "B", 1, True)
    with pytest.raises(TypeError):
        first[0] = 1
    array = np.frombuffer(first, np.uint8)
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
    assert ring.stats().views == 2
    first.release()
    del second, array, first
    assert ring.stats().views == 0


def test_appending_is_refused_over_a_view() -> None:
    ring = full_ring(1000)
    oldest = ring.view(0)
    expected = bytes(oldest)
    before = ring.stats()
    with pytest.raises(BufferError, match=f"record {ring.first_seq} would be overwritten"):
        ring.append(bytes(1000))
    assert ring.stats() == before
    assert oldest == expected
    oldest.release()
    ring.append(bytes(1000))
    ring._validate()


def test_a_slice_of_a_view_and_an_array_of_it_pin_too() -> None:
    ring = full_ring(1000)
    array = np.frombuffer(ring.view(0)[10:20], np.uint8)
    with pytest.raises(BufferError):
        ring.append(bytes(1000))
    del array
    ring.append(bytes(1000))


@pytest.mark.parametrize("leave", [ByteRing.popleft, ByteRing.clear])
def test_a_record_that_left_is_still_in_the_way(leave: object) -> None:
    ring = full_ring(1000)
    view = ring.view(0)
    leave(ring)  # type: ignore[operator]
    with pytest.raises(BufferError):
        ring.extend([bytes(1000)] * 12)
    assert view[0] == record(1, 1)[0]
    del view
    ring.extend([bytes(1000)] * 12)


def test_views_elsewhere_are_not_in_the_way() -> None:
    ring = full_ring(1000)
    newest = ring.view(-1)
    for number in range(len(ring) - 1):
        ring.append(record(number, 1000))
    with pytest.raises(BufferError):
        ring.append(bytes(1000))
    assert bytes(newest) == bytes(ring.view(0))


def test_a_viewed_record_is_set_aside_at_its_address() -> None:
    budget = Budget("1MiB")
    ring = full_ring(1000, on_pinned="copy", budget=budget)
    number = ring.first_seq
    view = ring.view(0)
    where = address(view)
    looking = ring.pinned_nbytes
    assert 0 < looking < PAGE
    for lap in range(50):
        ring.append(record(lap, 1000))
    ring._validate()
    assert bytes(view) == record(number, 1000)
    assert address(view) == where
    assert ring.first_seq > number
    assert ring.stats().set_aside == 1
    assert ring.pinned_nbytes in (looking + PAGE, looking + 2 * PAGE)
    assert ring.nbytes == budget.nbytes == SMALL + ring.pinned_nbytes <= ring.max_bytes
    assert ring.payload_nbytes + ring.overhead_nbytes == ring.nbytes
    view.release()
    assert ring.pinned_nbytes == looking
    ring.clear()
    assert (ring.pinned_nbytes, ring.nbytes) == (0, ring.capacity)
    ring.append(b"again")
    with ring.view(0) as view:
        ring.clear()
        assert (ring.pinned_nbytes, view) == (looking, b"again")
    ring.close()
    assert budget.nbytes == 0


def test_views_of_every_lap_stay_right() -> None:
    ring = ByteRing(32 * PAGE, on_pinned="copy")
    views: list[tuple[int, memoryview]] = []
    for number in range(400):
        length = 1 + number * 37 % 3000
        ring.append(record(number, length))
        if number % 20 == 0:
            views.append((number, ring.view(-1)))
        if len(views) > 8:
            del views[number % 8]
        for seq, view in views:
            assert view == record(seq, len(view)), seq
        ring._validate()
    assert ring.stats().set_aside > 8
    assert ring.nbytes <= ring.max_bytes
    del views, view
    assert ring.nbytes - ring.capacity < PAGE


def test_a_record_on_a_page_that_is_kept_is_shown_as_it_is() -> None:
    ring = ByteRing(2 * PAGE, on_pinned="copy")
    views = []
    for number in range(30):
        ring.append(record(number, 1000))
        if ring.nbytes + 2 * PAGE < ring.max_bytes:
            views.append((number, ring.view(-1)))
    for number, view in views:
        assert view == record(number, 1000)
    for index, number in enumerate(range(ring.first_seq, ring.next_seq)):
        assert ring[index] == record(number, 1000)


@pytest.mark.parametrize(
    ("capacity", "length"),
    [(8192, 3000), (8192, 100), (16384, 12000), (16384, 9000), (32768, 28000), (65536, 60000)],
)
@pytest.mark.parametrize("position", range(10))
def test_a_single_view_can_be_set_aside_wherever_it_lies(
    capacity: int, length: int, position: int
) -> None:
    ring = ByteRing(capacity, on_pinned="copy")
    ring.append(bytes(position * capacity // 26))
    for number in range(8):
        expected = record(number, length)
        ring.append(expected)
        view = ring.view(-1)  # while the last one is still alive
        for lap in range(capacity // length + 1):
            ring.append(record(lap, length))
        assert view == expected
        assert ring.nbytes <= ring.max_bytes
        ring._validate()


@pytest.mark.parametrize("pages", [2, 3, 4, 16])
@pytest.mark.parametrize("length", [1, 600, 1000, PAGE // 2 - 8])
def test_all_records_can_be_set_aside_at_once(pages: int, length: int) -> None:
    ring = ByteRing(pages * PAGE, on_pinned="copy")
    while ring.first_seq == 0:
        ring.append(record(ring.next_seq, length))
    ring.append(b"")  # the end of the ring is inside a record
    views = [ring.view(at) for at in range(len(ring))]
    expected = list(ring)
    longest = bytes(ring.capacity - (ring.capacity // 64 // PAGE + 1) * PAGE - 8)
    ring.append(longest)
    assert (len(ring), ring.stats().set_aside) == (1, len(views))
    assert ring.view(0) == longest
    assert views == expected
    assert ring.nbytes <= ring.max_bytes
    ring._validate()


def test_there_is_no_room_to_set_aside() -> None:
    ring = full_ring(PAGE, on_pinned="copy")
    views = []

    def look_and_append() -> object:
        nonlocal before
        views.append((ring.next_seq - 1, ring.view(-1)))
        before = ring.stats()
        return ring.append(record(ring.next_seq, PAGE))

    before = ring.stats()
    with pytest.raises(BufferError, match=f"of max_bytes={ring.max_bytes} are in use: release"):
        all(iter(look_and_append, None))
    after = ring.stats()
    assert (after.items, after.nbytes, after.set_aside) == (
        before.items, before.nbytes, before.set_aside,
    )  # fmt: skip
    assert ring.nbytes <= ring.max_bytes
    for seq, view in views:
        assert view == record(seq, PAGE)
    views.clear()
    del view
    ring.append(record(0, PAGE))
    ring._validate()


def test_a_budget_has_no_room_to_set_aside() -> None:
    budget = Budget(SMALL + 500, name="all")
    ring = full_ring(1000, on_pinned="copy", budget=budget)
    with ring.view(0) as view:
        before, contents = ring.stats(), list(ring)
        with pytest.raises(BudgetExceededError, match="'all' has no room"):
            ring.append(bytes(1000))
        assert ring.stats() == before
        assert list(ring) == contents
        assert view == contents[0]
    ring.append(bytes(1000))
    ring.close()
    tight = Budget(SMALL + 10)
    other = full_ring(1000, on_pinned="copy", budget=tight)
    with pytest.raises(BudgetExceededError):
        other.view(0)
    assert other.stats().views == 0
    assert tight.nbytes == SMALL


def test_an_empty_record_can_be_viewed() -> None:
    for on_pinned in ("raise", "copy"):
        ring = ByteRing(SMALL, on_pinned=on_pinned)  # type: ignore[arg-type]
        ring.append(b"")
        view = ring.view(0)
        assert (len(view), bytes(view)) == (0, b"")
        if on_pinned == "copy":
            ring.append(bytes(3 * PAGE - 8))
        ring._validate()


@pytest.mark.parametrize("on_pinned", ["raise", "copy"])
@pytest.mark.parametrize("end", ["close", "drop"])
def test_views_keep_the_memory_of_a_ring_that_is_gone(on_pinned: str, end: str) -> None:
    budget = Budget("1MiB")
    ring = full_ring(1000, on_pinned=on_pinned, budget=budget)
    expected = ring[5]
    array = np.frombuffer(ring.view(5), np.uint8)
    second = ring.view(5)
    gone = weakref.ref(ring)
    if end == "close":
        ring.close()
    del ring
    gc.collect()
    assert array.tobytes() == second == expected
    assert budget.nbytes >= SMALL
    del array
    assert second == expected
    assert budget.nbytes >= SMALL
    second.release()
    assert budget.nbytes == 0
    assert gone() is None


def test_a_view_may_be_appended() -> None:
    ring = full_ring(1000)
    with pytest.raises(BufferError):
        ring.append(ring.view(0))
    ring.append(ring.view(1))
    assert ring[-1] == ring[0]
    copying = full_ring(1000, on_pinned="copy")
    oldest = copying[0]
    copying.append(copying.view(0))
    assert copying[-1] == oldest


def test_a_cycle_through_a_view_is_collected() -> None:
    class Log(ByteRing):
        pass

    budget = Budget("1MiB")
    log = Log(SMALL, budget=budget)
    log.append(b"one")
    log.kept = log.view(0)  # type: ignore[attr-defined]
    del log
    gc.collect()
    assert budget.nbytes == 0


def test_more_views_than_anybody_counts() -> None:
    ring = full_ring(1000, on_pinned="copy")
    views = [ring.view(i % len(ring)) for i in range(5000)]
    ring.append(record(1, 1000))
    assert ring.stats().views == 5000
    ring._validate()
    del views
    assert ring.stats().views == 0


def test_a_cache_under_the_same_budget_makes_room() -> None:
    budget = Budget(SMALL + 3 * PAGE, name="all")
    cache: LRUCache[int, int] = LRUCache("1MiB", charge_overhead=False, budget=budget)

    def fill() -> None:
        for number in range(100):
            cache.put(number, number, size=budget.max_bytes // 50)
        assert budget.max_bytes - budget.nbytes < PAGE // 2

    fill()
    ring = full_ring(1000, on_pinned="copy", budget=budget)
    assert ring.nbytes == SMALL
    fill()
    expected = ring[0]
    left = cache.stats().evictions["budget"]
    view = ring.view(0)
    ring.append(bytes(1000))
    assert view == expected
    assert cache.stats().evictions["budget"] > left
    assert 0 < budget.nbytes == ring.nbytes + cache.nbytes <= budget.max_bytes
    assert "ByteRing" in str(budget.report())
