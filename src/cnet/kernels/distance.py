"""Distances of all pairs of rows."""

from math import inf

from .. import _check, geometry
from ..arrays import Array
from . import _memory
from ._dispatch import call


def distances(x: Array, columns: Array, p: float = 2.0) -> Array:
    """The distances of all rows of matrices from all columns of others.

    ``y[n, i, j] = sum(abs(x[n, i] - columns[n, :, j])**p)**(1 / p)``.

    Parameters
    ----------
    x : ndarray, shape (n, rows, k)
        float32 or float64.
    columns : ndarray, shape (n, k, m)
        Of the same dtype.
    p : float, default 2.0
        The order of the distances, positive and finite.

    Returns
    -------
    ndarray, shape (n, rows, m)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.distances(np.array([[[0.0, 0.0]]]), np.array([[[3.0, 1.0], [4.0, 0.0]]]))
    array([[[5., 1.]]])
    """
    f = "distances"
    x, columns, g = _matrices(f, x, columns, p)
    shape = *x.shape[:2], columns.shape[2]
    geometry.check_size(f, "the result", shape)
    y = _memory.empty(shape, x.dtype)
    call("distances", x, columns, y, g, float(p))
    return y


def distances_backward(grad: Array, x: Array, columns: Array, y: Array, p: float = 2.0) -> Array:
    """Gradient of `distances` with respect to x.

    Equal numbers, and distances of 0, have no gradient.

    Parameters
    ----------
    grad, y : ndarray, shape (n, rows, m)
        Gradient with respect to the distances, and the distances.
    x, columns, p
        The arguments of `distances`.

    Returns
    -------
    ndarray, shape (n, rows, k)

    Raises
    ------
    TypeError, ValueError
        As `distances`, and if `grad` or `y` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, columns = np.array([[[0.0, 0.0]]]), np.array([[[3.0, 1.0], [4.0, 0.0]]])
    >>> y = kernels.distances(x, columns)
    >>> kernels.distances_backward(np.array([[[1.0, 0.0]]]), x, columns, y).round(6)
    array([[[-0.6, -0.8]]])
    """
    f = "distances_backward"
    x, columns, g = _matrices(f, x, columns, p)
    shape = (*x.shape[:2], columns.shape[2]), "(n, rows, m)"
    grad = _check.like(f, "grad", grad, "x", x, *shape)
    y = _check.like(f, "y", y, "x", x, *shape)
    dx = _memory.empty(x.shape, x.dtype)
    call("distances_backward", grad, x, columns, y, dx, g, float(p))
    return dx


def _matrices(
    f: str, x: Array, columns: Array, p: float
) -> tuple[Array, Array, tuple[int, int, int, int]]:
    """The matrices as the kernels take them, with the fields of ``cnet_distances``."""
    x, columns = _check.array(f, "x", x, 3), _check.array(f, "columns", columns, 3)
    _check.same_dtype(f, x=x, columns=columns)
    (n, rows, k), m = x.shape, columns.shape[2]
    _check.same_shape(f, "columns", columns.shape, "(n, k, m) of x", (n, k, m))
    _check.number(f, "p", p)
    if not 0 < p < inf:
        raise ValueError(f"{f}: p must be positive and finite (got {p})")
    return x, columns, (n, rows, m, k)
