"""The memory of results."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .. import _core
from ..arrays import Array, Shape

CACHED_BYTES = 1 << 16


def empty(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Allocate a result of a kernel; large results use the cached memory of the C library."""
    if prod(shape) * dtype.itemsize < CACHED_BYTES or len(shape) > 8:
        return np.empty(shape, dtype)
    return _core.empty(shape, dtype.num, dtype.itemsize)


def empty_needed(
    shapes: Sequence[Shape], needs: Sequence[bool], dtype: np.dtype[Any]
) -> tuple[Array | None, ...]:
    """A result for each shape, or None where it is not needed."""
    pairs = zip(shapes, needs, strict=True)
    return tuple(empty(shape, dtype) if need else None for shape, need in pairs)
