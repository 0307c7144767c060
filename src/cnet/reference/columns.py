"""im2col and col2im: windows of images as columns, and the reverse."""

import numpy as np

from ..arrays import Array
from ..geometry import Window2d
from ._windows import padding, positions, zeros


def im2col(x: Array, cols: Array, g: Window2d) -> None:
    """cols[n, (c, i, j), (y, x)] = x_padded[n, c, y sh + i dh, x sw + j dw]."""
    by_position = cols.reshape(g.n, g.c, g.kh, g.kw, g.oh, g.ow)
    for i, j, cells in positions(np.pad(x, padding(g)), g):
        by_position[:, :, i, j] = cells


def col2im(cols: Array, x: Array, g: Window2d) -> None:
    """x_padded[n, c, y sh + i dh, x sw + j dw] += cols[n, (c, i, j), (y, x)]: im2col's adjoint.

    The terms of a cell in several windows are added in the order of (i, j), row-major.
    """
    by_position = cols.reshape(g.n, g.c, g.kh, g.kw, g.oh, g.ow)
    padded, images = zeros(g, x.dtype)
    for i, j, cells in positions(padded, g):
        cells += by_position[:, :, i, j]
    x[...] = images
