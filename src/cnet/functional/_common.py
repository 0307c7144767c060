"""What several families share."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..autograd import Array
from ..operations import weak
from ..tensor import Axis

__all__ = ["Axes", "also_dim", "axes", "floating", "promoted", "unbroadcast", "weak"]

Axes: TypeAlias = int | tuple[int, ...] | None
Result = TypeVar("Result")

_OUR_NAMES = {"dim": "axis", "keepdim": "keepdims", "ddof": "correction"}


def also_dim(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let `axis` and `keepdims` of a function be given by PyTorch's names, `dim` and `keepdim`.

    It also becomes a method that NumPy's function of the same name can call, as `np.sum` does.
    """

    @wraps(function)
    def either_name(*args: Any, **kwargs: Any) -> Result:
        renamed = {
            _OUR_NAMES.get(name, name): value
            for name, value in kwargs.items()
            if value is not None or name not in ("dtype", "out")
        }
        if "axis" in kwargs and "dim" in kwargs:
            raise TypeError(f"{function.__name__}: axis and dim are the same argument")
        return function(*args, **renamed)

    return either_name


def axes(axis: Axis) -> Axes:
    """Axes as NumPy takes them: a list becomes a tuple."""
    return tuple(axis) if isinstance(axis, Sequence) else axis


def promoted(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands in the dtypes with which NumPy gives a result of PyTorch's dtype.

    Of the kinds bool, integer and float the higher one counts. Within it, arrays with dimensions
    count before those without, and these before Python's numbers, which take the dtype of the
    other operand or the default one (int64, float32).
    """
    if type(a) is np.ndarray:
        if type(b) is np.ndarray:
            if a.dtype is b.dtype:
                return a, b
        elif a.dtype.kind == "f":
            return a, b if type(b) is float or type(b) is int else weak(b)
    elif type(b) is np.ndarray and b.dtype.kind == "f":
        return weak(a), b
    a, b = weak(a), weak(b)
    dtype = _promoted_dtype(a, b)
    return (
        a.astype(dtype, copy=False) if isinstance(a, np.ndarray) else a,
        b.astype(dtype, copy=False) if isinstance(b, np.ndarray) else b,
    )


def floating(*operands: Any) -> tuple[Any, ...]:
    """Operands of an operation that gives floats: integers and booleans become float32."""
    return tuple(
        [
            x.astype(_FLOAT32) if isinstance(x, np.ndarray) and x.dtype.kind in "biu" else x
            for x in operands
        ]
    )


def _promoted_dtype(a: Any, b: Any) -> Any:
    dtypes = [
        x.dtype if isinstance(x, np.ndarray) else _DEFAULT_DTYPES.get(type(x), _FLOAT32)
        for x in (a, b)
    ]
    kinds = ["bif".find(dtype.kind.replace("u", "i")) for dtype in dtypes]
    ranks = [
        (kind, 0 if not isinstance(x, np.ndarray) else 2 if x.ndim else 1)
        for kind, x in zip(kinds, (a, b), strict=True)
    ]
    if ranks[0] == ranks[1]:
        return np.promote_types(*dtypes)
    return dtypes[ranks.index(max(ranks))]


_FLOAT32 = np.dtype(np.float32)
_DEFAULT_DTYPES = {bool: np.dtype(bool), int: np.dtype(np.int64)}


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which an input of this shape was broadcast."""
    if grad.shape == shape:
        return grad
    leading = grad.ndim - len(shape)
    stretched = [leading + axis for axis, size in enumerate(shape) if size == 1]
    total: Array = grad.sum(axis=(*range(leading), *stretched), keepdims=True)
    return total.reshape(shape)
