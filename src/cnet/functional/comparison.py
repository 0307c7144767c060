"""Comparisons, and the logic of masks: plain tensors, outside of any graph."""

from typing import Any

import numpy as np

from ..operations import operation
from ..tensor import Axis, Operand, Tensor
from ._common import also_dim, axes


def _array(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def _comparison(ufunc: Any, *methods: str) -> None:
    """Register a ufunc of two operands whose results have no gradient."""

    @operation(methods=methods, numpy=(ufunc,))
    def compare(x: Operand, other: Operand) -> Tensor:
        if getattr(type(other), "__array_ufunc__", ...) is None:  # it compares itself with arrays
            return NotImplemented  # type: ignore[no-any-return]
        return Tensor(ufunc(_array(x), _array(other)))


def _test(ufunc: Any, *methods: str) -> None:
    """Register a ufunc of one operand whose results have no gradient."""

    @operation(methods=methods, numpy=(ufunc,))
    def test(x: Operand) -> Tensor:
        return Tensor(ufunc(_array(x)))


_comparison(np.equal, "__eq__")
_comparison(np.not_equal, "__ne__")
_comparison(np.less, "__lt__")
_comparison(np.less_equal, "__le__")
_comparison(np.greater, "__gt__")
_comparison(np.greater_equal, "__ge__")
_comparison(np.bitwise_and, "__and__")
_comparison(np.bitwise_or, "__or__")
_comparison(np.bitwise_xor, "__xor__")
_comparison(np.logical_and)
_comparison(np.logical_or)
_comparison(np.logical_xor)
_test(np.invert, "__invert__")
_test(np.logical_not)
_test(np.isnan)
_test(np.isinf)
_test(np.isfinite)
_test(np.signbit)


@operation(methods=("all",), numpy=(np.all,))
@also_dim
def all(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements along axes, by default all there are, are true or not 0."""
    return Tensor(np.all(x._array, axes(axis), keepdims=keepdims))


@operation(methods=("any",), numpy=(np.any,))
@also_dim
def any(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element along axes, by default all there are, is true or not 0."""
    return Tensor(np.any(x._array, axes(axis), keepdims=keepdims))
