"""Selection of elements by a mask, without a branch for each element."""

from typing import Any

import numpy as np

from ..autograd import Array
from ..kernels._memory import empty

__all__ = ["choose"]

_BITS = {size: (np.dtype(f"i{size}"), np.dtype(f"u{size}")) for size in (2, 4, 8)}

_LARGE = 1 << 13
"""Elements of a mask from which `np.where` is slower if the mask has no pattern."""


def choose(mask: Array, a: Any, b: Any) -> Array:
    """`np.where` for two arrays of one dtype, or an array and 0.

    Masks without a pattern take `np.where` ten times as long as others, because it branches at each
    element. So the bits of many elements are combined instead, where that takes no longer than
    `np.where` does in the mean: for 0 and an array, and for arrays of at most four bytes.
    """
    dtype = a.dtype if isinstance(a, np.ndarray) else b.dtype
    size = dtype.itemsize
    if mask.size < _LARGE or mask.dtype.kind != "b" or dtype.kind not in "fiu" or size not in _BITS:
        return np.where(mask, a, b)  # type: ignore[no-any-return]
    signed, unsigned = _BITS[size]
    chosen, other = (np.asarray(x, dtype).view(unsigned) for x in (a, b))
    with_zero = [x.ndim == 0 and not x for x in (chosen, other)]
    if size > 4 and not any(with_zero):
        return np.where(mask, a, b)  # type: ignore[no-any-return]
    is_contiguous = all(x.flags.c_contiguous for x in (mask, chosen, other))

    def result(*arrays: Array) -> Array | None:
        """Memory that is reused, for what NumPy computes of contiguous arrays."""
        return empty(np.broadcast(*arrays).shape, unsigned) if is_contiguous else None

    selected = result(mask)
    selected = np.negative(
        mask.view(np.int8), dtype=signed, out=None if selected is None else selected.view(signed)
    ).view(unsigned)
    fits = is_contiguous and np.broadcast(mask, chosen, other).shape == mask.shape
    bits = selected if fits else result(mask, chosen, other)
    if with_zero[1]:
        bits = np.bitwise_and(chosen, selected, out=bits)
    elif with_zero[0]:
        bits = np.bitwise_and(other, np.invert(selected, out=selected), out=bits)
    else:
        changes = np.bitwise_xor(chosen, other, out=result(chosen, other))
        bits = np.bitwise_and(changes, selected, out=bits)
        bits = np.bitwise_xor(bits, other, out=bits)
    return bits.view(dtype)  # type: ignore[no-any-return]
