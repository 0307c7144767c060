"""Memory formats: the order of the axes of a tensor in memory, under PyTorch's names."""

from typing import Any

from .arrays import Array

__all__ = [
    "channels_last", "channels_last_3d", "contiguous_format", "layout", "memory_format",
    "preserve_format", "strided",
]  # fmt: skip


class memory_format:
    """The order of the axes of a tensor in memory.

    It never changes the shape. The formats are ``contiguous_format``, ``preserve_format``,
    ``channels_last`` for 4 dimensions and ``channels_last_3d`` for 5 dimensions.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.zeros(1, 3, 2, 2).contiguous(memory_format=cnet.channels_last)
    >>> x.stride()
    (12, 1, 6, 3)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"cnet.{self._name}"


class layout:
    """How a tensor is stored; ``strided``, an array with strides, is the only layout.

    Examples
    --------
    >>> import cnet
    >>> cnet.zeros(2).layout
    cnet.strided
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"cnet.{self._name}"


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
strided = layout("strided")

_ORDERS = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}
"""The axes in the order of their strides, the longest first."""


def axis_order(function: str, ndim: int, chosen: Any) -> tuple[int, ...]:
    """The axes in the order of their strides in a format other than `preserve_format`."""
    if not isinstance(chosen, memory_format) or chosen is preserve_format:
        raise TypeError(f"{function}: memory_format must be a format of memory (got {chosen!r})")
    order = _ORDERS.get(chosen, tuple(range(ndim)))
    if len(order) != ndim:
        raise ValueError(f"{function}: {chosen!r} requires {len(order)} dimensions (got {ndim})")
    return order


def is_in_format(function: str, array: Array, chosen: Any) -> bool:
    """Whether the elements of an array are contiguous in a format."""
    return array.transpose(axis_order(function, array.ndim, chosen)).flags.c_contiguous


def preserved(array: Array) -> Array:
    """A copy that keeps the order of the axes in memory, without the gaps between elements."""
    return array.copy(order="K")


def require_strided(function: str, chosen: Any) -> None:
    """Raise TypeError for any layout but `strided`."""
    if chosen is not None and chosen is not strided:
        raise TypeError(f"{function}: layout must be cnet.strided (got {chosen!r})")
