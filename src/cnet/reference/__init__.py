"""Every kernel in plain NumPy: the oracle of the compiled ones, and ``CNET_ISA=reference``.

Names, arguments, defaults and errors are those of `cnet.kernels`, where they are documented. Here
each function is its equation, written to be read. Those over images all stand on one idea: for a
fixed position (i, j) within the window, the cells that the windows see there are a strided slice of
the padded images, of shape (n, c, oh, ow).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import _check
from .._check import Array
from ..geometry import Conv2d, Padding, Shape, Size2d, Window2d
from .elementwise import elementwise as elementwise
from .elementwise import elementwise_backward as elementwise_backward


def _padding(g: Window2d | Conv2d) -> tuple[tuple[int, int], ...]:
    """What `numpy.pad` adds so that every window lies inside."""
    below = (g.oh - 1) * g.sh + (g.kh - 1) * g.dh + 1 - g.ph - g.h
    right = (g.ow - 1) * g.sw + (g.kw - 1) * g.dw + 1 - g.pw - g.w
    return (0, 0), (0, 0), (g.ph, max(below, 0)), (g.pw, max(right, 0))


def _positions(padded: Array, g: Window2d | Conv2d) -> Iterator[tuple[int, int, Array]]:
    """(i, j, view): the cells (..., oh, ow) that the windows see at row i, column j, row-major."""
    for i in range(g.kh):
        for j in range(g.kw):
            rows = slice(i * g.dh, i * g.dh + (g.oh - 1) * g.sh + 1, g.sh)
            columns = slice(j * g.dw, j * g.dw + (g.ow - 1) * g.sw + 1, g.sw)
            yield i, j, padded[..., rows, columns]


def _zeros(g: Window2d | Conv2d, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Padded images of zeros, and the view of the images in them."""
    (_, _, (above, below), (left, right)) = _padding(g)
    padded = np.zeros((g.n, g.c, above + g.h + below, left + g.w + right), dtype)
    return padded, padded[:, :, above : above + g.h, left : left + g.w]


def im2col(
    x: Array, kernel_size: Size2d, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1
) -> Array:
    """cols[n, (c, i, j), (y, x)] = x_padded[n, c, y sh + i dh, x sw + j dw]."""
    x, g = _check.im2col(x, kernel_size, stride, padding, dilation)
    cols = np.empty((g.n, g.c, g.kh, g.kw, g.oh, g.ow), x.dtype)
    for i, j, cells in _positions(np.pad(x, _padding(g)), g):
        cols[:, :, i, j] = cells
    return cols.reshape(g.cols_shape)


def col2im(
    cols: Array, x_shape: Shape, kernel_size: Size2d, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1,
) -> Array:  # fmt: skip
    """x_padded[n, c, y sh + i dh, x sw + j dw] += cols[n, (c, i, j), (y, x)]: im2col's adjoint.

    A cell seen by several windows gets its terms in the order of (i, j), row-major.
    """
    cols, g = _check.col2im(cols, x_shape, kernel_size, stride, padding, dilation)
    cols = cols.reshape(g.n, g.c, g.kh, g.kw, g.oh, g.ow)
    padded, x = _zeros(g, cols.dtype)
    for i, j, cells in _positions(padded, g):
        cells += cols[:, :, i, j]
    return x.copy()


