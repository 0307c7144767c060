"""Pooling: reduces each window of an image to one number."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike
from .conv import as_batch

__all__ = ["avg_pool2d", "max_pool2d"]


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
    """The maximum of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of cells of −inf on each side of the images, at most half of `kernel_size`.
    dilation : int or (int, int), default 1
        The distance between neighbouring cells of a window.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded image.
    return_indices : bool, default False
        Whether to return the positions as well.

    Returns
    -------
    y : Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        In the dtype of `input`. NaN counts as greater than any number. Of equal maxima, the first
        in row-major order gets the gradient.
    indices : Tensor of int64, in the shape of `y`
        The position of each maximum in its channel of the image, ``row * w + column``. Returned
        only if `return_indices` is True.

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
    images, unbatched = as_batch("max_pool2d", input, 2)
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
        A batch of images or a single image, float32 or float64.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of zeros on each side of the images, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded image.
    count_include_pad : bool, default True
        Whether padding cells count in the divisor.
    divisor_override : int, optional
        The divisor, in place of the number of cells.

    Returns
    -------
    Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        In the dtype of `input`.

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
    images, unbatched = as_batch("avg_pool2d", input, 2)
    y: Tensor = AvgPool2d.apply(
        images, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor_override=divisor_override,
    )  # fmt: skip
    return y.squeeze(0) if unbatched else y
