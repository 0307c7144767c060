"""Records which arrays were changed in place, and when.

One counter numbers both the nodes of the graph and the changes. If a saved array was changed after
its node was recorded, the change has a higher number than the node. A node therefore compares only
numbers.

Aliases share memory, and therefore an owner: the array, or other object, that the memory belongs
to. A change is stored under the address of the owner. A new owner may reuse the address of an old
one without error: a node that saves the memory of the new owner has a higher number than every
change of the old one.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import numpy as np

from ..modes import current

numbers = count()
latest = -1
"""The number of the last change."""

_changes: dict[int, tuple[int, str]] = {}


def owner(array: np.ndarray[Any, Any]) -> Any:
    """The object that the memory of an array belongs to."""
    base = array.base
    if base is None:
        return array
    while isinstance(base, np.ndarray) and base.base is not None:  # subclasses form chains
        base = base.base
    return base


def changed(array: np.ndarray[Any, Any], name: str) -> None:
    """Record that the operation `name` changed an array in place."""
    global latest
    if current.recorder is not None:
        current.recorder.changed(array, name)
    latest = next(numbers)
    _changes[id(owner(array))] = latest, name


def last_change(array: np.ndarray[Any, Any]) -> tuple[int, str]:
    """The number of the last change of an array, or -1, and the operation that changed it."""
    return _changes.get(id(owner(array)), (-1, ""))


def arrays(saved: Iterable[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """All arrays among the values that a node saved, and in tuples among them."""
    for value in saved:
        if isinstance(value, np.ndarray):
            yield value
        elif type(value) is tuple:
            yield from arrays(value)


def check(number: int, reader: str, saved: Iterable[Any]) -> None:
    """Raise RuntimeError if an array among `saved` was changed after the node `number`.

    Call it only if `latest` is greater than `number`; otherwise there is nothing to check.
    """
    for array in arrays(saved):
        when, name = last_change(array)
        if when > number:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an "
                f"inplace operation: {reader} saved it ({array.dtype}, shape {array.shape}) "
                f"for its backward pass, and {name} changed it later"
            )
