"""Sampling of images and volumes at given positions.

A grid of positions is an array whose last axis holds the coordinates (x, y) or (x, y, z), each from
−1 to 1. A sample is a weighted sum of the cells around its position: the weights are products of
weights along the axes, and depend on the mode.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .. import _check, kernels
from ..autograd import Array, Context, Operation
from ..geometry import integer
from ..kernels._memory import empty
from ..operations.products import matmul
from ..tensor import Tensor, TensorLike, as_tensor
from .pooling import scatter

__all__ = ["affine_grid", "grid_sample"]


class Taps(NamedTuple):
    """The cells along one axis that contribute to each sample: arrays (taps, n, samples)."""

    cells: Array
    """Positions on the axis; negative, or beyond the end, for cells outside of the image. Whole
    numbers, which the modes return as floats."""
    weights: Array
    slopes: Array
    """Derivatives of the weights with respect to the coordinate."""


# ---- Coordinates ---------------------------------------------------------------------------------


def _pixels(coordinates: Array, size: int, align_corners: bool) -> tuple[Array, float]:
    """Coordinates from −1 to 1 in cells, and the derivative."""
    if align_corners:
        return (coordinates + 1) / 2 * (size - 1), (size - 1) / 2
    return ((coordinates + 1) * size - 1) / 2, size / 2


def _clipped(x: Array, size: int) -> tuple[Array, Array]:
    """Move positions outside to the border; and the derivative."""
    return np.clip(x, 0, size - 1), ((x > 0) & (x < size - 1)).astype(x.dtype)


def _reflected(x: Array, size: int, align_corners: bool) -> tuple[Array, Array]:
    """Reflect positions outside at the border; and the derivative."""
    low, span = (0.0, size - 1) if align_corners else (-0.5, size)
    if span == 0:
        return np.zeros_like(x), np.zeros_like(x)
    distance, sign = np.abs(x - x.dtype.type(low)), np.where(x < low, -1, 1)
    extra = np.fmod(distance, x.dtype.type(span))
    even = np.floor(distance / x.dtype.type(span)) % 2 == 0
    reflected = np.where(even, extra, span - extra) + x.dtype.type(low)
    clipped, slope = _clipped(reflected.astype(x.dtype), size)
    return clipped, slope * np.where(even, sign, -sign).astype(x.dtype)


def _moved_inside(
    x: Array, size: int, padding_mode: str, align_corners: bool
) -> tuple[Array, Array | float]:
    if padding_mode == "border":
        return _clipped(x, size)
    if padding_mode == "reflection":
        return _reflected(x, size, align_corners)
    return x, 1.0


OUTSIDE = 8.0
"""A position at this distance before the image, or a larger one, reads no cell of the image."""
FAR = 2.0**30
"""A position that is behind the end of any image."""


# ---- Modes ---------------------------------------------------------------------------------------


def _integers(cells: Array) -> Array:
    """Positions as integers; those far outside stay outside."""
    integers: Array = np.clip(cells, -OUTSIDE, FAR).astype(np.int32)
    return integers


def _nearest(x: Array) -> Taps:
    return Taps(np.rint(x)[None], np.ones_like(x)[None], np.zeros_like(x)[None])


def _linear(x: Array) -> Taps:
    first = np.floor(x)
    share, one = x - first, np.ones_like(x)
    return Taps(np.stack([first, first + 1]), np.stack([1 - share, share]), np.stack([-one, one]))


def _cubic(x: Array, a: float = -0.75) -> Taps:
    first = np.floor(x)
    share = x - first
    near, far = np.stack([share, 1 - share]), np.stack([share + 1, 2 - share])
    near_weights = ((a + 2) * near - (a + 3)) * near * near + 1
    far_weights = ((far - 5) * far + 8) * far * a - 4 * a
    near_slopes = (3 * (a + 2) * near - 2 * (a + 3)) * near
    far_slopes = ((3 * far - 10) * far + 8) * a
    return Taps(
        first + np.arange(-1, 3, dtype=x.dtype)[:, None, None],
        np.stack([far_weights[0], near_weights[0], near_weights[1], far_weights[1]]),
        np.stack([far_slopes[0], near_slopes[0], -near_slopes[1], -far_slopes[1]]),
    )


MODES: dict[str, Callable[[Array], Taps]] = {
    "bilinear": _linear, "nearest": _nearest, "bicubic": _cubic,
}  # fmt: skip
PADDING_MODES = "zeros", "border", "reflection"


def _taps(coordinates: Array, size: int, mode: str, padding_mode: str, align_corners: bool) -> Taps:
    """The taps along one axis for coordinates from −1 to 1."""
    x, scale = _pixels(coordinates, size, align_corners)
    if not np.isfinite(x).all():
        x = np.nan_to_num(x, nan=-OUTSIDE, neginf=-OUTSIDE, posinf=FAR)
    slope: Array | float = 1.0
    if mode != "bicubic":
        x, slope = _moved_inside(x, size, padding_mode, align_corners)
    taps = MODES[mode](x)
    cells = taps.cells
    if mode == "bicubic":
        moved, _ = _moved_inside(cells, size, padding_mode, align_corners)
        cells = np.rint(moved)
    slopes = (taps.slopes * slope * scale).astype(x.dtype)
    return Taps(_integers(cells), taps.weights, slopes)


# ---- The operation -------------------------------------------------------------------------------


class _Window:
    """The cells around all samples of a batch: `taps` of each spatial axis, in their order.

    The sizes of the images are `sizes`. Cells are numbered in row-major order; one more cell, which
    is 0, stands for all cells outside of an image.
    """

    def __init__(self, taps: Sequence[Taps], sizes: tuple[int, ...]) -> None:
        self.taps, self.sizes = taps, sizes
        self.numbers = [*product(*[range(len(tap.cells)) for tap in taps])]
        inside = [
            (tap.cells >= 0) & (tap.cells < size) for tap, size in zip(taps, sizes, strict=True)
        ]
        self.cells = self._stacked(np.int32)
        for place, numbers in enumerate(self.numbers):
            first, *rest = (tap.cells[k] for tap, k in zip(taps, numbers, strict=True))
            within, *others = (cells[k] for cells, k in zip(inside, numbers, strict=True))
            cells: Array = np.where(within, first, 0)
            for size, tap_cells, other in zip(sizes[1:], rest, others, strict=True):
                cells = cells * np.int32(size) + tap_cells
                within = within & other
            self.cells[..., place] = np.where(within, cells, np.int32(prod(sizes)))

    def _stacked(self, dtype: Any) -> Array:
        """A new array of shape (n, samples, taps)."""
        return np.empty((*self.taps[0].weights.shape[1:], len(self.numbers)), dtype)

    def weights(self, derivative: int | None = None) -> Array:
        """The weight of each tap, or its derivative with respect to one coordinate."""
        result = self._stacked(self.taps[0].weights.dtype)
        for place, numbers in enumerate(self.numbers):
            result[..., place] = 1
            for axis, (tap, k) in enumerate(zip(self.taps, numbers, strict=True)):
                result[..., place] *= (tap.slopes if axis == derivative else tap.weights)[k]
        return result


SAMPLES = 1 << 15
"""About the number of samples that are computed together, so that temporary arrays stay small."""


class GridSample(Operation[Tensor]):
    @staticmethod
    def forward(
        ctx: Context, x: Array, grid: Array, *, mode: str, padding_mode: str, align_corners: bool
    ) -> Array:
        n, c, *sizes = x.shape
        samples = prod(grid.shape[1:-1])
        points = grid.reshape(n, samples, len(sizes))
        lines, y = _with_outside(x), empty((n, c, samples), x.dtype)
        step, ctx.windows = max(1, SAMPLES // max(samples, 1)), []
        for first in range(0, max(n, 1), step):
            images = slice(first, first + step)
            taps = [
                _taps(points[images, :, -1 - axis], size, mode, padding_mode, align_corners)
                for axis, size in enumerate(sizes)
            ]
            window = _Window(taps, tuple(sizes))
            ctx.windows.append((images, window))
            _sample(lines[images], window, y[images])
        ctx.save_for_backward(lines)
        ctx.grid_shape = grid.shape
        return y.reshape(n, c, *grid.shape[1:-1])

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (lines,) = ctx.saved
        need_x, need_grid = ctx.needs_input_grad
        grad = grad.reshape(*grad.shape[:2], prod(grad.shape[2:]))
        dx = dgrid = None
        if need_x:
            parts = [_scattered(grad[images], window, lines) for images, window in ctx.windows]
            dx = np.concatenate(parts).reshape(ctx.input_shape(0))
        if need_grid:
            parts = [
                _grid_gradient(grad[images], window, lines[images])
                for images, window in ctx.windows
            ]
            dgrid = np.concatenate(parts).reshape(ctx.grid_shape)
        return dx, dgrid


def _sample(lines: Array, window: _Window, y: Array) -> None:
    """Write the samples of some images into y."""
    starts = np.arange(y.shape[2] + 1) * len(window.numbers)
    for image, cells, weights, result in zip(lines, window.cells, window.weights(), y, strict=True):
        result[...] = kernels.resample(image, starts, cells.ravel(), weights.ravel())


def _scattered(grad: Array, window: _Window, lines: Array) -> Array:
    """The gradients of some images: each sample adds to the cells around it."""
    dx = np.empty((*grad.shape[:2], lines.shape[2] - 1), grad.dtype)
    for image, gradients, cells, weights in zip(
        dx, grad, window.cells, window.weights(), strict=True
    ):
        values = gradients[..., None] * weights
        places = np.broadcast_to(cells, values.shape)
        image[...] = scatter(values[None], places[None], (1, *lines.shape[1:]))[0, :, :-1]
    return dx


def _grid_gradient(grad: Array, window: _Window, lines: Array) -> Array:
    """The gradients of the positions in some images, with x before y."""
    along = _along(grad, lines, window.cells)
    axes = range(len(window.taps))[::-1]
    return np.stack([(along * window.weights(axis)).sum(-1) for axis in axes], -1)


def _with_outside(x: Array) -> Array:
    """Images as lines of cells, with the cell that stands for all cells outside."""
    n, c, cells = *x.shape[:2], prod(x.shape[2:])
    lines = empty((n, c, cells + 1), x.dtype)
    lines[..., :-1] = x.reshape(n, c, cells)
    lines[..., -1] = 0
    return lines


def _along(grad: Array, x: Array, cells: Array) -> Array:
    """The derivative with respect to the weight of each tap: sums over the channels."""
    result = np.empty(cells.shape, x.dtype)
    for image, gradients, places, sums in zip(x, grad, cells, result, strict=True):
        values = np.ascontiguousarray(image.T).take(places, 0)
        np.einsum("stc,sc->st", values, np.ascontiguousarray(gradients.T), out=sums)
    return result


def grid_sample(
    input: TensorLike,
    grid: TensorLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample images or volumes at given positions.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (n, c, d, h, w)
        float32 or float64.
    grid : Tensor or ndarray, shape (n, oh, ow, 2) or (n, od, oh, ow, 3)
        The position (x, y) or (x, y, z) of each sample, in the dtype of `input`. −1 is the left,
        upper or front end of the image, 1 the opposite end.
    mode : {"bilinear", "nearest", "bicubic"}, default "bilinear"
        How cells around a position are combined; "bilinear" is trilinear for volumes, and "bicubic"
        is for images only.
    padding_mode : {"zeros", "border", "reflection"}, default "zeros"
        The values outside of the image: 0, the nearest cell, or the mirror image.
    align_corners : bool, default False
        Whether −1 and 1 are the centres of the corner pixels, not their outer edges.

    Returns
    -------
    Tensor, shape (n, c, oh, ow) or (n, c, od, oh, ow)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not match, or a mode is unknown.
    NotImplementedError
        If `mode` is "bicubic" and `input` holds volumes.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> grid = cnet.tensor([[[[0.0, 0.0], [1.0, -1.0]]]])
    >>> cnet.functional.grid_sample(x, grid, align_corners=True)
    tensor([[[[1.5, 1. ]]]])

    References
    ----------
    M. Jaderberg et al.: Spatial transformer networks, NIPS 2015.
    """
    x, positions = as_tensor(input), as_tensor(grid)
    _check_grid(x, positions)
    if mode not in MODES:
        raise ValueError(f"grid_sample: mode must be one of {', '.join(MODES)} (got {mode!r})")
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f"grid_sample: padding_mode must be one of {', '.join(PADDING_MODES)} "
            f"(got {padding_mode!r})"
        )
    if mode == "bicubic" and x.ndim != 4:
        raise NotImplementedError(
            f"grid_sample: input must have 4 dimensions in mode 'bicubic' (got {x.ndim})"
        )
    return GridSample.apply(
        x, positions, mode=mode, padding_mode=padding_mode, align_corners=bool(align_corners)
    )


