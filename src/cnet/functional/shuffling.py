"""Rearrangements of channels and pixels."""

from math import prod
from typing import Any

import numpy as np

from .. import kernels
from .._explained import explained
from ..arrays import Shape
from ..autograd import Array, Context, Operation
from ..geometry import integer
from ..operations._positions import bits_of
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _arguments(
    function: str, x: TensorLike, name: str, value: Any, ndim: int
) -> tuple[Tensor, int]:
    """The input as a tensor, and a factor as a positive integer."""
    if x.ndim < ndim:
        raise ValueError(
            f"{function}: input must have at least {ndim} dimensions (got {x.ndim}, "
            f"shape {x.shape})"
        )
    factor = integer(function, name, value)
    if factor < 1:
        raise ValueError(f"{function}: {name} must be at least 1 (got {factor})")
    return as_tensor(x), factor


class Rearrange(Operation[Tensor]):
    """Splits axes, puts the parts in another order, and merges them."""

    owns_result = True

    @staticmethod
    def compute(x: Array, *, split: Shape, order: tuple[int, ...], result: Shape) -> Array:
        return permuted(x, split, order).reshape(result)

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, split: Shape, order: tuple[int, ...], result: Shape
    ) -> Array:
        ctx.split, ctx.order = split, order
        return permuted(x, split, order).reshape(result)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        parts = tuple([ctx.split[axis] for axis in ctx.order])
        inverse = tuple([ctx.order.index(axis) for axis in range(len(parts))])
        return permuted(grad, parts, inverse).reshape(ctx.input_shape(0))


def permuted(x: Array, shape: Shape, axes: tuple[int, ...]) -> Array:
    """A copy of the elements, in this shape, with its axes in another order."""
    bits = bits_of(x)
    if bits is None:
        return np.ascontiguousarray(x.reshape(shape).transpose(axes))
    y = kernels.permute(bits, shape, axes)
    return y if y.dtype is x.dtype else y.view(x.dtype)


@explained
def pixel_shuffle(input: TensorLike, upscale_factor: int) -> Tensor:
    """Arrange the elements of r² channels as r × r pixels of one channel.

    Parameters
    ----------
    input : Tensor or ndarray, shape (..., c * r², h, w)
    upscale_factor : int
        The factor r.

    Returns
    -------
    Tensor, shape (..., c, h * r, w * r)

    Raises
    ------
    TypeError, ValueError
        If `input` has fewer than 3 dimensions, or its channels are not a multiple of r².

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.pixel_shuffle(cnet.tensor([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]), 2)
    tensor([[[1., 2.],
             [3., 4.]]])

    References
    ----------
    W. Shi et al.: Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network, CVPR 2016.
    """
    x, r = _arguments("pixel_shuffle", input, "upscale_factor", upscale_factor, 3)
    *batch, c, h, w = x.shape
    if c % r**2:
        raise ValueError(
            "pixel_shuffle: the channels of input must be a multiple of upscale_factor ** 2 "
            f"(got {c} and {r**2})"
        )
    result = *batch, c // r**2, h * r, w * r
    split = prod(result[:-2]), r, r, h, w
    return Rearrange.apply(x, split=split, order=(0, 3, 1, 4, 2), result=result)


@explained
def pixel_unshuffle(input: TensorLike, downscale_factor: int) -> Tensor:
    """Arrange r × r pixels of one channel as r² channels: the inverse of `pixel_shuffle`.

    Parameters
    ----------
    input : Tensor or ndarray, shape (..., c, h * r, w * r)
    downscale_factor : int
        The factor r.

    Returns
    -------
    Tensor, shape (..., c * r², h, w)

    Raises
    ------
    TypeError, ValueError
        If `input` has fewer than 3 dimensions, or height or width is not a multiple of r.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.pixel_unshuffle(cnet.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2).shape
    (4, 1, 1)
    """
    x, r = _arguments("pixel_unshuffle", input, "downscale_factor", downscale_factor, 3)
    *batch, c, h, w = x.shape
    if h % r or w % r:
        raise ValueError(
            "pixel_unshuffle: height and width of input must be multiples of downscale_factor "
            f"(got {h}, {w} and {r})"
        )
    result = *batch, c * r**2, h // r, w // r
    split = prod(batch) * c, h // r, r, w // r, r
    return Rearrange.apply(x, split=split, order=(0, 2, 4, 1, 3), result=result)


@explained
def channel_shuffle(input: TensorLike, groups: int) -> Tensor:
    """Interleave groups of channels: the first channels of all groups, then the second ones.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, ...), at least 3 dimensions
    groups : int
        The number of groups; must divide c.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    TypeError, ValueError
        If `input` has fewer than 3 dimensions, or `groups` does not divide the channels.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.channel_shuffle(cnet.tensor([[[1], [2], [3], [4]]]), 2).flatten()
    tensor([1, 3, 2, 4])

    References
    ----------
    X. Zhang et al.: ShuffleNet: an extremely efficient convolutional neural network for mobile
    devices, CVPR 2018.
    """
    x, groups = _arguments("channel_shuffle", input, "groups", groups, 3)
    n, c, *sizes = x.shape
    if c % groups:
        raise ValueError(
            f"channel_shuffle: groups must divide the channels of input (got {groups} and {c})"
        )
    split = n, groups, c // groups, prod(sizes)
    return Rearrange.apply(x, split=split, order=(0, 2, 1, 3), result=x.shape)


native_channel_shuffle = channel_shuffle
