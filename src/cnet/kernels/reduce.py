"""Reductions and running sums along axes."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np

from .. import _check, _core
from .._explained import explain
from ..arrays import FLOAT32, FLOAT64, Array, Shape
from . import _memory, plain
from ._dispatch import call
from ._strides import sizes_around

_SUMMED = {"squares": "sum", "magnitudes": "sum"}
"""The reductions whose partial results are joined by another one."""


def reduce(x: Array, operation: str, axes: Sequence[int] | None = None) -> Array:
    """Reduce axes of an array, in float64.

    Parameters
    ----------
    x : ndarray, any shape
        Float32 or float64, of any layout.
    operation : str
        ``sum``, ``squares`` (the sum of squares), ``magnitudes`` (the sum of absolute values),
        ``product``, ``maximum`` or ``minimum``.
    axes : sequence of int, optional
        The axes to reduce; all by default.

    Returns
    -------
    ndarray of float64
        The reduced axes have size 1. In sums of float32, the sum of four numbers is rounded to
        float32, unless it overflows, before it is added in float64. An empty sum is 0, an empty
        product 1, an empty maximum −inf, an empty minimum inf. NaN stays NaN.

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.
    ValueError
        If the operation does not exist, or an axis is out of range or given twice.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.reduce(np.array([[1.0, 2.0], [3.0, 4.0]]), "squares", [1])
    array([[ 5.],
           [25.]])
    """
    number = _core.reductions.get(operation) if type(operation) is str else None
    if number is None:
        known = ", ".join(sorted(_core.reductions))
        raise ValueError(f"reduce: operation must be one of {known} (got {operation!r})")
    if not _core.is_plain(x):
        if isinstance(x, np.ndarray) and not x.flags.c_contiguous and x.ndim > 1:
            order = np.argsort([-abs(stride) for stride in x.strides], kind="stable")
            if not np.array_equal(order, np.arange(x.ndim)):
                reduced = _axes(axes, x.ndim)
                moved = tuple([place for place, axis in enumerate(order) if axis in reduced])
                return reduce(x.transpose(order), operation, moved).transpose(np.argsort(order))
        x = _check.array("reduce", "x", x)
    kept, _, passes = _passes(x.shape, None if axes is None else tuple(axes))
    y = x
    for geometry in passes:
        before, y = y, _memory.empty(geometry[::2], FLOAT64)
        call("reduce", before, y, geometry, number)
        number = _core.reductions[_SUMMED.get(operation, operation)]
    return y.reshape(kept)


def reduce_plain(
    x: Array, operation: str, axes: tuple[int, ...], keepdims: bool, divisor: float = 1.0,
    root: bool = False,
) -> Array | None:  # fmt: skip
    """The results of `reduce` for a plain array, divided and then replaced by their square roots.

    They are computed in float64 and have the dtype of `x`. Without `keepdims`, the reduced axes are
    removed. None if that takes more than one pass, or there are many results.
    """
    kept, others, passes = _passes(x.shape, axes)
    if len(passes) > 1:
        return None
    number = _core.reductions[operation]
    return plain.reduce(number, x, passes[0], kept if keepdims else others, divisor, root)


SMALL = 1024
"""The most elements of `reduce_small`."""


def reduce_small(
    x: Array, operation: str, axes: tuple[int, ...], keepdims: bool, divisor: float = 1.0,
    root: bool = False,
) -> tuple[Array, Array] | None:  # fmt: skip
    """A reduction of a few float32 or float64 numbers, computed in float64.

    Parameters
    ----------
    x : ndarray
    operation : {"variance", "maximum", "minimum", "logsumexp"}
        The sum of the squared deviations from the mean, the greatest or smallest number, or the
        logarithm of the sum of the exponentials. NaN wins over numbers.
    axes : tuple of int
        Different axes, sorted and not negative.
    keepdims : bool
        Whether the reduced axes are kept with size 1.
    divisor : float, default 1
        The divisor of a variance.
    root : bool, default False
        Whether to take the square root.

    Returns
    -------
    (ndarray, ndarray) or None
        The results in the dtype of `x`, and the means as float64 or the positions of the first
        extrema as int64. None for other arrays, or if the axes are no neighbours.
    """
    if not 0 < x.size <= SMALL:
        return None
    kept, others, passes = _passes(x.shape, axes)
    if len(passes) > 1:
        return None
    if not _core.is_plain(x):
        if x.dtype not in (FLOAT32, FLOAT64):
            return None
        x = _check.array("reduce", "x", x)
    found: tuple[Array, Array] = _core.reduce_small(
        _core.small_reductions[operation], x, passes[0], kept if keepdims else others, divisor, root
    )
    return found


@lru_cache(maxsize=1024)
def _passes(
    shape: Shape, axes: tuple[int, ...] | None
) -> tuple[Shape, Shape, list[tuple[int, int, int]]]:
    """The shape of a result with and without the reduced axes, and the geometry of each pass.

    Neighbouring axes, regardless of axes of size 1 between them, need only one pass. The longest is
    the first, so that the others have little to do.
    """
    reduced = _axes(axes, len(shape))
    kept = tuple([1 if axis in reduced else size for axis, size in enumerate(shape)])
    others = tuple([size for axis, size in enumerate(shape) if axis not in reduced])
    longer = [axis for axis, size in enumerate(shape) if size != 1]
    sizes = [shape[axis] for axis in longer]
    places = [place for place, axis in enumerate(longer) if axis in reduced]
    if len(places) == len(sizes):
        return kept, others, [(1, prod(sizes), 1)]
    if not places:
        return kept, others, [(prod(sizes), 1, 1)]
    runs = [[places[0]]]
    for place in places[1:]:
        if place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    passes = []
    for run in sorted(runs, key=lambda run: -prod([sizes[place] for place in run])):
        first, end = run[0], run[-1] + 1
        passes.append((prod(sizes[:first]), prod(sizes[first:end]), prod(sizes[end:])))
        sizes[first:end] = [1] * len(run)
    return kept, others, passes


def _axes(axes: Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The axes, sorted and not negative."""
    if axes is None:
        return tuple(range(ndim))
    found = sorted([axis + ndim if axis < 0 else axis for axis in axes])
    if len(set(found)) < len(found) or (found and not 0 <= found[0] <= found[-1] < ndim):
        raise ValueError(f"reduce: axes must be different axes of x (got {axes} and {ndim} axes)")
    return tuple(found)


def accumulate(x: Array, axis: int, product: bool = False, reverse: bool = False) -> Array:
    """The sums or products of all elements up to each one, along an axis.

    Parameters
    ----------
    x : ndarray, at least 1 dimension
        Float32 or float64.
    axis : int
    product : bool, default False
        Multiply instead of adding.
    reverse : bool, default False
        From each element to the last one.

    Returns
    -------
    ndarray, shape of `x`
        Computed in float64.

    Raises
    ------
    TypeError
        If `x` is not an array of a float dtype.
    ValueError
        If the axis is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.accumulate(np.array([1.0, 2.0, 3.0]), 0)
    array([1., 3., 6.])
    """
    try:
        x = _check.array("accumulate", "x", x)
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(
                f"accumulate: axis must be an axis of x (got {axis} and {x.ndim} axes)"
            )
        y = _memory.empty(x.shape, x.dtype)
        call("accumulate", x, y, sizes_around(x.shape, axis), bool(product), bool(reverse))
        return y
    except Exception as error:
        explain(error, accumulate, (x, axis, product, reverse), {})
