"""Arguments of the drop-in layers: anything that NumPy accepts as an array, a shape or a size."""

from collections.abc import Mapping
from operator import index, itemgetter
from typing import Any

import numpy as np

from .. import geometry
from .._check import are_plain, has_layout, is_plain
from .._sizes import plain_padding
from ..arrays import FLOAT32, FLOAT64, Array


def floats(function: str, name: str, x: Any, dtype: Any, ndim: int | None = None) -> Array:
    """`x` as a C-contiguous, aligned array of `dtype`, or if that is None, of `float_dtype`.

    It has `ndim` dimensions, if that is given.

    Raises
    ------
    TypeError, ValueError
        If `x` does not hold real numbers, or has another number of dimensions.
    """
    if is_plain(x, ndim) if dtype is None else has_layout(x, dtype, ndim):
        return x
    x = numbers(function, name, x)
    if ndim is not None:
        has_ndim(function, name, x, ndim)
    y = np.asarray(x, float_dtype(x) if dtype is None else dtype, order="C")
    return y.copy() if y is x and not y.flags.aligned else y


def numbers(function: str, name: str, x: Any) -> Array:
    """`x` as an array of real numbers.

    Raises
    ------
    TypeError, ValueError
        If `x` holds something else.
    """
    try:
        x = np.asarray(x)
    except ValueError:
        raise ValueError(
            f"{function}: all sequences of {name} must have the same length (got {x!r})"
        ) from None
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{function}: {name} must hold real numbers (got dtype {x.dtype})")
    array: Array = x
    return array


def has_ndim(function: str, name: str, x: Array, *ndims: int) -> None:
    """Raise ValueError unless the array has one of these numbers of dimensions."""
    if x.ndim not in ndims:
        wanted = " or ".join(map(str, ndims))
        raise ValueError(
            f"{function}: {name} must have {wanted} dimensions (got {x.ndim}, shape {x.shape})"
        )


def same_floats(
    function: str, names: tuple[str, ...], arrays: tuple[Any, ...], dtype: Any = None
) -> tuple[Any, ...]:
    """The arrays, except None, as `floats` of one dtype: that of `float_dtype` by default."""
    if are_plain(arrays, dtype):
        return arrays
    pairs = list(zip(names, arrays, strict=True))
    if dtype is None:
        dtype = float_dtype(*[numbers(function, name, x) for name, x in pairs if x is not None])
    return tuple([None if x is None else floats(function, name, x, dtype) for name, x in pairs])


def entries(
    function: str, name: str, given: Mapping[str, Any], keys: "itemgetter[Any]"
) -> tuple[Any, ...]:
    """The entries with some keys of a mapping that is called `name`.

    Raises
    ------
    ValueError
        If one is missing.
    """
    try:
        return keys(given)
    except KeyError as error:
        raise ValueError(
            f"{function}: {name} must have the key {error.args[0]!r} (got {list(given)})"
        ) from None


def float_dtype(*arrays: Any) -> Any:
    """float32 if NumPy promotes all arrays, except None, to float32, else float64."""
    dtype = np.result_type(*[np.asarray(x).dtype for x in arrays if x is not None])
    return FLOAT32 if dtype == FLOAT32 else FLOAT64


def integers(function: str, name: str, x: Any) -> Array:
    """Whole numbers of any dtype as an array of int64.

    Raises
    ------
    TypeError, ValueError
        If `x` holds other numbers, or none.
    """
    x = numbers(function, name, x)
    whole: Array = x.astype(np.int64)
    if x.dtype.kind == "f" and (whole != x).any():
        raise ValueError(f"{function}: {name} must hold whole numbers (got {x[whole != x][0]})")
    return whole


def size(function: str, name: str, value: Any, least: int = 0) -> int:
    """An integer of Python or NumPy as a Python integer, which does not overflow.

    Raises
    ------
    TypeError, ValueError
        If `value` is not an integer, or is less than `least`.
    """
    try:
        size = index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} must be an int (got {value!r})") from None
    if size < least:
        raise ValueError(f"{function}: {name} must be at least {least} (got {size})")
    return size


def shape_of(function: str, name: str, value: Any) -> tuple[int, ...]:
    """A tuple, list or array of sizes as a tuple of Python integers.

    Raises
    ------
    TypeError
        If `value` is not a sequence of integers.
    """
    try:
        return tuple([index(item) for item in value])
    except TypeError:
        raise TypeError(f"{function}: {name} must be a sequence of ints (got {value!r})") from None


def shape_at(x: Any) -> tuple[int, ...]:
    """``np.shape(x)``, in less time for arrays."""
    return x.shape if type(x) is np.ndarray else np.shape(x)


def pair(function: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """One or two sizes, each at least `least`, as a pair."""
    height, width = geometry.per_axis(function, name, value, 2, least)
    return height, width


def same_ndim(function: str, name: str, x: Array, axes: str) -> None:
    """Raise ValueError unless the array has one dimension for each letter."""
    if x.ndim != len(axes):
        raise ValueError(
            f"{function}: {name} must have the axes {axes} (got {x.ndim} dimensions, shape "
            f"{x.shape})"
        )


def ends(function: str, padding: Any, kernel_size: Any, dilation: Any = 1) -> Any:
    """Padding as `cnet.kernels` takes it: a number, a pair, or a pair for each axis.

    Also takes four numbers (top, bottom, left, right), and 'same' and 'same_lower' with any stride:
    what keeps the size with stride 1, with an odd cell at the end or at the start.

    Raises
    ------
    ValueError
        If `padding` is another string.
    """
    if not isinstance(padding, str):
        if isinstance(padding, (tuple, list, np.ndarray)) and len(padding) == 4:
            top, bottom, left, right = padding
            return (top, bottom), (left, right)
        return padding
    if padding == "valid":
        return 0
    if padding not in ("same", "same_lower"):
        raise ValueError(
            f"{function}: padding must be a number, a pair, two pairs, four numbers, 'valid', "
            f"'same' or 'same_lower' (got {padding!r})"
        )
    dilations = geometry.per_axis(function, "dilation", dilation, 2, 1)
    kernel = pair(function, "kernel_size", kernel_size)
    totals = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    halves = [(total // 2, total - total // 2) for total in totals]
    return tuple(halves if padding == "same" else [pair[::-1] for pair in halves])


def plain_ends(function: str, padding: Any) -> Any:
    """Padding as a key of a cache: a string, or plain integers."""
    if type(padding) is int or isinstance(padding, str):
        return padding
    if type(padding) is not tuple or len(padding) == 4:
        padding = ends(function, padding, None)
    return plain_padding(function, padding, 2)


def axes(axis: Any) -> Any:
    """An axis, or several as a tuple, from an integer, a sequence or an array of them."""
    return axis if axis is None or np.ndim(axis) == 0 else tuple(axis)


def same_shape(function: str, name: str, got: Any, of: str, expected: Any) -> None:
    """Raise ValueError unless the two shapes are equal."""
    if got != expected and tuple(got) != tuple(expected):
        raise ValueError(
            f"{function}: {name}.shape must equal {of} (got {tuple(got)} and {tuple(expected)})"
        )
