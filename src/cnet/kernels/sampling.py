"""Samples of images and volumes at given positions."""

from functools import lru_cache
from math import prod
from typing import Any

from .. import _check, geometry
from ..arrays import Array, Shape
from . import _memory
from ._dispatch import call

MODES = "bilinear", "nearest", "bicubic"
PADDING_MODES = "zeros", "border", "reflection"
"""The options of `grid_sample`, in the order of the kernel."""

_CELLS = 2**30


def grid_sample(
    x: Array, grid: Array, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Array:  # fmt: skip
    """Sample images or volumes at given positions.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w) or (n, c, d, h, w)
        float32 or float64, not empty along the spatial axes.
    grid : ndarray, shape (n, oh, ow, 2) or (n, od, oh, ow, 3)
        The position (x, y) or (x, y, z) of each sample, in the dtype of `x`. −1 is the left, upper
        or front end of the image, 1 the opposite end.
    mode : {"bilinear", "nearest", "bicubic"}, default "bilinear"
        How cells around a position are combined; "bicubic" is for images only.
    padding_mode : {"zeros", "border", "reflection"}, default "zeros"
        The values outside of the image: 0, the nearest cell, or the mirror image.
    align_corners : bool, default False
        Whether −1 and 1 are the centres of the corner pixels, not their outer edges.

    Returns
    -------
    ndarray, shape (n, c, oh, ow) or (n, c, od, oh, ow)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape, dtype or value.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> kernels.grid_sample(x, np.zeros((1, 1, 1, 2)))
    array([[[[1.5]]]])
    """
    f = "grid_sample"
    x, grid, g, options = _arguments(f, x, grid, mode, padding_mode, align_corners)
    y = _memory.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    call("grid_sample", x, grid, y, g, *options)
    return y


def grid_sample_backward(
    grad_output: Array, x: Array, grid: Array, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool = False, needs: tuple[bool, bool] = (True, True),
) -> tuple[Array | None, Array | None]:  # fmt: skip
    """Gradients of `grid_sample` with respect to `x` and `grid`.

    Parameters
    ----------
    grad_output : ndarray, shape (n, c, oh, ow) or (n, c, od, oh, ow)
    x, grid, mode, padding_mode, align_corners
        The arguments of `grid_sample`.
    needs : (bool, bool), default (True, True)
        Which of the gradients to compute.

    Returns
    -------
    dx : ndarray, shape of `x`, or None if not needed
    dgrid : ndarray, shape of `grid`, or None if not needed

    Raises
    ------
    TypeError, ValueError
        As `grid_sample`, and if `grad_output` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, grid = np.ones((1, 1, 1, 2)), np.zeros((1, 1, 1, 2))
    >>> dx, dgrid = kernels.grid_sample_backward(np.ones((1, 1, 1, 1)), x, grid)
    >>> dx
    array([[[[0.5, 0.5]]]])
    """
    f = "grid_sample_backward"
    x, grid, g, options = _arguments(f, x, grid, mode, padding_mode, align_corners)
    grad_output = _check.array(f, "grad_output", grad_output)
    shape = *x.shape[:2], *grid.shape[1:-1]
    _check.same_shape(f, "grad_output", grad_output.shape, "that of the samples", shape)
    _check.same_dtype(f, x=x, grad_output=grad_output)
    dx, dgrid = _memory.empty_needed((x.shape, grid.shape), needs, x.dtype)
    call("grid_sample_backward", grad_output, x, grid, dx, dgrid, g, *options)
    return dx, dgrid


def _arguments(
    f: str, x: Array, grid: Array, mode: str, padding_mode: str, align_corners: bool
) -> tuple[Array, Array, tuple[int, ...], tuple[Any, ...]]:
    """The arrays, the fields of ``cnet_grid`` and the options as numbers."""
    x, grid = _check.array(f, "x", x), _check.array(f, "grid", grid)
    if grid.dtype is not x.dtype:
        _check.same_dtype(f, x=x, grid=grid)
    g, *numbers = _sizes(f, x.shape, grid.shape, mode, padding_mode)
    return x, grid, g, (*numbers, bool(align_corners))


@lru_cache(maxsize=1024)
def _sizes(
    f: str, x: Shape, grid: Shape, mode: str, padding_mode: str
) -> tuple[tuple[int, ...], int, int]:
    """The fields of ``cnet_grid``, and the numbers of the modes."""
    axes = len(x) - 2
    if axes not in (2, 3):
        raise ValueError(f"{f}: x must have 4 or 5 dimensions (got {len(x)}, shape {x})")
    if len(grid) != len(x) or grid[0] != x[0] or grid[-1] != axes:
        raise ValueError(
            f"{f}: grid must have the shape (n, ..., {axes}), with as many dimensions as x and its "
            f"n (got {grid} and {x})"
        )
    if not 0 < prod(x[2:]) < _CELLS:
        raise ValueError(f"{f}: x must have 1 to 2**30 - 1 cells for each channel (got {x})")
    for name, value, known in (
        ("mode", mode, MODES),
        ("padding_mode", padding_mode, PADDING_MODES),
    ):
        if value not in known:
            raise ValueError(f"{f}: {name} must be one of {', '.join(known)} (got {value!r})")
    if mode == "bicubic" and axes != 2:
        raise ValueError(f"{f}: x must have 4 dimensions in mode 'bicubic' (got {len(x)})")
    geometry.check_size(f, "the result", (*x[:2], *grid[1:-1]))
    missing = (1,) * (3 - axes)
    g = *x[:2], *missing, *x[2:], prod(grid[1:-1]), axes
    return g, MODES.index(mode), PADDING_MODES.index(padding_mode)
