"""Sums, products, powers.

Operands broadcast as in NumPy, and the dtype of the result is PyTorch's (see `_promotion`).
Gradients have the dtype of their input.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array, Context, Function, is_grad_enabled
from ..tensor import Number, Operand, Tensor, TensorLike, attach
from ._common import reflected, unbroadcast, weak
from ._promotion import promoted, promoted_to_float


class Add(Function[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = promoted("add", a, b)
        return a + b

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(grad, ctx.input_shape(0)) if need_a else None,
            unbroadcast(grad, ctx.input_shape(1)) if need_b else None,
        )


def add(a: Operand, b: Operand, *, alpha: Number = 1) -> Tensor:
    """The sum ``a + alpha * b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.
    alpha : number, default 1
        What `b` is multiplied by; an integer if both operands are.

    Returns
    -------
    Tensor
        In the broadcast shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.add(cnet.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    if alpha != 1:
        b = _scaled("add", a, b, alpha)
    return Add.apply(weak(a), weak(b))


def _scaled(function: str, a: Operand, b: Operand, alpha: Number) -> Operand:
    """``alpha * b``; an integer stays one."""
    scaled = mul(b, alpha)
    if scaled.dtype.kind == "f" and "f" not in (np.asarray(a).dtype.kind, np.asarray(b).dtype.kind):
        raise TypeError(f"{function}: alpha must be an integer for integer operands (got {alpha})")
    return scaled


class Sub(Function[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = promoted("sub", a, b)
        return a - b

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(grad, ctx.input_shape(0)) if need_a else None,
            unbroadcast(-grad, ctx.input_shape(1)) if need_b else None,
        )


def sub(a: Operand, b: Operand, *, alpha: Number = 1) -> Tensor:
    """The difference ``a - alpha * b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.
    alpha : number, default 1
        What `b` is multiplied by; an integer if both operands are.

    Returns
    -------
    Tensor
        In the broadcast shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.sub(10, cnet.tensor([1.0, 2.0]))
    tensor([9., 8.])
    """
    if alpha != 1:
        b = _scaled("sub", a, b, alpha)
    return Sub.apply(weak(a), weak(b))


class Mul(Function[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = promoted("mul", a, b)
        need_a, need_b = ctx.needs_input_grad
        ctx.save_for_backward(a if need_b else None, b if need_a else None)
        return a * b

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, b = ctx.saved
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(grad * b, ctx.input_shape(0)) if need_a else None,
            unbroadcast(grad * a, ctx.input_shape(1)) if need_b else None,
        )


def mul(a: Operand, b: Operand) -> Tensor:
    """The product ``a * b``, element by element.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.mul(cnet.tensor([1.0, 2.0]), cnet.tensor([[3.0], [4.0]]))
    tensor([[3., 6.],
            [4., 8.]])
    """
    return Mul.apply(weak(a), weak(b))


class Div(Function[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = promoted_to_float("div", a, b)
        _, need_b = ctx.needs_input_grad
        ctx.save_for_backward(a if need_b else None, b)
        return a / b

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, b = ctx.saved
        need_a, need_b = ctx.needs_input_grad
        da = grad / b
        return (
            unbroadcast(da, ctx.input_shape(0)) if need_a else None,
            unbroadcast(-da * (a / b), ctx.input_shape(1)) if need_b else None,
        )


def div(a: Operand, b: Operand) -> Tensor:
    """The quotient ``a / b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.div(cnet.tensor([1.0, 2.0]), 4)
    tensor([0.25, 0.5 ])
    """
    return Div.apply(weak(a), weak(b))


class Neg(Function[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        return -x

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return -grad


def neg(x: TensorLike) -> Tensor:
    """The negative ``-x``.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor
        In the shape of `x`.

    Examples
    --------
    >>> import cnet
    >>> cnet.neg(cnet.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return Neg.apply(x)


class Pow(Function[Tensor]):
    @staticmethod
    def forward(ctx: Context, base: Array, exponent: Array) -> Array:
        base, exponent = promoted("pow", base, exponent)
        y = base**exponent
        if y.dtype == np.int8 and base.dtype == np.bool_:
            y = y.astype(np.bool_)
        _, need_exponent = ctx.needs_input_grad
        ctx.save_for_backward(base, exponent, y if need_exponent else None)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        base, exponent, y = ctx.saved
        need_base, need_exponent = ctx.needs_input_grad
        dbase = dexponent = None
        if need_base:
            # x**0 is constant: its derivative is 0 also at 0, where 0 * 0**-1 is not.
            if isinstance(exponent, np.ndarray):
                lowered: Any = np.where(exponent == 0, 0, exponent - 1)
            else:
                lowered = exponent - 1 if exponent else 0
            dbase = unbroadcast(grad * (exponent * base**lowered), ctx.input_shape(0))
        if need_exponent:
            # 0**p is constant for p > 0, where 0 * log(0) is not a number.
            log_base = np.log(np.where((base == 0) & (exponent >= 0), 1, base))
            dexponent = unbroadcast(grad * y * log_base, ctx.input_shape(1))
        return dbase, dexponent


def pow(base: Operand, exponent: Operand) -> Tensor:
    """The power ``base ** exponent``.

    Parameters
    ----------
    base, exponent : Tensor, ndarray or number
        Operands whose shapes broadcast. A negative base has a gradient if its exponent is an
        integer; the gradient with respect to the exponent is 0 where the base is 0.

    Returns
    -------
    Tensor
        In the broadcast shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.pow(cnet.tensor([-1.0, 2.0]), 3)
    tensor([-1.,  8.])
    """
    return Pow.apply(weak(base), weak(exponent))


def _in_place(ufunc: np.ufunc) -> Callable[[Tensor, Any], Any]:
    """``x += y`` on the array of `x`, unless it takes part in a graph.

    Results of recorded operations are left alone: Python then computes ``x = x + y``.
    """

    def method(self: Tensor, other: Any) -> Any:
        recording = is_grad_enabled()
        if recording and self.requires_grad and self.is_leaf:
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place; use no_grad()"
            )
        other_is_recorded = recording and isinstance(other, Tensor) and other.requires_grad
        if self.grad_fn is not None or other_is_recorded:
            return NotImplemented
        ufunc(self.data, other.data if isinstance(other, Tensor) else other, out=self.data)
        return self

    return method


attach(
    __add__=add, __radd__=reflected(add), __iadd__=_in_place(np.add),
    __sub__=sub, __rsub__=reflected(sub), __isub__=_in_place(np.subtract),
    __mul__=mul, __rmul__=reflected(mul), __imul__=_in_place(np.multiply),
    __truediv__=div, __rtruediv__=reflected(div), __itruediv__=_in_place(np.divide),
    __pow__=pow, __rpow__=reflected(pow),
    __neg__=neg, pow=pow,
    ufuncs={
        np.add: add, np.subtract: sub, np.multiply: mul, np.divide: div, np.negative: neg,
        np.power: pow,
    },
)  # fmt: skip
