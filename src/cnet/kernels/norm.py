"""Batch and group normalisation."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from .. import _check, _core
from ..arrays import Array, Shape
from ..geometry import integer
from . import _memory
from ._dispatch import call

ACTIVATIONS = "relu", "hardtanh", "silu", "hardswish"
"""The elementwise operations that `batch_norm` can compute after the transform."""
FROM_RESULT = "relu", "hardtanh"
"""Those of them whose derivative can be computed from the result."""


def batch_norm_stats(
    x: Array, running_mean: Array | None = None, running_var: Array | None = None,
    momentum: float = 0.1,
) -> tuple[Array, Array]:  # fmt: skip
    """Mean and variance of every channel.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64.
    running_mean, running_var : ndarray, shape (c,), optional
        Running statistics of the same dtype; both or none. They are updated in place, unless `x` is
        empty: ``running = momentum * batch + (1 - momentum) * running``, with the unbiased
        variance (ddof 1) of the batch, which must then have at least 2 values per channel.
    momentum : float, default 0.1
        The weight of this batch in the running statistics.

    Returns
    -------
    mean, var : ndarray, shape (c,)
        Over all axes but the second; the variance is the mean of the squared deviations (ddof 0).
        Zeros if the channels are empty.

    Raises
    ------
    TypeError, ValueError
        If `x` is not such an array.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> mean, var = kernels.batch_norm_stats(np.array([[[1.0, 3.0]], [[5.0, 7.0]]]))
    >>> float(mean[0]), float(var[0])
    (4.0, 5.0)
    """
    f = "batch_norm_stats"
    (x,) = channels(f, x)
    running = _running(f, x, running_mean, running_var)
    _check.number(f, "momentum", momentum)
    shape, dtype = x.shape[1:2], x.dtype
    mean, var = _memory.empty(shape, dtype), _memory.empty(shape, dtype)
    if x.size:
        call("batch_norm_stats", x, mean, var, *running, _runs(x), momentum)
    else:
        mean[...] = var[...] = 0
    return mean, var


def _running(
    f: str, x: Array, mean: Array | None, var: Array | None
) -> tuple[Array | None, Array | None]:
    """Check the running statistics of the channels of `x`, which are updated in place."""
    if mean is None and var is None:
        return None, None
    for name, value in (("running_mean", mean), ("running_var", var)):
        if value is not None and _core.are_channels(x, (value,)):
            continue
        _check.writable(f, name, value)
        assert value is not None
        _check.same_shape(f, name, value.shape, "(x.shape[1],)", x.shape[1:2])
        _check.same_dtype(f, x=x, **{name: value})
    if x.size and x.size == x.shape[1]:
        raise ValueError(
            f"{f}: x must have at least 2 values per channel for running statistics "
            f"(got shape {x.shape})"
        )
    return mean, var


def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array | None = None, bias: Array | None = None,
    eps: float = 1e-5, residual: Array | None = None, activation: str | None = None,
    a: float = 0.0, b: float = 0.0,
) -> Array:  # fmt: skip
    """``f((x - mean) / sqrt(var + eps) * weight + bias + residual)``, for each channel.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64.
    mean, var : ndarray, shape (c,)
        Of the same dtype.
    weight, bias : ndarray, shape (c,), optional
        Ones and zeros by default.
    eps : float, default 1e-5
        Added to the variance, so that the divisor is not 0.
    residual : ndarray, shape of `x`, optional
        Zeros by default.
    activation : {"relu", "hardtanh", "silu", "hardswish"}, optional
        The elementwise operation f, with the parameters `a` and `b`; see `elementwise`. The result
        has the same bits as that of three separate operations.
    a, b : float, default 0
        The parameters of `activation`.

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
    f = "batch_norm"
    _check.number(f, "eps", eps)
    x, mean, var, weight, bias = channels(f, x, mean=mean, var=var, weight=weight, bias=bias)
    number = _activation_number(f, activation)
    if residual is not None:
        residual = _check.like(f, "residual", residual, "x", x)
    y = _memory.empty(x.shape, x.dtype)
    call(
        "batch_norm", x, mean, var, weight, bias, residual, y, _runs(x), eps, number, float(a),
        float(b),
    )  # fmt: skip
    return y


