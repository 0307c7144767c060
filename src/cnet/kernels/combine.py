"""Elementwise functions of several operands, which broadcast."""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .. import _check, _core
from ..arrays import FLOAT32, FLOAT64, Array, Shape
from ..replay import constant
from . import _memory
from ._dispatch import call

_NUMBERS = (float, int, np.number)
_MISSING: tuple[tuple[None, ...], ...] = tuple([(None,) * (4 - count) for count in range(5)])


def combine(
    a: Array, b: Any = None, c: Any = None, d: Any = None, *, operation: str,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Apply a function to the elements of up to four operands, which broadcast.

    Parameters
    ----------
    a : ndarray
        Float32 or float64. Matrices with contiguous rows are not copied, even if the rows are
        apart, as those of a part of an array.
    b, c, d : ndarray of the dtype of `a`, or float
        As many as the operation takes.
    operation : str
        ``product`` (a·b), ``squared_difference`` ((a − b)²), ``distance`` (abs(a − b)),
        ``times_quotient`` (a·(b/c)), ``times_exp`` (a·exp(b − c)), ``times_sigmoid`` (a·sigmoid(b −
        c)), ``times_sign`` (a·sign(b − c)), ``times_within`` (a·clamp(b − c, −d, d)), ``atan2``,
        ``hypot``, ``logaddexp``, ``xlogy``, ``fmod``, ``remainder``, ``floor_divide``,
        ``trunc_divide``, ``bce_with_logits`` (input, target), ``prelu`` (x, weight), ``huber``
        (input, target, threshold, scale), ``lerp`` (a, b, weight), ``addcmul`` (a + d·b·c),
        ``addcdiv`` (a + d·b/c), ``is_close`` (a, b, rtol, atol; 1 or 0), ``nan_to_num`` (x, nan,
        posinf, neginf), or of one operand ``sign``, ``frac``, ``sin``, ``cos``, ``logit``. They are
        defined as in PyTorch. The others are gradients: `a` is the gradient with respect to the
        result.
    out : ndarray, in the broadcast shape and of the dtype of `a`, optional
        The array for the result, which may be an operand of this shape; writable, and C-contiguous
        or, unless operands are repeated along an axis, a matrix with contiguous rows.

    Returns
    -------
    ndarray, in the broadcast shape
        ``fmod``, ``remainder`` and ``floor_divide`` are exact. There is no warning for infinite or
        NaN results.

    Raises
    ------
    TypeError
        If `a` is not an array of a float dtype, or the dtypes differ.
    ValueError
        If the operation does not exist, the number of operands is wrong, or the shapes do not
        broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.combine(np.array([3.0, 5.0]), np.array([4.0, 12.0]), operation="hypot")
    array([ 5., 13.])
    >>> kernels.combine(np.zeros(3), np.arange(3.0), 0.5, operation="lerp")
    array([0. , 0.5, 1. ])
    """
    found = _core.combinations.get(operation)
    if found is None:
        known = ", ".join(sorted(_core.combinations))
        raise ValueError(f"combine: operation must be one of {known} (got {operation!r})")
    number, count = found
    operands = (a, b, c, d)
    given = 1 + (b is not None) + (c is not None) + (d is not None)
    if given != count or operands[count - 1] is None:
        raise ValueError(f"combine: {operation} takes {count} operands (got {given})")
    first, pitch = (a, 0) if _core.is_plain(a) else _operand("a", a)
    shape, dtype = first.shape, first.dtype
    arrays, axes, joined = [first], 7, True
    pitches = [pitch, 0, 0, 0, 0]
    for k in range(1, count):
        x = operands[k]
        if not _check.fits(x, dtype, shape):
            if isinstance(x, _NUMBERS):
                arrays.append(constant(np.array(x, dtype)))
                continue
            if _check.has_layout(x, dtype, 0):
                arrays.append(x)
                continue
            x, pitches[k] = _operand("abcd"[k], x)
            if x.dtype is not dtype:
                _check.same_dtype("combine", **{"a": first, "abcd"[k]: x})
            joined = joined and x.shape in (shape, ())
        axes |= 7 << 3 * k if x.ndim else 0
        arrays.append(x)
    if not joined:
        arrays = [np.ascontiguousarray(x) if x.ndim else x for x in arrays]
        pitches = [0, 0, 0, 0, 0]
        shape, geometry, axes, equal = _broadcast(tuple([x.shape for x in arrays]))
        if equal:
            arrays = [
                x if x.size == 1 else np.ascontiguousarray(np.broadcast_to(x, shape))
                for x in arrays
            ]
    else:
        geometry = 1, 1, first.size
    if out is None:
        out = _memory.empty(shape, dtype)
    elif not _check.fits(out, dtype, shape):
        pitches[4] = _pitch(out) if joined else 0
        if not (pitches[4] and out.flags.writeable):
            _check.writable("combine", "out", out)
        _check.same_shape("combine", "out", out.shape, "the broadcast shape", shape)
        _check.same_dtype("combine", a=first, out=out)
    if any(pitches):
        geometry = 1, *shape
    call("combine", *arrays, *_MISSING[count], out, geometry, number, axes, *pitches)
    return out


def _operand(name: str, x: Any) -> tuple[Array, int]:
    """An array as the kernel reads it, and its pitch."""
    pitch = _pitch(x)
    return (x, pitch) if pitch else (_check.array("combine", name, x), 0)


def _pitch(x: Any) -> int:
    """The distance in elements of the rows of a matrix that is no contiguous array; otherwise 0."""
    if type(x) is not np.ndarray or x.ndim != 2 or x.flags.c_contiguous:
        return 0
    between, within = x.strides
    if x.dtype is not FLOAT32 and x.dtype is not FLOAT64:
        return 0
    size: int = x.itemsize
    apart = within == size and between % size == 0 and between >= size * x.shape[1]
    return between // size if apart and x.flags.aligned else 0


@lru_cache(maxsize=1024)
def _broadcast(shapes: tuple[Shape, ...]) -> tuple[Shape, tuple[int, int, int], int, bool]:
    """The shape to which operands broadcast, their geometry, and the axes that each has.

    Adjacent axes that the same operands have are joined. If more than three remain, all operands
    of more than one element must be copied to the shape, which the last result tells.
    """
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ValueError(f"combine: shapes {listed} do not broadcast") from None
    sizes: list[int] = []
    groups: list[list[bool]] = []
    for axis in range(-len(shape), 0):
        size = shape[axis]
        if size == 1:
            continue
        has = [len(own) >= -axis and own[axis] == size for own in shapes]
        if groups and groups[-1] == has:
            sizes[-1] *= size
        else:
            sizes.append(size)
            groups.append(has)
    equal = len(sizes) > 3
    if equal:
        sizes = [prod(shape)]
        groups = [[prod(own) != 1 for own in shapes]]
    skipped = 3 - len(sizes)
    axes = 0
    for axis, has in enumerate(groups, skipped):
        for k, has_axis in enumerate(has):
            axes |= has_axis << (3 * k + axis)
    n, c, size = (1,) * skipped + tuple(sizes)
    return shape, (n, c, size), axes, equal
