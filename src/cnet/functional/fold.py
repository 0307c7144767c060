"""Windows of images as columns, and their sum back into images."""

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

from .. import geometry, kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike, as_tensor
from ._batch import as_batch

__all__ = ["fold", "unfold"]

Sizes: TypeAlias = int | Sequence[int]


class Unfold(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, **window: Any) -> Array:
        ctx.window = window
        return kernels.im2col(x, **window)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        return kernels.col2im(grad, ctx.input_shape(0), **ctx.window)


class Fold(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, cols: Array, *, x_shape: tuple[int, ...], **window: Any) -> Array:
        ctx.window = window
        return kernels.col2im(cols, x_shape, **window)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        return kernels.im2col(grad, **ctx.window)


@explained
def unfold(
    input: TensorLike,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Copy the windows of images into columns.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    kernel_size : int or (int, int)
        The size of the window.
    dilation : int or (int, int), default 1
        The distance between neighbouring cells of a window.
    padding : int or (int, int), default 0
        The number of zeros on each side of the images.
    stride : int or (int, int), default 1
        The step of the window.

    Returns
    -------
    Tensor, shape (n, c * kh * kw, windows) or (c * kh * kw, windows)
        Each column holds the cells of one window, channel by channel.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded image.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.arange(6.0).reshape(1, 1, 2, 3)
    >>> cnet.functional.unfold(x, 2)[0]
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]], dtype=float64)
    """
    images, unbatched = as_batch("unfold", input, 2)
    window = {
        "kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation,
    }  # fmt: skip
    geometry.window("unfold", images.shape, **window)
    y: Tensor = Unfold.apply(images, **window)
    return y.squeeze(0) if unbatched else y


@explained
def fold(
    input: TensorLike,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Add columns of windows into images: the adjoint of `unfold`.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c * kh * kw, windows) or (c * kh * kw, windows)
        float32 or float64.
    output_size : int or (int, int)
        Height and width of the images.
    kernel_size, dilation, padding, stride
        The arguments of `unfold`.

    Returns
    -------
    Tensor, shape (n, c, h, w) or (c, h, w)
        Cells that are in several windows get the sum of their values.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the shape of `input` does not match the others.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.functional.fold(numpy.ones((1, 4, 2)), (2, 3), 2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]], dtype=float64)
    """
    columns = as_tensor(input)
    if columns.ndim not in (2, 3):
        raise ValueError(
            f"fold: input must have 3 dimensions, or 2 for one image (got {columns.ndim}, "
            f"shape {columns.shape})"
        )
    unbatched = columns.ndim == 2
    columns = columns.unsqueeze(0) if unbatched else columns
    kernel = geometry.per_axis("fold", "kernel_size", kernel_size, 2, 1)
    output = geometry.per_axis("fold", "output_size", output_size, 2, 1)
    n, rows, windows = columns.shape
    if rows % prod(kernel):
        raise ValueError(
            "fold: the number of rows of input must be a multiple of the cells of a window "
            f"(got {rows} and {prod(kernel)})"
        )
    shape = n, rows // prod(kernel), *output
    window = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    g = geometry.window("fold", shape, **window)
    if windows != prod(g.output):
        raise ValueError(
            "fold: the number of columns of input must be the number of windows "
            f"(got {windows} and {prod(g.output)})"
        )
    y: Tensor = Fold.apply(columns, x_shape=shape, **window)
    return y.squeeze(0) if unbatched else y
