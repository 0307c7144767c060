"""Batch normalisation."""

from collections.abc import Sequence
from math import prod

from .. import _check
from .._check import Array
from . import _memory
from ._dispatch import KERNELS, kernel, run


@kernel
def batch_norm_stats(x: Array) -> tuple[Array, Array]:
    """Mean and variance of every channel.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64, with at least one number in every channel.

    Returns
    -------
    mean, var : ndarray, shape (c,)
        Over all axes but the second; the variance is the mean of the squared deviations (ddof 0).

    Raises
    ------
    TypeError, ValueError
        If `x` is no such array.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> mean, var = kernels.batch_norm_stats(np.array([[[1.0, 3.0]], [[5.0, 7.0]]]))
    >>> float(mean[0]), float(var[0])
    (4.0, 5.0)
    """
    x = _check.batch_norm_stats(x)
    mean, var = (_memory.empty(x.shape[1:2], x.dtype) for _ in range(2))
    run(KERNELS["batch_norm_stats"], x, mean, var, _runs(x))
    return mean, var


@kernel
def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array | None = None, bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:  # fmt: skip
    """``(x - mean) / sqrt(var + eps) * weight + bias``, channel by channel.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64.
    mean, var : ndarray, shape (c,)
        Of the same dtype.
    weight, bias : ndarray, shape (c,), optional
        Ones and zeros by default.
    eps : float, default 1e-5
        Keeps the square root away from 0.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    References
    ----------
    Ioffe and Szegedy (2015), "Batch normalization".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[1.0, 3.0]]])
    >>> kernels.batch_norm(x, np.array([2.0]), np.array([4.0]), eps=0.0)
    array([[[-0.5,  0.5]]])
    """
    x, mean, var, weight, bias = _check.batch_norm(x, mean, var, weight, bias, eps)
    y = _memory.empty(x.shape, x.dtype)
    run(KERNELS["batch_norm"], x, mean, var, weight, bias, y, _runs(x), eps)
    return y


@kernel
def batch_norm_backward(
    grad_output: Array, x: Array, mean: Array, var: Array, weight: Array | None = None,
    eps: float = 1e-5, from_batch: bool = True,
    needs: Sequence[bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `batch_norm`.

    With ``s = 1 / sqrt(var + eps)``, ``h = (x - mean) * s`` and sums over a channel of m numbers:
    ``db = sum(dy)``, ``dw = sum(dy * h)`` and ``dx = weight * s * (dy - (db + h * dw) / m)``, or
    ``dx = weight * s * dy`` where the statistics are constants.

    Parameters
    ----------
    grad_output, x : ndarray, shape (n, c, ...)
        Gradient with respect to the result (dy), and the input.
    mean, var, weight, eps
        As given to `batch_norm`.
    from_batch : bool, default True
        Whether `mean` and `var` are those of `x`, so that they vary with it.
    needs : (bool, bool, bool), default all
        Whether the gradients of x, weight and bias are wanted.

    Returns
    -------
    dx : ndarray, shape (n, c, ...), or None
    dw, db : ndarray, shape (c,), or None

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[1.0, 3.0]]])
    >>> dx, dw, db = kernels.batch_norm_backward(np.ones_like(x), x, *kernels.batch_norm_stats(x))
    >>> float(dw[0]), float(db[0])
    (0.0, 2.0)
    """
    grad_output, x, mean, var, weight = _check.batch_norm_backward(
        grad_output, x, mean, var, weight, eps
    )
    shapes = x.shape, mean.shape, mean.shape
    dx, dw, db = _memory.empty_needed(shapes, needs, x.dtype)
    run(
        KERNELS["batch_norm_backward"],
        grad_output,
        x,
        mean,
        var,
        weight,
        dx,
        dw,
        db,
        _runs(x),
        eps,
        from_batch,
    )
    return dx, dw, db


def _runs(x: Array) -> tuple[int, int, int]:
    """(n, c, size): cnet_norm in cnet.h."""
    return x.shape[0], x.shape[1], prod(x.shape[2:])
