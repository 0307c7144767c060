"""Checks that several families of kernels share.

A message names the function, the argument and both sides of the comparison that failed.

Every layout is accepted: a non-contiguous, misaligned or byte-swapped array is copied to a
C-contiguous native array; a contiguous array, even a read-only one, is used without a copy. Dtypes
are not converted: those other than float32 and float64, and mixtures of the two, raise TypeError.
"""

from numbers import Real
from operator import index
from typing import Any

import numpy as np

from . import geometry
from ._core import are_alike as are_alike
from ._core import are_channels as are_channels
from ._core import are_plain as are_plain
from ._core import fits as fits
from ._core import has_layout as has_layout
from ._core import is_plain as is_plain
from .arrays import FLOAT32, FLOAT64, Array, Shape
from .replay import note_copy


def array(function: str, name: str, x: Any, ndim: int | None = None) -> Array:
    """Check a float array, and make it C-contiguous, aligned and native in byte order."""
    if is_plain(x, ndim):
        return x  # type: ignore[no-any-return]
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{function}: {name} must be a NumPy array (got {type(x).__name__})")
    if ndim is not None and x.ndim != ndim:
        raise ValueError(
            f"{function}: {name} must have {ndim} dimensions (got {x.ndim}, shape {x.shape})"
        )
    dtype = x.dtype
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        dtype = float_dtype(function, f"{name}.dtype", dtype)
    return _layout(function, name, x, dtype)


def like(
    function: str, name: str, x: Any, other_name: str, other: Array, shape: Shape | None = None,
    expected: str = "",
) -> Array:  # fmt: skip
    """Check an array with the dtype of another one, and with its shape or the given one.

    `expected` is the given shape as the message shows it.
    """
    if fits(x, other.dtype, other.shape if shape is None else shape):
        return x  # type: ignore[no-any-return]
    if shape is None:
        x = array(function, name, x)
        same_shape(function, name, x.shape, f"{other_name}.shape", other.shape)
    else:
        x = array(function, name, x, len(shape))
        same_shape(function, name, x.shape, expected, shape)
    same_dtype(function, **{other_name: other, name: x})
    return x  # type: ignore[no-any-return]


def float_dtype(function: str, name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 or float64, in native byte order."""
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise TypeError(f"{function}: {name} must be float32 or float64 (got {dtype})")
    return dtype.newbyteorder("=")


def integers(function: str, name: str, x: Any, ndim: int | None, dtype: np.dtype[Any]) -> Array:
    """Check an integer array, and convert it to `dtype`, in which its values must fit."""
    if has_layout(x, dtype, ndim):
        return x  # type: ignore[no-any-return]
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{function}: {name} must be a NumPy array (got {type(x).__name__})")
    if ndim is not None and x.ndim != ndim:
        raise ValueError(
            f"{function}: {name} must have {ndim} dimensions (got {x.ndim}, shape {x.shape})"
        )
    if x.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name}.dtype must be an integer dtype (got {x.dtype})")
    if x.dtype != dtype and x.size and not np.can_cast(x.dtype, dtype):
        limits = np.iinfo(dtype)
        if x.min() < limits.min or x.max() > limits.max:
            raise ValueError(
                f"{function}: {name} must fit into {dtype} (got {x.min()} to {x.max()})"
            )
    return _layout(function, name, x, dtype)


def _layout(function: str, name: str, x: Array, dtype: np.dtype[Any]) -> Array:
    flags = x.flags
    if type(x) is np.ndarray and x.dtype is dtype and flags.c_contiguous and flags.aligned:
        return x
    geometry.check_size(function, name, x.shape)  # a broadcast view may be larger than memory
    return note_copy(x, np.require(np.asarray(x), dtype, ["C", "A"]))


def same_dtype(function: str, **arrays: Array | None) -> None:
    """TypeError if the arrays, except None, have different dtypes."""
    first = None
    for name, x in arrays.items():
        if x is None:
            continue
        if first is None:
            first, dtype = name, x.dtype
        elif x.dtype is not dtype and x.dtype != dtype:
            raise TypeError(
                f"{function}: {name}.dtype must equal {first}.dtype (got {x.dtype} and {dtype})"
            )


def same_shape(function: str, name: str, got: Shape, other_name: str, expected: Shape) -> None:
    if got != expected:
        raise ValueError(
            f"{function}: {name}.shape must equal {other_name} (got {tuple(got)} and {expected})"
        )


def number(function: str, name: str, value: Any) -> None:
    if type(value) not in (float, int) and not isinstance(value, Real):
        raise TypeError(f"{function}: {name} must be a number (got {value!r})")


def int64(function: str, name: str, value: Any) -> None:
    if type(value) is not int:
        value = geometry.integer(function, name, value)
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{function}: {name} must fit into int64 (got {value!r})")


def shape(function: str, name: str, value: Any, ndim: int = 4) -> Shape:
    """A shape given by the user, such as (n, c, h, w)."""
    try:
        sizes = tuple([index(size) for size in value])
    except TypeError:
        raise TypeError(f"{function}: {name} must be a sequence of ints (got {value!r})") from None
    if len(sizes) != ndim or min(sizes) < 0:
        raise ValueError(f"{function}: {name} must be {ndim} sizes, none negative (got {sizes})")
    return sizes


def needs(function: str, value: Any) -> tuple[bool, bool, bool]:
    """Which of three gradients to compute."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(
            f"{function}: needs must be 3 booleans, for x, weight and bias (got {value!r})"
        )
    if len(value) != 3:
        raise ValueError(
            f"{function}: needs must be 3 booleans, for x, weight and bias (got {value})"
        )
    return bool(value[0]), bool(value[1]), bool(value[2])


def writable(function: str, name: str, x: Any) -> Array:
    """Check an array that a kernel updates in place, which must not be copied."""
    if is_plain(x):
        return x  # type: ignore[no-any-return]
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{function}: {name} must be a NumPy array (got {type(x).__name__})")
    dtype = x.dtype
    if dtype not in (FLOAT32, FLOAT64) or not dtype.isnative:
        raise TypeError(
            f"{function}: {name}.dtype must be native float32 or float64 (got {x.dtype.str})"
        )
    flags = x.flags
    if not (flags.c_contiguous and flags.aligned and flags.writeable):
        raise ValueError(
            f"{function}: {name} must be C-contiguous, aligned and writable to be updated in place"
        )
    return x


def plan(
    x: Any, out: Any, x_shape: Shape, y_shape: Shape, dtype: np.dtype[Any]
) -> tuple[Array, Array | None]:
    """Check the input of a plan and `out`; the input is copied if they may share memory."""
    x = array("plan", "x", x)
    if x.dtype != dtype:
        raise TypeError(f"plan: x.dtype must equal the example's (got {x.dtype} and {dtype})")
    if x.ndim != len(x_shape) or x.shape[1:] != x_shape[1:]:
        raise ValueError(
            "plan: x.shape must equal the example's except for the number of images "
            f"(got {x.shape} and {x_shape})"
        )
    if out is None:
        return x, None
    if type(out) is not np.ndarray:
        raise TypeError(f"plan: out must be a NumPy array (got {type(out).__name__})")
    y_shape = *x.shape[:1], *y_shape[1:]
    if out.shape != y_shape or out.dtype is not dtype:
        raise ValueError(
            f"plan: out must have the result's shape and dtype (got {out.shape} {out.dtype} and "
            f"{y_shape} {dtype})"
        )
    if not (out.flags.carray and out.flags.aligned):
        raise ValueError("plan: out must be C-contiguous and writeable")
    return x.copy() if np.may_share_memory(x, out) else x, out
