"""Maxima and minima along axes: floats by `kernels.reduce`, others by NumPy."""

from typing import Any

import numpy as np

from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array
from ..kernels.reduce import reduce_plain
from ._sums import Axes, reduced


def extremum(
    ufunc: np.ufunc, x: Array, axes: Axes, keepdims: bool = False, **initial: float
) -> Array:
    """The maximum or minimum along axes, for `np.maximum` or `np.minimum`; NaN wins over numbers.

    `initial` is the result for no elements, which is an infinity.
    """
    y = reduce_plain(x, ufunc.__name__, axes, keepdims)
    if y is not None:
        return y
    if x.size == 0 or (x.dtype is not FLOAT32 and x.dtype is not FLOAT64):
        reduce: Any = ufunc.reduce
        return np.asarray(reduce(x, axes, None, None, keepdims, **initial))
    return reduced(x, ufunc.__name__, axes, keepdims)
