"""Sizes as people write them."""

import pytest

from bytebound._native.units import MAX_SIZE, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("10", 10),
        ("7B", 7),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("64MiB", 64 * 2**20),
        ("64MB", 64_000_000),
        ("3GiB", 3 * 2**30),
        ("2TB", 2 * 10**12),
        ("1PiB", 2**50),
        ("1EB", 10**18),
    ],
)
def test_units_are_binary_with_an_i_and_decimal_without(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["64mib", "64MIB", "64 MiB", "  64MiB\n", "64\tMiB"])
def test_case_and_surrounding_space_do_not_matter(text: str) -> None:
    assert parse_size(text) == 64 * 2**20


@pytest.mark.parametrize(
    ("text", "size"),
    [("1.5KiB", 1536), ("0.5 kB", 500), ("1.0", 1), ("1.50kB", 1500), ("4.2GB", 4_200_000_000)],
)
def test_a_fraction_that_is_whole_bytes_is_exact(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_a_fraction_is_not_rounded_through_a_float() -> None:
    assert parse_size("4.611686018427387903EB") == 4_611_686_018_427_387_903


@pytest.mark.parametrize("text", ["0.3B", "1.0001kB", "0.1KiB"])
def test_part_of_a_byte_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "MiB", "-1", "-1MiB", "+1", "1e6", "1_000", "0x10", "1,000", "64 Mi B", "64XB"),
        *("1..5kB", ".5kB", "1.kB", "inf", "nan", "64MiBB", "٣", "²", "1 2", "1\0", "9" * 5000),
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        parse_size(text)


@pytest.mark.parametrize("value", [True, False, 1.0, float("nan"), None, b"64MiB", [1], 1j])
def test_what_is_neither_an_integer_nor_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="max_bytes must be an int or text"):
        parse_size(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, -(2**70), MAX_SIZE + 1, 2**64, 2**70, "5EB", "4EiB"])
def test_what_is_out_of_range_is_refused(value: int | str) -> None:
    with pytest.raises(ValueError, match="between 0 and 4611686018427387903"):
        parse_size(value)


def test_the_ends_of_the_range_are_in_it() -> None:
    assert parse_size(0) == 0
    assert parse_size(MAX_SIZE) == MAX_SIZE == 2**62 - 1


def test_an_integer_is_whatever_has_an_index() -> None:
    class Index:
        def __index__(self) -> int:
            return 5

    assert parse_size(Index()) == 5  # type: ignore[arg-type]


def test_an_error_in_an_index_is_not_taken_for_a_wrong_type() -> None:
    class Broken:
        def __index__(self) -> int:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parse_size(Broken())  # type: ignore[arg-type]


def test_the_error_calls_the_value_by_the_name_given() -> None:
    with pytest.raises(ValueError, match=r"target_bytes .* not 'much'"):
        parse_size("much", "target_bytes")
