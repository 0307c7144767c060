"""Sums, products and powers.

Operands broadcast as in NumPy, and the dtype of the result is PyTorch's (see `_promotion`).
Gradients have the dtype of their input.
"""

import operator
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation, propagation
from ..autograd.inplace import apply_in_place
from ..dtypes import of_number
from ..kernels import plain
from ..kernels.elementwise import as_floats
from ..modes import current
from ..tensor import Number, Operand, Tensor, TensorLike, array_of
from ._blocks import blockwise
from ._common import also_numbers_first, unbroadcast, weak
from ._elementwise import check_broadcast, define
from ._promotion import common_number, promoted
from ._sums import any_of
from .registry import operation

__all__ = [
    "add", "mul", "multiply", "neg", "negative", "positive", "pow", "rsub", "sub", "subtract",
]  # fmt: skip

_BOOL = np.dtype(np.bool_)


LARGE = 1 << 14
"""From this number of elements on, results use the memory of the kernels."""


def is_copied_by_kernel(dtype: np.dtype[Any], size: int) -> bool:
    """Whether kernels copy such arrays faster than NumPy, or so that the copies are captured."""
    return (dtype is FLOAT32 or dtype is FLOAT64) and (
        size >= LARGE or current.recorder is not None
    )


def _covers(a: Any, b: Any) -> bool:
    """Whether a kernel computes these arrays: the first has the shape of the result."""
    return (
        type(a) is np.ndarray
        and is_copied_by_kernel(a.dtype, a.size)
        and type(b) is np.ndarray
        and a.flags.c_contiguous
        and 0 < b.ndim == a.ndim
        and a.dtype is b.dtype
        and all(n in (1, size) for n, size in zip(b.shape, a.shape, strict=True))
    )


def added(a: Array, b: Array, out: Array | None = None) -> Any:
    """The sum of two arrays, in `out` if it is given."""
    if out is None:
        return Add.compute(a, b)
    if a.size >= LARGE and a.shape == b.shape and all(x.flags.carray for x in (a, b, out)):
        return kernels.add(a, b, out)
    return np.add(a, b, out)


propagation.adding = added


class Arithmetic(Operation[Tensor]):
    """Base class of operations of two operands that a ufunc computes."""

    owns_result = True

    ufunc: ClassVar[np.ufunc]
    symbol: ClassVar[Callable[[Any, Any], Any]]
    """The operator, which NumPy computes faster for some Python numbers."""
    number: ClassVar[int]
    """The number of the operation in the kernel `arithmetic`."""

    @classmethod
    def by_kernel(cls, a: Any, b: Any, out: Array | None = None) -> Array | None:
        """The result for a plain array and one like it or a number; None for other operands."""
        return plain.arithmetic(cls.number, a, b, out)

    @classmethod
    def compute(cls, a: Any, b: Any) -> Any:
        y = cls.by_kernel(a, b)
        return cls.forward(Context(cls, (None, None)), a, b) if y is None else y

    @classmethod
    def evaluated(cls, a: Any, b: Any) -> Any:
        """The result for promoted operands."""
        y = cls.by_kernel(a, b)
        if y is not None:
            return y
        try:
            if _covers(a, b) and hasattr(cls, "number"):
                return kernels.arithmetic(a, b, cls.__name__.lower())
            return cls.symbol(a, b)
        except ValueError as error:
            check_broadcast(cls.__name__.lower(), (a, b))
            raise ValueError(f"{cls.__name__.lower()}: {error}") from None

    @classmethod
    def in_place(cls, ctx: Context, x: Array, *args: Any, **kwargs: Any) -> None:
        """Avoid the copy if no values must be saved for the derivative."""
        (other,) = args
        fits = type(other) is not np.ndarray or (other.dtype is x.dtype and other.shape == x.shape)
        if fits and ctx.edges == (None, None) and x.dtype.kind == "f":
            # NumPy is faster for many elements, and faster without the keyword `out`.
            if x.size >= LARGE or cls.by_kernel(x, other, x) is None:
                cls.ufunc(x, other, x)
        else:
            super().in_place(ctx, x, other)


