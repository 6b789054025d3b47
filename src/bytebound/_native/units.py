"""Sizes as people write them: ``"64MiB"``, ``"1.5 GB"`` or a plain ``int``."""

from operator import index

_UNITS: dict[str, int] = {
    "": 1,
    "b": 1,
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtpe", 1)},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtpe", 1)},
}

# Totals are kept in 64 bits with room for sums; nobody has a machine beyond this.
MAX_SIZE = 2**62 - 1


def parse_size(value: int | str, name: str = "max_bytes") -> int:
    """Turn a size into bytes.

    Parameters
    ----------
    value : int or str
        Bytes, or text of a decimal number and a unit: ``B``, binary ``KiB`` to
        ``EiB``, or decimal ``kB`` to ``EB``, in any case. No unit means bytes.
    name : str
        What to call the value in an error.

    Returns
    -------
    int
        Bytes, from 0 to 2**62 - 1.

    Raises
    ------
    TypeError
        If it is neither an integer nor text.
    ValueError
        If the text is not a size, is not a whole number of bytes, or the size is negative or
        above 2**62 - 1.

    Examples
    --------
    >>> parse_size("64MiB"), parse_size("1.5 kB"), parse_size(10)
    (67108864, 1500, 10)
    """
    size = _parse_text(value, name) if isinstance(value, str) else _parse_integer(value, name)
    if not 0 <= size <= MAX_SIZE:
        raise ValueError(f"{name} must be between 0 and {MAX_SIZE} bytes, not {_short(value)}")
    return size


def _short(value: int | str) -> str:
    """Show a value in an error; a huge int cannot be turned into text."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an int of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _parse_integer(value: object, name: str) -> int:
    if not isinstance(value, bool):
        try:
            return index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    kind = type(value).__name__
    raise TypeError(f'{name} must be an int or text such as "64MiB", not {kind}: {value!r}')


def _parse_text(text: str, name: str) -> int:
    problem = (
        f'{name} must be a number of bytes or text such as "64MiB" or "64 MB", not {_short(text)}'
    )
    stripped = text.strip()
    digits = stripped.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = _UNITS.get(stripped[len(digits) :].lower())
    whole, point, fraction = digits.rstrip().partition(".")
    if unit is None or len(digits) > 40 or not (whole + fraction).isascii():
        raise ValueError(problem)
    if not whole.isdigit() or (point and not fraction.isdigit()):
        raise ValueError(problem)
    scale: int = 10 ** len(fraction)
    size, rest = divmod(int(whole + fraction) * unit, scale)
    if rest:
        raise ValueError(f"{name} must be a whole number of bytes, not {_short(text)}")
    return size
