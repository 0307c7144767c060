"""Operations that reorder the dimensions. Results share memory with the input."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, ViewOperation
from ..tensor import Tensor, TensorLike
from ._dims import dim_of, dims_of, variadic
from .registry import numpy_function, operation

__all__ = ["moveaxis", "movedim", "permute", "swapaxes", "swapdims", "t", "transpose"]


class Permute(ViewOperation[Tensor]):
    @staticmethod
    def compute(x: Array, *, axes: tuple[int, ...]) -> Array:
        return x.transpose(axes)

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, axes: tuple[int, ...]) -> Array:
        ctx.axes = axes
        return cls.compute(x, axes=axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad.transpose(np.argsort([axis % grad.ndim for axis in ctx.axes]))


@operation(Permute, methods=("permute",))
@variadic("dims")
def permute(input: TensorLike, *dims: int | Sequence[int]) -> Tensor:
    """Reorder the dimensions, like `numpy.transpose`.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    *dims : int, or one sequence of int
        For each dimension of the result, the corresponding dimension of `input`.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If `dims` does not contain each dimension once.

    Examples
    --------
    >>> import cnet
    >>> cnet.permute(cnet.zeros(2, 3, 4), (2, 0, 1)).shape
    (4, 2, 3)
    """
    try:
        return Permute.apply(input, axes=dims)
    except ValueError:
        dims_of("permute", dims, input.ndim)
        raise ValueError(
            "permute: dims must contain each dimension of input once "
            f"(got {dims} and {input.ndim} dimensions)"
        ) from None


@operation(Permute, methods=("transpose", "swapaxes", "swapdims"), numpy=(np.swapaxes,))
def transpose(input: TensorLike, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions, as in PyTorch; the equivalent of `numpy.transpose` is `permute`.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim0, dim1 : int
        The dimensions to exchange.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.transpose(cnet.zeros(2, 3, 4), 0, -1).shape
    (4, 3, 2)
    """
    ndim = input.ndim
    first = dim_of("transpose", dim0, ndim, "dim0")
    second = dim_of("transpose", dim1, ndim, "dim1")
    axes = list(range(ndim))
    if axes:
        axes[first], axes[second] = second, first
    return Permute.apply(input, axes=tuple(axes))


@explained
def swapaxes(input: TensorLike, axis0: int, axis1: int) -> Tensor:
    """Exchange two dimensions; the same as `transpose`.

    Examples
    --------
    >>> import cnet
    >>> cnet.swapaxes(cnet.zeros(2, 3), 0, 1).shape
    (3, 2)
    """
    return transpose(input, axis0, axis1)


swapdims = transpose


@operation(Permute, methods=("t",))
def t(input: TensorLike) -> Tensor:
    """Exchange the dimensions of a matrix; vectors and numbers are returned as they are.

    Parameters
    ----------
    input : Tensor or ndarray, at most 2 dimensions

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If there are more than 2 dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.t(cnet.zeros(2, 3)).shape
    (3, 2)
    """
    if input.ndim > 2:
        raise ValueError(f"t: input must have at most 2 dimensions (got {input.ndim})")
    return Permute.apply(input, axes=tuple(range(input.ndim))[::-1])


@operation(Permute, methods=("movedim", "moveaxis"))
def movedim(
    input: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]
) -> Tensor:
    """Move dimensions to other positions; the others keep their order.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    source : int or sequence of int
        The dimensions to move.
    destination : int or sequence of int
        Their positions in the result.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If a dimension is given twice, or the numbers of dimensions differ.

    Examples
    --------
    >>> import cnet
    >>> cnet.movedim(cnet.zeros(2, 3, 4), 0, -1).shape
    (3, 4, 2)
    """
    ndim = input.ndim
    given = [dims if isinstance(dims, Sequence) else (dims,) for dims in (source, destination)]
    start = dims_of("movedim", given[0], ndim, "source")
    end = dims_of("movedim", given[1], ndim, "destination")
    if len(start) != len(end):
        raise ValueError(
            "movedim: source and destination must have the same length "
            f"(got {source} and {destination})"
        )
    rest = iter([axis for axis in range(ndim) if axis not in start])
    moved = dict(zip(end, start, strict=True))
    axes = tuple([moved[axis] if axis in moved else next(rest) for axis in range(ndim)])
    return Permute.apply(input, axes=axes)


moveaxis = movedim


@operation(properties=("T",))
def _all_axes_reversed(self: Tensor) -> Tensor:
    """The tensor with its dimensions in reverse order."""
    return Permute.apply(self, axes=tuple(range(self.ndim))[::-1])


@operation(properties=("mT", "H", "mH"))
def _last_axes_exchanged(self: Tensor) -> Tensor:
    """The tensor with its last two dimensions exchanged."""
    return transpose(self, -2, -1)


@numpy_function(np.transpose)
def _numpy_transpose(x: Any, axes: Any = None) -> Tensor:
    return permute(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


@numpy_function(np.moveaxis)
def _numpy_moveaxis(a: Any, source: Any, destination: Any) -> Tensor:
    return movedim(a, source, destination)
