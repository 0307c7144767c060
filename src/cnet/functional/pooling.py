"""Pooling: reduces each window of an input to one number."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .. import _check, geometry, kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels import pooling
from ..tensor import Tensor, TensorLike
from ._batch import as_batch

__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d"]

Sizes: TypeAlias = int | Sequence[int]
WindowArguments: TypeAlias = tuple[Any, ...]
"""The arguments of `geometry.pool` after the shape: kernel size, stride, padding and so on."""


def scatter(values: Array, indices: Array, shape: tuple[int, ...]) -> Array:
    """Add values to the cells of zero images at row-major positions in each image."""
    n, c = shape[:2]
    cells, count = int(np.prod(shape[2:])), int(np.prod(values.shape[2:]))
    rows = values.reshape(n, c, 1, count), indices.reshape(n, c, 1, count)
    return kernels.max_pool2d_backward(*rows, (n, c, 1, cells)).reshape(shape)


class MaxPool(Operation[tuple[Tensor, Tensor]]):
    """Base class of max pooling; if `return_indices`, also returns the positions of the maxima."""

    name: ClassVar[str]

    @classmethod
    def compute(cls, x: Array, *, window: WindowArguments, return_indices: bool = False) -> Any:
        g = geometry.pool(cls.name, x.shape, *window)
        if x.dtype.kind in "iu":
            results = _max_of_integers(x, g)
        else:
            results = pooling.max_pool(_check.array(cls.name, "input", x), g, return_indices)
        return results if return_indices else results[0]

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, *, window: WindowArguments, return_indices: bool = False
    ) -> Any:
        wanted = return_indices or ctx.edges[0] is not None
        results = cls.compute(x, window=window, return_indices=wanted)
        if wanted:
            ctx.save_for_backward(results[1])
        return results[0] if wanted and not return_indices else results

    @staticmethod
    def backward(ctx: Context, grad: Array, _: None = None) -> Array:
        (indices,) = ctx.saved
        return scatter(grad, indices, ctx.input_shape(0))


def _max_of_integers(x: Array, g: geometry.Window) -> tuple[Array, Array]:
    """The kernels compare floats, so they get the rank of each number among all numbers."""
    numbers, ranks = np.unique(x, return_inverse=True)
    y, indices = pooling.max_pool(ranks.reshape(x.shape).astype(np.float64), g)
    chosen = numbers[np.maximum(y, 0).astype(np.int64)]
    return np.where(indices < 0, np.iinfo(x.dtype).min, chosen).astype(x.dtype), indices


class AvgPool(Operation[Tensor]):
    """Base class of average pooling."""

    name: ClassVar[str]

    @classmethod
    def compute(
        cls, x: Array, *, window: WindowArguments, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:  # fmt: skip
        x = _check.array(cls.name, "input", x)
        divisor = pooling.checked_divisor(cls.name, divisor_override)
        g = geometry.pool(cls.name, x.shape, *window)
        return pooling.avg_pool(x, g, count_include_pad, divisor)

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, *, window: WindowArguments, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:  # fmt: skip
        divisor = pooling.checked_divisor(cls.name, divisor_override)
        ctx.options = geometry.pool(cls.name, x.shape, *window), count_include_pad, divisor
        return pooling.avg_pool(_check.array(cls.name, "input", x), *ctx.options)

    @classmethod
    def backward(cls, ctx: Context, grad: Array) -> Array:
        return pooling.avg_pool_backward(_check.array(cls.name, "grad_output", grad), *ctx.options)


class MaxPool1d(MaxPool):
    name = "max_pool1d"


class MaxPool2d(MaxPool):
    name = "max_pool2d"


class MaxPool3d(MaxPool):
    name = "max_pool3d"


class AvgPool1d(AvgPool):
    name = "avg_pool1d"


class AvgPool2d(AvgPool):
    name = "avg_pool2d"


class AvgPool3d(AvgPool):
    name = "avg_pool3d"


MAX_POOLS = {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d}
AVG_POOLS = {1: AvgPool1d, 2: AvgPool2d, 3: AvgPool3d}
"""The operations by their number of spatial axes."""


def _max_pool(
    x: TensorLike, axes: int, return_indices: bool, kernel_size: Sizes, stride: Sizes | None,
    *others: Any,
) -> Any:  # fmt: skip
    operation = MAX_POOLS[axes]
    batch, unbatched = as_batch(operation.name, x, axes)
    if batch._array.shape[1] == 0:
        raise ValueError(f"{operation.name}: input must have channels (got shape {batch.shape})")
    window = kernel_size, _given(stride), *others
    results = operation.apply(batch, window=window, return_indices=return_indices)
    return max_results(results, unbatched, return_indices)


def max_results(results: Any, unbatched: bool, return_indices: bool) -> Any:
    """The results of max pooling as the public functions return them."""
    y = results[0] if isinstance(results, tuple) else results
    if unbatched:
        y = y.squeeze(0)
    if not return_indices:
        return y
    indices = results[1].astype(np.int64)
    return y, indices.squeeze(0) if unbatched else indices


def _avg_pool(
    x: TensorLike, axes: int, kernel_size: Sizes, stride: Sizes | None, padding: Sizes,
    ceil_mode: bool, count_include_pad: bool, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    operation = AVG_POOLS[axes]
    batch, unbatched = as_batch(operation.name, x, axes)
    window = kernel_size, _given(stride), padding, 1, ceil_mode
    y: Tensor = operation.apply(
        batch, window=window, count_include_pad=count_include_pad, divisor_override=divisor_override
    )
    return y.squeeze(0) if unbatched else y


def _given(stride: Sizes | None) -> Sizes | None:
    """As in PyTorch, an empty sequence as a stride means the default."""
    if stride is None or type(stride) is int or not isinstance(stride, Sequence) or stride:
        return stride
    return None


@explained
def max_pool1d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        A batch of sequences or a single sequence, float32, float64 or integers.
    kernel_size : int or (int,)
        The size of the window.
    stride : int or (int,), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int,), default 0
        The number of cells of −inf at each end, at most half of `kernel_size`.
    dilation : int or (int,), default 1
        The distance between neighbouring cells of a window.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded sequence.
    return_indices : bool, default False
        Whether to return the positions as well.

    Returns
    -------
    y : Tensor, shape (n, c, ol) or (c, ol)
        In the dtype of `input`. NaN counts as greater than any number. Of equal maxima, the first
        in row-major order gets the gradient.
    indices : Tensor of int64, in the shape of `y`
        The position of each maximum in its channel. Returned only if
        `return_indices` is True.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded sequence.

    Examples
    --------
    >>> import cnet
    >>> y, indices = cnet.functional.max_pool1d(
    ...     cnet.tensor([[1.0, 3.0, 2.0, 5.0]]), 2, return_indices=True
    ... )
    >>> y, indices
    (tensor([[3., 5.]]), tensor([[1, 3]]))
    """
    return _max_pool(input, 1, return_indices, kernel_size, stride, padding, dilation, ceil_mode)


