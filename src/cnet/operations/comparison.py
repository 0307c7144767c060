"""Comparisons and logical operations; their results are not part of the graph."""

from typing import Any

import numpy as np

from ..tensor import Operand, Tensor
from ._common import weak
from ._promotion import promoted
from .registry import operation

__all__ = []


def _array(operand: Any) -> Any:
    return operand._array if isinstance(operand, Tensor) else weak(operand)


def _comparison(ufunc: np.ufunc, method: str) -> None:
    """Register a comparison; Python handles operands that are not tensors, arrays or numbers."""

    @operation(methods=(method,), numpy=(ufunc,))
    def compare(input: Operand, other: Operand) -> Tensor:
        if not isinstance(other, (Tensor, np.ndarray, np.generic, float, int)):
            return NotImplemented
        a, b = _array(input), _array(other)
        if not (isinstance(a, int) or isinstance(b, int)):  # NumPy compares integers exactly
            a, b = promoted(ufunc.__name__, a, b)
        return Tensor(ufunc(a, b))


def _logic(ufunc: np.ufunc, *methods: str) -> None:
    """Register a ufunc of two operands whose results have no gradient."""

    @operation(methods=methods, numpy=(ufunc,))
    def combine(input: Operand, other: Operand) -> Tensor:
        return Tensor(ufunc(_array(input), _array(other)))


def _test(ufunc: np.ufunc, *methods: str) -> None:
    """Register a ufunc of one operand whose results have no gradient."""

    @operation(methods=methods, numpy=(ufunc,))
    def test(input: Operand) -> Tensor:
        return Tensor(ufunc(_array(input)))


_comparison(np.equal, "__eq__")
_comparison(np.not_equal, "__ne__")
_comparison(np.less, "__lt__")
_comparison(np.less_equal, "__le__")
_comparison(np.greater, "__gt__")
_comparison(np.greater_equal, "__ge__")
_logic(np.bitwise_and, "__and__")
_logic(np.bitwise_or, "__or__")
_logic(np.bitwise_xor, "__xor__")
_logic(np.logical_and)
_logic(np.logical_or)
_logic(np.logical_xor)
_test(np.invert, "__invert__")
_test(np.logical_not)
_test(np.isnan)
_test(np.isinf)
_test(np.isfinite)
_test(np.signbit)
