"""Sampling of images and volumes at given positions."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import _check, kernels
from .._explained import explained
from ..arrays import Shape
from ..autograd import Array, Context, Operation
from ..geometry import integer
from ..kernels.sampling import MODES, PADDING_MODES
from ..replay import constant
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["affine_grid", "grid_sample"]


class GridSample(Operation[Tensor]):
    @staticmethod
    def compute(
        x: Array, grid: Array, *, mode: str, padding_mode: str, align_corners: bool
    ) -> Array:
        return kernels.grid_sample(x, grid, mode, padding_mode, align_corners)

    @staticmethod
    def forward(
        ctx: Context, x: Array, grid: Array, *, mode: str, padding_mode: str, align_corners: bool
    ) -> Array:
        ctx.save_for_backward(x, grid)
        ctx.options = mode, padding_mode, align_corners
        return kernels.grid_sample(x, grid, mode, padding_mode, align_corners)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x, grid), (mode, padding_mode, align_corners) = ctx.saved, ctx.options
        need_x, need_grid = ctx.needs_input_grad
        return kernels.grid_sample_backward(
            grad, x, grid, mode, padding_mode, align_corners, (need_x, need_grid)
        )


@explained
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
    try:
        return GridSample.apply(
            x, positions, mode=mode, padding_mode=padding_mode, align_corners=bool(align_corners)
        )
    except (TypeError, ValueError):
        _check.float_dtype("grid_sample", "input.dtype", x.dtype)
        _check.same_dtype("grid_sample", input=x._array, grid=positions._array)
        _explain_shapes(x.shape, positions.shape, mode, padding_mode)
        raise


def _explain_shapes(x: Shape, grid: Shape, mode: str, padding_mode: str) -> None:
    """Raise an exception if an option, or the shape of the input or the grid, is wrong."""
    axes = len(x) - 2
    if axes not in (2, 3):
        raise ValueError(
            f"grid_sample: input must have 4 or 5 dimensions (got {len(x)}, shape {x})"
        )
    if len(grid) != len(x) or grid[0] != x[0] or grid[-1] != axes:
        expected = f"(n, {'od, ' if axes == 3 else ''}oh, ow, {axes})"
        raise ValueError(
            f"grid_sample: grid must have the shape {expected} with the n of input "
            f"(got {grid} and {x})"
        )
    if 0 in x[2:]:
        raise ValueError(f"grid_sample: input must have cells on its spatial axes (got {x})")
    if mode not in MODES:
        raise ValueError(f"grid_sample: mode must be one of {', '.join(MODES)} (got {mode!r})")
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f"grid_sample: padding_mode must be one of {', '.join(PADDING_MODES)} "
            f"(got {padding_mode!r})"
        )
    if mode == "bicubic" and axes != 2:
        raise NotImplementedError(
            f"grid_sample: input must have 4 dimensions in mode 'bicubic' (got {len(x)})"
        )


class AffineGrid(Operation[Tensor]):
    """Multiplies the points of a grid by matrices of shape (n, axes, axes + 1).

    As one product, whose rows are the coordinates: products with two or three columns are slow.
    """

    @staticmethod
    def forward(
        ctx: Context, matrices: Array, *, sizes: tuple[int, ...], align_corners: bool
    ) -> Array:
        ctx.points = points = constant(_points(sizes, align_corners, matrices.dtype))
        n, axes, terms = matrices.shape
        rows = kernels.matmul(matrices.reshape(n * axes, terms), points)
        return kernels.transpose(rows.reshape(n, axes, -1)).reshape(n, *sizes, axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        n, axes, terms = ctx.input_shape(0)
        rows = kernels.transpose(grad.reshape(n, -1, axes)).reshape(n * axes, -1)
        return kernels.matmul(rows, ctx.points.T).reshape(n, axes, terms)


@lru_cache(maxsize=8)
def _points(sizes: tuple[int, ...], align_corners: bool, dtype: np.dtype[Any]) -> Array:
    """The points of a grid with these sizes, and a row of ones: shape (axes + 1, count)."""
    lines = []
    for count in sizes:
        ends = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        lines.append(ends if align_corners else ends * (count - 1) / count)
    coordinates = np.meshgrid(*lines, indexing="ij")[::-1]
    points = np.stack([*coordinates, np.ones(sizes)]).astype(dtype)
    return points.reshape(len(sizes) + 1, -1)


@explained
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
    return AffineGrid.apply(matrices, sizes=shape[2:], align_corners=bool(align_corners))
