"""Rearrangements of channels and pixels."""

from typing import Any

from ..geometry import integer
from ..operations.axes import Permute
from ..operations.shape import Reshape
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


def _rearranged(
    x: Tensor, split: tuple[int, ...], order: tuple[int, ...], result: tuple[int, ...]
) -> Tensor:
    """Split the axes of x, put the parts in another order, and merge them."""
    parts = Permute.apply(Reshape.apply(x, shape=split), axes=order)
    return Reshape.apply(parts, shape=result)


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
    first = len(batch)
    order = *range(first + 1), first + 3, first + 1, first + 4, first + 2
    result = *batch, c // r**2, h * r, w * r
    return _rearranged(x, (*batch, c // r**2, r, r, h, w), order, result)


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
    first = len(batch)
    order = *range(first + 1), first + 2, first + 4, first + 1, first + 3
    result = *batch, c * r**2, h // r, w // r
    return _rearranged(x, (*batch, c, h // r, r, w // r, r), order, result)


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
    order = 0, 2, 1, *range(3, 3 + len(sizes))
    return _rearranged(x, (n, groups, c // groups, *sizes), order, (n, c, *sizes))


native_channel_shuffle = channel_shuffle
