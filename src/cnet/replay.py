"""What the package tells the recorder of a captured step, see `cnet.capture`.

Outside of captured steps, these functions do only what they are named for.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .modes import current

Array = npt.NDArray[Any]


def repeated(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Run a function that is no operation; it may change arrays among its arguments in place.

    It is not recorded by the kernels that it calls: each replay runs it again.
    """
    if current.recorder is None:
        return function(*args)
    return current.recorder.repeated(name, function, args)


def again(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """What a function that is no operation computes of arrays, which it does not change.

    Each replay computes it again; its shape must not depend on values.
    """
    if current.recorder is None:
        return function(*args)
    return current.recorder.repeated(name, function, args, is_pure=True)


def count(array: Array) -> None:
    """Add 1 to a number that only Python reads."""
    if current.recorder is None:
        array[()] = array.item() + 1  # operators of NumPy take longer for one element
    else:
        current.recorder.counted(array)


def constant(array: Array) -> Array:
    """A new array whose values are the same in each step."""
    return array if current.recorder is None else current.recorder.constant(array)


copying: Callable[[Array], Array] = np.ndarray.copy
"""Copies an array; `kernels` replaces it by a copy in its memory."""


def copied(array: Array) -> Array:
    """A C-contiguous copy of an array."""
    return copying(array) if current.recorder is None else current.recorder.copied(array)


def note_copy(array: Array, copy: Array) -> Array:
    """Note that an array is a copy of another one; return it."""
    if current.recorder is not None:
        current.recorder.note_copy(array, copy)
    return copy


def assign(x: Array, y: Array) -> None:
    """Write the values of `y` into `x`."""
    if current.recorder is None:
        x[...] = y
    else:
        current.recorder.assigned(x, y)


def refuse(reason: str) -> None:
    """Note why the step cannot be replayed."""
    if current.recorder is not None:
        current.recorder.refuse(reason)


def note_read(name: str) -> None:
    """Note that Python reads values, which its further steps may depend on."""
    refuse(f"{name}() reads values, on which Python code may depend")


def values_of(name: str, array: Array) -> Array:
    """An array whose values decide what a function that is no operation does next."""
    if current.recorder is not None and not current.recorder.is_computing:
        note_read(name)
    return array


def note_leaves(*args: Any) -> None:
    """Note the tensors among the arguments of a function that is no operation."""
    if current.recorder is not None:
        current.recorder.read(args)
