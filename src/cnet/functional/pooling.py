"""Pooling: one number for each window of an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike
from .conv import as_batch


class MaxPool2d(Operation[tuple[Tensor, Tensor]]):
    @staticmethod
    def forward(ctx: Context, x: Array, **options: Any) -> tuple[Array, Array]:
        y, argmax = kernels.max_pool2d(x, **options)
        ctx.save_for_backward(argmax)
        return y, argmax

    @staticmethod
    def backward(ctx: Context, grad: Array, _: None) -> Any:
        (argmax,) = ctx.saved
        return kernels.max_pool2d_backward(grad, argmax, ctx.input_shape(0))


def max_pool2d(
    input: TensorLike,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The greatest number in each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        Images, or one image, float32 or float64.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window; its size by default.
    padding : int or (int, int), default 0
        Cells of −inf around the images, at most half of `kernel_size`.
    dilation : int or (int, int), default 1
        The distance of the cells in a window.
    ceil_mode : bool, default False
        Whether a last window that reaches beyond the padded image counts.
    return_indices : bool, default False
        Whether to return positions too.

    Returns
    -------
    y : Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        Of equal maxima the first, row by row, takes the gradient. NaN is greater than any number.
    indices : Tensor of int64, in the shape of `y`, if `return_indices`
        Where in its image plane each maximum stands, as ``row * w + column``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded image.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.arange(16.0).reshape(1, 1, 4, 4)
    >>> y, indices = cnet.functional.max_pool2d(x, 2, return_indices=True)
    >>> indices[0, 0]
    tensor([[ 5,  7],
            [13, 15]])
    """
    images, unbatched = as_batch("max_pool2d", input)
    y, indices = MaxPool2d.apply(
        images, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
        ceil_mode=ceil_mode,
    )  # fmt: skip
    if unbatched:
        y, indices = y.squeeze(0), indices.squeeze(0)
    return (y, indices.astype(np.int64)) if return_indices else y


class AvgPool2d(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, **options: Any) -> Array:
        ctx.options = options
        return kernels.avg_pool2d(x, **options)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return kernels.avg_pool2d_backward(grad, ctx.input_shape(0), **ctx.options)


def avg_pool2d(
    input: TensorLike,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        Images, or one image, float32 or float64.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window; its size by default.
    padding : int or (int, int), default 0
        Cells of 0 around the images, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether a last window that reaches beyond the padded image counts.
    count_include_pad : bool, default True
        Whether cells of the padding count in the divisor.
    divisor_override : int, optional
        What to divide by instead of the number of cells.

    Returns
    -------
    Tensor, shape (n, c, oh, ow) or (c, oh, ow)

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded image.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.arange(16.0).reshape(1, 1, 4, 4)
    >>> cnet.functional.avg_pool2d(x, 2)[0, 0]
    tensor([[ 2.5,  4.5],
            [10.5, 12.5]], dtype=float64)
    """
    images, unbatched = as_batch("avg_pool2d", input)
    y: Tensor = AvgPool2d.apply(
        images, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor_override=divisor_override,
    )  # fmt: skip
    return y.squeeze(0) if unbatched else y
