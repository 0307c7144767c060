"""The side "NumPy loops": Python loops over window positions, as in hand-written code."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .numpy_network import BETAS, EPS, LR, Trainer
from .sides import Array

asarray = np.asarray


def trainer(parameters: Sequence[Array]) -> Trainer:
    return Trainer(sys.modules[__name__], parameters)


def im2col(x: Array, kernel_size: tuple[int, int], stride: int = 1, padding: int = 0) -> Array:
    n, c, h, w = x.shape
    kh, kw = kernel_size
    oh, ow = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    cols = np.zeros((n, c * kh * kw, oh * ow), x.dtype)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride, j * stride
            patch = padded[:, :, top : top + kh, left : left + kw]
            cols[:, :, i * ow + j] = patch.reshape(n, -1)
    return cols


def _col2im(
    cols: Array, x_shape: tuple[int, ...], kernel_size: tuple[int, int], stride: int, padding: int
) -> Array:
    n, c, h, w = x_shape
    kh, kw = kernel_size
    oh, ow = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    padded = np.zeros((n, c, h + 2 * padding, w + 2 * padding), cols.dtype)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride, j * stride
            patch = cols[:, :, i * ow + j].reshape(n, c, kh, kw)
            padded[:, :, top : top + kh, left : left + kw] += patch
    return padded[:, :, padding : padding + h, padding : padding + w]


def conv2d(
    x: Array, weight: Array, bias: Array, stride: int = 1, padding: int = 0
) -> tuple[Array, Any]:
    o, _, kh, kw = weight.shape
    cols = im2col(x, (kh, kw), stride, padding)
    oh = (x.shape[2] + 2 * padding - kh) // stride + 1
    y = weight.reshape(o, -1) @ cols + bias.reshape(1, -1, 1)
    return y.reshape(len(x), o, oh, -1), (cols, x.shape, weight, stride, padding)


def conv2d_backward(
    grad_output: Array, saved: Any, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    cols, x_shape, weight, stride, padding = saved
    n, o = grad_output.shape[:2]
    grad = grad_output.reshape(n, o, -1)
    dw = np.zeros_like(weight)
    for i in range(n):
        dw += (grad[i] @ cols[i].T).reshape(weight.shape)
    db = grad_output.sum(axis=(0, 2, 3))
    if not need_dx:
        return None, dw, db
    grad_cols = weight.reshape(o, -1).T @ grad
    return _col2im(grad_cols, x_shape, weight.shape[2:], stride, padding), dw, db


def max_pool2d(x: Array, kernel_size: int) -> tuple[Array, Any]:
    n, c, h, _ = x.shape
    cols = im2col(x, (kernel_size, kernel_size), kernel_size)
    cols = cols.reshape(n, c, kernel_size * kernel_size, -1)
    indices = cols.argmax(axis=2)
    y = cols.max(axis=2).reshape(n, c, h // kernel_size, -1)
    return y, (indices, cols.shape, x.shape, kernel_size)


def max_pool2d_backward(grad_output: Array, saved: Any) -> Array:
    indices, cols_shape, x_shape, kernel_size = saved
    n, c, _, positions = cols_shape
    grad = grad_output.reshape(n, c, positions)
    cols = np.zeros(cols_shape, grad.dtype)
    for i in range(n):
        for j in range(c):
            cols[i, j, indices[i, j], np.arange(positions)] = grad[i, j]
    cols = cols.reshape(n, -1, positions)
    return _col2im(cols, x_shape, (kernel_size, kernel_size), kernel_size, 0)


def relu(x: Array) -> Array:
    return np.maximum(0, x)


def relu_backward(grad_output: Array, y: Array) -> Array:
    return (y > 0).astype(y.dtype) * grad_output


class Adam:
    def __init__(self, parameters: Sequence[Array]) -> None:
        self._parameters = parameters
        self._m = [np.zeros_like(parameter) for parameter in parameters]
        self._v = [np.zeros_like(parameter) for parameter in parameters]
        self._t = 0

    def step(self, gradients: Sequence[Array]) -> None:
        beta1, beta2 = BETAS
        self._t += 1
        for i, gradient in enumerate(gradients):
            self._m[i] = beta1 * self._m[i] + (1 - beta1) * gradient
            self._v[i] = beta2 * self._v[i] + (1 - beta2) * gradient**2
            m_hat = self._m[i] / (1 - beta1**self._t)
            v_hat = self._v[i] / (1 - beta2**self._t)
            self._parameters[i][...] -= LR * m_hat / (np.sqrt(v_hat) + EPS)
