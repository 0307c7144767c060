"""Reductions and running sums along an axis."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array

# In the order of csrc/kernels/reduce/reductions.h; a reduction is passed as its number there.
REDUCTIONS: dict[str, Callable[[Array], Any]] = {
    "sum": lambda x: x.sum(1),
    "squares": lambda x: (x * x).sum(1),
    "magnitudes": lambda x: np.abs(x).sum(1),
    "product": lambda x: x.prod(1),
    "maximum": lambda x: x.max(1, initial=-np.inf),
    "minimum": lambda x: x.min(1, initial=np.inf),
}
_BY_NUMBER = tuple(REDUCTIONS.values())


def reduce(x: Array, y: Array, g: tuple[int, int, int], operation: int) -> None:
    """y[n, t] = the reduction of x[n, :, t]; `g` is (n, c, size)."""
    with np.errstate(all="ignore"):
        y[...] = _BY_NUMBER[operation](x.reshape(g).astype(np.longdouble)).reshape(y.shape)


def accumulate(x: Array, y: Array, g: tuple[int, int, int], product: bool, reversed: bool) -> None:
    """y[n, i, t] = the sum or product of x[n, :i + 1, t], or of x[n, i:, t]."""
    order = slice(None, None, -1 if reversed else 1)
    function = np.multiply if product else np.add
    with np.errstate(all="ignore"):
        z = function.accumulate(x.reshape(g)[:, order], 1, np.float64)[:, order]
        y[...] = z.reshape(y.shape)
