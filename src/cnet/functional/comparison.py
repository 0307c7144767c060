"""Comparisons, and the logic of masks: plain tensors, outside of any graph."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Axis, Operand, Tensor, attach
from ._common import also_dim, axes, weak
from ._promotion import promoted


def _plain(ufunc: np.ufunc) -> Callable[..., Tensor]:
    def method(*operands: Operand) -> Tensor:
        return Tensor(ufunc(*[_array(x) for x in operands]))

    return method


def _array(operand: Any) -> Any:
    return operand.data if isinstance(operand, Tensor) else weak(operand)


def _comparison(ufunc: np.ufunc) -> Callable[[Any, Any], Tensor]:
    def method(a: Operand, b: Operand) -> Tensor:
        a, b = _array(a), _array(b)
        if not (isinstance(a, int) or isinstance(b, int)):  # NumPy compares integers exactly
            a, b = promoted(ufunc.__name__, a, b)
        return Tensor(ufunc(a, b))

    return method


def _operator(compare: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Any], Any]:
    """The method of an operator, which leaves what is no tensor, array or number to Python."""

    def method(self: Tensor, other: Any) -> Any:
        known = isinstance(other, (Tensor, np.ndarray, np.generic, float, int))
        return compare(self, other) if known else NotImplemented

    return method


_comparisons = {
    "__eq__": np.equal, "__ne__": np.not_equal,
    "__lt__": np.less, "__le__": np.less_equal,
    "__gt__": np.greater, "__ge__": np.greater_equal,
}  # fmt: skip
_operators = {
    "__and__": np.bitwise_and, "__or__": np.bitwise_or, "__xor__": np.bitwise_xor,
    "__invert__": np.invert,
}  # fmt: skip
_tests = [
    np.isnan, np.isinf, np.isfinite, np.signbit,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
]  # fmt: skip


@also_dim
def all(input: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements along axes, by default all there are, are true or not 0."""
    return Tensor(np.all(np.asarray(input), axes(axis), keepdims=keepdims))


@also_dim
def any(input: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element along axes, by default all there are, is true or not 0."""
    return Tensor(np.any(np.asarray(input), axes(axis), keepdims=keepdims))


attach(
    all=all,
    any=any,
    ufuncs={ufunc: _plain(ufunc) for ufunc in [*_operators.values(), *_tests]}
    | {ufunc: _comparison(ufunc) for ufunc in _comparisons.values()},
    **{name: _plain(ufunc) for name, ufunc in _operators.items()},
    **{name: _operator(_comparison(ufunc)) for name, ufunc in _comparisons.items()},
)
