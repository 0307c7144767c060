"""Input of the styles: whatever NumPy takes for numbers, in the dtype of the style."""

from typing import Any

import numpy as np

from ..arrays import Array


def floats(function: str, name: str, x: Any, dtype: Any, *ndims: int) -> Array:
    """`x` as a C-contiguous array of `dtype`, of one of these numbers of dimensions, if given.

    Raises
    ------
    TypeError, ValueError
        If it does not hold real numbers, or has other dimensions.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{function}: {name} must hold real numbers (got dtype {x.dtype})")
    if ndims and x.ndim not in ndims:
        wanted = " or ".join(map(str, ndims))
        raise ValueError(
            f"{function}: {name} must have {wanted} dimensions (got {x.ndim}, shape {x.shape})"
        )
    return np.asarray(x, dtype, order="C")


def same_shape(function: str, name: str, got: Any, of: str, expected: Any) -> None:
    """A ValueError unless the two shapes are equal."""
    if tuple(got) != tuple(expected):
        raise ValueError(
            f"{function}: {name}.shape must equal {of} (got {tuple(got)} and {tuple(expected)})"
        )
