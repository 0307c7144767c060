"""Comparisons, and the logic of masks: plain tensors, outside of any graph."""

from collections.abc import Callable

import numpy as np

from ..tensor import Axis, Operand, Tensor, attach
from ._common import also_dim, axes


def _plain(ufunc: np.ufunc) -> Callable[..., Tensor]:
    def method(*operands: Operand) -> Tensor:
        return Tensor(ufunc(*[x.data if isinstance(x, Tensor) else x for x in operands]))

    return method


_operators = {
    "__eq__": np.equal, "__ne__": np.not_equal,
    "__lt__": np.less, "__le__": np.less_equal,
    "__gt__": np.greater, "__ge__": np.greater_equal,
    "__and__": np.bitwise_and, "__or__": np.bitwise_or, "__xor__": np.bitwise_xor,
    "__invert__": np.invert,
}  # fmt: skip
_tests = [
    np.isnan, np.isinf, np.isfinite, np.signbit,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
]  # fmt: skip


@also_dim
def all(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements along axes, by default all there are, are true or not 0."""
    return Tensor(np.all(x.data, axes(axis), keepdims=keepdims))


@also_dim
def any(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element along axes, by default all there are, is true or not 0."""
    return Tensor(np.any(x.data, axes(axis), keepdims=keepdims))


attach(
    all=all,
    any=any,
    ufuncs={ufunc: _plain(ufunc) for ufunc in [*_operators.values(), *_tests]},
    **{name: _plain(ufunc) for name, ufunc in _operators.items()},
)
