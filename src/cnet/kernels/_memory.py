"""The memory of results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core, replay
from ..arrays import Array, Shape

CACHED_BYTES = _core.cached_bytes
"""Results of at least so many bytes use the cached memory of the C library."""

empty = _core.empty
"""Allocate a result of a kernel, from its shape and dtype."""


def empty_needed(
    shapes: Sequence[Shape], needs: Sequence[bool], dtype: np.dtype[Any]
) -> tuple[Array | None, ...]:
    """A result for each shape, or None where it is not needed."""
    pairs = zip(shapes, needs, strict=True)
    return tuple([empty(shape, dtype) if need else None for shape, need in pairs])


def copied(x: Array) -> Array:
    """A C-contiguous copy of an array of numbers."""
    if x.nbytes < CACHED_BYTES:
        return x.copy()
    y: Array = empty(x.shape, x.dtype)
    y[...] = x
    return y


replay.copying = copied
