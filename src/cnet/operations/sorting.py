"""Sorting. NaN counts as greater than any number; equal elements keep their order."""

from operator import index
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike
from ._common import also_dim
from ._dims import dim_of
from ._positions import elements_at
from .extrema import ValuesAndIndices, gradient_of_taken, paired
from .registry import operation

__all__ = ["argsort", "msort", "sort", "topk"]


def numbers_of(x: Array) -> tuple[Array, bool]:
    """An array for kernels that compare elements, in the order of those of `x`.

    And whether its bits are signed integers.
    """
    dtype = x.dtype
    if dtype is FLOAT32 or dtype is FLOAT64:
        return x, False
    kind = dtype.kind
    if kind == "f":
        return x.astype(np.float32) if x.itemsize == 2 else x, False
    if kind not in "biu":
        raise TypeError(f"the elements of a tensor of {x.dtype} have no order")
    if x.dtype == np.uint64:
        return (x ^ _MIDDLE).view(np.float64), True
    is_short = np.can_cast(x.dtype, np.int32)
    integers = x.astype(np.int32 if is_short else np.int64, copy=False)
    return integers.view(np.float32 if is_short else np.float64), True


_MIDDLE = np.uint64(1 << 63)


class Sort(Operation[tuple[Tensor, Tensor]]):
    """The first of the sorted elements along an axis, and their positions."""

    @staticmethod
    def compute(x: Array, *, axis: int, count: int | None, descending: bool) -> tuple[Array, Array]:
        numbers, integers = numbers_of(x)
        values, indices = kernels.sort(
            numbers, axis, count=count, descending=descending, integers=integers
        )
        if values.dtype is not x.dtype and values.dtype != x.dtype:
            values = elements_at("sort", x, indices, axis)
        return values, indices

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, *, axis: int, count: int | None, descending: bool
    ) -> tuple[Array, Array]:
        values, indices = cls.compute(x, axis=axis, count=count, descending=descending)
        ctx.save_for_backward(indices)
        ctx.axis = axis
        return values, indices

    @staticmethod
    def backward(ctx: Context, grad: Array, _: None) -> Any:
        return gradient_of_taken(ctx, grad)


def _sorted(
    function: str, x: TensorLike, dim: int, descending: bool, count: int | None = None
) -> ValuesAndIndices:
    axis, descending = dim_of(function, dim, x.ndim), bool(descending)
    if x.ndim:
        return paired(Sort.apply(x, axis=axis, count=count, descending=descending))
    found = Sort.apply(x.reshape(1), axis=0, count=count, descending=descending)
    return ValuesAndIndices(*[tensor.reshape(()) for tensor in found])


@operation(methods=("sort",))
def sort(
    input: TensorLike,
    dim: int = -1,
    descending: bool = False,
    stable: bool = True,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> ValuesAndIndices:
    """Sort elements along a dimension, and return their original positions.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, default -1
        The dimension to sort along.
    descending : bool, default False
        Whether to start with the greatest element.
    stable : bool, default True
        Accepted for compatibility; equal elements always keep their order.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple of tensors in the shape of `input`; `indices` has dtype int64. The gradient
        of a value goes to its original element.

    Raises
    ------
    ValueError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> values, indices = cnet.sort(cnet.tensor([3.0, 1.0, 2.0]))
    >>> values, indices
    (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    return _sorted("sort", input, dim, descending)


@operation(methods=("msort",))
def msort(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Sort elements along the first dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.msort(cnet.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return sort(input, 0).values


@operation(methods=("argsort",), numpy=(np.argsort,))
@also_dim
def argsort(
    input: TensorLike, dim: int = -1, descending: bool = False, stable: bool | None = True
) -> Tensor:
    """The positions that sort a tensor along a dimension; not part of the graph.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, default -1
        The dimension to sort along. NumPy's name is `axis`.
    descending : bool, default False
        Whether to start with the greatest element.
    stable : bool, default True
        Accepted for compatibility; equal elements always keep their order.

    Returns
    -------
    Tensor of int64
        In the shape of `input`.

    Raises
    ------
    ValueError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.argsort(cnet.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return _sorted("argsort", input, dim, descending).indices


@operation(methods=("topk",))
def topk(
    input: TensorLike,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> ValuesAndIndices:
    """The `k` greatest elements along a dimension, and their positions.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    k : int
        The number of elements, at most the size of the dimension.
    dim : int, default -1
        The dimension to sort along.
    largest : bool, default True
        Whether to return the greatest elements, or the smallest if False.
    sorted : bool, default True
        Accepted for compatibility; the result is always sorted, the greatest (or smallest) first.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (values, indices)
        A named tuple of tensors with `k` elements along the dimension; `indices` has dtype int64.
        Of equal elements, the first are chosen. The gradient of a value goes to its original
        element.

    Raises
    ------
    ValueError
        If the dimension or `k` is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.topk(cnet.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    shape = input.shape or (1,)
    size = shape[dim_of("topk", dim, len(shape))]
    if not 0 <= index(k) <= size:
        raise ValueError(f"topk: k must be between 0 and the size of dim (got {k} and {size})")
    if k == 0 and not input.ndim:
        raise ValueError("topk: k must be 1 for a tensor without dimensions (got 0)")
    return _sorted("topk", input, dim, largest, index(k))
