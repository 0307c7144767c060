"""Checks of arguments."""

from operator import index


def integer(function: str, name: str, value: object, minimum: int, kind: str = "an int") -> int:
    """Return an integer of at least `minimum`; `kind` names the valid types in the error."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{function}: {name} must be {kind} (got {value!r})") from None
    if number < minimum:
        raise ValueError(f"{function}: {name} must be at least {minimum} (got {number})")
    return number
