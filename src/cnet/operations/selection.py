"""Elementwise selection from two operands, by size or by a condition.

Operands are promoted and broadcast as in `arithmetic`.
"""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..tensor import Operand, Tensor, TensorLike, array_of
from ._common import unbroadcast, weak
from ._promotion import promoted
from .registry import operation

__all__ = ["maximum", "minimum", "where"]


class Maximum(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = promoted("maximum", a, b)
        ctx.save_for_backward(a, b)
        return np.maximum(a, b)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, b = ctx.saved
        return _share(ctx, grad, a == b, lost_by_a=a < b, lost_by_b=b < a)


class Minimum(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = promoted("minimum", a, b)
        ctx.save_for_backward(a, b)
        return np.minimum(a, b)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, b = ctx.saved
        return _share(ctx, grad, a == b, lost_by_a=b < a, lost_by_b=a < b)


def _share(ctx: Context, grad: Array, tie: Array, lost_by_a: Array, lost_by_b: Array) -> Any:
    """The selected operand gets the gradient; equal operands get half of it each."""
    need_a, need_b = ctx.needs_input_grad
    grad = np.where(tie, grad / 2, grad)
    return (
        unbroadcast(np.where(lost_by_a, 0, grad), ctx.input_shape(0)) if need_a else None,
        unbroadcast(np.where(lost_by_b, 0, grad), ctx.input_shape(1)) if need_b else None,
    )


@operation(Maximum, methods=("maximum",), numpy=(np.maximum,))
def maximum(input: Operand, other: Operand) -> Tensor:
    """The elementwise maximum; equal elements get half of the gradient each.

    Parameters
    ----------
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape; NaN where an operand is NaN.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.maximum(cnet.tensor([-1.0, 2.0]), 0)
    tensor([0., 2.])
    """
    return Maximum.apply(weak(input), weak(other))


@operation(Minimum, methods=("minimum",), numpy=(np.minimum,))
def minimum(input: Operand, other: Operand) -> Tensor:
    """The elementwise minimum; equal elements get half of the gradient each.

    Parameters
    ----------
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape; NaN where an operand is NaN.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.minimum(cnet.tensor([-1.0, 2.0]), 0)
    tensor([-1.,  0.])
    """
    return Minimum.apply(weak(input), weak(other))


class Where(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, condition: Array, a: Array, b: Array) -> Any:
        _check_condition(condition)
        ctx.save_for_backward(condition)
        return np.where(condition, *promoted("where", a, b))

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (condition,) = ctx.saved
        _, need_a, need_b = ctx.needs_input_grad
        return (
            None,
            unbroadcast(np.where(condition, grad, 0), ctx.input_shape(1)) if need_a else None,
            unbroadcast(np.where(condition, 0, grad), ctx.input_shape(2)) if need_b else None,
        )


def _check_condition(condition: Any) -> None:
    dtype = array_of(condition).dtype
    if dtype not in (np.bool_, np.uint8):
        raise TypeError(f"where: condition must have a boolean dtype (got dtype {dtype})")


@operation(Where, numpy=(np.where,))
def where(condition: TensorLike, input: Operand, other: Operand) -> Tensor:
    """Elements of `input` where a condition is true, and of `other` elsewhere.

    Parameters
    ----------
    condition : Tensor or ndarray of bool or uint8
        Nonzero numbers are true.
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast with the shape of the condition.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If the condition has another dtype, or an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([-2.0, 3.0])
    >>> cnet.where(x > 0, x, 0.1 * x)
    tensor([-0.2,  3. ])
    """
    return Where.apply(condition, weak(input), weak(other))
