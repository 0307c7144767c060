"""Max unpooling: writes values back to the positions of the maxima."""

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

from .. import geometry
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels.strided import filled
from ..operations._positions import elements_at, scattered
from ..tensor import Tensor, TensorLike, array_of
from ._batch import as_batch

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]

Sizes: TypeAlias = int | Sequence[int]


class MaxUnpool(Operation[Tensor]):
    """Writes each value to its position in the channel; `indices` has the shape (n, c, values)."""

    @staticmethod
    def forward(ctx: Context, x: Array, *, indices: Array, sizes: tuple[int, ...]) -> Array:
        ctx.indices = indices
        y = filled((*x.shape[:2], prod(sizes)), x.dtype, 0)
        scattered("max_unpool", y, indices, x.reshape(indices.shape), 2)
        return y.reshape(*x.shape[:2], *sizes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        grad = grad.reshape(*grad.shape[:2], prod(grad.shape[2:]))
        return elements_at("max_unpool", grad, ctx.indices, 2).reshape(ctx.input_shape(0))


def _max_unpool(
    x: TensorLike, indices: Any, axes: int, kernel_size: Sizes, stride: Sizes | None,
    padding: Sizes, output_size: Sequence[int] | None,
) -> Tensor:  # fmt: skip
    function = f"max_unpool{axes}d"
    batch, unbatched = as_batch(function, x, axes)
    places: Array = array_of(indices)
    if places.dtype.kind not in "iu":
        raise TypeError(f"{function}: indices must be integers (got {places.dtype})")
    if places.shape != x.shape:
        raise ValueError(
            f"{function}: indices.shape must equal input.shape (got {places.shape} and {x.shape})"
        )
    sizes = _sizes(function, batch.shape[2:], kernel_size, stride, padding, output_size)
    places = places.reshape(*batch.shape[:2], prod(batch.shape[2:]))
    try:
        y: Tensor = MaxUnpool.apply(batch, indices=places, sizes=sizes)
    except IndexError:
        raise ValueError(
            f"{function}: indices must be at least 0 and less than the cells of the result "
            f"(got {places.min()} to {places.max()}, and {prod(sizes)})"
        ) from None
    return y.squeeze(0) if unbatched else y


def _sizes(
    function: str, sizes: tuple[int, ...], kernel_size: Sizes, stride: Sizes | None,
    padding: Sizes, output_size: Sequence[int] | None,
) -> tuple[int, ...]:  # fmt: skip
    """The sizes of the result: those given, or the smallest that pooling reduces to `sizes`."""
    axes = len(sizes)
    kernel = geometry.per_axis(function, "kernel_size", kernel_size, axes, 1)
    if stride is None or (isinstance(stride, Sequence) and not stride):
        stride = kernel
    strides = geometry.per_axis(function, "stride", stride, axes, 1)
    paddings = geometry.per_axis(function, "padding", padding, axes, 0)
    default = tuple(
        (size - 1) * s - 2 * p + k
        for size, k, s, p in zip(sizes, kernel, strides, paddings, strict=True)
    )
    if output_size is None:
        wanted = default
    else:
        given = tuple(output_size)
        wanted = tuple(map(int, given[-axes:]))
        if len(given) not in (axes, axes + 1, axes + 2):
            raise ValueError(f"{function}: output_size must have {axes} items (got {given})")
        limits = zip(wanted, default, strides, strict=True)
        if any(abs(size - expected) >= s for size, expected, s in limits):
            raise ValueError(
                f"{function}: output_size must differ from {default} by less than stride "
                f"(got {wanted} and stride {strides})"
            )
    if min(wanted) < 1:
        raise ValueError(f"{function}: the result must be at least 1 on every axis (got {wanted})")
    return wanted


@explained
def max_unpool1d(
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool1d`: all cells that were not maxima become 0.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, ol) or (c, ol)
        The maxima, or other values in their place.
    indices : Tensor or ndarray of integers, in the shape of `input`
        The positions that `max_pool1d` returned. Of equal positions, the last one counts.
    kernel_size, stride, padding
        The arguments of `max_pool1d`.
    output_size : sequence of int, optional
        The sizes of the result, if several sizes are pooled to those of `input`; by default the
        smallest.

    Returns
    -------
    Tensor, shape (n, c, l) or (c, l)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, or an index or argument is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 3.0, 2.0, 0.0]])
    >>> y, indices = cnet.functional.max_pool1d(x, 2, return_indices=True)
    >>> cnet.functional.max_unpool1d(y, indices, 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _max_unpool(input, indices, 1, kernel_size, stride, padding, output_size)


@explained
def max_unpool2d(
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool2d`: all cells that were not maxima become 0.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, oh, ow) or (c, oh, ow)
        The maxima, or other values in their place.
    indices : Tensor or ndarray of integers, in the shape of `input`
        The positions that `max_pool2d` returned. Of equal positions, the last one counts.
    kernel_size, stride, padding
        The arguments of `max_pool2d`.
    output_size : sequence of int, optional
        The sizes of the result, if several sizes are pooled to those of `input`; by default the
        smallest.

    Returns
    -------
    Tensor, shape (n, c, h, w) or (c, h, w)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, or an index or argument is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[1.0, 3.0], [2.0, 0.0]]])
    >>> y, indices = cnet.functional.max_pool2d(x, 2, return_indices=True)
    >>> cnet.functional.max_unpool2d(y, indices, 2)
    tensor([[[0., 3.],
             [0., 0.]]])
    """
    return _max_unpool(input, indices, 2, kernel_size, stride, padding, output_size)


@explained
def max_unpool3d(
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool3d`: all cells that were not maxima become 0.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, od, oh, ow) or (c, od, oh, ow)
        The maxima, or other values in their place.
    indices : Tensor or ndarray of integers, in the shape of `input`
        The positions that `max_pool3d` returned. Of equal positions, the last one counts.
    kernel_size, stride, padding
        The arguments of `max_pool3d`.
    output_size : sequence of int, optional
        The sizes of the result, if several sizes are pooled to those of `input`; by default the
        smallest.

    Returns
    -------
    Tensor, shape (n, c, d, h, w) or (c, d, h, w)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, or an index or argument is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[[1.0, 3.0], [2.0, 0.0]], [[1.0, 2.0], [0.0, 1.0]]]])
    >>> y, indices = cnet.functional.max_pool3d(x, 2, return_indices=True)
    >>> cnet.functional.max_unpool3d(y, indices, 2)
    tensor([[[[0., 3.],
              [0., 0.]],
    <BLANKLINE>
             [[0., 0.],
              [0., 0.]]]])
    """
    return _max_unpool(input, indices, 3, kernel_size, stride, padding, output_size)
