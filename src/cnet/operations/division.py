"""Division, and what is left over.

Operands broadcast and are promoted as in `arithmetic`.
"""

# mypy: disable-error-code="empty-body"

import operator
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..autograd import Array, Context
from ..autograd.inplace import apply_in_place
from ..kernels import plain
from ..tensor import Operand, Tensor, TensorLike
from ._common import unbroadcast, weak
from ._elementwise import by_kernel, compiled, define, direct, formula, zeros
from ._promotion import common_number, promoted_to_float
from .arithmetic import Arithmetic
from .registry import operation

__all__ = [
    "div", "divide", "floor_divide", "fmod", "reciprocal", "remainder", "true_divide",
]  # fmt: skip

Rounding = Literal["trunc", "floor"] | None


class Div(Arithmetic):
    ufunc, symbol, number = np.divide, operator.truediv, plain.arithmetic_operations["div"]

    @classmethod
    def forward(cls, ctx: Context, a: Array, b: Array) -> Any:
        a, b = promoted_to_float("div", a, b)
        ctx.save_for_backward(a if ctx.edges[1] else None, b)
        return cls.evaluated(a, b)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, b = ctx.saved
        need_a, need_b = ctx.needs_input_grad
        da = grad / b
        return (
            unbroadcast(da, ctx.input_shape(0)) if need_a else None,
            unbroadcast(-da * (a / b), ctx.input_shape(1)) if need_b else None,
        )


def _nonzero(function: Callable[[Array, Array], Any]) -> Callable[[Array, Array], Any]:
    """The function, which raises ZeroDivisionError for integers divided by 0."""

    @direct
    def checked(a: Array, b: Array) -> Any:
        if b.dtype.kind in "iu" and a.size and not b.all():
            raise ZeroDivisionError("division of integers by zero")
        return function(a, b)

    return checked


_floor_divide = by_kernel("floor_divide")(lambda a, b: np.floor_divide(a, b))
_remainder = by_kernel("remainder")(lambda a, b: np.remainder(a, b))
_fmod = by_kernel("fmod")(lambda a, b: np.fmod(a, b))


@by_kernel("trunc_divide")
def _truncated(a: Array, b: Array) -> Any:
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    quotient = np.floor_divide(a, b)
    return quotient + ((quotient < 0) & (quotient * b != a))


FloorDiv = define("div", _nonzero(_floor_divide), zeros, zeros, promote=common_number, single=True)
TruncDiv = define("div", _nonzero(_truncated), zeros, zeros, promote=common_number, single=True)
_ROUNDED = {None: Div, "floor": FloorDiv, "trunc": TruncDiv}


def _rounded(function: str, rounding_mode: Rounding) -> Any:
    if rounding_mode not in _ROUNDED:
        raise ValueError(
            f"{function}: rounding_mode must be None, 'trunc' or 'floor' (got {rounding_mode!r})"
        )
    return _ROUNDED[rounding_mode]


@operation(
    Div, methods=("div", "divide", "__truediv__"), reflected="__rtruediv__",
    in_place=("true_divide_", "__itruediv__"), numpy=(np.divide,),
)  # fmt: skip
def div(
    input: Operand,
    other: Operand,
    *,
    rounding_mode: Rounding = None,
    out: Tensor | None = None,
) -> Tensor:
    """The quotient ``input / other``.

    Parameters
    ----------
    input, other : Tensor, ndarray or number
        Operands whose shapes broadcast.
    rounding_mode : {None, "trunc", "floor"}, default None
        ``"trunc"`` rounds the quotient towards zero, and ``"floor"`` rounds it down; the gradient
        is then 0.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape, in a float dtype; a rounded quotient of integers is an integer.

    Raises
    ------
    TypeError
        If an operand is not a tensor, array or number.
    ValueError
        If the shapes do not broadcast, or `rounding_mode` is another value.
    ZeroDivisionError
        If a rounded quotient of integers is divided by 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.div(cnet.tensor([1.0, 2.0]), 4)
    tensor([0.25, 0.5 ])
    >>> cnet.div(cnet.tensor([-7, 7]), 2, rounding_mode="trunc")
    tensor([-3,  3])
    """
    function = Div if rounding_mode is None else _rounded("div", rounding_mode)
    return function.apply(input, other)


@operation(methods=("true_divide",))
def true_divide(dividend: Operand, divisor: Operand, *, out: Tensor | None = None) -> Tensor:
    """The quotient ``dividend / divisor``; see `div`.

    Examples
    --------
    >>> import cnet
    >>> cnet.true_divide(cnet.tensor([1, 2]), 4)
    tensor([0.25, 0.5 ])
    """
    return div(dividend, divisor)


@operation(methods=("div_", "divide_"))
def div_(x: Tensor, other: Operand, *, rounding_mode: Rounding = None) -> Tensor:
    """``x /= other``, in place."""
    result: Tensor = apply_in_place(_rounded("div_", rounding_mode), x, weak(other))
    return result


@formula(
    _nonzero(_floor_divide), promote=common_number, single=True, numbers="either",
    methods=("__floordiv__",), reflected="__rfloordiv__", in_place=("__ifloordiv__",),
    numpy=(np.floor_divide,),
)  # fmt: skip
def floor_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The quotient ``input // other``, rounded down; `backward` raises RuntimeError.

    Integers divided by 0 raise ZeroDivisionError.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor([7, -7]) // 2
    tensor([ 3, -4])
    """


@formula(
    _nonzero(_remainder),
    lambda g: g,
    by_kernel("remainder_db")(lambda g, a, b: -g * np.floor_divide(a, b)),
    promote=common_number,
    single=True,
    numbers="either",
    methods=("__mod__",),
    reflected="__rmod__",
    in_place=("__imod__",),
    numpy=(np.remainder,),
)
def remainder(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The remainder ``input % other``, which has the sign of `other`.

    Integers divided by 0 raise ZeroDivisionError.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor([7.0, -7.0]) % 3
    tensor([1., 2.])
    """


@formula(
    _nonzero(_fmod),
    lambda g: g,
    by_kernel("fmod_db")(lambda g, a, b: -g * np.trunc(a / b)),
    promote=common_number,
    single=True,
    numbers="other",
    numpy=(np.fmod,),
)
def fmod(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The remainder of a division rounded towards zero, which has the sign of `input`.

    Integers divided by 0 raise ZeroDivisionError.

    Examples
    --------
    >>> import cnet
    >>> cnet.fmod(cnet.tensor([7.0, -7.0]), 3)
    tensor([ 1., -1.])
    """


@compiled("reciprocal", numpy=(np.reciprocal,))
def reciprocal(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """``1 / input``.

    Examples
    --------
    >>> import cnet
    >>> cnet.reciprocal(cnet.tensor([4.0, 0.5]))
    tensor([0.25, 2.  ])
    """


divide = div
