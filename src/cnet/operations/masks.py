"""Elements that a mask or a condition selects, and the positions of elements that are not zero."""

from math import prod
from typing import Any, overload

import numpy as np

from ..autograd import Array, Context, Operation
from ..autograd.engine import wrap
from ..kernels import plain
from ..kernels._memory import empty
from ..replay import values_of
from ..tensor import Operand, Tensor, TensorLike, array_of
from ._choice import choose
from ._common import unbroadcast, weak
from ._dims import broadcast
from ._elementwise import check_broadcast
from ._out import written
from ._positions import NUMBERS
from ._promotion import promoted
from .indexing import Index
from .registry import operation
from .shape import expanded

__all__ = ["argwhere", "masked_fill", "masked_scatter", "masked_select", "nonzero", "where"]


def mask_of(function: str, mask: Any) -> Array:
    """An array of booleans."""
    array: Array = array_of(mask)
    if array.dtype.kind != "b":
        raise TypeError(f"{function}: mask must be boolean (got dtype {array.dtype})")
    return array


def expanded_array(x: Array, shape: tuple[int, ...]) -> Array:
    """An array broadcast to a shape: a view, or the array itself."""
    return x if x.shape == shape else np.broadcast_to(x, shape)


@operation(Index, methods=("masked_select",))
def masked_select(input: TensorLike, mask: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The elements where a mask is true, in row-major order.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    mask : Tensor of bool
        Its shape and that of `input` must broadcast.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, 1 dimension

    Raises
    ------
    TypeError
        If `mask` is not boolean.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1, 2, 3])
    >>> cnet.masked_select(x, x > 1)
    tensor([2, 3])
    """
    chosen = mask_of("masked_select", mask)
    shape = broadcast("masked_select", input.shape, chosen.shape)
    whole = input if input.shape == shape else expanded("masked_select", input, shape)
    return Index.apply(whole, index=(expanded_array(chosen, shape),))


class MaskedFill(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, mask: Array, value: Any) -> Array:
        ctx.save_for_backward(mask)
        return choose(mask, np.array(value, x.dtype), x)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (mask,) = ctx.saved
        need_x, _, need_value = ctx.needs_input_grad
        dx = unbroadcast(choose(mask, 0, grad), ctx.input_shape(0)) if need_x else None
        return dx, None, choose(mask, grad, 0).sum() if need_value else None


@operation(MaskedFill, methods=("masked_fill",), written=("masked_fill_",))
def masked_fill(input: TensorLike, mask: TensorLike, value: Operand) -> Tensor:
    """A copy in which the elements are replaced where a mask is true.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    mask : Tensor of bool
        Its shape and that of `input` must broadcast.
    value : number or Tensor without dimensions

    Returns
    -------
    Tensor
        In the dtype of `input`.

    Raises
    ------
    TypeError
        If `mask` is not boolean, or `value` cannot be converted to the dtype.
    ValueError
        If the shapes do not broadcast, or `value` has dimensions.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0, 3.0])
    >>> cnet.masked_fill(x, x > 1, 0)
    tensor([1., 0., 0.])
    """
    chosen = mask_of("masked_fill", mask)
    broadcast("masked_fill", input.shape, chosen.shape)
    return MaskedFill.apply(input, chosen, fill_value("masked_fill", input, value))


def fill_value(function: str, input: TensorLike, value: Any) -> Any:
    """A number for elements of a tensor, given as such or as a tensor without dimensions."""
    if type(value) is int or (type(value) is float and input.dtype.kind == "f"):
        return value
    array = array_of(value)
    if array.ndim:
        raise ValueError(
            f"{function}: value must be a number or have no dimensions (got shape {array.shape})"
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{function}: value must be a real number (got {array})")
    if array.dtype.kind == "f" and input.dtype.kind != "f":
        raise TypeError(f"{function}: value must be an integer for {input.dtype} (got {array})")
    return weak(value)


class MaskedScatter(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, mask: Array, source: Array) -> Array:
        (positions,) = mask.reshape(-1).nonzero()
        count, available = positions.size, source.size
        if count > available:
            raise ValueError(
                "masked_scatter: source must have at least as many elements as the mask selects "
                f"(got {available} and {count})"
            )
        chosen = source.reshape(-1)[:count]
        x = expanded_array(x, mask.shape)
        y: Array | None = plain.scatter(NUMBERS["write"], x, positions, chosen, None)
        if y is None:
            y = np.array(x)
            y[mask] = chosen
        return y

    @classmethod
    def forward(cls, ctx: Context, x: Array, mask: Array, source: Array) -> Array:
        ctx.save_for_backward(mask)
        return cls.compute(x, mask, source)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (mask,) = ctx.saved
        need_x, _, need_source = ctx.needs_input_grad
        dsource = None
        if need_source:
            dsource = np.zeros(ctx.input_shape(2), grad.dtype)
            chosen = grad[mask]
            dsource.reshape(-1)[: chosen.size] = chosen
        dx = unbroadcast(choose(mask, 0, grad), ctx.input_shape(0)) if need_x else None
        return dx, None, dsource


@operation(MaskedScatter, methods=("masked_scatter",), written=("masked_scatter_",))
def masked_scatter(input: TensorLike, mask: TensorLike, source: TensorLike) -> Tensor:
    """A copy in which elements of `source`, in order, replace the elements where a mask is true.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    mask : Tensor of bool
        Its shape and that of `input` must broadcast.
    source : Tensor or ndarray
        At least as many elements as the mask selects, in the dtype of `input`.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If `mask` is not boolean, or the dtypes differ.
    ValueError
        If the shapes do not broadcast, or `source` has too few elements.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1, 2, 3])
    >>> cnet.masked_scatter(x, x > 1, cnet.tensor([7, 8]))
    tensor([1, 7, 8])
    """
    chosen = mask_of("masked_scatter", mask)
    if source.dtype != input.dtype:
        raise TypeError(
            "masked_scatter: source must have the dtype of input "
            f"(got {source.dtype} and {input.dtype})"
        )
    whole = expanded_array(chosen, broadcast("masked_scatter", input.shape, chosen.shape))
    return MaskedScatter.apply(input, whole, source)


def _positions(array: Array) -> Array:
    """The positions of all elements that are not zero, shape (count, dimensions).

    NumPy finds positions in a flat array much faster.
    """
    if array.ndim < 2:
        return np.argwhere(array)
    (rest,) = array.reshape(-1).nonzero()
    found = empty((rest.size, array.ndim), rest.dtype)
    axis = array.ndim - 1
    while prod(array.shape[:axis]) > 1:
        size, column = array.shape[axis], found[:, axis]
        before = np.floor_divide(rest, size, out=empty(rest.shape, rest.dtype))
        np.multiply(before, size, out=column)
        np.subtract(rest, column, out=column)
        rest, axis = before, axis - 1
    found[:, axis] = rest
    found[:, :axis] = 0
    return found


@operation(methods=("nonzero",))
def nonzero(input: TensorLike, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """The positions of all elements that are not zero, in row-major order.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    as_tuple : bool, default False
        Whether to return a tensor of positions for each dimension, which can be used as an index.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor of int64, shape (count, dimensions), or tuple of Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.nonzero(cnet.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    array = values_of("nonzero", array_of(input))
    if as_tuple:
        return tuple([Tensor(found) for found in np.nonzero(np.atleast_1d(array))])
    return wrap(_positions(array))


@operation(methods=("argwhere",), numpy=(np.argwhere,))
def argwhere(input: TensorLike) -> Tensor:
    """The positions of all elements that are not zero; the same as `nonzero`.

    Examples
    --------
    >>> import cnet
    >>> cnet.argwhere(cnet.tensor([0, 1, 2]))
    tensor([[1],
            [2]])
    """
    found: Tensor = nonzero(input)
    return found


_BOOL = np.dtype(bool)


class Where(Operation[Tensor]):
    @staticmethod
    def compute(condition: Array, a: Array, b: Array) -> Any:
        if type(condition) is not np.ndarray or condition.dtype is not _BOOL:
            _check_condition(condition)
        if not (type(a) is type(b) is np.ndarray and a.dtype is b.dtype):
            a, b = promoted("where", a, b)
        try:
            return choose(condition, a, b)
        except ValueError:
            check_broadcast("where", (condition, a, b))
            raise

    @classmethod
    def forward(cls, ctx: Context, condition: Array, a: Array, b: Array) -> Any:
        ctx.save_for_backward(condition)
        return cls.compute(condition, a, b)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (condition,) = ctx.saved
        _, need_a, need_b = ctx.needs_input_grad
        return (
            None,
            unbroadcast(choose(condition, grad, 0), ctx.input_shape(1)) if need_a else None,
            unbroadcast(choose(condition, 0, grad), ctx.input_shape(2)) if need_b else None,
        )


def _check_condition(condition: Any) -> None:
    dtype = array_of(condition).dtype
    if dtype.char not in "?B":
        raise TypeError(f"where: condition must have a boolean dtype (got dtype {dtype})")


@overload
def where(condition: TensorLike) -> tuple[Tensor, ...]: ...
@overload
def where(
    condition: TensorLike, input: Operand, other: Operand, *, out: Tensor | None = None
) -> Tensor: ...
@operation(Where, numpy=(np.where,), writes_out=True)
def where(
    condition: TensorLike,
    input: Operand | None = None,
    other: Operand | None = None,
    *,
    out: Tensor | None = None,
) -> Any:
    """Elements of `input` where a condition is true, and of `other` elsewhere.

    Without `input` and `other`, the positions where the condition is true.

    Parameters
    ----------
    condition : Tensor or ndarray of bool or uint8
        Nonzero numbers are true. Any dtype if it is the only argument.
    input, other : Tensor, ndarray or number, optional
        Operands whose shapes broadcast with the shape of the condition. Both or none are given.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, or tuple of Tensor
        In the broadcast shape and the promoted dtype. For a condition alone, a tensor of int64 for
        each dimension, as ``cnet.nonzero(condition, as_tuple=True)``.

    Raises
    ------
    TypeError
        If the condition has another dtype, if an operand is not a tensor, array or number, or if
        only one of them is given.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([-2.0, 3.0])
    >>> cnet.where(x > 0, x, 0.1 * x)
    tensor([-0.2,  3. ])
    >>> cnet.where(x > 0)
    (tensor([1]),)
    """
    if input is None or other is None:
        if input is not None or other is not None or out is not None:
            raise TypeError("where: input and other must both be given, or the condition alone")
        return nonzero(condition, as_tuple=True)
    y: Tensor = Where.apply(condition, input, other)
    return y if out is None else written("where", y, out)


@operation(methods=("where",))
def _where(self: Tensor, condition: TensorLike, other: Operand) -> Tensor:
    """Elements of the tensor where a condition is true, and of `other` elsewhere."""
    return where(condition, self, other)