def _activation_number(f: str, activation: str | None) -> int:
    """0 for None, else 1 + the number of the operation."""
    if activation is None:
        return 0
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"{f}: activation must be one of {', '.join(ACTIVATIONS)} (got {activation!r})"
        )
    return 1 + _core.operations[activation]


def batch_norm_backward(
    grad_output: Array, x: Array, mean: Array, var: Array, weight: Array | None = None,
    eps: float = 1e-5, from_batch: bool = True,
    needs: Sequence[bool] = (True, True, True), bias: Array | None = None,
    y: Array | None = None, activation: str | None = None, a: float = 0.0, b: float = 0.0,
    sizes: Sequence[int] | None = None, addends: Sequence[Array | None] | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Gradients of `batch_norm`.

    With dy = f' · grad_output, ``s = 1 / sqrt(var + eps)``, ``h = (x - mean) * s`` and sums over a
    channel of m numbers: ``db = sum(dy)``, ``dw = sum(dy * h)``, and
    ``dx = weight * s * (dy - (db + h * dw) / m)``, or ``dx = weight * s * dy`` where the statistics
    are constants.

    Parameters
    ----------
    grad_output, x : ndarray, shape (n, c, ...)
        Gradient with respect to the result, and the input.
    mean, var, weight, eps, bias, activation, a, b
        As given to `batch_norm`; `bias` is used only with an activation.
    from_batch : bool, default True
        Whether `mean` and `var` were computed from `x`, so that they depend on it.
    needs : (bool, bool, bool), default all
        Which of the gradients of x, weight and bias to compute.
    y : ndarray, shape of `x`, optional
        The result of `batch_norm`, for a call with a residual and the activation ``relu`` or
        ``hardtanh``.
    sizes : sequence of int, optional
        Numbers of channels, for the gradients of arrays that were joined to `x`; not with `y`.
    addends : sequence of ndarray or None, optional
        For each gradient dx, an array of its shape that is added to it, or None. The sum has the
        same bits as that of a separate addition.

    Returns
    -------
    dx : ndarray, shape (n, c, ...), or None
        With `sizes`, a tuple of arrays of that many channels each.
    dw, db : ndarray, shape (c,), or None
    dresidual : ndarray, shape (n, c, ...)
        dy, the gradient of the residual; only if `y` is given.

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
    f = "batch_norm_backward"
    _check.number(f, "eps", eps)
    x, mean, var, weight, bias = channels(f, x, mean=mean, var=var, weight=weight, bias=bias)
    grad_output = _check.like(f, "grad_output", grad_output, "x", x)
    number = _activation_number(f, activation)
    if y is not None:
        y = _check.like(f, "y", y, "x", x)
        if activation not in FROM_RESULT:
            raise ValueError(
                f"{f}: with y, activation must be one of {', '.join(FROM_RESULT)} "
                f"(got {activation!r})"
            )
        if sizes is not None:
            raise ValueError(f"{f}: sizes must be None with y (got {sizes})")
    shapes = x.shape, mean.shape, mean.shape
    needs = _check.needs(f, needs)
    numbers = prod(x.shape[1:]), eps, bool(from_batch), number, float(a), float(b)
    count = 1 if sizes is None else len(sizes)
    if addends is None:
        addends = (None,) * count
    elif len(addends) != count:
        raise ValueError(f"{f}: addends must have {count} items (got {len(addends)})")
    if sizes is None:
        addend = _addend(f, addends[0], x)
        dx, dw, db = _memory.empty_needed(shapes, needs, x.dtype)
        dresidual = None if y is None else _memory.empty(x.shape, x.dtype)
        call(
            "batch_norm_backward", grad_output, x, mean, var, weight, bias, y, addend, dx, dw, db,
            dresidual, _runs(x), *numbers,
        )  # fmt: skip
        return (dx, dw, db) if y is None else (dx, dw, db, dresidual)
    if min(sizes, default=0) < 0 or sum(sizes) != x.shape[1]:
        raise ValueError(
            f"{f}: sizes must add up to x.shape[1] and not be negative "
            f"(got {tuple(sizes)} and {x.shape[1]})"
        )
    _, dw, db = _memory.empty_needed(shapes, (False, *needs[1:]), x.dtype)
    parts, end = [], 0
    for size, addend in zip(sizes, addends, strict=True):
        begin, end = end, end + size
        part = x[:, begin:end]
        addend = _addend(f, addend, part)
        dx = _memory.empty(part.shape, x.dtype) if needs[0] else None
        parts.append(dx)
        vectors = [
            None if vector is None else vector[begin:end]
            for vector in (mean, var, weight, bias, dw, db)
        ]
        call(
            "batch_norm_backward", grad_output[:, begin:end], part, *vectors[:4], None,
            addend, dx, *vectors[4:], None, _runs(part), *numbers,
        )  # fmt: skip
    return tuple(parts), dw, db


def _addend(f: str, addend: Array | None, x: Array) -> Array | None:
    """Check an item of `addends` for the gradient of `x`."""
    return None if addend is None else _check.like(f, "addends", addend, "x", x)


def group_norm(
    x: Array, var: Array | None, mean: Array | None = None, weight: Array | None = None,
    bias: Array | None = None, eps: float = 1e-5, groups: int | None = None,
) -> Array:  # fmt: skip
    """``(x - mean) / sqrt(var + eps) * weight + bias``, for each group of channels of each image.

    Parameters
    ----------
    x : ndarray, shape (n, c, ...)
        Float32 or float64.
    var : ndarray, shape (n, groups), or None
        Of the same dtype. A group has c / groups consecutive channels. None means mean and variance
        of the groups of `x`.
    mean : ndarray, shape (n, groups), optional
        Of the same dtype; zeros by default. Must not be given if `var` is None.
    weight, bias : ndarray, shape (c,), optional
        Ones and zeros by default.
    eps : float, default 1e-5
        Added to the variance, so that the divisor is not 0.
    groups : int, optional
        The number of groups, if `var` is None.

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or shapes do not fit.

    References
    ----------
    Wu and He (2018), "Group normalization".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[1.0, 3.0]])
    >>> kernels.group_norm(x, var=np.array([[4.0]]), mean=np.array([[2.0]]), eps=0.0)
    array([[-0.5,  0.5]])
    """
    f = "group_norm"
    _check.number(f, "eps", eps)
    x, weight, bias = channels(f, x, weight=weight, bias=bias)
    if var is None:
        if mean is not None:
            raise TypeError(f"{f}: var must be a NumPy array (got NoneType)")
        groups = integer(f, "groups", groups)
        if groups < 1 or x.shape[1] % groups or not x.size:
            raise ValueError(
                f"{f}: groups must divide x.shape[1], and x must not be empty "
                f"(got {groups} and shape {x.shape})"
            )
    else:
        mean, var = _groups(f, x, mean, var)
        groups = var.shape[1]
    return _transformed(x, mean, var, weight, bias, groups, eps)


def group_norm_with_stats(
    x: Array, weight: Array | None, bias: Array | None, eps: float, groups: int
) -> tuple[Array, Array, Array]:
    """`group_norm` with the statistics of `x`, and these: the result, the means, the variances.

    `groups` divides the number of channels.
    """
    f = "group_norm"
    _check.number(f, "eps", eps)
    x, weight, bias = channels(f, x, weight=weight, bias=bias)
    mean, var = group_norm_stats(f, x, groups)
    return _transformed(x, mean, var, weight, bias, groups, eps), mean, var


def _transformed(
    x: Array, mean: Array | None, var: Array | None, weight: Array | None, bias: Array | None,
    groups: int | None, eps: float,
) -> Array:  # fmt: skip
    """`group_norm` of checked arrays."""
    y = _memory.empty(x.shape, x.dtype)
    call("group_norm", x, mean, var, weight, bias, y, _runs(x), groups, eps)
    return y


def group_norm_backward(
    grad_output: Array, x: Array, var: Array, mean: Array | None = None,
    weight: Array | None = None, eps: float = 1e-5,
    needs: Sequence[bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `group_norm`, with statistics that were computed from `x`.

    With ``s = 1 / sqrt(var + eps)``, ``h = (x - mean) * s`` and ``v = weight * dy``:
    ``db = sum(dy)`` and ``dw = sum(dy * h)`` over a channel, and
    ``dx = s * (v - (sum(v) + h * sum(v * h)) / m)`` with sums over a group of m numbers. If `mean`
    is None, `var` is the mean of the squares, and ``sum(v)`` is left out. Otherwise dx is 0 for
    groups of one number.

    Parameters
    ----------
    grad_output, x : ndarray, shape (n, c, ...)
        Gradient with respect to the result (dy), and the input.
    var, mean, weight, eps
        As given to `group_norm`.
    needs : (bool, bool, bool), default all
        Which of the gradients of x, weight and bias to compute.

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
    >>> x, mean, var = np.array([[1.0, 3.0]]), np.array([[2.0]]), np.array([[1.0]])
    >>> dx, dw, db = kernels.group_norm_backward(np.ones_like(x), x, var, mean, eps=0.0)
    >>> dx, dw, db
    (array([[0., 0.]]), array([-1.,  1.]), array([1., 1.]))
    """
    f = "group_norm_backward"
    _check.number(f, "eps", eps)
    x, weight = channels(f, x, weight=weight)
    mean, var = _groups(f, x, mean, var)
    grad_output = _check.like(f, "grad_output", grad_output, "x", x)
    shapes = x.shape, x.shape[1:2], x.shape[1:2]
    dx, dw, db = _memory.empty_needed(shapes, _check.needs(f, needs), x.dtype)
    call(
        "group_norm_backward", grad_output, x, mean, var, weight, dx, dw, db, _runs(x),
        var.shape[1], eps,
    )  # fmt: skip
    return dx, dw, db


def group_norm_stats(f: str, x: Array, groups: int) -> tuple[Array, Array]:
    """Mean and variance of the groups of channels of each image, both of shape (n, groups).

    `groups` divides the number of channels. Zeros if the groups are empty.
    """
    x = _check.array(f, "x", x)
    shape, count = (len(x), groups), len(x) * groups
    mean, var = _memory.empty(shape, x.dtype), _memory.empty(shape, x.dtype)
    if x.size:
        call("batch_norm_stats", x, mean, var, None, None, (1, count, x.size // count), 0.0)
    else:
        mean[...] = var[...] = 0
    return mean, var


def _groups(f: str, x: Array, mean: Any, var: Any) -> tuple[Array | None, Array]:
    """Check the statistics of the groups of all images; the mean may be None."""
    var = _check.array(f, "var", var, 2)
    groups = var.shape[1]
    if not groups or x.shape[1] % groups:
        raise ValueError(
            f"{f}: var.shape[1] must divide x.shape[1] (got {groups} and {x.shape[1]})"
        )
    _check.same_shape(f, "var", var.shape, "(x.shape[0], groups)", (len(x), groups))
    if var.dtype is not x.dtype:
        _check.same_dtype(f, x=x, var=var)
    if mean is not None:
        mean = _check.like(f, "mean", mean, "x", x, var.shape, "var.shape")
    return mean, var


def channels(f: str, x: Any, **vectors: Any) -> tuple[Any, ...]:
    """Check images of any rank, and vectors with one number per channel.

    Weight and bias may be None.
    """
    found = tuple(vectors.values())
    required = vectors.get("mean", x) is not None and vectors.get("var", x) is not None
    if required and _core.are_channels(x, found):
        return x, *found
    x = _check.array(f, "x", x)
    if x.ndim < 2:
        raise ValueError(f"{f}: x must have at least 2 dimensions (got {x.ndim}, shape {x.shape})")
    dtype, shape, fit = x.dtype, x.shape[1:2], True
    for name, vector in vectors.items():
        optional = name == "weight" or name == "bias"
        if (vector is None and optional) or _check.fits(vector, dtype, shape):
            continue
        fit = False
        vectors[name] = vector = _check.array(f, name, vector, 1)
        _check.same_shape(f, name, vector.shape, "(x.shape[1],)", shape)
    if not fit:
        _check.same_dtype(f, x=x, **vectors)
    return x, *vectors.values()


def _runs(x: Array) -> tuple[int, int, int]:
    """(n, c, elements per channel of an image): cnet_norm in cnet.h."""
    return _runs_of(x.shape)


@lru_cache(maxsize=1024)
def _runs_of(shape: Shape) -> tuple[int, int, int]:
    n, c, *sizes = shape
    return n, c, prod(sizes)