def _check_grid(x: Tensor, grid: Tensor) -> None:
    _check.float_dtype("grid_sample", "input.dtype", x.dtype)
    _check.same_dtype("grid_sample", input=x._array, grid=grid._array)
    if x.ndim not in (4, 5):
        raise ValueError(
            f"grid_sample: input must have 4 or 5 dimensions (got {x.ndim}, shape {x.shape})"
        )
    expected = f"(n, {'od, ' if x.ndim == 5 else ''}oh, ow, {x.ndim - 2})"
    if grid.ndim != x.ndim or grid.shape[0] != x.shape[0] or grid.shape[-1] != x.ndim - 2:
        raise ValueError(
            f"grid_sample: grid must have the shape {expected} with the n of input "
            f"(got {grid.shape} and {x.shape})"
        )
    if 0 in x.shape[2:]:
        raise ValueError(f"grid_sample: input must have cells on its spatial axes (got {x.shape})")


def affine_grid(
    theta: TensorLike, size: Sequence[int], align_corners: bool | None = None
) -> Tensor:
    """The grid of positions for `grid_sample` that performs affine transformations.

    Parameters
    ----------
    theta : Tensor or ndarray, shape (n, 2, 3) or (n, 3, 4)
        The matrices, which map positions in the result to positions in the input.
    size : sequence of int, (n, c, h, w) or (n, c, d, h, w)
        The shape of the result of `grid_sample`.
    align_corners : bool, default False
        As in `grid_sample`.

    Returns
    -------
    Tensor, shape (n, h, w, 2) or (n, d, h, w, 3)
        In the dtype of `theta`.

    Raises
    ------
    TypeError, ValueError
        If the shape or dtype of `theta` does not match, or a size is not positive.

    Examples
    --------
    >>> import cnet
    >>> theta = cnet.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> cnet.functional.affine_grid(theta, (1, 1, 1, 2))
    tensor([[[[-0.5,  0. ],
              [ 0.5,  0. ]]]])
    """
    matrices = as_tensor(theta)
    _check.float_dtype("affine_grid", "theta.dtype", matrices.dtype)
    shape = tuple([integer("affine_grid", "size", number) for number in size])
    axes = len(shape) - 2
    if axes not in (2, 3) or min(shape) < 1:
        raise ValueError(f"affine_grid: size must be 4 or 5 positive numbers (got {shape})")
    if matrices.shape != (shape[0], axes, axes + 1):
        raise ValueError(
            f"affine_grid: theta.shape must equal (size[0], {axes}, {axes + 1}) "
            f"(got {matrices.shape} and size {shape})"
        )
    lines = []
    for count in shape[2:]:
        ends = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        lines.append(ends if align_corners else ends * (count - 1) / count)
    coordinates = np.meshgrid(*lines, indexing="ij")[::-1]
    points = np.stack([*coordinates, np.ones(shape[2:])], -1).astype(matrices.dtype)
    grid = matmul(points.reshape(1, prod(shape[2:]), axes + 1), matrices.transpose(1, 2))
    return grid.reshape(shape[0], *shape[2:], axes)
