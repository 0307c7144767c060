"""Checks of what users pass to this package."""

from operator import index


def integer(function: str, name: str, value: object, minimum: int, kind: str = "an int") -> int:
    """An integer of at least `minimum`; `kind` says what the argument may be."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{function}: {name} must be {kind} (got {value!r})") from None
    if number < minimum:
        raise ValueError(f"{function}: {name} must be at least {minimum} (got {number})")
    return number
