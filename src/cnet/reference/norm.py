"""Batch and group normalisation. `g` is (n, c, elements per channel of an image)."""

import numpy as np

from ..arrays import Array

Sizes = tuple[int, int, int]


def batch_norm_stats(x: Array, mean: Array, var: Array, g: Sizes) -> None:
    """Mean and variance over all axes except the second, summed in float64."""
    channels = x.reshape(g)
    mean[...] = channels.mean((0, 2), dtype=np.float64)
    var[...] = channels.var((0, 2), dtype=np.float64)


def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, y: Array, g: Sizes,
    eps: float,
) -> None:  # fmt: skip
    """y = (x - mean) / √(var + ε) · weight + bias."""
    channels = (x.reshape(g) - mean[:, None]) / _deviation(var, eps)
    if weight is not None:
        channels *= weight[:, None]
    if bias is not None:
        channels += bias[:, None]
    y[...] = channels.reshape(y.shape)


def batch_norm_backward(
    grad_output: Array, x: Array, mean: Array, var: Array, weight: Array | None, dx: Array | None,
    dweight: Array | None, dbias: Array | None, g: Sizes, eps: float, from_batch: bool,
) -> None:  # fmt: skip
    """dbias = Σ dy; dweight = Σ dy·h; dx = weight/√(var + ε)·(dy - mean(dy) - h·mean(dy·h)).

    h = (x - mean)/√(var + ε), sums and means are over a channel. If mean and var are constants, dx
    is weight/√(var + ε)·dy.
    """
    dy = grad_output.reshape(g)
    h = (x.reshape(g) - mean[:, None]) / _deviation(var, eps)
    sums, products = (z.sum((0, 2), dtype=np.float64).astype(x.dtype) for z in (dy, dy * h))
    if dbias is not None:
        dbias[...] = sums
    if dweight is not None:
        dweight[...] = products
    if dx is not None:
        if from_batch and x.size:
            count = g[0] * g[2]
            dy = dy - (sums[:, None] + h * products[:, None]) / count
        dy = dy / _deviation(var, eps)
        dx[...] = (dy if weight is None else dy * weight[:, None]).reshape(dx.shape)


def group_norm(
    x: Array, mean: Array | None, var: Array | None, weight: Array | None, bias: Array | None,
    y: Array, g: Sizes, groups: int, eps: float,
) -> None:  # fmt: skip
    """y = (x - mean) / √(var + ε) · weight + bias, with the statistics of (image, group).

    Without a variance, both statistics are computed from x.
    """
    if var is None:
        n, c, size = g
        mean, var = np.empty((2, n, groups), x.dtype)
        rows = 1, n * groups, c // groups * size
        batch_norm_stats(x, mean.reshape(-1), var.reshape(-1), rows)
    channels = _normalised(x, mean, var, g, groups, eps)
    if weight is not None:
        channels = channels * weight[:, None]
    if bias is not None:
        channels = channels + bias[:, None]
    y[...] = channels.reshape(y.shape)


def group_norm_backward(
    grad_output: Array, x: Array, mean: Array | None, var: Array, weight: Array | None,
    dx: Array | None, dweight: Array | None, dbias: Array | None, g: Sizes, groups: int, eps: float,
) -> None:  # fmt: skip
    """dbias = Σ dy; dweight = Σ dy·h; dx = (v - mean(v) - h·mean(v·h))/√(var + ε).

    h = (x - mean)/√(var + ε), v = weight·dy. Sums are over a channel, means over a group of an
    image, and dx is 0 for groups of one number. Without a mean, mean(v) is left out.
    """
    dy = grad_output.reshape(g)
    h = _normalised(x, mean, var, g, groups, eps)
    if dbias is not None:
        dbias[...] = dy.sum((0, 2), dtype=np.float64)
    if dweight is not None:
        dweight[...] = (dy * h).sum((0, 2), dtype=np.float64)
    if dx is not None and dx.size:
        rows = *var.shape, dx.size // var.size
        v = (dy if weight is None else dy * weight[:, None]).reshape(rows)
        h = h.reshape(rows)
        plain = 0 if mean is None else v.mean(2, dtype=np.float64, keepdims=True)
        products = (v * h).mean(2, dtype=np.float64, keepdims=True)
        deviation = np.sqrt(var[..., None] + var.dtype.type(eps))
        dx[...] = ((v - plain - h * products) / deviation).reshape(dx.shape)
        if mean is not None and v.shape[2] == 1:
            dx[...] = 0


def _normalised(
    x: Array, mean: Array | None, var: Array, g: Sizes, groups: int, eps: float
) -> Array:
    """(x - mean) / √(var + ε) in the shape `g`."""
    n, c, size = g
    rows = x.reshape(n, groups, c // groups * size)
    centred = rows if mean is None else rows - mean[..., None]
    normalised: Array = centred / np.sqrt(var[..., None] + var.dtype.type(eps))
    return normalised.reshape(g)


def _deviation(var: Array, eps: float) -> Array:
    """√(var + ε), in a shape that broadcasts with (n, c, elements)."""
    deviation: Array = np.sqrt(var[:, None] + var.dtype.type(eps))
    return deviation
