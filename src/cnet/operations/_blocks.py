"""Evaluation of formulas in blocks, so that intermediate values stay in the cache."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..kernels import _memory

BLOCK = 1 << 16
"""Elements of a block."""


def blockwise(function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """Call an elementwise function on one block of the arrays after the other.

    Arrays that are small, not contiguous, or of different shapes are not divided. Arrays without
    axes and other arguments are passed unchanged.
    """
    for array in arrays:
        if isinstance(array, np.ndarray) and array.size > BLOCK:
            break
    else:
        return function(*arrays, **options)
    large = [array for array in arrays if isinstance(array, np.ndarray) and array.ndim]
    shape, size = large[0].shape, large[0].size
    for array in large:
        if array.shape != shape or not array.flags.c_contiguous:
            return function(*arrays, **options)

    flat = [
        array.reshape(-1) if isinstance(array, np.ndarray) and array.ndim else None
        for array in arrays
    ]

    def block(start: int) -> Array:
        parts = [
            array if line is None else line[start : start + BLOCK]
            for array, line in zip(arrays, flat, strict=True)
        ]
        result: Array = function(*parts, **options)
        return result

    first = block(0)
    y = _memory.empty(shape, first.dtype)
    line = y.reshape(-1)
    line[:BLOCK] = first
    for start in range(BLOCK, size, BLOCK):
        line[start : start + BLOCK] = block(start)
    return y
