"""Batch and group normalisation. `g` is (n, c, elements per channel of an image)."""

import numpy as np

from ..arrays import Array
from .elementwise import elementwise, elementwise_backward, elementwise_saved

Sizes = tuple[int, int, int]


def batch_norm_stats(
    x: Array, mean: Array, var: Array, running_mean: Array | None, running_var: Array | None,
    g: Sizes, momentum: float,
) -> None:  # fmt: skip
    """Mean and variance over all axes but the second, summed in float64.

    running = momentum · batch + (1 - momentum) · running, with the unbiased variance.
    """
    channels = x.reshape(g)
    mean[...] = channels.mean((0, 2), dtype=np.float64)
    var[...] = channels.var((0, 2), dtype=np.float64)
    count = g[0] * g[2]
    if running_mean is not None and running_var is not None:
        unbiased = var * var.dtype.type(count / (count - 1))
        running_mean[...] = momentum * mean + (1 - momentum) * running_mean
        running_var[...] = momentum * unbiased + (1 - momentum) * running_var


def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None,
    residual: Array | None, y: Array, g: Sizes, eps: float, activation: int, a: float, b: float,
) -> None:  # fmt: skip
    """y = f((x - mean) / √(var + ε) · weight + bias + residual)."""
    channels = _transformed(x, mean, var, weight, bias, g, eps)
    if residual is not None:
        channels = channels + residual.reshape(g)
    if activation:
        elementwise(channels, channels, activation - 1, a, b)
    y[...] = channels.reshape(y.shape)


def _transformed(
    x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, g: Sizes,
    eps: float,
) -> Array:  # fmt: skip
    channels: Array = (x.reshape(g) - mean[:, None]) / _deviation(var, eps)
    if weight is not None:
        channels *= weight[:, None]
    if bias is not None:
        channels += bias[:, None]
    return channels


def batch_norm_backward(
    grad_output: Array, x: Array, mean: Array, var: Array, weight: Array | None,
    bias: Array | None, y: Array | None, addend: Array | None, dx: Array | None,
    dweight: Array | None, dbias: Array | None, dresidual: Array | None, g: Sizes, pitch: int,
    eps: float, from_batch: bool, activation: int, a: float, b: float,
) -> None:  # fmt: skip
    """dbias = Σ dy; dweight = Σ dy·h; dx = weight/√(var + ε)·(dy - mean(dy) - h·mean(dy·h)).

    h = (x - mean)/√(var + ε), sums and means are over a channel. dy, which is also dresidual, is
    grad_output times the derivative of the activation: of its argument or, with a residual, of its
    result y. If mean and var are constants, dx is weight/√(var + ε)·dy. The addend is added to dx.
    """
    dy = grad_output.reshape(g)
    if activation:
        z = _transformed(x, mean, var, weight, bias, g, eps) if y is None else y.reshape(g)
        saved = elementwise_saved(activation - 1, z, a, b) if y is None else z
        masked = np.empty_like(dy)
        elementwise_backward(dy, saved, masked, activation - 1, a, b)
        dy = masked
    if dresidual is not None:
        dresidual[...] = dy.reshape(dresidual.shape)
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
        if addend is not None:
            dx += addend


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
        batch_norm_stats(x, mean.reshape(-1), var.reshape(-1), None, None, rows, 0.0)
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
