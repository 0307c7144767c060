"""Adaptive pooling: a given number of windows that cover the input, almost equal in size.

Window i of `count` begins at ``floor(i * size / count)`` and ends before
``ceil((i + 1) * size / count)``. If `count` divides the size, this is ordinary pooling.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from .. import _check, geometry
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels import pooling
from ..tensor import Tensor, TensorLike
from ._batch import as_batch
from ._resampling import Matrix, resampled
from .pooling import AVG_POOLS, MAX_POOLS, max_results, scatter

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d",
]  # fmt: skip

Outputs: TypeAlias = int | Sequence[int | None] | None


def _counts(function: str, output_size: Outputs, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The number of windows on each axis; None means that of the input."""
    if type(output_size) is int:
        counts: tuple[int, ...] = (output_size,) * len(sizes)
    else:
        counts = _counts_of_axes(function, output_size, sizes)
    if min(counts) < 0:
        raise ValueError(f"{function}: output_size must not be negative (got {output_size})")
    if min(sizes) < 1:
        raise ValueError(f"{function}: input must have cells on its spatial axes (got {sizes})")
    return counts


def _counts_of_axes(function: str, output_size: Outputs, sizes: tuple[int, ...]) -> tuple[int, ...]:
    given: tuple[Any, ...] = (
        tuple(output_size) if isinstance(output_size, Sequence) else (output_size,)
    )
    if len(given) == 1:
        given *= len(sizes)
    if len(given) != len(sizes):
        raise ValueError(
            f"{function}: output_size must have {len(sizes)} items (got {output_size})"
        )
    return tuple(
        [
            size if count is None else geometry.integer(function, "output_size", count)
            for count, size in zip(given, sizes, strict=True)
        ]
    )


def _windows(size: int, count: int) -> tuple[Array, Array]:
    """The first cell of each window, and the cell after its last."""
    positions = np.arange(count + 1)
    return positions[:-1] * size // count, -(-positions[1:] * size // count)


@lru_cache(maxsize=256)
def _means(size: int, count: int, dtype: np.dtype[Any]) -> Matrix:
    """The matrix that computes the mean of each window."""
    if count == 0:
        return Matrix(np.zeros(0, int), np.zeros(0, int), np.zeros(0, dtype), size)
    begin, end = _windows(size, count)
    counts = end - begin
    before = np.repeat(np.cumsum(counts) - counts, counts)
    cells = np.arange(before.size) - before + np.repeat(begin, counts)
    return Matrix(counts, cells, np.repeat(1 / counts, counts).astype(dtype), size)


@lru_cache(maxsize=256)
def _bounds(sizes: tuple[int, ...], counts: tuple[int, ...]) -> Array:
    """The bounds of the windows along all axes, one after the other, as the kernel takes them."""
    pairs = zip(sizes, counts, strict=True)
    bounds = np.concatenate([np.stack(_windows(*pair), 1) for pair in pairs]).astype(np.int32)
    return pooling.volume_bounds("adaptive pooling", (1, 1, *sizes), bounds, counts)