def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, algorithm: str = "auto",
) -> Array:  # fmt: skip
    """y[n, o] = bias[o] + Σ_{i, j, c} weight[o, c, i, j] x_padded[n, c, y sh + i dh, x sw + j dw].

    c runs over the channels of the group that o belongs to.
    """
    x, weight, bias, g = _check.conv2d(
        x, weight, bias, stride, padding, dilation, groups, algorithm
    )
    weight = weight.reshape(g.g, g.o // g.g, g.c // g.g, g.kh, g.kw)
    y = np.zeros((g.n, g.g, g.o // g.g, g.oh * g.ow), x.dtype)
    for i, j, cells in _positions(np.pad(x, _padding(g)), g):
        y += weight[..., i, j] @ cells.reshape(g.n, g.g, g.c // g.g, g.oh * g.ow)
    y = y.reshape(g.y_shape)
    return y if bias is None else y + bias[:, None, None]


def conv2d_backward(
    grad_output: Array, x: Array, weight: Array, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, needs: tuple[bool, bool, bool] = (True, True, True),
    algorithm: str = "auto",
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """The adjoints of conv2d in x, weight and bias, applied to grad_output.

    At each position, dx_padded gets weightᵀ @ grad_output, and dw is grad_output @ x_paddedᵀ summed
    over the batch. db is the sum of grad_output over n, y and x.
    """
    grad_output, x, weight, g, needs = _check.conv2d_backward(
        grad_output, x, weight, stride, padding, dilation, groups, needs, algorithm
    )
    dx = dw = db = None
    weight = weight.reshape(g.g, g.o // g.g, g.c // g.g, g.kh, g.kw)
    grad = grad_output.reshape(g.n, g.g, g.o // g.g, g.oh * g.ow)
    if needs[0]:
        padded, inside = _zeros(g, x.dtype)
        for i, j, cells in _positions(padded, g):
            cells += (weight[..., i, j].swapaxes(1, 2) @ grad).reshape(cells.shape)
        dx = inside.copy()
    if needs[1]:
        dw = np.empty_like(weight)
        for i, j, cells in _positions(np.pad(x, _padding(g)), g):
            cells = cells.reshape(g.n, g.g, g.c // g.g, g.oh * g.ow)
            dw[..., i, j] = (grad @ cells.swapaxes(2, 3)).sum(0)
        dw = dw.reshape(g.weight_shape)
    if needs[2]:
        db = grad_output.sum((0, 2, 3))
    return dx, dw, db


def conv2d_relu_pool(
    x: Array, weight: Array, bias: Array | None = None, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1,
) -> tuple[Array, Array]:  # fmt: skip
    """y = max_pool2d(relu(conv2d(x, weight, bias)), 2), and where each maximum was.

    A code is 2 row + column of the maximum in its 2 x 2 cells, or 4 where y is 0.
    """
    x, weight, bias, g, _ = _check.conv2d_relu_pool(
        x, weight, bias, stride, padding, dilation, groups
    )
    z = relu(conv2d(x, weight, bias, stride, padding, dilation, groups))
    y, argmax = max_pool2d(z, 2)
    rows, columns = argmax // max(g.ow, 1), argmax % max(g.ow, 1)
    return y, np.where(y <= 0, 4, 2 * (rows % 2) + columns % 2).astype(np.uint8)


def conv2d_relu_pool_backward(
    grad_output: Array, codes: Array, x: Array, weight: Array, stride: Size2d = 1,
    padding: Padding = 0, dilation: Size2d = 1, groups: int = 1,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """The chain rule: back through the pooling and ReLU, then through the convolution."""
    grad_output, codes, x, weight, g, needs = _check.conv2d_relu_pool_backward(
        grad_output, codes, x, weight, stride, padding, dilation, groups, needs
    )
    full = relu_pool_backward(grad_output, codes, g.y_shape)
    return conv2d_backward(full, x, weight, stride, padding, dilation, groups, needs)


def relu_pool(x: Array) -> tuple[Array, Array]:
    """y = max_pool2d(relu(x), 2), and where each maximum was, as `conv2d_relu_pool`."""
    x, g = _check.relu_pool(x)
    y, codes = np.zeros(g.y_shape, x.dtype), np.full(g.y_shape, 4, np.uint8)
    for code in range(4):
        cells = x[:, :, code // 2 : 2 * g.oh : 2, code % 2 : 2 * g.ow : 2]
        larger = (cells > y) | np.isnan(cells)
        y, codes = np.where(larger, cells, y), np.where(larger, np.uint8(code), codes)
    return y, codes


def relu_pool_backward(grad_output: Array, codes: Array, x_shape: Shape) -> Array:
    """dx[n, c, 2 y + i, 2 x + j] = grad_output[n, c, y, x] where codes[n, c, y, x] is 2 i + j."""
    grad_output, codes, g = _check.relu_pool_backward(grad_output, codes, x_shape)
    dx = np.zeros(g.x_shape, grad_output.dtype)
    for code in range(4):
        cells = dx[:, :, code // 2 : 2 * g.oh : 2, code % 2 : 2 * g.ow : 2]
        cells[...] = np.where(codes == code, grad_output, 0)
    return dx


def max_pool2d(
    x: Array, kernel_size: Size2d, stride: Size2d | None = None, padding: Size2d = 0,
    dilation: Size2d = 1, ceil_mode: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """y[n, c, y, x] = max of the cells of the image in the window, argmax = the first that has it.

    NaN is larger than any number and the last NaN counts. A window without a cell of the image
    gives -inf and -1.
    """
    x, g = _check.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = np.full(g.y_shape, -np.inf, x.dtype)
    argmax = np.full(g.y_shape, -1, np.int32)
    places = np.pad(np.arange(g.h * g.w).reshape(1, 1, g.h, g.w), _padding(g), constant_values=-1)
    padded = _positions(np.pad(x, _padding(g)), g)
    for (_, _, cells), (_, _, place) in zip(padded, _positions(places, g), strict=True):
        taken = (place >= 0) & ((argmax < 0) | (cells > y) | np.isnan(cells))
        np.copyto(y, cells, where=taken)
        np.copyto(argmax, place, where=taken, casting="same_kind")
    return y, argmax


def max_pool2d_backward(grad_output: Array, argmax: Array, x_shape: Shape) -> Array:
    """dx[n, c, argmax[n, c, y, x]] += grad_output[n, c, y, x], in row-major order."""
    grad_output, argmax, g = _check.max_pool2d_backward(grad_output, argmax, x_shape)
    plane = g.h * g.w
    if ((argmax < -1) | (argmax >= plane)).any():
        raise _check.argmax_range(argmax, plane)
    first = plane * np.arange(g.n * g.c).reshape(g.n, g.c, 1, 1)
    dx = np.zeros(g.n * g.c * plane, grad_output.dtype)
    taken = argmax >= 0
    np.add.at(dx, (first + argmax)[taken], grad_output[taken])
    return dx.reshape(g.x_shape)


def _divisor(g: Window2d, count_include_pad: bool, divisor_override: int | None) -> Array:
    """What the sum over each window is divided by: (oh, ow)."""
    if divisor_override is not None:
        return np.full((g.oh, g.ow), divisor_override)
    sides = []
    for size, kernel, stride, padding, count in (
        (g.h, g.kh, g.sh, g.ph, g.oh),
        (g.w, g.kw, g.sw, g.pw, g.ow),
    ):
        start = np.arange(count) * stride - padding
        if count_include_pad:
            sides.append(np.minimum(start + kernel, size + padding) - start)
        else:
            sides.append(np.minimum(start + kernel, size) - np.maximum(start, 0))
    rows, columns = sides
    divisor: Array = np.maximum(rows[:, None] * columns, 1)  # a window without a cell sums to zero
    return divisor


def avg_pool2d(
    x: Array, kernel_size: Size2d, stride: Size2d | None = None, padding: Size2d = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """y[n, c, y, x] = (Σ of the window) / divisor[y, x].

    The divisor counts the cells of the window, with those of the padding (but not those that
    ceil_mode hangs over it) or without, unless it is given.
    """
    x, g = _check.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, divisor_override)
    y = np.zeros(g.y_shape, x.dtype)
    for _, _, cells in _positions(np.pad(x, _padding(g)), g):
        y += cells
    y /= _divisor(g, count_include_pad, divisor_override).astype(x.dtype)
    return y


def avg_pool2d_backward(
    grad_output: Array, x_shape: Shape, kernel_size: Size2d, stride: Size2d | None = None,
    padding: Size2d = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """The adjoint of avg_pool2d: every cell of a window gets grad_output[y, x] / divisor[y, x]."""
    grad_output, g = _check.avg_pool2d_backward(
        grad_output, x_shape, kernel_size, stride, padding, ceil_mode, divisor_override
    )
    dtype = grad_output.dtype
    share = grad_output / _divisor(g, count_include_pad, divisor_override).astype(dtype)
    padded, dx = _zeros(g, dtype)
    for _, _, cells in _positions(padded, g):
        cells += share
    return dx.copy()


def matmul(a: Array, b: Array) -> Array:
    """y[..., i, j] = Σ_k a[..., i, k] b[..., k, j], with the shape rules of `numpy.matmul`."""
    a, b = _check.matmul(a, b)
    return np.asarray(np.matmul(a, b))


def linear(x: Array, weight: Array, bias: Array | None = None, relu: bool = False) -> Array:
    """y[..., o] = bias[o] + Σ_i x[..., i] weight[o, i], and 0 where y ≤ 0 with `relu`."""
    x, weight, bias = _check.linear(x, weight, bias)
    y = x @ weight.T
    if bias is not None:
        y = y + bias
    return np.where(y <= 0, y.dtype.type(0), y) if relu else y


def relu(x: Array) -> Array:
    """y = 0 where x ≤ 0, else x; NaN passes."""
    x = _check.array("relu", "x", x)
    return np.where(x <= 0, x.dtype.type(0), x)


def relu_backward(grad_output: Array, y: Array) -> Array:
    """dx = 0 where y ≤ 0, else grad_output."""
    grad_output, y = _check.elementwise_backward("relu_backward", grad_output, "y", y)
    return np.where(y <= 0, y.dtype.type(0), grad_output)


def _over_channels(vector: Array, x: Array) -> Array:
    """A vector with one number for each channel, as it broadcasts with (n, c, ...)."""
    return vector.reshape(1, -1, *[1] * (x.ndim - 2))


def batch_norm_stats(x: Array) -> tuple[Array, Array]:
    """Mean and variance over all axes but the second."""
    x = _check.batch_norm_stats(x)
    axes = (0, *range(2, x.ndim))
    return (x.mean(axes), x.var(axes)) if x.size else (x.sum(axes),) * 2


def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array | None = None, bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:  # fmt: skip
    """y = (x - mean) / √(var + ε) · weight + bias."""
    x, mean, var, weight, bias = _check.batch_norm(x, mean, var, weight, bias, eps)
    y: Array = (x - _over_channels(mean, x)) / np.sqrt(_over_channels(var, x) + x.dtype.type(eps))
    if weight is not None:
        y *= _over_channels(weight, x)
    if bias is not None:
        y += _over_channels(bias, x)
    return y


def batch_norm_backward(
    grad_output: Array, x: Array, mean: Array, var: Array, weight: Array | None = None,
    eps: float = 1e-5, from_batch: bool = True,
    needs: Sequence[bool] = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """db = Σ dy; dw = Σ dy·h; dx = weight/√(var + ε)·(dy - mean(dy) - h·mean(dy·h)).

    h = (x - mean)/√(var + ε), sums and means over a channel; where mean and var are constants, dx
    is weight/√(var + ε)·dy.
    """
    grad_output, x, mean, var, weight = _check.batch_norm_backward(
        grad_output, x, mean, var, weight, eps
    )
    axes = (0, *range(2, x.ndim))
    deviation = np.sqrt(_over_channels(var, x) + x.dtype.type(eps))
    normalised = (x - _over_channels(mean, x)) / deviation
    dx = grad_output
    if from_batch and x.size:
        dx = dx - grad_output.mean(axes, keepdims=True)
        dx = dx - normalised * (grad_output * normalised).mean(axes, keepdims=True)
    dx = dx / deviation
    if weight is not None:
        dx *= _over_channels(weight, x)
    gradients = dx, (grad_output * normalised).sum(axes), grad_output.sum(axes)
    need_x, need_weight, need_bias = needs
    return (
        gradients[0] if need_x else None,
        gradients[1] if need_weight else None,
        gradients[2] if need_bias else None,
    )


def _label_distribution(
    f: str, logits: Array, target: Array, label_smoothing: float, ignore_index: int
) -> Array:
    """q[i, j] = (1 - ε) [j = target[i]] + ε / classes; rows of ignored targets are zero."""
    n, classes = logits.shape
    counted = target != ignore_index
    if (counted & ((target < 0) | (target >= classes))).any():
        raise _check.targets(f, target, classes, ignore_index)
    q = np.zeros_like(logits)
    q[counted] = label_smoothing / max(classes, 1)
    q[np.arange(n)[counted], target[counted]] += 1 - label_smoothing
    return q


def cross_entropy(
    logits: Array, target: Array, weight: Array | None = None, label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Array, Array]:  # fmt: skip
    """losses[i] = Σ_j q[i, j] weight[j] (lse[i] - logits[i, j]).

    lse[i] = log Σ_j exp(logits[i, j]) and q is the label distribution above. A term with q = 0
    counts as zero also where the logit is infinite.
    """
    f = "cross_entropy"
    logits, target, weight = _check.cross_entropy(
        f, logits, target, weight, label_smoothing, ignore_index
    )
    q = _label_distribution(f, logits, target, label_smoothing, ignore_index)
    with np.errstate(all="ignore"):  # logits that are infinite or NaN, and no classes at all
        top = logits.max(1, initial=-np.inf)
        top = np.where(np.isfinite(top), top, logits.dtype.type(0))
        lse = top + np.log(np.exp(logits - top[:, None]).sum(1))
        terms = np.where(q == 0, 0, q * (lse[:, None] - logits))
    return (terms if weight is None else terms * weight).sum(1), lse


def cross_entropy_backward(
    grad_losses: Array, logits: Array, target: Array, lse: Array, weight: Array | None = None,
    label_smoothing: float = 0.0, ignore_index: int = -100,
) -> Array:  # fmt: skip
    """dlogits[i, k] = grad_losses[i] (s[i] exp(logits[i, k] - lse[i]) - q[i, k] weight[k]).

    s[i] = Σ_j q[i, j] weight[j]; rows of ignored targets are zero.
    """
    grad_losses, logits, target, lse, weight = _check.cross_entropy_backward(
        grad_losses, logits, target, lse, weight, label_smoothing, ignore_index
    )
    f = "cross_entropy_backward"
    q = _label_distribution(f, logits, target, label_smoothing, ignore_index)
    q = q if weight is None else q * weight
    total = q.sum(1, keepdims=True)
    with np.errstate(all="ignore"):
        dlogits: Array = grad_losses[:, None] * (total * np.exp(logits - lse[:, None]) - q)
    dlogits[target == ignore_index] = 0
    return dlogits


def sgd_step(
    param: Array, grad: Array, momentum_buffer: Array | None = None, *, lr: float,
    momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> None:  # fmt: skip
    """param -= lr d, where d is g without a buffer b, b with one, and g + momentum b with nesterov.

    g = ±grad + weight_decay param. b = momentum b + (1 - dampening) g, or g in the first step, and
    is kept in momentum_buffer.
    """
    param, grad, momentum_buffer = _check.sgd_step(
        param, grad, momentum_buffer, lr, momentum, dampening, weight_decay
    )
    g = -grad if maximize else grad
    if weight_decay != 0:
        g = g + weight_decay * param
    if momentum_buffer is not None:
        b = g if first else momentum * momentum_buffer + (1 - dampening) * g
        momentum_buffer[...] = b
        g = g + momentum * b if nesterov else b
    param -= lr * g


def adam_step(
    param: Array, grad: Array, exp_avg: Array, exp_avg_sq: Array, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, step: int, maximize: bool = False,
    decoupled: bool = False,
) -> None:  # fmt: skip
    """param -= lr m̂ / (√v̂ + eps), with m̂ = m / (1 - beta1^step) and v̂ = v / (1 - beta2^step).

    m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g² are kept in exp_avg and exp_avg_sq.
    g = ±grad + weight_decay param; decoupled shrinks param by (1 - lr weight_decay) instead.
    """
    param, grad, exp_avg, exp_avg_sq = _check.adam_step(
        param, grad, exp_avg, exp_avg_sq, lr, beta1, beta2, eps, weight_decay, step
    )
    g = -grad if maximize else grad
    if decoupled:
        param *= 1 - lr * weight_decay
    elif weight_decay != 0:
        g = g + weight_decay * param
    exp_avg[...] = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq[...] = beta2 * exp_avg_sq + (1 - beta2) * g**2
    mean, mean_square = exp_avg / (1 - beta1**step), exp_avg_sq / (1 - beta2**step)
    param -= lr * mean / (np.sqrt(mean_square) + eps)
