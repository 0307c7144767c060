"""Sorted elements along an axis, and single ones of them."""

from functools import lru_cache
from math import prod

from .. import _check, geometry
from ..arrays import INT64, Array, Shape
from . import _memory
from ._dispatch import call

NAN = {"greatest": 0, "wins": 1, "ignored": 2}
"""What `kth` does with NaN, with the numbers of the kernel."""


def sort(
    x: Array, axis: int = -1, *, count: int | None = None, descending: bool = False,
    integers: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """Sort elements along an axis.

    Equal elements keep their order. NaN is greater than all numbers.

    Parameters
    ----------
    x : ndarray, at least 1 dimension
        float32 or float64.
    axis : int, default -1
        The axis to sort along.
    count : int, optional
        The number of sorted elements to return, all by default.
    descending : bool, default False
        Start with the greatest element.
    integers : bool, default False
        Compare the bits of the elements as signed integers.

    Returns
    -------
    values : ndarray, shape of `x` with `count` elements along `axis`
    indices : ndarray of int64, the same shape
        Their positions in `x`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.sort(np.array([3.0, 1.0, 2.0]))
    (array([1., 2., 3.]), array([1, 2, 0]))
    >>> kernels.sort(np.array([3.0, 1.0, 2.0]), count=1, descending=True)
    (array([3.]), array([0]))
    """
    f = "sort"
    x = _check.array(f, "x", x)
    axis = axis if type(axis) is int else geometry.integer(f, "axis", axis)
    n, size, inner, before, after = _rows(f, x.shape, axis)
    if count is None:
        count = size
    count = count if type(count) is int else geometry.integer(f, "count", count)
    if not 0 <= count <= size:
        raise ValueError(
            f"{f}: count must be between 0 and the size of the axis (got {count} and {size})"
        )
    shape = *before, count, *after
    values, indices = _memory.empty(shape, x.dtype), _memory.empty(shape, INT64)
    call("sort", x, values, indices, (n, size, count, inner), bool(descending), bool(integers))
    return values, indices


def kth(
    x: Array, k: int, axis: int = -1, *, nan: str = "greatest", integers: bool = False
) -> tuple[Array, Array]:
    """The element that sorting moves to a position along an axis.

    Parameters
    ----------
    x : ndarray, at least 1 dimension
        float32 or float64.
    k : int
        The position, from 0.
    axis : int, default -1
        The axis to search along.
    nan : {"greatest", "wins", "ignored"}, default "greatest"
        NaN is greater than all numbers, or the result is NaN if an element is NaN, or the result is
        the lower median of the numbers, for any `k`, and NaN only without any number.
    integers : bool, default False
        Compare the bits of the elements as signed integers; NaN must be "greatest".

    Returns
    -------
    values : ndarray, shape of `x` without `axis`
    indices : ndarray of int64, the same shape
        The positions of the first elements with these values.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, dtype or range, or `nan` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.kth(np.array([[4.0, 1.0, 3.0], [2.0, 2.0, 0.0]]), 1)
    (array([3., 2.]), array([2, 0]))
    """
    f = "kth"
    x = _check.array(f, "x", x)
    axis = axis if type(axis) is int else geometry.integer(f, "axis", axis)
    n, size, inner, before, after = _rows(f, x.shape, axis)
    k = k if type(k) is int else geometry.integer(f, "k", k)
    if not 0 <= k < size:
        raise ValueError(
            f"{f}: k must be at least 0 and less than the size of the axis (got {k} and {size})"
        )
    rule = NAN.get(nan)
    if rule is None or (integers and rule):
        raise ValueError(
            f"{f}: nan must be one of {', '.join(NAN)}, and greatest for integers (got {nan!r})"
        )
    shape = before + after
    values, indices = _memory.empty(shape, x.dtype), _memory.empty(shape, INT64)
    call("kth", x, values, indices, (n, size, 1, inner), k, rule, bool(integers))
    return values, indices


@lru_cache(maxsize=1024)
def _rows(f: str, shape: Shape, axis: int) -> tuple[int, int, int, Shape, Shape]:
    """The sizes before the axis, along it and after it, and the shapes before it and after it."""
    ndim = len(shape)
    if not -ndim <= axis < ndim:
        raise ValueError(f"{f}: axis must be in range for x (got {axis} and {ndim} dimensions)")
    axis %= ndim
    if shape[axis] >= 2**31:
        raise ValueError(f"{f}: x.shape[axis] must be less than 2**31 (got {shape[axis]})")
    before, after = shape[:axis], shape[axis + 1 :]
    return prod(before), shape[axis], prod(after), before, after
