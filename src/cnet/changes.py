"""Which arrays were changed in place, and when.

Nodes of the graph and changes are numbered by one count. A node whose saved arrays were changed
after it was recorded has a lower number than the change: that is all a node must compare, once.

Aliases share memory, and so share an owner: the array, or the other object, that the memory belongs
to. A change is kept under the owner's address. An address that a new owner takes over does no harm:
a node that saves the new owner's memory has a higher number than every change of the old one.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np

numbers = count()
latest = -1
"""The number of the last change."""

_changes: dict[int, tuple[int, str]] = {}


def owner(array: np.ndarray[Any, Any]) -> Any:
    """What the memory of an array belongs to."""
    base = array.base
    if base is None:
        return array
    while isinstance(base, np.ndarray) and base.base is not None:  # subclasses form chains
        base = base.base
    return base


def changed(array: np.ndarray[Any, Any], name: str) -> None:
    """Note that an array was changed in place, by the operation of that name."""
    global latest
    latest = next(numbers)
    _changes[id(owner(array))] = latest, name


def check(number: int, reader: str, saved: Iterable[Any]) -> None:
    """Raise RuntimeError if an array among `saved` was changed after the node `number`.

    `latest` must be greater than `number` for this to be possible.
    """
    for value in saved:
        if isinstance(value, np.ndarray):
            when, name = _changes.get(id(owner(value)), (-1, ""))
            if when > number:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: {reader} saved it ({value.dtype}, shape {value.shape}) "
                    f"for its backward pass, and {name} changed it later"
                )
        elif type(value) is tuple:
            check(number, reader, value)