class WindowMaxPool(Operation[tuple[Tensor, Tensor]]):
    """Max pooling with windows at any `volume_bounds`, see `kernels.max_pool_windows`."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, function: str, bounds: Array, outputs: tuple[int, ...]
    ) -> tuple[Array, Array]:
        x = _check.array(function, "input", x)
        y, indices = pooling.max_windows(x, bounds, outputs)
        ctx.save_for_backward(indices)
        return y, indices

    @staticmethod
    def backward(ctx: Context, grad: Array, _: None) -> Array:
        (indices,) = ctx.saved
        return scatter(grad, indices, ctx.input_shape(0))


def _adaptive_max(x: TensorLike, axes: int, output_size: Outputs, return_indices: bool) -> Any:
    function = f"adaptive_max_pool{axes}d"
    batch, unbatched = as_batch(function, x, axes)
    sizes = batch.shape[2:]
    counts = _counts(function, output_size, sizes)
    kernel = _size_of_all(counts, sizes)
    if kernel:
        results = MAX_POOLS[axes].apply(batch, window=(kernel,), return_indices=return_indices)
    else:
        bounds = _bounds(sizes, counts)
        results = WindowMaxPool.apply(batch, function=function, bounds=bounds, outputs=counts)
    return max_results(results, unbatched, return_indices)


def _adaptive_avg(x: TensorLike, axes: int, output_size: Outputs) -> Tensor:
    function = f"adaptive_avg_pool{axes}d"
    batch, unbatched = as_batch(function, x, axes)
    sizes = batch.shape[2:]
    counts = _counts(function, output_size, sizes)
    dtype = batch.dtype
    _check.float_dtype(function, "input.dtype", dtype)
    kernel = _size_of_all(counts, sizes)
    if kernel:
        y: Tensor = AVG_POOLS[axes].apply(
            batch, window=(kernel,), count_include_pad=True, divisor_override=None
        )
    else:
        pairs = zip(sizes, counts, strict=True)
        y = resampled(batch, tuple([_means(*pair, dtype) for pair in pairs]))
    return y.squeeze(0) if unbatched else y


@lru_cache(maxsize=1024)
def _size_of_all(counts: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The size of all windows, or None if they differ in size."""
    pairs = [*zip(sizes, counts, strict=True)]
    if any(not count or size % count for size, count in pairs):
        return None
    return tuple([size // count for size, count in pairs])


@explained
def adaptive_avg_pool1d(input: TensorLike, output_size: Outputs) -> Tensor:
    """The mean of each of a given number of windows, which cover the input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        A batch of sequences or a single sequence, float32 or float64.
    output_size : int, None
        The number of windows; None means that of the input.

    Returns
    -------
    Tensor, shape (n, c, ol) or (c, ol)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If the dtype, the number of dimensions or `output_size` is not supported.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((2, 3, 10))
    >>> cnet.functional.adaptive_avg_pool1d(x, 3).shape
    (2, 3, 3)
    """
    return _adaptive_avg(input, 1, output_size)


@explained
def adaptive_avg_pool2d(input: TensorLike, output_size: Outputs) -> Tensor:
    """The mean of each of a given number of windows, which cover the input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    output_size : int, None or sequence of them
        The number of windows on each axis; None means that of the input.

    Returns
    -------
    Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If the dtype, the number of dimensions or `output_size` is not supported.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((2, 3, 10, 7))
    >>> cnet.functional.adaptive_avg_pool2d(x, 3).shape
    (2, 3, 3, 3)
    """
    return _adaptive_avg(input, 2, output_size)


@explained
def adaptive_avg_pool3d(input: TensorLike, output_size: Outputs) -> Tensor:
    """The mean of each of a given number of windows, which cover the input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32 or float64.
    output_size : int, None or sequence of them
        The number of windows on each axis; None means that of the input.

    Returns
    -------
    Tensor, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If the dtype, the number of dimensions or `output_size` is not supported.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((2, 3, 4, 10, 7))
    >>> cnet.functional.adaptive_avg_pool3d(x, 3).shape
    (2, 3, 3, 3, 3)
    """
    return _adaptive_avg(input, 3, output_size)


@explained
def adaptive_max_pool1d(
    input: TensorLike, output_size: Outputs, return_indices: bool = False
) -> Any:
    """The maximum of each of a given number of windows, which cover the input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        A batch of sequences or a single sequence, float32 or float64.
    output_size : int, None
        The number of windows; None means that of the input.
    return_indices : bool, default False
        Whether to return the positions as well.

    Returns
    -------
    y : Tensor, shape (n, c, ol) or (c, ol)
        In the dtype of `input`.
    indices : Tensor of int64, in the shape of `y`
        Row-major positions in a channel, as in `max_pool1d`. Returned only if `return_indices`
        is True.

    Raises
    ------
    TypeError, ValueError
        If the dtype, the number of dimensions or `output_size` is not supported.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((2, 3, 10))
    >>> cnet.functional.adaptive_max_pool1d(x, 3).shape
    (2, 3, 3)
    """
    return _adaptive_max(input, 1, output_size, return_indices)


@explained
def adaptive_max_pool2d(
    input: TensorLike, output_size: Outputs, return_indices: bool = False
) -> Any:
    """The maximum of each of a given number of windows, which cover the input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    output_size : int, None or sequence of them
        The number of windows on each axis; None means that of the input.
    return_indices : bool, default False
        Whether to return the positions as well.

    Returns
    -------
    y : Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        In the dtype of `input`.
    indices : Tensor of int64, in the shape of `y`
        Row-major positions in a channel, as in `max_pool2d`. Returned only if `return_indices`
        is True.

    Raises
    ------
    TypeError, ValueError
        If the dtype, the number of dimensions or `output_size` is not supported.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((2, 3, 10, 7))
    >>> cnet.functional.adaptive_max_pool2d(x, 3).shape
    (2, 3, 3, 3)
    """
    return _adaptive_max(input, 2, output_size, return_indices)


@explained
def adaptive_max_pool3d(
    input: TensorLike, output_size: Outputs, return_indices: bool = False
) -> Any:
    """The maximum of each of a given number of windows, which cover the input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32 or float64.
    output_size : int, None or sequence of them
        The number of windows on each axis; None means that of the input.
    return_indices : bool, default False
        Whether to return the positions as well.

    Returns
    -------
    y : Tensor, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        In the dtype of `input`.
    indices : Tensor of int64, in the shape of `y`
        Row-major positions in a channel, as in `max_pool3d`. Returned only if `return_indices`
        is True.

    Raises
    ------
    TypeError, ValueError
        If the dtype, the number of dimensions or `output_size` is not supported.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((2, 3, 4, 10, 7))
    >>> cnet.functional.adaptive_max_pool3d(x, 3).shape
    (2, 3, 3, 3, 3)
    """
    return _adaptive_max(input, 3, output_size, return_indices)
