"""The memory of a recorded step: what is known, and where it lies in a replay."""

from collections.abc import Callable, Collection, Iterable, Iterator
from operator import is_
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..arrays import Array
from ..autograd.changes import owner
from ..autograd.engine import Variable

ALIGNMENT = 64  # CNET_ALIGNMENT in cnet.h


def arrays_in(value: Any) -> Iterator[Array]:
    """All arrays in nested tuples, lists and dicts; tensors count as their arrays."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Variable):
        yield value._array
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from arrays_in(item)
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))


def identical(values: Collection[Any], others: Collection[Any]) -> bool:
    """Whether two lists have the same objects."""
    return len(values) == len(others) and all(map(is_, values, others))


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The same tuple, list or dict, with the function's results for its items; else the value."""
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = map(function, value)
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


class Buffer:
    """A block of memory that arrays of the step share.

    Only a fixed buffer keeps its memory alive. That of others is free for new arrays of the step as
    soon as no array uses it.
    """

    def __init__(self, owner: Any) -> None:
        self._owner = _weakly(owner)
        self.low, self.high = 0, 0
        self.memory: Any = None
        """The owner, if the buffer is fixed."""
        self.is_shared = False
        """Whether code in Python reads or writes it in a replay."""
        self.is_written = False
        """Whether a call or a repeated part of the step writes it."""
        self.is_older = False
        """Whether it existed before the step."""
        self.first = self.last = -1
        """The numbers of the first and the last call that use it."""

    def belongs_to(self, owner: Any) -> bool:
        """Whether its memory is that of an owner."""
        return self._owner() is owner

    @property
    def is_fixed(self) -> bool:
        """Whether it keeps its address."""
        return self.is_shared or self.is_older

    @property
    def size(self) -> int:
        """The bytes that arrays use, rounded up."""
        return -(-(self.high - self.low) // ALIGNMENT) * ALIGNMENT

    def cover(self, array: Array) -> None:
        """Extend the known range of addresses to those of an array."""
        low, high = np.lib.array_utils.byte_bounds(array)
        self.low = min(self.low, low) if self.high else low
        self.high = max(self.high, high)


def _weakly(owner: Any) -> Callable[[], Any]:
    try:
        return ref(owner)
    except TypeError:  # such as bytes
        return lambda: owner


class Use(NamedTuple):
    """An array as an argument of a recorded call, without its memory."""

    buffer: Buffer
    interface: dict[str, Any]
    """Address, shape, strides and dtype, as in the protocol of NumPy."""
    array: Array | None
    """The array itself, if it existed before the step."""

    @property
    def offset(self) -> int:
        """The distance of its first element from the start of the buffer."""
        return int(self.interface["data"][0]) - self.buffer.low

    def again(self) -> Array:
        """An equal array; only if the buffer is fixed, its elements exist."""
        return self.array if self.array is not None else np.asarray(_Again(self))


class _Again:
    """Lets NumPy make the array of a use again."""

    def __init__(self, use: Use) -> None:
        self.__array_interface__, self._memory = use.interface, use.buffer.memory


class Buffers:
    """The buffers of a step, found by the owner of their memory."""

    def __init__(self) -> None:
        self._buffers: dict[int, Buffer] = {}

    def find(self, array: Array) -> Buffer | None:
        """The buffer of an array, or None if nothing recorded has used its memory."""
        whose = owner(array)
        buffer = self._buffers.get(id(whose))
        return buffer if buffer is not None and buffer.belongs_to(whose) else None

    def of(self, array: Array) -> Buffer:
        """The buffer of an array, which is added if it is new."""
        buffer = self.find(array)
        if buffer is None:
            whose = owner(array)
            buffer = self._buffers[id(whose)] = Buffer(whose)
        buffer.cover(array)
        return buffer

    def use(self, array: Array) -> Use:
        """An array as an argument of a recorded call."""
        buffer = self.of(array)
        return Use(buffer, array.__array_interface__, array if buffer.is_older else None)

    def older(self, arrays: Iterable[Array]) -> None:
        """Note arrays that the step reads; new ones existed before it, or are constants."""
        for array in arrays:
            is_new = self.find(array) is None
            buffer = self.of(array)
            if is_new:
                buffer.is_older, buffer.memory = True, owner(array)

    def share(self, arrays: Iterable[Array]) -> None:
        """Note arrays that code in Python reads or writes in a replay."""
        for array in arrays:
            buffer = self.of(array)
            buffer.is_shared, buffer.memory = True, owner(array)


def place(buffers: Iterable[Buffer]) -> tuple[dict[Buffer, int], int]:
    """Offsets in one arena, and its size; buffers that are in use at the same time are apart.

    Large buffers are placed first, each in the lowest gap that it fits into.
    """
    placed: dict[Buffer, int] = {}
    total = 0
    for buffer in sorted(buffers, key=lambda buffer: (-buffer.size, buffer.first)):
        rivals = [
            other for other in placed if other.first <= buffer.last and buffer.first <= other.last
        ]
        start = 0
        for other in sorted(rivals, key=placed.__getitem__):
            if placed[other] - start >= buffer.size:
                break
            start = max(start, placed[other] + other.size)
        placed[buffer] = start
        total = max(total, start + buffer.size)
    return placed, total
