"""Arrays between unmapped pages: a kernel that reads or writes beyond the array crashes at once.

The rest of the first or last page of an array is filled with a pattern (NaN, or a large integer).
`Guarded.intact` tells whether it is unchanged. Without `mprotect`, the pattern is the only guard.
"""

import ctypes
import mmap
import os
from math import prod

import numpy as np
import numpy.typing as npt

ENDING, BEGINNING = "ending", "beginning"
PLACES = ENDING, BEGINNING


_LIBC = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def _protect(address: int) -> None:
    """Make a page unreadable and unwritable."""
    if _LIBC is None:
        return
    if _LIBC.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 0):
        raise OSError(ctypes.get_errno(), "mprotect failed")


class Guarded:
    """A new array that ends directly before an unmapped page or begins directly after one.

    Parameters
    ----------
    shape, dtype
        Shape and dtype of the array.
    place : "ending" or "beginning"
        The side at which the array touches its unmapped page.
    alignment : int, optional
        Alignment of the address in bytes; the size of an element by default. If the size of the
        array is not a multiple of it, the array ends less than `alignment` bytes before the page.

    Attributes
    ----------
    array : numpy.ndarray
        Filled with the pattern.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: npt.DTypeLike, place: str, alignment: int | None = None
    ) -> None:
        dtype = np.dtype(dtype)
        self._pattern = 0xFF if dtype.kind == "f" else 0x7F
        size, page = prod(shape) * dtype.itemsize, mmap.PAGESIZE
        inner = max(1, -(-size // page)) * page
        flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if os.name == "posix" else {}
        memory = mmap.mmap(-1, inner + 2 * page, **flags)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        _protect(address)
        _protect(address + page + inner)
        self._bytes = np.frombuffer(memory, np.uint8, inner, page)
        self._bytes[:] = self._pattern
        alignment = alignment or dtype.itemsize
        start = 0 if place == BEGINNING else (inner - size) // alignment * alignment
        self._span = slice(start, start + size)
        self.array = self._bytes[self._span].view(dtype).reshape(shape)

    def intact(self) -> bool:
        """Whether all bytes around the array still hold the pattern."""
        around = self._bytes[: self._span.start], self._bytes[self._span.stop :]
        return all((rest == self._pattern).all() for rest in around)


def copy(x: np.ndarray, place: str) -> np.ndarray:
    """A guarded copy with the strides of the original, aligned to its elements only."""
    low, high = np.lib.array_utils.byte_bounds(x)
    block = Guarded((high - low,), np.uint8, place, alignment=x.itemsize).array
    y = np.ndarray(x.shape, x.dtype, block, x.ctypes.data - low, x.strides)
    y[...] = x
    return y


class Allocator:
    """A replacement for the function that allocates results; it returns guarded arrays."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._given: list[Guarded] = []

    def __call__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
        # Kernels may rely on the alignment of memory that they allocate.
        self._given.append(Guarded(shape, dtype, self._place, alignment=64))
        return self._given[-1].array

    def gave(self, x: np.ndarray) -> bool:
        """Whether an array is empty or was allocated here."""
        return x.size == 0 or any(np.may_share_memory(x, given.array) for given in self._given)

    def intact(self) -> bool:
        return all(given.intact() for given in self._given)
