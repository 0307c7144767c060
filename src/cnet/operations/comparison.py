"""Comparisons and tests of elements; their results are not part of the graph."""

# mypy: disable-error-code="empty-body"

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..replay import again, values_of
from ..tensor import Operand, Tensor, TensorLike, array_of
from ._common import weak
from ._elementwise import by_kernel, check_broadcast, formula
from ._promotion import common, require_number
from .registry import operation

__all__ = [
    "allclose", "eq", "equal", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite",
    "isinf", "isnan", "isneginf", "isposinf", "le", "less", "less_equal", "lt", "ne", "not_equal",
    "signbit",
]  # fmt: skip


def _exact(function: str, a: Any, b: Any) -> tuple[Any, ...]:
    """Promote operands; NumPy compares arrays with Python integers exactly."""
    a, b = weak(a), weak(b)
    if isinstance(a, int) or isinstance(b, int):
        require_number(function, a, b)
        return a, b
    return common(function, a, b)


@formula(np.equal, promote=_exact, numbers="other")
def eq(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are equal.

    Examples
    --------
    >>> import cnet
    >>> cnet.eq(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 1.5]))
    tensor([ True, False])
    """


@formula(np.not_equal, promote=_exact, numbers="other", aliases=("not_equal",))
def ne(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether elements differ.

    Examples
    --------
    >>> import cnet
    >>> cnet.ne(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 1.5]))
    tensor([False,  True])
    """


@formula(np.less, promote=_exact, numbers="other", aliases=("less",))
def lt(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether elements of `input` are less.

    Examples
    --------
    >>> import cnet
    >>> cnet.lt(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 1.5]))
    tensor([False, False])
    """


@formula(np.less_equal, promote=_exact, numbers="other", aliases=("less_equal",))
def le(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether elements of `input` are less or equal.

    Examples
    --------
    >>> import cnet
    >>> cnet.le(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 1.5]))
    tensor([ True, False])
    """


@formula(np.greater, promote=_exact, numbers="other", aliases=("greater",))
def gt(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether elements of `input` are greater.

    Examples
    --------
    >>> import cnet
    >>> cnet.gt(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 1.5]))
    tensor([False,  True])
    """


@formula(np.greater_equal, promote=_exact, numbers="other", aliases=("greater_equal",))
def ge(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether elements of `input` are greater or equal.

    Examples
    --------
    >>> import cnet
    >>> cnet.ge(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 1.5]))
    tensor([ True,  True])
    """


@formula(np.isnan, promote=common)
def isnan(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are NaN.

    Examples
    --------
    >>> import cnet
    >>> cnet.isnan(cnet.tensor([1.0, float("nan"), -float("inf")]))
    tensor([False,  True, False])
    """


@formula(np.isinf, promote=common)
def isinf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are infinite.

    Examples
    --------
    >>> import cnet
    >>> cnet.isinf(cnet.tensor([1.0, float("nan"), -float("inf")]))
    tensor([False, False,  True])
    """


@formula(np.isposinf, promote=common)
def isposinf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are positive infinity.

    Examples
    --------
    >>> import cnet
    >>> cnet.isposinf(cnet.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False,  True, False])
    """


@formula(np.isneginf, promote=common)
def isneginf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are negative infinity.

    Examples
    --------
    >>> import cnet
    >>> cnet.isneginf(cnet.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False, False,  True])
    """


@formula(np.isfinite, promote=common)
def isfinite(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements are neither infinite nor NaN.

    Examples
    --------
    >>> import cnet
    >>> cnet.isfinite(cnet.tensor([1.0, float("nan"), -float("inf")]))
    tensor([ True, False, False])
    """


def _signbit(x: Array) -> Any:
    return np.signbit(x) if x.dtype.kind == "f" else x < 0


@formula(_signbit, promote=common, numpy=(np.signbit,))
def signbit(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Whether elements have a minus sign; true for −0.

    Examples
    --------
    >>> import cnet
    >>> cnet.signbit(cnet.tensor([1.0, float("nan"), -float("inf")]))
    tensor([False, False,  True])
    """


def _operator(method: str, compare: Callable[..., Tensor]) -> None:
    """Register a comparison; Python handles operands that are not tensors, arrays or numbers."""

    @operation(methods=(method,))
    def compared(input: Tensor, other: Operand) -> Tensor:
        if not isinstance(other, (Tensor, np.ndarray, np.generic, float, int)):
            return NotImplemented
        return compare(input, other)


for _name, _compare in (
    ("__eq__", eq), ("__ne__", ne), ("__lt__", lt), ("__le__", le), ("__gt__", gt), ("__ge__", ge),
):  # fmt: skip
    _operator(_name, _compare)


@operation(methods=("isclose",))
def isclose(
    input: TensorLike,
    other: TensorLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Tensor:
    """Whether ``abs(input - other) <= atol + rtol * abs(other)``.

    Parameters
    ----------
    input, other : Tensor or ndarray, the same dtype
        Operands whose shapes broadcast.
    rtol, atol : float, default 1e-5 and 1e-8
        The relative and the absolute tolerance; must not be negative.
    equal_nan : bool, default False
        Whether NaN is close to NaN.

    Returns
    -------
    Tensor
        Booleans in the broadcast shape. Infinities are close only to themselves.

    Raises
    ------
    TypeError
        If the dtypes differ.
    ValueError
        If a tolerance is negative, or the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.isclose(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    arrays = array_of(input), array_of(other)
    return Tensor(again("isclose", _close, "isclose", *arrays, rtol, atol, equal_nan))


@operation(methods=("allclose",))
def allclose(
    input: TensorLike,
    other: TensorLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> bool:
    """Whether `isclose` is true for all elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.allclose(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 2.1]))
    False
    """
    a, b = values_of("allclose", array_of(input)), array_of(other)
    return bool(_close("allclose", a, b, rtol, atol, equal_nan).all())


@by_kernel("is_close")
def _is_close(a: Array, b: Array, rtol: float, atol: float) -> Any:
    return (np.isfinite(b) & (np.abs(a - b) <= atol + rtol * np.abs(b))) | (a == b)


def _close(function: str, a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> Array:
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        raise TypeError(
            f"{function}: other.dtype must equal input.dtype (got {b.dtype} and {a.dtype})"
        )
    if rtol < 0 or atol < 0:
        raise ValueError(f"{function}: rtol and atol must not be negative (got {rtol} and {atol})")
    if a.shape != b.shape:
        check_broadcast(function, (a, b))
    if a.dtype.kind != "f":
        return np.asarray(np.isclose(a, b, rtol, atol, equal_nan))
    close = _is_close(a, b, rtol=float(rtol), atol=float(atol)).astype(bool, copy=False)
    if equal_nan:
        close |= np.isnan(a) & np.isnan(b)
    return np.asarray(close)


@operation(methods=("equal",))
def equal(input: TensorLike, other: TensorLike) -> bool:
    """Whether two tensors have the same shape and equal elements; False if one is NaN.

    Examples
    --------
    >>> import cnet
    >>> cnet.equal(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 2.0]))
    True
    """
    return bool(np.array_equal(values_of("equal", array_of(input)), array_of(other)))


not_equal = ne
less = lt
less_equal = le
greater = gt
greater_equal = ge
