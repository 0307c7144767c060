"""Windows over images.

For a fixed position (i, j) in the window, the cells of all windows at this position are a strided
slice of the padded images, of shape (n, c, oh, ow).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..geometry import Conv2d, Window2d


def images(g: Window2d, x: Array, y: Array) -> tuple[Array, Array]:
    """The input and the result as images; those of a window on one axis have height 1."""
    return x.reshape(g.n, g.c, g.h, g.w), y.reshape(g.n, g.c, g.oh, g.ow)


def padding(g: Window2d | Conv2d) -> tuple[tuple[int, int], ...]:
    """The argument of `numpy.pad` with which every window is inside the image."""
    below = (g.oh - 1) * g.sh + (g.kh - 1) * g.dh + 1 - g.ph - g.h
    right = (g.ow - 1) * g.sw + (g.kw - 1) * g.dw + 1 - g.pw - g.w
    return (0, 0), (0, 0), (g.ph, max(below, 0)), (g.pw, max(right, 0))


def positions(padded: Array, g: Window2d | Conv2d) -> Iterator[tuple[int, int, Array]]:
    """(i, j, view): the cells (..., oh, ow) of all windows at row i, column j; row-major."""
    for i in range(g.kh):
        for j in range(g.kw):
            rows = slice(i * g.dh, i * g.dh + (g.oh - 1) * g.sh + 1, g.sh)
            columns = slice(j * g.dw, j * g.dw + (g.ow - 1) * g.sw + 1, g.sw)
            yield i, j, padded[..., rows, columns]


def zeros(g: Window2d | Conv2d, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Padded images of zeros, and the view of the images in them."""
    (_, _, (above, below), (left, right)) = padding(g)
    padded = np.zeros((g.n, g.c, above + g.h + below, left + g.w + right), dtype)
    return padded, padded[:, :, above : above + g.h, left : left + g.w]