@explained
def max_pool2d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32, float64 or integers.
    kernel_size : int or (int, int)
        The size of the window.
    stride : int or (int, int), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int, int), default 0
        The number of cells of −inf at each end, at most half of `kernel_size`.
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
        The position of each maximum in its channel, ``row * w + column``. Returned only
        if `return_indices` is True.

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
    return _max_pool(input, 2, return_indices, kernel_size, stride, padding, dilation, ceil_mode)


@explained
def max_pool3d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32, float64 or integers.
    kernel_size : int or (int, int, int)
        The size of the window.
    stride : int or (int, int, int), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int, int, int), default 0
        The number of cells of −inf at each end, at most half of `kernel_size`.
    dilation : int or (int, int, int), default 1
        The distance between neighbouring cells of a window.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded volume.
    return_indices : bool, default False
        Whether to return the positions as well.

    Returns
    -------
    y : Tensor, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        In the dtype of `input`. NaN counts as greater than any number. Of equal maxima, the first
        in row-major order gets the gradient.
    indices : Tensor of int64, in the shape of `y`
        The position of each maximum in its channel, ``(slice * h + row) * w + column``. Returned
        only if `return_indices` is True.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded volume.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.arange(8.0).reshape(1, 1, 2, 2, 2)
    >>> cnet.functional.max_pool3d(x, 2)
    tensor([[[[[7.]]]]], dtype=float64)
    """
    return _max_pool(input, 3, return_indices, kernel_size, stride, padding, dilation, ceil_mode)


@explained
def avg_pool1d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        A batch of sequences or a single sequence, float32 or float64.
    kernel_size : int or (int,)
        The size of the window.
    stride : int or (int,), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int,), default 0
        The number of zeros at each end, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded sequence.
    count_include_pad : bool, default True
        Whether padding cells count in the divisor.

    Returns
    -------
    Tensor, shape (n, c, ol) or (c, ol)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded sequence.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.avg_pool1d(cnet.tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[2., 3.]])
    """
    return _avg_pool(input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


@explained
def avg_pool2d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
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
        The number of zeros at each end, at most half of `kernel_size`.
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
    return _avg_pool(
        input, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@explained
def avg_pool3d(
    input: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32 or float64.
    kernel_size : int or (int, int, int)
        The size of the window.
    stride : int or (int, int, int), optional
        The step of the window; by default `kernel_size`.
    padding : int or (int, int, int), default 0
        The number of zeros at each end, at most half of `kernel_size`.
    ceil_mode : bool, default False
        Whether to include a last window that extends beyond the padded volume.
    count_include_pad : bool, default True
        Whether padding cells count in the divisor.
    divisor_override : int, optional
        The divisor, in place of the number of cells.

    Returns
    -------
    Tensor, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the window does not fit into the padded volume.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.arange(8.0).reshape(1, 1, 2, 2, 2)
    >>> cnet.functional.avg_pool3d(x, 2)
    tensor([[[[[3.5]]]]], dtype=float64)
    """
    return _avg_pool(
        input, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
