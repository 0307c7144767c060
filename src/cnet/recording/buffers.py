"""The memory of a recorded step: what is known, and where it lies in a replay."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from ..changes import owner
from ..engine import Variable

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


class Buffer:
    """A block of memory that arrays of the step share."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.low, self.high = 0, 0
        self.is_shared = False
        """Whether code in Python reads or writes it in a replay."""
        self.is_written = False
        """Whether a call or a repeated part of the step writes it."""
        self.is_older = False
        """Whether it existed before the step."""
        self.first = self.last = -1
        """The numbers of the first and the last call that use it."""

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


class Buffers:
    """The buffers of a step, found by the owner of their memory.

    They keep their memory alive while the step is recorded, so that addresses are not used twice.
    """

    def __init__(self) -> None:
        self._buffers: dict[int, Buffer] = {}

    def __iter__(self) -> Iterator[Buffer]:
        return iter(self._buffers.values())

    def find(self, array: Array) -> Buffer | None:
        """The buffer of an array, or None if nothing recorded has used its memory."""
        return self._buffers.get(id(owner(array)))

    def of(self, array: Array) -> Buffer:
        """The buffer of an array, which is added if it is new."""
        whose = owner(array)
        buffer = self._buffers.get(id(whose))
        if buffer is None:
            buffer = self._buffers[id(whose)] = Buffer(whose)
        buffer.cover(array)
        return buffer

    def older(self, arrays: Iterable[Array]) -> None:
        """Note arrays that the step reads; new ones existed before it, or are constants."""
        for array in arrays:
            if self.find(array) is None:
                self.of(array).is_older = True
            else:
                self.of(array)

    def share(self, arrays: Iterable[Array]) -> None:
        """Note arrays that code in Python reads or writes in a replay."""
        for array in arrays:
            self.of(array).is_shared = True


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
