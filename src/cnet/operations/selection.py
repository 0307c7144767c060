"""Elementwise selection from two operands by size; limits.

Operands are promoted and broadcast as in `arithmetic`.
"""

# mypy: disable-error-code="empty-body"

from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64
from ..autograd import Array, Context, Operation
from ..autograd.inplace import apply_in_place
from ..kernels import plain
from ..tensor import Operand, Tensor, TensorLike, array_of
from ._common import unbroadcast, weak
from ._elementwise import by_kernel, check_broadcast, define, direct, formula
from ._promotion import common, common_number, promoted
from .registry import numpy_function, operation

__all__ = [
    "clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "heaviside", "maximum", "minimum",
    "nan_to_num",
]  # fmt: skip


def _shared(g: Array, own: Array, other: Array, loses: Array) -> Any:
    """The gradient of an operand of `maximum` or `minimum`; equal operands get half of it each."""
    return np.where(own == other, g / 2, np.where(loses, 0, g))


@formula(
    np.maximum,
    lambda g, a, b: _shared(g, a, b, a < b),
    lambda g, a, b: _shared(g, b, a, b < a),
    promote=common,
)
def maximum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The elementwise maximum; NaN where an operand is NaN.

    Equal elements get half of the gradient each.

    Examples
    --------
    >>> import cnet
    >>> cnet.maximum(cnet.tensor([-1.0, 2.0]), cnet.tensor(0.0))
    tensor([0., 2.])
    """


@formula(
    np.minimum,
    lambda g, a, b: _shared(g, a, b, b < a),
    lambda g, a, b: _shared(g, b, a, a < b),
    promote=common,
)
def minimum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The elementwise minimum; NaN where an operand is NaN.

    Equal elements get half of the gradient each.

    Examples
    --------
    >>> import cnet
    >>> cnet.minimum(cnet.tensor([-1.0, 2.0]), cnet.tensor(0.0))
    tensor([-1.,  0.])
    """


