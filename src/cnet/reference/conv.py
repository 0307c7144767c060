"""Convolution and its gradients."""

import numpy as np

from ..arrays import Array
from ..geometry import Conv2d
from ._windows import padding, positions, zeros


def _by_position(weight: Array, g: Conv2d) -> Array:
    """A contiguous matrix for each position of the filter and each group."""
    weight = weight.reshape(g.g, g.o // g.g, g.c // g.g, g.kh, g.kw)
    return np.ascontiguousarray(weight.transpose(3, 4, 0, 1, 2))


def conv2d(
    x: Array, weight: Array, bias: Array | None, y: Array, g: Conv2d, algorithm: int
) -> None:
    """y[n, o] = bias[o] + Σ_{i, j, c} weight[o, c, i, j] x_padded[n, c, y sh + i dh, x sw + j dw].

    c runs over the channels of the group that o belongs to.
    """
    weight = _by_position(weight, g)
    total = np.zeros((g.n, g.g, g.o // g.g, g.oh * g.ow), x.dtype)
    for i, j, cells in positions(np.pad(x, padding(g)), g):
        total += weight[i, j] @ cells.reshape(g.n, g.g, g.c // g.g, g.oh * g.ow)
    y[...] = total.reshape(y.shape)
    if bias is not None:
        y += bias[:, None, None]


def conv2d_backward(
    grad_output: Array, x: Array | None, weight: Array | None, dx: Array | None, dw: Array | None,
    db: Array | None, g: Conv2d, algorithm: int,
) -> None:  # fmt: skip
    """The adjoints of conv2d in x, weight and bias, applied to grad_output.

    At each position of the filter, weightᵀ @ grad_output is added to dx_padded, and dw is
    grad_output @ x_paddedᵀ summed over the batch. db is the sum of grad_output over n, y and x.
    """
    grad = grad_output.reshape(g.n, g.g, g.o // g.g, g.oh * g.ow)
    if dx is not None and weight is not None:
        weight = _by_position(weight, g)
        padded, images = zeros(g, grad.dtype)
        for i, j, cells in positions(padded, g):
            cells += (weight[i, j].swapaxes(1, 2) @ grad).reshape(cells.shape)
        dx[...] = images
    if dw is not None and x is not None:
        by_group = dw.reshape(g.g, g.o // g.g, g.c // g.g, g.kh, g.kw)
        for i, j, cells in positions(np.pad(x, padding(g)), g):
            cells = cells.reshape(g.n, g.g, g.c // g.g, g.oh * g.ow)
            by_group[..., i, j] = (grad @ cells.swapaxes(2, 3)).sum(0)
    if db is not None:
        db[...] = grad_output.sum((0, 2, 3), dtype=np.float64)
