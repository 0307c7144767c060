"""The layers of courses and tutorials in NumPy, with the loops of the usual solutions."""

from types import SimpleNamespace
from typing import Any

import numpy as np

# ---- Channels last: a loop over images, rows, columns and filters --------------------------------


def _padded(x: Any, pad: int) -> Any:
    return np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def _conv_forward(A_prev: Any, W: Any, b: Any, hparameters: Any) -> Any:
    f, _, _, filters = W.shape
    stride, padded = hparameters["stride"], _padded(A_prev, hparameters["pad"])
    rows, columns = ((n - f) // stride + 1 for n in padded.shape[1:3])
    Z = np.zeros((len(A_prev), rows, columns, filters))
    for i in range(len(A_prev)):
        for h in range(rows):
            for w in range(columns):
                at = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
                for c in range(filters):
                    Z[i, h, w, c] = np.sum(padded[(i, *at)] * W[..., c]) + b[0, 0, 0, c]
    return Z, (A_prev, W, b, hparameters)


def _conv_backward(dZ: Any, cache: Any) -> Any:
    A_prev, W, b, hparameters = cache
    f, stride, pad = len(W), hparameters["stride"], hparameters["pad"]
    padded = _padded(A_prev, pad)
    dA, dW, db = np.zeros_like(padded), np.zeros_like(W), np.zeros_like(b)
    for i, h, w, c in np.ndindex(dZ.shape):
        at = i, slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
        dA[at] += W[..., c] * dZ[i, h, w, c]
        dW[..., c] += padded[at] * dZ[i, h, w, c]
        db[..., c] += dZ[i, h, w, c]
    rows, columns = A_prev.shape[1:3]
    return dA[:, pad : pad + rows, pad : pad + columns], dW, db


def _pool_forward(A_prev: Any, hparameters: Any) -> Any:
    f, stride = hparameters["f"], hparameters["stride"]
    m, *sizes, channels = A_prev.shape
    A = np.zeros((m, *((n - f) // stride + 1 for n in sizes), channels))
    for i, h, w, c in np.ndindex(A.shape):
        rows, columns = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
        A[i, h, w, c] = np.max(A_prev[i, rows, columns, c])
    return A, (A_prev, hparameters)


def _pool_backward(dA: Any, cache: Any) -> Any:
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    dA_prev = np.zeros_like(A_prev)
    for i, h, w, c in np.ndindex(dA.shape):
        rows, columns = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
        window = A_prev[i, rows, columns, c]
        dA_prev[i, rows, columns, c] += (window == np.max(window)) * dA[i, h, w, c]
    return dA_prev


coursera = SimpleNamespace(
    conv_forward=_conv_forward, conv_backward=_conv_backward, pool_forward=_pool_forward,
    pool_backward=_pool_backward,
)  # fmt: skip


def _holberton_forward(
    A_prev: Any, W: Any, b: Any, activation: Any, padding: str = "same", stride: Any = (1, 1)
) -> Any:
    """A loop over rows, columns and filters, for all images at once; 'same' of odd kernels."""
    (kh, kw, _, filters), (sh, sw), (h, w) = W.shape, stride, A_prev.shape[1:3]
    padded = np.pad(A_prev, ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    Z = np.zeros((len(A_prev), (h - 1) // sh + 1, (w - 1) // sw + 1, filters))
    for i, j, k in np.ndindex(Z.shape[1:]):
        window = padded[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
        Z[:, i, j, k] = np.sum(window * W[..., k], axis=(1, 2, 3)) + b[0, 0, 0, k]
    return activation(Z)


def _holberton_backward(
    dZ: Any, A_prev: Any, W: Any, b: Any, padding: str = "same", stride: Any = (1, 1)
) -> Any:
    (kh, kw, _, _), (sh, sw), (h, w) = W.shape, stride, A_prev.shape[1:3]
    ph, pw = kh // 2, kw // 2
    padded = np.pad(A_prev, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    dA, dW = np.zeros_like(padded), np.zeros_like(W)
    for n, i, j, k in np.ndindex(dZ.shape):
        at = n, slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw)
        dA[at] += W[..., k] * dZ[n, i, j, k]
        dW[..., k] += padded[at] * dZ[n, i, j, k]
    return dA[:, ph : ph + h, pw : pw + w], dW, dZ.sum((0, 1, 2), keepdims=True)


holberton = SimpleNamespace(conv_forward=_holberton_forward, conv_backward=_holberton_backward)


# ---- One image: a loop over filters, rows and columns --------------------------------------------


def _convolution(image: Any, filt: Any, bias: Any, s: int = 1) -> Any:
    filters, _, f, _ = filt.shape
    side = (image.shape[1] - f) // s + 1
    out = np.zeros((filters, side, side))
    for c, i, j in np.ndindex(out.shape):
        window = image[:, i * s : i * s + f, j * s : j * s + f]
        out[c, i, j] = np.sum(filt[c] * window) + bias[c].item()
    return out


def _convolutionBackward(dconv_prev: Any, conv_in: Any, filt: Any, s: int) -> Any:
    f = filt.shape[2]
    dout, dfilt = np.zeros_like(conv_in), np.zeros_like(filt)
    for c, i, j in np.ndindex(dconv_prev.shape):
        at = slice(None), slice(i * s, i * s + f), slice(j * s, j * s + f)
        dfilt[c] += dconv_prev[c, i, j] * conv_in[at]
        dout[at] += dconv_prev[c, i, j] * filt[c]
    return dout, dfilt, dconv_prev.sum((1, 2)).reshape(-1, 1)


alescontrela = SimpleNamespace(convolution=_convolution, convolutionBackward=_convolutionBackward)


class _Conv3x3:
    def __init__(self, num_filters: int) -> None:
        self.filters = np.random.randn(num_filters, 3, 3) / 9

    def forward(self, image: Any) -> Any:
        self.last_input = image
        h, w = image.shape
        output = np.zeros((h - 2, w - 2, len(self.filters)))
        for i in range(h - 2):
            for j in range(w - 2):
                output[i, j] = np.sum(image[i : i + 3, j : j + 3] * self.filters, axis=(1, 2))
        return output

    def backprop(self, d_L_d_out: Any, learn_rate: float) -> None:
        gradient = np.zeros_like(self.filters)
        for i, j, f in np.ndindex(d_L_d_out.shape):
            gradient[f] += d_L_d_out[i, j, f] * self.last_input[i : i + 3, j : j + 3]
        self.filters -= learn_rate * gradient


vzhou = SimpleNamespace(Conv3x3=_Conv3x3)


# ---- Channels first ------------------------------------------------------------------------------


class _Conv:
    """A product for each tap of the kernel, with the padding of the exercises."""

    def __init__(self, stride_shape: Any, convolution_shape: Any, num_kernels: int) -> None:
        self.stride = stride_shape
        self.weights = np.random.uniform(0, 1, (num_kernels, *convolution_shape))
        self.bias = np.random.uniform(0, 1, num_kernels)

    def _windows(self, i: int, j: int, rows: int, columns: int) -> Any:
        sh, sw = self.stride
        return slice(i, i + sh * rows, sh), slice(j, j + sw * columns, sw)

    def forward(self, x: Any) -> Any:
        kh, kw = self.weights.shape[2:]
        pads = (kh // 2, (kh - 1) // 2), (kw // 2, (kw - 1) // 2)
        self.x, self.padded = x, np.pad(x, ((0, 0), (0, 0), *pads))
        sizes = [-(-n // s) for n, s in zip(x.shape[2:], self.stride, strict=True)]
        y = np.zeros((len(x), len(self.weights), *sizes))
        for b, o, c in np.ndindex(len(x), *self.weights.shape[:2]):
            for i in range(kh):
                for j in range(kw):
                    at = self._windows(i, j, *sizes)
                    y[b, o] += self.weights[o, c, i, j] * self.padded[(b, c, *at)]
        return y + self.bias[:, np.newaxis, np.newaxis]

    def backward(self, error: Any) -> Any:
        kh, kw = self.weights.shape[2:]
        dx, dw = np.zeros_like(self.padded), np.zeros_like(self.weights)
        for b, o, c in np.ndindex(len(error), *self.weights.shape[:2]):
            for i in range(kh):
                for j in range(kw):
                    at = self._windows(i, j, *error.shape[2:])
                    dx[(b, c, *at)] += self.weights[o, c, i, j] * error[b, o]
                    dw[o, c, i, j] += np.sum(self.padded[(b, c, *at)] * error[b, o])
        self.gradient_weights, self.gradient_bias = dw, error.sum((0, 2, 3))
        h, w = self.x.shape[2:]
        return dx[:, :, kh // 2 : kh // 2 + h, kw // 2 : kw // 2 + w]


fau = SimpleNamespace(Conv=_Conv)


class _Conv2d:
    """A product of all images for each output, as with `np.tensordot`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.W, self.b, self.stride = np.random.normal(0, 1, shape), np.zeros(shape[0]), stride

    def _window(self, i: int, j: int) -> Any:
        k, s = self.W.shape[2], self.stride
        return ..., slice(i * s, i * s + k), slice(j * s, j * s + k)

    def forward(self, A: Any) -> Any:
        k = self.W.shape[2]
        self.A = A
        Z = np.zeros((len(A), len(self.W), *((n - k) // self.stride + 1 for n in A.shape[2:])))
        for i, j in np.ndindex(Z.shape[2:]):
            window = A[self._window(i, j)]
            Z[:, :, i, j] = np.tensordot(window, self.W, ((1, 2, 3), (1, 2, 3))) + self.b
        return Z

    def backward(self, dLdZ: Any) -> Any:
        dLdA, self.dLdW = np.zeros_like(self.A), np.zeros_like(self.W)
        for i, j in np.ndindex(dLdZ.shape[2:]):
            at, grad = self._window(i, j), dLdZ[:, :, i, j]
            self.dLdW += np.tensordot(grad, self.A[at], (0, 0))
            dLdA[at] += np.tensordot(grad, self.W, (1, 0))
        self.dLdb = dLdZ.sum((0, 2, 3))
        return dLdA


mytorch = SimpleNamespace(Conv2d=_Conv2d)


class _Conv2D:
    """One product with columns that are gathered by arrays of indices; 'same' for odd kernels."""

    def __init__(self, n_filters: int, filter_shape: Any, input_shape: Any) -> None:
        self.n_filters, self.filter_shape, self.input_shape = n_filters, filter_shape, input_shape

    def initialize(self, optimizer: Any) -> None:
        limit = 1 / np.sqrt(np.prod(self.filter_shape))
        shape = self.n_filters, self.input_shape[0], *self.filter_shape
        self.W = np.random.uniform(-limit, limit, size=shape)
        self.w0, self.optimizer = np.zeros((self.n_filters, 1)), optimizer

    def _indices(self) -> Any:
        (c, h, w), (kh, kw) = self.input_shape, self.filter_shape
        i = np.tile(np.repeat(np.arange(kh), kw), c)[:, None] + np.repeat(np.arange(h), w)
        j = np.tile(np.arange(kw), kh * c)[:, None] + np.tile(np.arange(w), h)
        return np.repeat(np.arange(c), kh * kw)[:, None], i, j

    def forward_pass(self, X: Any, training: bool = True) -> Any:
        kh, kw = self.filter_shape
        padded = np.pad(X, ((0, 0), (0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2)))
        cols = padded[(slice(None), *self._indices())]
        self.X_col = cols.transpose(1, 2, 0).reshape(cols.shape[1], -1)
        y = self.W.reshape(self.n_filters, -1) @ self.X_col + self.w0
        return y.reshape(self.n_filters, *self.input_shape[1:], len(X)).transpose(3, 0, 1, 2)

    def backward_pass(self, accum_grad: Any) -> Any:
        (c, h, w), (kh, kw) = self.input_shape, self.filter_shape
        grad = accum_grad.transpose(1, 2, 3, 0).reshape(self.n_filters, -1)
        cols = self.W.reshape(self.n_filters, -1).T @ grad
        gradient = (grad @ self.X_col.T).reshape(self.W.shape)
        self.W = self.optimizer.update(self.W, gradient)
        self.w0 = self.optimizer.update(self.w0, grad.sum(axis=1, keepdims=True))
        dx = np.zeros((len(accum_grad), c, h + kh - 1, w + kw - 1))
        each = cols.reshape(len(cols), -1, len(accum_grad)).transpose(2, 0, 1)
        np.add.at(dx, (slice(None), *self._indices()), each)
        return dx[:, :, kh // 2 : kh // 2 + h, kw // 2 : kw // 2 + w]


mlfs = SimpleNamespace(Conv2D=_Conv2D)
