"""Sizes: arguments with one number, or a number for each spatial axis; paddings; output sizes.

An argument is read in two steps. `plain` checks its type and returns plain integers, which are the
key of a cached geometry. If there is none, `bounded` checks length and range.
"""

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from .arrays import Shape, Size

Padding: TypeAlias = Size | Sequence[tuple[int, int]] | Literal["valid", "same"]
"""Also a pair (begin, end) for each axis."""
Plain: TypeAlias = int | tuple[int, ...]
PlainPadding: TypeAlias = Plain | tuple[tuple[int, int], ...] | str

MAX_BYTES = 2**63 - 1
MAX_ITEMSIZE = 8
MAX_STEP = 2**31 - 1  # kernel sizes, strides, paddings, dilations: products of two fit into 63 bits


def integer(function: str, name: str, value: object) -> int:
    """Convert one integer of any integer type; a bool is a TypeError."""
    if type(value) is int:
        return value
    if not isinstance(value, bool):
        try:
            return index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise TypeError(f"{function}: {name} must be an int (got {value!r})")


def per_axis(function: str, name: str, value: object, axes: int, minimum: int) -> Shape:
    """One number for each axis, from a number or a sequence; each from `minimum` to `MAX_STEP`.

    Raises
    ------
    TypeError
        If `value` is neither an integer nor a sequence of integers.
    ValueError
        If its length is not the number of axes, or an item is out of range.
    """
    return bounded(function, name, plain(function, name, value, axes), axes, minimum)


def plain(function: str, name: str, value: object, axes: int) -> Plain:
    """The integers of a size argument.

    They are keys of the caches of `geometry`, where (2, 2) must not equal (2.0, 2.0) or (True, 2).
    """
    if type(value) is int:
        return value
    if type(value) is tuple:
        for item in value:
            if type(item) is not int:
                break
        else:
            return value
    try:
        if _is_sequence(value):
            return tuple(integer(function, name, item) for item in value)  # type: ignore[attr-defined]
        return integer(function, name, value)
    except TypeError:
        raise TypeError(f"{function}: {name} must be {_ints(axes)} (got {value!r})") from None


def _is_sequence(value: object) -> bool:
    return isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))


def _is_plain_pair(value: object) -> bool:
    return type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int


def _ints(axes: int) -> str:
    return {1: "an int", 2: "an int or a pair of ints"}.get(axes, f"an int or {axes} ints")


def bounded(function: str, name: str, value: Plain, axes: int, minimum: int) -> Shape:
    """One number for each axis; ValueError if one is not from `minimum` to `MAX_STEP`.

    As in PyTorch, a sequence of one number counts for all axes.
    """
    items = (value,) if isinstance(value, int) else value
    if len(items) == 1:
        items *= axes
    if len(items) != axes:
        raise ValueError(f"{function}: {name} must have {axes} items (got {len(items)}: {value!r})")
    if min(items) < minimum:
        raise ValueError(f"{function}: {name} must be at least {minimum} (got {value!r})")
    if max(items) > MAX_STEP:
        raise ValueError(f"{function}: {name} must be at most {MAX_STEP} (got {value!r})")
    return items


def plain_padding(function: str, padding: Any, axes: int) -> PlainPadding:
    """`plain` for padding, which may also be a string or a pair for each axis."""
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            numbers = {1: "a number", 2: "a number, a pair"}.get(axes, f"a number, {axes} numbers")
            raise ValueError(
                f"{function}: padding must be {numbers}, 'valid' or 'same' (got {padding!r})"
            )
        return padding
    if type(padding) is tuple and all(map(_is_plain_pair, padding)):
        return padding
    first = padding[0] if isinstance(padding, (tuple, list)) and padding else 0
    if not isinstance(first, int) and all(map(_is_sequence, padding)):
        pairs = [plain(function, "padding", pair, axes) for pair in padding]
        if any(isinstance(pair, int) or len(pair) != 2 for pair in pairs):
            raise TypeError(
                f"{function}: padding must be {_ints(axes)}, or a pair (begin, end) for each axis "
                f"(got {padding!r})"
            )
        return cast(tuple[tuple[int, int], ...], tuple(pairs))
    return plain(function, "padding", padding, axes)


def ends_of_axes(
    function: str, padding: PlainPadding, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[Shape, Shape]:
    """The padding before the first cell of each axis, and after the last."""
    axes = len(kernel)
    if padding == "valid":
        return (0,) * axes, (0,) * axes
    if padding == "same":
        if set(stride) != {1}:
            raise ValueError(f"{function}: padding='same' needs stride 1 (got {stride})")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    begin: Any = padding
    end: Any = padding
    if isinstance(padding, tuple) and padding and isinstance(padding[0], tuple):
        begin, end = zip(*padding, strict=True)
    return (
        bounded(function, "padding", begin, axes, 0),
        bounded(function, "padding", end, axes, 0),
    )


def check_size(function: str, name: str, shape: Shape) -> None:
    """Raise ValueError if an array of this shape could not be addressed, whatever its dtype.

    An empty axis counts as one cell: NumPy also refuses empty arrays whose other axes are too
    large.
    """
    cells = prod(shape) or prod(size or 1 for size in shape)
    if cells * MAX_ITEMSIZE > MAX_BYTES:
        raise ValueError(f"{function}: {name} would be too large (shape {shape})")


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Positions of a window on one axis; `padding` is the sum of both ends."""
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def pooled_size(
    size: int, kernel: int, stride: int, begin: int, end: int, dilation: int, ceil_mode: bool
) -> int:
    """As in PyTorch: ceil mode includes a partial window, unless it starts in the end padding."""
    if not ceil_mode:
        return output_size(size, kernel, stride, begin + end, dilation)
    count = output_size(size + stride - 1, kernel, stride, begin + end, dilation)
    return count - 1 if (count - 1) * stride >= size + begin else count
