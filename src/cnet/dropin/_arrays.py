"""Arguments of the drop-in layers: anything that NumPy accepts as an array, a shape or a size."""

from operator import index
from typing import Any

import numpy as np

from ..arrays import Array


def floats(function: str, name: str, x: Any, dtype: Any, *ndims: int) -> Array:
    """`x` as a C-contiguous array of `dtype`; `ndims` are the valid numbers of dimensions.

    Raises
    ------
    TypeError, ValueError
        If `x` does not hold real numbers, or has another number of dimensions.
    """
    is_ready = type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous
    if is_ready and (not ndims or x.ndim in ndims):
        return x
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{function}: {name} must hold real numbers (got dtype {x.dtype})")
    if ndims and x.ndim not in ndims:
        wanted = " or ".join(map(str, ndims))
        raise ValueError(
            f"{function}: {name} must have {wanted} dimensions (got {x.ndim}, shape {x.shape})"
        )
    return np.asarray(x, dtype, order="C")


def size(function: str, name: str, value: Any) -> int:
    """An integer of Python or NumPy as a Python integer, which does not overflow.

    Raises
    ------
    TypeError
        If `value` is not an integer.
    """
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} must be an int (got {value!r})") from None


def shape_of(function: str, name: str, value: Any) -> tuple[int, ...]:
    """A tuple, list or array of sizes as a tuple of Python integers.

    Raises
    ------
    TypeError
        If `value` is not a sequence of integers.
    """
    try:
        return tuple([index(item) for item in value])
    except TypeError:
        raise TypeError(f"{function}: {name} must be a sequence of ints (got {value!r})") from None


def axes(axis: Any) -> Any:
    """An axis, or several as a tuple, from an integer, a sequence or an array of them."""
    return axis if axis is None or np.ndim(axis) == 0 else tuple(axis)


def same_shape(function: str, name: str, got: Any, of: str, expected: Any) -> None:
    """Raise ValueError unless the two shapes are equal."""
    if got != expected and tuple(got) != tuple(expected):
        raise ValueError(
            f"{function}: {name}.shape must equal {of} (got {tuple(got)} and {tuple(expected)})"
        )
