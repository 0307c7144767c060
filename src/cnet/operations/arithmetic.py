"""Sums, products, powers.

Operands broadcast as in NumPy, and the dtype of the result is PyTorch's (see `_promotion`).
Gradients have the dtype of their input.
"""

from typing import Any

import numpy as np

from ..autograd import Array, Context, Operation
from ..inplace import apply_in_place
from ..tensor import Number, Operand, Tensor, TensorLike, array_of
from ._common import unbroadcast, weak
from ._promotion import promoted, promoted_to_float
from .registry import operation

__all__ = ["add", "div", "floor_divide", "mul", "neg", "pow", "remainder", "sub"]


class _Elementwise(Operation[Tensor]):
    """Base class of operations of two operands that a ufunc computes."""

    ufunc: np.ufunc

    @classmethod
    def in_place(cls, ctx: Context, x: Array, *args: Any, **kwargs: Any) -> None:
        """Avoid the copy if no values must be saved for the derivative."""
        (other,) = args
        if type(other) is np.ndarray:
            fits = other.dtype is x.dtype and other.shape == x.shape
        else:
            fits = x.dtype.kind == "f"
        if fits and ctx.edges == (None, None) and (x.dtype.kind == "f" or cls is not Div):
            cls.ufunc(x, other, out=x)
        else:
            super().in_place(ctx, x, other)


class Add(_Elementwise):
    ufunc = np.add

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


