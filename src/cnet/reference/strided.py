"""Copies with strides."""

from numpy.lib.stride_tricks import as_strided

from ..arrays import Array


def visited(x: Array, sizes: tuple[int, ...], strides: tuple[int, ...], first: int) -> Array:
    """The elements of an array with these strides, counted in elements."""
    elements = x.reshape(-1)[first:]
    return as_strided(elements, sizes, [stride * x.itemsize for stride in strides])


def strided_copy(x: Array, y: Array, g: tuple[int, ...]) -> None:
    """Copies elements of x to y; `g` as in `arithmetic`."""
    visited(y, g[:5], g[10:15], g[16])[...] = visited(x, g[:5], g[5:10], g[15])
