"""Maxima and minima along axes: large arrays by `kernels.reduce`, others by NumPy."""

from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array
from ._sums import SMALL, Axes


def extremum(
    ufunc: np.ufunc, x: Array, axes: Axes, keepdims: bool = False, **initial: float
) -> Array:
    """The maximum or minimum along axes, for `np.maximum` or `np.minimum`; NaN wins over numbers.

    `initial` is the result for no elements, which is an infinity.
    """
    if x.size <= SMALL or x.itemsize == 2 or x.dtype.kind != "f":
        reduce: Any = ufunc.reduce
        return np.asarray(reduce(x, axes, None, None, keepdims, **initial))
    y = kernels.reduce(x, ufunc.__name__, axes).astype(x.dtype, copy=False)
    return y if keepdims else y.squeeze(axes)