class Add(Arithmetic):
    ufunc, symbol, number = np.add, operator.add, plain.arithmetic_operations["add"]

    @classmethod
    def forward(cls, ctx: Context, a: Array, b: Array) -> Any:
        return cls.evaluated(*promoted("add", a, b))

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
@also_numbers_first("alpha")
def add(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """The sum ``input + alpha * other``.

    Parameters
    ----------
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast.
    alpha : number, default 1
        The factor of `other`; must be an integer if both operands are integers.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

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
        other = _scaled("add", input, other, alpha)
    return Add.apply(input, other)


def _scaled(function: str, a: Operand, b: Operand, alpha: Number) -> Operand:
    """``alpha * b``, in an integer dtype if both operands are integers."""
    scaled = weak(b) * alpha if isinstance(b, (int, float, np.generic)) else mul(b, alpha)
    kinds = [array_of(x).dtype.kind for x in (scaled, a, b)]
    if kinds[0] == "f" and "f" not in kinds[1:]:
        raise TypeError(f"{function}: alpha must be an integer for integer operands (got {alpha})")
    return scaled


class Sub(Arithmetic):
    ufunc, symbol, number = np.subtract, operator.sub, plain.arithmetic_operations["sub"]

    @classmethod
    def forward(cls, ctx: Context, a: Array, b: Array) -> Any:
        x, y = promoted("sub", a, b)
        if (x if isinstance(x, np.ndarray) else y).dtype.kind != "f" and _BOOL in (
            getattr(a, "dtype", None),
            getattr(b, "dtype", None),
        ):
            raise TypeError("sub: booleans cannot be subtracted; use logical_xor or logical_not")
        return cls.evaluated(x, y)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(grad, ctx.input_shape(0)) if need_a else None,
            unbroadcast(-grad, ctx.input_shape(1)) if need_b else None,
        )


@operation(
    Sub, methods=("sub", "subtract", "__sub__"), reflected="__rsub__", in_place=("__isub__",),
    numpy=(np.subtract,),
)  # fmt: skip
@also_numbers_first("alpha")
def sub(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """The difference ``input - alpha * other``.

    Parameters
    ----------
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast.
    alpha : number, default 1
        The factor of `other`; must be an integer if both operands are integers.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If an operand is boolean, or is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.sub(10, cnet.tensor([1.0, 2.0]))
    tensor([9., 8.])
    """
    if alpha != 1:
        other = _scaled("sub", input, other, alpha)
    return Sub.apply(input, other)


@operation(Sub)
def rsub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """The difference ``other - alpha * input``; see `sub`.

    Examples
    --------
    >>> import cnet
    >>> cnet.rsub(cnet.tensor([1.0, 2.0]), 10)
    tensor([9., 8.])
    """
    return sub(other, input, alpha=alpha)


class Mul(Arithmetic):
    ufunc, symbol, number = np.multiply, operator.mul, plain.arithmetic_operations["mul"]

    @classmethod
    def forward(cls, ctx: Context, a: Array, b: Array) -> Any:
        a, b = promoted("mul", a, b)
        from_a, from_b = ctx.edges
        ctx.save_for_backward(a if from_b else None, b if from_a else None)
        return cls.evaluated(a, b)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, b = ctx.saved
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(grad * b, ctx.input_shape(0)) if need_a else None,
            unbroadcast(grad * a, ctx.input_shape(1)) if need_b else None,
        )


@operation(
    Mul, methods=("mul", "multiply", "__mul__"), reflected="__rmul__",
    in_place=("__imul__", "mul_", "multiply_"), numpy=(np.multiply,),
)  # fmt: skip
def mul(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The elementwise product ``input * other``.

    Parameters
    ----------
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

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
    return Mul.apply(input, other)


Neg = define("neg", np.negative, lambda g: -g, promote=common_number)


@operation(
    Neg, methods=("neg", "negative", "__neg__"), in_place=("neg_", "negative_"),
    numpy=(np.negative,),
)  # fmt: skip
def neg(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The negative ``-input``.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` is boolean, or is not a tensor or array.

    Examples
    --------
    >>> import cnet
    >>> cnet.neg(cnet.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return Neg.apply(input)


@operation(methods=("positive", "__pos__"), numpy=(np.positive,))
def positive(input: Tensor) -> Tensor:
    """The tensor itself, if it has a number dtype.

    Examples
    --------
    >>> import cnet
    >>> +cnet.tensor([1.0, -2.0])
    tensor([ 1., -2.])
    """
    common_number("positive", array_of(input))
    return input


def _slope(grad: Array, base: Any, exponent: Any) -> Any:
    """The gradient of the base of a power."""
    # x**0 is constant, so its derivative at 0 is 0, but 0 * 0**-1 is not a number.
    if isinstance(exponent, np.ndarray):
        lowered: Any = np.where(exponent == 0, 0, exponent - 1)
    else:
        lowered = exponent - 1 if exponent else 0
    return grad * (exponent * base**lowered)


def _fitting(exponent: Any, base: Any) -> Any:
    """The exponent; ValueError if it would wrap around in the integer dtype of the base."""
    exponent = weak(exponent)
    if type(exponent) is int and isinstance(base, np.ndarray) and base.dtype.kind in "iu":
        greatest = np.iinfo(base.dtype).max
        if not 0 <= exponent <= greatest:
            raise ValueError(
                f"pow: exponent must be from 0 to {greatest} for {base.dtype} (got {exponent})"
            )
    return exponent


def _is_negative(exponent: Any) -> bool:
    """Whether an exponent is an array of integers with a negative one."""
    return isinstance(exponent, np.ndarray) and exponent.dtype.kind == "i" and any_of(exponent < 0)


class Pow(Arithmetic):
    ufunc, symbol = np.power, operator.pow

    @classmethod
    def by_kernel(cls, base: Any, exponent: Any, out: Array | None = None) -> Array | None:
        if type(exponent) in of_number and exponent == 2:
            return plain.arithmetic(Mul.number, base, base, out)
        return None

    @classmethod
    def compute(cls, base: Any, exponent: Any) -> Any:
        if as_floats((base, exponent)) is not None:
            return cls.evaluated(base, weak(exponent))
        return cls.forward(Context(cls, (None, None)), base, exponent)

    @classmethod
    def forward(cls, ctx: Context, base: Array, exponent: Array) -> Any:
        exponent = _fitting(exponent, base)
        base, exponent = promoted("pow", base, exponent)
        if _is_negative(exponent):  # the power of integers is rounded towards zero
            power = cls.evaluated(base, np.abs(exponent))
            y = np.where((exponent < 0) & (np.abs(base) != 1), 0, power)
        else:
            y = cls.evaluated(base, exponent)
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
            dbase = unbroadcast(blockwise(_slope, grad, base, exponent), ctx.input_shape(0))
        if need_exponent:
            # 0**p is constant for p > 0, so its derivative is 0, but 0 * log(0) is not a number.
            log_base = np.log(np.where((base == 0) & (exponent >= 0), 1, base))
            dexponent = unbroadcast(grad * y * log_base, ctx.input_shape(1))
        return dbase, dexponent


@operation(
    Pow, methods=("pow", "__pow__"), reflected="__rpow__", in_place=("pow_", "__ipow__"),
    numpy=(np.power,),
)  # fmt: skip
def pow(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """The power ``input ** exponent``.

    Parameters
    ----------
    input, exponent : Tensor, ndarray or number
        Operands whose shapes broadcast. The gradient of a negative base is a number only for
        integer exponents. The gradient of the exponent is 0 where the base is 0.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape and the promoted dtype; integers are rounded towards zero.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast, or a number as exponent of integers is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.pow(cnet.tensor([-1.0, 2.0]), 3)
    tensor([-1.,  8.])
    """
    if isinstance(input, int | float) and isinstance(exponent, int | float):
        raise TypeError("pow: input or exponent must be a Tensor or array (got two numbers)")
    return Pow.apply(input, exponent)


@operation(methods=("add_",))
@also_numbers_first("alpha")
def add_(x: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """``x += alpha * other``, in place."""
    other = weak(other) if alpha == 1 else _scaled("add_", x, other, alpha)
    result: Tensor = apply_in_place(Add, x, other)
    return result


@operation(methods=("sub_", "subtract_"))
@also_numbers_first("alpha")
def sub_(x: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """``x -= alpha * other``, in place."""
    other = weak(other) if alpha == 1 else _scaled("sub_", x, other, alpha)
    result: Tensor = apply_in_place(Sub, x, other)
    return result


negative = neg
multiply = mul
subtract = sub
