"""Copies of arrays in memory formats."""

from typing import Any

import numpy as np

from ..autograd import Array
from ..kernels.channels_last import contiguous_copy
from ..layouts import axis_order, preserve_format, preserved


def copied(function: str, array: Array, chosen: Any) -> Array:
    """A copy of an array in a format."""
    if chosen is preserve_format:
        return preserved(array)
    order = axis_order(function, array.ndim, chosen)
    return contiguous_copy(array.transpose(order)).transpose(np.argsort(order))
