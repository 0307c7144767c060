"""Fractional max pooling: windows at random, almost regular steps."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import _check, geometry
from .._explained import explained
from ..arrays import INT32
from ..autograd import Array
from ..kernels.pooling import volume_bounds
from ..random import default_generator
from ..tensor import TensorLike, array_of
from ._batch import as_batch
from .adaptive import WindowMaxPool
from .pooling import max_results

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]

Sizes: TypeAlias = int | Sequence[int]


def _starts(samples: Array, size: int, outputs: int, kernel: int) -> Array:
    """The first cells of the windows on an axis, for a random number of each channel.

    The steps are pseudorandom: they follow multiples of their mean, from a random offset.
    """
    last = np.full((*samples.shape, 1), size - kernel)
    if outputs == 1:
        return last
    mean = samples.dtype.type((size - kernel) / (outputs - 1))
    offsets = np.arange(outputs - 1).astype(samples.dtype)
    steps = ((offsets + samples[..., None]) * mean).astype(np.int64)
    first = (samples * mean).astype(np.int64)[..., None]
    return np.concatenate([steps - first, last], -1)


def _outputs(
    function: str, sizes: tuple[int, ...], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    axes = len(sizes)
    if (output_size is None) == (output_ratio is None):
        raise ValueError(
            f"{function}: exactly one of output_size and output_ratio must be given "
            f"(got {output_size} and {output_ratio})"
        )
    if output_size is not None:
        return geometry.per_axis(function, "output_size", output_size, axes, 1)
    ratios = output_ratio if isinstance(output_ratio, Sequence) else (output_ratio,) * axes
    if len(ratios) != axes or not all(0 < ratio < 1 for ratio in ratios):
        raise ValueError(
            f"{function}: output_ratio must be {axes} numbers between 0 and 1 (got {output_ratio})"
        )
    outputs = (int(size * ratio) for size, ratio in zip(sizes, ratios, strict=True))
    return geometry.per_axis(function, "output_size", tuple(outputs), axes, 1)


def _fractional_max_pool(
    x: TensorLike, axes: int, kernel_size: Sizes, output_size: Any, output_ratio: Any,
    return_indices: bool, random_samples: Any,
) -> Any:  # fmt: skip
    function = f"fractional_max_pool{axes}d"
    batch, unbatched = as_batch(function, x, axes)
    n, c, *sizes = batch.shape
    kernel = geometry.per_axis(function, "kernel_size", kernel_size, axes, 1)
    outputs = _outputs(function, tuple(sizes), output_size, output_ratio)
    if any(o + k - 1 > size for o, k, size in zip(outputs, kernel, sizes, strict=True)):
        raise ValueError(
            f"{function}: output_size + kernel_size - 1 must be at most the size of input "
            f"(got {outputs}, {kernel} and {tuple(sizes)})"
        )
    if random_samples is None:
        samples = default_generator().random((n, c, axes)).astype(batch.dtype)
    else:
        samples = array_of(random_samples)[:n]
    if samples.shape != (n, c, axes):
        raise ValueError(
            f"{function}: _random_samples must have the shape (n, c, {axes}) "
            f"(got {samples.shape} and input {batch.shape})"
        )
    order = range(axes)[::-1] if axes == 2 else range(axes)
    starts = [
        _starts(samples[..., number], *axis)
        for number, axis in zip(order, zip(sizes, outputs, kernel, strict=True), strict=True)
    ]
    bounds = np.concatenate(
        [np.stack([first, first + k], -1) for first, k in zip(starts, kernel, strict=True)], 2
    )
    bounds = _check.integers(function, "bounds", bounds, None, INT32)
    bounds = volume_bounds("max_pool_windows", batch.shape, bounds, outputs)
    results = WindowMaxPool.apply(batch, function=function, bounds=bounds, outputs=outputs)
    return max_results(results, unbatched, return_indices)


@explained
def fractional_max_pool2d(
    input: TensorLike,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: TensorLike | None = None,
) -> Any:
    """The maxima of a given number of windows of equal size, at pseudorandom steps.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    kernel_size : int or (int, int)
        The size of the windows.
    output_size : int or (int, int), optional
        The number of windows on each axis.
    output_ratio : float or one for each axis, optional
        The number of windows divided by the size of the input; between 0 and 1. Either this or
        `output_size` must be given.
    return_indices : bool, default False
        Whether to return the positions as well.
    _random_samples : Tensor or ndarray, shape (n, c, 2), optional
        Numbers from 0 to 1 that determine the windows of each channel: x before y.

    Returns
    -------
    y : Tensor, shape (n, c, oh, ow) or (c, oh, ow)
        In the dtype of `input`.
    indices : Tensor of int64, in the shape of `y`
        Row-major positions in a channel. Returned only if `return_indices` is True.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the windows do not fit into the input.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((1, 2, 9, 9))
    >>> cnet.functional.fractional_max_pool2d(x, 2, output_ratio=0.7).shape
    (1, 2, 6, 6)

    References
    ----------
    B. Graham: Fractional max-pooling, arXiv:1412.6071.
    """
    return _fractional_max_pool(
        input, 2, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


@explained
def fractional_max_pool3d(
    input: TensorLike,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: TensorLike | None = None,
) -> Any:
    """The maxima of a given number of windows of equal size, at pseudorandom steps.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32 or float64.
    kernel_size : int or (int, int, int)
        The size of the windows.
    output_size : int or (int, int, int), optional
        The number of windows on each axis.
    output_ratio : float or one for each axis, optional
        The number of windows divided by the size of the input; between 0 and 1. Either this or
        `output_size` must be given.
    return_indices : bool, default False
        Whether to return the positions as well.
    _random_samples : Tensor or ndarray, shape (n, c, 3), optional
        Numbers from 0 to 1 that determine the windows of each channel: depth, height, width.

    Returns
    -------
    y : Tensor, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        In the dtype of `input`.
    indices : Tensor of int64, in the shape of `y`
        Row-major positions in a channel. Returned only if `return_indices` is True.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the windows do not fit into the input.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.ones((1, 2, 9, 9, 9))
    >>> cnet.functional.fractional_max_pool3d(x, 2, output_ratio=0.7).shape
    (1, 2, 6, 6, 6)

    References
    ----------
    B. Graham: Fractional max-pooling, arXiv:1412.6071.
    """
    return _fractional_max_pool(
        input, 3, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