@operation(
    Add, methods=("add", "__add__"), reflected="__radd__", in_place=("__iadd__",),
    numpy=(np.add,),
)  # fmt: skip
def add(a: Operand, b: Operand, *, alpha: Number = 1) -> Tensor:
    """The sum ``a + alpha * b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.
    alpha : number, default 1
        The factor of `b`; must be an integer if both operands are integers.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.add(cnet.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    if alpha != 1:
        b = _scaled("add", a, b, alpha)
    return Add.apply(a, b)


def _scaled(function: str, a: Operand, b: Operand, alpha: Number) -> Operand:
    """``alpha * b``, in an integer dtype if both operands are integers."""
    scaled = mul(b, alpha)
    if scaled.dtype.kind == "f" and "f" not in (array_of(a).dtype.kind, array_of(b).dtype.kind):
        raise TypeError(f"{function}: alpha must be an integer for integer operands (got {alpha})")
    return scaled


class Sub(_Elementwise):
    ufunc = np.subtract

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


@operation(
    Sub, methods=("sub", "__sub__"), reflected="__rsub__", in_place=("__isub__",),
    numpy=(np.subtract,),
)  # fmt: skip
def sub(a: Operand, b: Operand, *, alpha: Number = 1) -> Tensor:
    """The difference ``a - alpha * b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.
    alpha : number, default 1
        The factor of `b`; must be an integer if both operands are integers.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.sub(10, cnet.tensor([1.0, 2.0]))
    tensor([9., 8.])
    """
    if alpha != 1:
        b = _scaled("sub", a, b, alpha)
    return Sub.apply(a, b)


class Mul(_Elementwise):
    ufunc = np.multiply

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


@operation(
    Mul, methods=("mul", "__mul__"), reflected="__rmul__", in_place=("__imul__", "mul_"),
    numpy=(np.multiply,),
)  # fmt: skip
def mul(a: Operand, b: Operand) -> Tensor:
    """The elementwise product ``a * b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.mul(cnet.tensor([1.0, 2.0]), cnet.tensor([[3.0], [4.0]]))
    tensor([[3., 6.],
            [4., 8.]])
    """
    return Mul.apply(a, b)


class Div(_Elementwise):
    ufunc = np.divide

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


@operation(
    Div, methods=("div", "__truediv__"), reflected="__rtruediv__",
    in_place=("__itruediv__", "div_"), numpy=(np.divide,),
)  # fmt: skip
def div(a: Operand, b: Operand) -> Tensor:
    """The quotient ``a / b``.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.div(cnet.tensor([1.0, 2.0]), 4)
    tensor([0.25, 0.5 ])
    """
    return Div.apply(a, b)


class Neg(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        return -x

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return -grad


@operation(Neg, methods=("neg", "__neg__"), numpy=(np.negative,))
def neg(x: TensorLike) -> Tensor:
    """The negative ``-x``.

    Parameters
    ----------
    x : Tensor or ndarray, any shape

    Returns
    -------
    Tensor
        In the shape and dtype of `x`.

    Examples
    --------
    >>> import cnet
    >>> cnet.neg(cnet.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return Neg.apply(x)


class Pow(_Elementwise):
    ufunc = np.power

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
            # x**0 is constant, so its derivative at 0 is 0, but 0 * 0**-1 is not a number.
            if isinstance(exponent, np.ndarray):
                lowered: Any = np.where(exponent == 0, 0, exponent - 1)
            else:
                lowered = exponent - 1 if exponent else 0
            dbase = unbroadcast(grad * (exponent * base**lowered), ctx.input_shape(0))
        if need_exponent:
            # 0**p is constant for p > 0, so its derivative is 0, but 0 * log(0) is not a number.
            log_base = np.log(np.where((base == 0) & (exponent >= 0), 1, base))
            dexponent = unbroadcast(grad * y * log_base, ctx.input_shape(1))
        return dbase, dexponent


@operation(
    Pow, methods=("pow", "__pow__"), reflected="__rpow__", in_place=("pow_", "__ipow__"),
    numpy=(np.power,),
)  # fmt: skip
def pow(base: Operand, exponent: Operand) -> Tensor:
    """The power ``base ** exponent``.

    Parameters
    ----------
    base, exponent : Tensor, ndarray or number
        Operands whose shapes broadcast. The gradient of a negative base is a number only for
        integer exponents. The gradient of the exponent is 0 where the base is 0.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.pow(cnet.tensor([-1.0, 2.0]), 3)
    tensor([-1.,  8.])
    """
    return Pow.apply(base, exponent)


class FloorDiv(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Any:
        return np.floor_divide(*promoted("floor_divide", a, b))

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        raise RuntimeError("floor_divide: the derivative is not implemented")


@operation(
    FloorDiv, methods=("floor_divide", "__floordiv__"), reflected="__rfloordiv__",
    in_place=("floor_divide_", "__ifloordiv__"), numpy=(np.floor_divide,),
)  # fmt: skip
def floor_divide(a: Operand, b: Operand) -> Tensor:
    """The quotient ``a // b``, rounded down; `backward` raises RuntimeError.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor([7, -7]) // 2
    tensor([ 3, -4])
    """
    return FloorDiv.apply(a, b)


class Remainder(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Any:
        a, b = promoted("remainder", a, b)
        _, need_b = ctx.needs_input_grad
        ctx.save_for_backward(np.floor_divide(a, b) if need_b else None)
        return np.remainder(a, b)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (quotient,) = ctx.saved
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(grad, ctx.input_shape(0)) if need_a else None,
            unbroadcast(-grad * quotient, ctx.input_shape(1)) if need_b else None,
        )


@operation(
    Remainder, methods=("remainder", "__mod__"), reflected="__rmod__",
    in_place=("remainder_", "__imod__"), numpy=(np.remainder,),
)  # fmt: skip
def remainder(a: Operand, b: Operand) -> Tensor:
    """The remainder ``a % b``, which has the sign of `b`.

    Parameters
    ----------
    a, b : Tensor, ndarray or number
        Operands whose shapes broadcast.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor([7.0, -7.0]) % 3
    tensor([1., 2.])
    """
    return Remainder.apply(a, b)


@operation(methods=("add_",))
def add_(x: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """``x += alpha * other``, in place."""
    other = weak(other) if alpha == 1 else _scaled("add_", x, other, alpha)
    result: Tensor = apply_in_place(Add, x, other)
    return result


@operation(methods=("sub_",))
def sub_(x: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """``x -= alpha * other``, in place."""
    other = weak(other) if alpha == 1 else _scaled("sub_", x, other, alpha)
    result: Tensor = apply_in_place(Sub, x, other)
    return result
