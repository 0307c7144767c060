"""Operations that change the shape. Results share memory with the input where possible."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .. import changes
from ..autograd import Array, Context, ViewOperation
from ..tensor import Axis, Tensor, TensorLike
from ._common import also_dim, unbroadcast
from .registry import numpy_function, operation

__all__ = [
    "broadcast_to",
    "flatten",
    "permute",
    "reshape",
    "squeeze",
    "swapaxes",
    "transpose",
    "unsqueeze",
]


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes or axes, given as separate arguments or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        return tuple(sizes[0])
    return sizes


class Reshape(ViewOperation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, shape: tuple[int, ...]) -> Array:
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad.reshape(ctx.input_shape(0))


@operation(Reshape, methods=("reshape",))
def reshape(x: TensorLike, *shape: int | Sequence[int]) -> Tensor:
    """Give a tensor another shape; the elements keep their row-major order.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    *shape : int, or one sequence of int
        The new shape. One of the sizes may be −1 and is then inferred.

    Returns
    -------
    Tensor
        A view if possible, otherwise a copy.

    Raises
    ------
    ValueError
        If the number of elements does not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.reshape(cnet.tensor([1, 2, 3, 4]), 2, -1)
    tensor([[1, 2],
            [3, 4]])
    """
    return Reshape.apply(x, shape=_sizes(shape))


@operation(Reshape, methods=("view",))
def view(x: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """Like `reshape`, but the result always shares the memory.

    Parameters
    ----------
    x : Tensor
    *shape : int, or one sequence of int
        The new shape. One of the sizes may be −1 and is then inferred.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the memory layout of `x` does not allow a view of this shape.
    ValueError
        If the number of elements does not match.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1, 2], [3, 4]])
    >>> y = x.view(-1)
    >>> y[0] = 5
    >>> x
    tensor([[5, 2],
            [3, 4]])
    """
    result = reshape(x, *shape)
    if changes.owner(result._array) is not changes.owner(x._array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return result


@operation(Reshape, methods=("flatten", "ravel"))
def flatten(x: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Combine several adjacent axes into one.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    start_dim, end_dim : int, default 0 and -1
        The first and the last of these axes.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `start_dim` comes after `end_dim`, or `x` has no such axes.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.flatten(numpy.zeros((2, 3, 4, 5)), 1).shape
    (2, 60)
    """
    shape = x.shape or (1,)
    start, end = (_axis("flatten", dim, len(shape)) for dim in (start_dim, end_dim))
    if start > end:
        raise ValueError(
            f"flatten: start_dim must not come after end_dim (got {start_dim} and {end_dim})"
        )
    return Reshape.apply(x, shape=(*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


def _axis(function: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"{function}: an axis must be in range for {ndim} dimensions (got {axis})")
    return axis % ndim


@operation(Reshape, methods=("squeeze",), numpy=(np.squeeze,))
@also_dim
def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """Remove axes of length 1.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    axis : int or sequence of int, optional
        The axes to remove, if they have length 1; all by default. PyTorch's name is `dim`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If an axis is out of range.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.squeeze(numpy.zeros((2, 1, 3, 1))).shape
    (2, 3)
    """
    if axis is None:
        dropped = set(range(x.ndim))
    else:
        chosen = axis if isinstance(axis, Sequence) else (axis,)
        dropped = {_axis("squeeze", a, x.ndim) for a in chosen}
    shape = [size for a, size in enumerate(x.shape) if size != 1 or a not in dropped]
    return Reshape.apply(x, shape=shape)


@operation(Reshape, methods=("unsqueeze",), numpy=(np.expand_dims,))
@also_dim
def unsqueeze(x: TensorLike, axis: int) -> Tensor:
    """Insert an axis of length 1.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    axis : int
        The position of the axis in the result. PyTorch's name is `dim`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the axis is out of range.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.unsqueeze(numpy.zeros((2, 3)), 1).shape
    (2, 1, 3)
    """
    axis = _axis("unsqueeze", axis, x.ndim + 1)
    return Reshape.apply(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


class Permute(ViewOperation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axes: tuple[int, ...]) -> Array:
        ctx.axes = axes
        return x.transpose(axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        ndim = len(ctx.axes)
        return grad.transpose(np.argsort([axis % ndim for axis in ctx.axes]))


@operation(Permute, methods=("permute",))
def permute(x: TensorLike, *axes: int | Sequence[int]) -> Tensor:
    """Reorder the axes, like `numpy.transpose`.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    *axes : int, or one sequence of int
        For each axis of the result, the corresponding axis of `x`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `axes` is not a permutation of the axes of `x`.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.permute(numpy.zeros((2, 3, 4)), 2, 0, 1).shape
    (4, 2, 3)
    """
    return Permute.apply(x, axes=_sizes(axes))


@operation(Permute, methods=("transpose", "swapaxes"), numpy=(np.swapaxes,))
def transpose(x: TensorLike, dim0: int, dim1: int) -> Tensor:
    """Exchange two axes, as in PyTorch; the equivalent of `numpy.transpose` is `permute`.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    dim0, dim1 : int
        The axes to exchange.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If an axis is out of range.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.transpose(numpy.zeros((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    axes = list(range(x.ndim))
    dim0, dim1 = _axis("transpose", dim0, x.ndim), _axis("transpose", dim1, x.ndim)
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return Permute.apply(x, axes=tuple(axes))


class BroadcastTo(ViewOperation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, shape: tuple[int, ...]) -> Array:
        return np.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return unbroadcast(grad, ctx.input_shape(0))


@operation(BroadcastTo, methods=("broadcast_to",), numpy=(np.broadcast_to,))
def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """Repeat a tensor along axes of length 1 and new leading axes, without a copy.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    shape : sequence of int
        The new shape, to which the shape of `x` must broadcast.

    Returns
    -------
    Tensor
        A read-only view.

    Raises
    ------
    ValueError
        If the shape of `x` does not broadcast to `shape`.

    Examples
    --------
    >>> import cnet
    >>> cnet.broadcast_to(cnet.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    return BroadcastTo.apply(x, shape=tuple(shape))


@operation(BroadcastTo, methods=("expand",))
def expand(x: TensorLike, *sizes: int | Sequence[int]) -> Tensor:
    """Like `broadcast_to`, where −1 means the size of the corresponding axis of `x`.

    Parameters
    ----------
    x : Tensor or ndarray, any shape
    *sizes : int, or one sequence of int
        The new shape.

    Returns
    -------
    Tensor
        A read-only view.

    Raises
    ------
    ValueError
        If the shape of `x` does not broadcast to `sizes`.

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.Tensor.expand(numpy.zeros((3, 1)), 2, -1, 4).shape
    (2, 3, 4)
    """
    shape = list(_sizes(sizes))
    for back in range(1, min(len(shape), x.ndim) + 1):
        if shape[-back] == -1:
            shape[-back] = x.shape[-back]
    return BroadcastTo.apply(x, shape=tuple(shape))


@operation(properties=("T",))
def _all_axes_reversed(self: Tensor) -> Tensor:
    """The tensor with its axes in reverse order."""
    return permute(self, *range(self.ndim)[::-1])


@operation(properties=("mT",))
def _last_axes_exchanged(self: Tensor) -> Tensor:
    """The tensor with its last two axes exchanged."""
    return transpose(self, -2, -1)


@numpy_function(np.reshape)
def _numpy_reshape(x: Any, shape: Any, order: str = "C") -> Tensor:
    if order != "C":
        raise ValueError(f"np.reshape: order must be 'C' for tensors (got {order!r})")
    return reshape(x, *_sizes((shape,)))


@numpy_function(np.transpose)
def _numpy_transpose(x: Any, axes: Any = None) -> Tensor:
    return permute(x, *(range(x.ndim)[::-1] if axes is None else axes))


@numpy_function(np.ravel)
def _numpy_ravel(x: Any, order: str = "C") -> Tensor:
    return _numpy_reshape(x, -1, order)


swapaxes = transpose