@formula(
    np.fmax,
    lambda g, a, b: np.where((a >= b) | np.isnan(b), g, 0),
    lambda g, a, b: np.where((a >= b) | np.isnan(b), 0, g),
    promote=common,
)
def fmax(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The elementwise maximum; the other operand where one is NaN.

    Examples
    --------
    >>> import cnet
    >>> cnet.fmax(cnet.tensor([-1.0, float("nan")]), cnet.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """


@formula(
    np.fmin,
    lambda g, a, b: np.where((a <= b) | np.isnan(b), g, 0),
    lambda g, a, b: np.where((a <= b) | np.isnan(b), 0, g),
    promote=common,
)
def fmin(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The elementwise minimum; the other operand where one is NaN.

    Examples
    --------
    >>> import cnet
    >>> cnet.fmin(cnet.tensor([-1.0, float("nan")]), cnet.tensor([0.0, 1.0]))
    tensor([-1.,  1.])
    """


Heaviside = define(
    "heaviside", lambda a, b: np.where(a == 0, b, (a > 0).astype(a.dtype)), promote=common
)


@operation(Heaviside, methods=("heaviside",), in_place=("heaviside_",), numpy=(np.heaviside,))
def heaviside(input: TensorLike, values: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The step function: 0 for negative and 1 for positive numbers, and `values` at 0.

    `backward` raises RuntimeError.

    Examples
    --------
    >>> import cnet
    >>> cnet.heaviside(cnet.tensor([-1.0, 0.0, 2.0]), cnet.tensor(0.5))
    tensor([0. , 0.5, 1. ])
    """
    for name, argument in ("input", input), ("values", values):
        if not isinstance(argument, (Tensor, np.ndarray)):
            raise TypeError(
                f"heaviside: {name} must be a Tensor or array (got {type(argument).__name__})"
            )
    dtype, wanted = array_of(values).dtype, array_of(input).dtype
    if dtype != wanted:
        raise TypeError(
            f"heaviside: values.dtype must equal input.dtype (got {dtype} and {wanted})"
        )
    return Heaviside.apply(input, values)


_GREATEST = {np.dtype(t): float(np.finfo(t).max) for t in (np.float16, np.float32, np.float64)}


@by_kernel("nan_to_num")
def _replaced(x: Array, nan: float, posinf: float, neginf: float) -> Any:
    return np.nan_to_num(x, True, nan, posinf, neginf)


@direct
def _nan_to_num(x: Array, nan: float | None, posinf: Any, neginf: Any) -> Any:
    if x.dtype.kind != "f":
        return x.copy()
    greatest = _GREATEST[x.dtype]
    return _replaced(
        x,
        nan or 0.0,
        greatest if posinf is None else posinf,
        -greatest if neginf is None else neginf,
    )


NanToNum = define(
    "nan_to_num",
    _nan_to_num,
    lambda g, x: np.where(np.isfinite(x), g, 0),
    promote=common,
    single=True,
)


@operation(NanToNum, methods=("nan_to_num",))
def nan_to_num(
    input: TensorLike,
    nan: float | None = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Replace NaN and infinities by numbers.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
        Booleans and integers are copied.
    nan : float, default 0
        The number that replaces NaN.
    posinf, neginf : float, optional
        The numbers that replace inf and −inf; by default the greatest and the least number of the
        dtype.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient of replaced elements is 0.

    Examples
    --------
    >>> import cnet
    >>> cnet.nan_to_num(cnet.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    options = {"nan": nan, "posinf": posinf, "neginf": neginf}
    return NanToNum.apply(input, **options)


@operation(methods=("nan_to_num_",))
def nan_to_num_(
    x: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Like `nan_to_num`, but in place."""
    result: Tensor = apply_in_place(NanToNum, x, nan=nan, posinf=posinf, neginf=neginf)
    return result


def _is_number(bound: Any) -> bool:
    """Whether a bound is missing, or a Python number other than NaN."""
    return bound is None or (type(bound) in (int, float) and bound == bound)


def _is_finite(x: Array, bound: Any) -> bool:
    """Whether a bound is a Python number, and a finite one in the dtype of x."""
    return type(bound) in (int, float) and abs(bound) <= float(np.finfo(x.dtype).max)


def _gradient_between(grad: Array, x: Array, min: float, max: float) -> Array:
    """The gradient where x is between the bounds or equal to one, and 0 elsewhere, also at NaN."""
    below = np.nextafter(x.dtype.type(min), x.dtype.type(-np.inf))
    above = np.nextafter(x.dtype.type(max), x.dtype.type(np.inf))
    numbers = _replaced(x, np.inf, np.inf, -np.inf)
    return kernels.elementwise_backward(grad, numbers, "hardtanh", float(below), float(above))


_HARDTANH = plain.operations["hardtanh"]


def _limits(min: float | None, max: float | None) -> tuple[float, float]:
    return -np.inf if min is None else min, np.inf if max is None else max


class Clip(Operation[Tensor]):
    @classmethod
    def compute(cls, x: Array, min: Any, max: Any) -> Any:
        if _is_number(min) and _is_number(max):
            y = plain.elementwise(_HARDTANH, x, *_limits(min, max))
            if y is not None:
                return y
        return cls.forward(Context(cls, (None, None, None)), x, min, max)

    @staticmethod
    def forward(ctx: Context, x: Array, min: Any, max: Any) -> Any:
        if not isinstance(x, np.ndarray):
            raise TypeError(f"clamp: input must be a Tensor or array (got {type(x).__name__})")
        is_real = x.dtype is FLOAT32 or x.dtype is FLOAT64
        if is_real and _is_number(min) and _is_number(max):
            ctx.save_for_backward(x, min, max)
            return kernels.elementwise(x, "hardtanh", *_limits(min, max))
        for bound in (min, max):
            if bound is not None:
                x, _ = promoted("clamp", x, bound)
        common_number("clamp", x)
        for bound in (min, max):
            if type(bound) is int and x.dtype.kind in "iu":
                limits = np.iinfo(x.dtype)
                if not limits.min <= bound <= limits.max:
                    raise RuntimeError(f"clamp: {x.dtype} cannot hold the bound {bound}")
        if min is not None:
            _, min = promoted("clamp", x, min)
        if max is not None:
            _, max = promoted("clamp", x, max)
        ctx.save_for_backward(x, min, max)
        try:
            return np.clip(x, min, max)
        except ValueError:
            check_broadcast("clamp", [a for a in (x, min, max) if a is not None])
            raise

    @classmethod
    def in_place(cls, ctx: Context, x: Array, *args: Any, **kwargs: Any) -> None:
        """Avoid the copy if the bounds are numbers and no gradient is needed."""
        numbers = _is_number(args[0]) and _is_number(args[1])
        if numbers and ctx.edges == (None, None, None) and x.dtype.kind == "f":
            if plain.elementwise(_HARDTANH, x, *_limits(*args), x) is not None:
                return
            if (x.dtype is FLOAT32 or x.dtype is FLOAT64) and x.flags.c_contiguous:
                kernels.elementwise(x, "hardtanh", *_limits(*args), out=x)
            else:
                np.clip(x, *args, out=x)
        else:
            super().in_place(ctx, x, *args)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, min, max = ctx.saved
        by_kernel = x.dtype is FLOAT32 or x.dtype is FLOAT64
        if by_kernel and _is_finite(x, min) and _is_finite(x, max):
            return _gradient_between(grad, x, min, max), None, None
        above = True if min is None else x >= min
        below = True if max is None else x <= max
        crossed = False if min is None or max is None else min > max
        wins: list[Any] = [
            above & below,
            None if min is None else (x < min) & ~np.asarray(crossed),
            None if max is None else (x > max) | crossed,
        ]
        return tuple(
            unbroadcast(np.where(won, grad, 0), ctx.input_shape(position)) if needed else None
            for position, (won, needed) in enumerate(zip(wins, ctx.needs_input_grad, strict=True))
        )


@operation(Clip, methods=("clamp", "clip"))
def clamp(
    input: TensorLike,
    min: Operand | None = None,
    max: Operand | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Limit elements to the range from `min` to `max`.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    min, max : Tensor, ndarray or number, optional
        The bounds, of which at least one must be given. They must broadcast with `input`. Where
        `min` is greater than `max`, the result is `max`.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the broadcast shape. The gradient goes to `input` where it is between the bounds or equal
        to one, and to the bound elsewhere.

    Raises
    ------
    TypeError
        If `input` is boolean, or not a tensor or array.
    RuntimeError
        If a bound is an integer that the dtype of `input` cannot hold.
    ValueError
        If no bound is given, or the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.clamp(cnet.tensor([-4.0, 0.5, 9.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    return Clip.apply(input, *_bounds("clamp", min, max))


def _bounds(function: str, min: Operand | None, max: Operand | None) -> tuple[Any, Any]:
    if min is None and max is None:
        raise ValueError(f"{function}: min or max must be given")
    return weak(min), weak(max)


@operation(methods=("clamp_", "clip_"))
def clamp_(x: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Like `clamp`, but in place."""
    result: Tensor = apply_in_place(Clip, x, *_bounds("clamp_", min, max))
    return result


@operation(methods=("clamp_min",))
def clamp_min(input: TensorLike, min: Operand, *, out: Tensor | None = None) -> Tensor:
    """Like `clamp` with a lower bound only.

    Examples
    --------
    >>> import cnet
    >>> cnet.clamp_min(cnet.tensor([-4.0, 0.5]), 0)
    tensor([0. , 0.5])
    """
    return clamp(input, min=min, out=out)


@operation(methods=("clamp_max",))
def clamp_max(input: TensorLike, max: Operand, *, out: Tensor | None = None) -> Tensor:
    """Like `clamp` with an upper bound only.

    Examples
    --------
    >>> import cnet
    >>> cnet.clamp_max(cnet.tensor([-4.0, 0.5]), 0)
    tensor([-4.,  0.])
    """
    return clamp(input, max=max, out=out)


@operation(methods=("clamp_min_",))
def clamp_min_(x: Tensor, min: Operand) -> Tensor:
    """Like `clamp_min`, but in place."""
    return clamp_(x, min=min)


@operation(methods=("clamp_max_",))
def clamp_max_(x: Tensor, max: Operand) -> Tensor:
    """Like `clamp_max`, but in place."""
    return clamp_(x, max=max)


@numpy_function(np.clip)
def _numpy_clip(x: Tensor, a_min: Any = None, a_max: Any = None, **bounds: Any) -> Tensor:
    return clamp(x, bounds.get("min", a_min), bounds.get("max", a_max))


clip = clamp
