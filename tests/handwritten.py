"""Layers as people write them in NumPy, in many styles; all of them are right."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class LoopConv:
    """Images (n, c, h, w), a loop over positions, gradients in attributes."""

    def __init__(self, channels=3, filters=4, size=3, stride=1, padding=0):
        rng = np.random.default_rng(1)
        self.W = rng.standard_normal((filters, channels, size, size))
        self.b = rng.standard_normal(filters)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        s, p, k = self.stride, self.padding, self.W.shape[2]
        self.padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        rows = (x.shape[2] + 2 * p - k) // s + 1
        columns = (x.shape[3] + 2 * p - k) // s + 1
        y = np.zeros((len(x), len(self.W), rows, columns))
        for i in range(rows):
            for j in range(columns):
                window = self.padded[:, :, i * s : i * s + k, j * s : j * s + k]
                y[:, :, i, j] = np.tensordot(window, self.W, ((1, 2, 3), (1, 2, 3))) + self.b
        return y

    def backward(self, dy):
        s, p, k = self.stride, self.padding, self.W.shape[2]
        dx = np.zeros_like(self.padded)
        self.dW = np.zeros_like(self.W)
        self.db = dy.sum((0, 2, 3))
        for i in range(dy.shape[2]):
            for j in range(dy.shape[3]):
                at = np.s_[:, :, i * s : i * s + k, j * s : j * s + k]
                self.dW += np.tensordot(dy[:, :, i, j], self.padded[at], ((0,), (0,)))
                dx[at] += np.tensordot(dy[:, :, i, j], self.W, 1)
        h, w = dx.shape[2:]
        return dx[:, :, p : h - p, p : w - p]


class ColumnConv:
    """im2col with a matrix of filters, a dictionary of parameters, gradients as a tuple."""

    def __init__(self):
        rng = np.random.default_rng(2)
        self.params = {"W": rng.standard_normal((4, 2 * 9)), "b": np.zeros((4, 1))}

    def forward(self, x):
        self.shape = x.shape
        windows = sliding_window_view(x, (3, 3), (2, 3))  # n c oh ow kh kw
        n, c, oh, ow = windows.shape[:4]
        self.cols = windows.transpose(1, 4, 5, 0, 2, 3).reshape(c * 9, -1)
        y = self.params["W"] @ self.cols + self.params["b"]
        return y.reshape(4, n, oh, ow).transpose(1, 0, 2, 3)

    def backward(self, dy):
        n, c, _, _ = self.shape
        oh, ow = dy.shape[2:]
        flat = dy.transpose(1, 0, 2, 3).reshape(4, -1)
        dW = flat @ self.cols.T
        db = flat.sum(1, keepdims=True)
        cols = (self.params["W"].T @ flat).reshape(c, 3, 3, n, oh, ow)
        dx = np.zeros(self.shape)
        for i in range(3):
            for j in range(3):
                dx[:, :, i : i + oh, j : j + ow] += cols[:, i, j].transpose(1, 0, 2, 3)
        return dx, {"W": dW, "b": db}


def conv_forward(A_prev, W, b, stride=2):
    """Images (n, h, w, c), loops over everything, a cache."""
    n, h, w, _ = A_prev.shape
    k = W.shape[0]
    Z = np.zeros((n, (h - k) // stride + 1, (w - k) // stride + 1, W.shape[3]))
    for i in range(n):
        for y in range(Z.shape[1]):
            for x in range(Z.shape[2]):
                for c in range(Z.shape[3]):
                    part = A_prev[i, y * stride : y * stride + k, x * stride : x * stride + k]
                    Z[i, y, x, c] = np.sum(part * W[..., c]) + b[0, 0, 0, c]
    return Z, (A_prev, W, b, stride)


def conv_backward(dZ, cache):
    A_prev, W, b, stride = cache
    dA, dW, db = np.zeros_like(A_prev), np.zeros_like(W), np.zeros_like(b)
    k = W.shape[0]
    for i in range(dZ.shape[0]):
        for y in range(dZ.shape[1]):
            for x in range(dZ.shape[2]):
                for c in range(dZ.shape[3]):
                    at = np.s_[i, y * stride : y * stride + k, x * stride : x * stride + k]
                    dA[at] += W[..., c] * dZ[i, y, x, c]
                    dW[..., c] += A_prev[at] * dZ[i, y, x, c]
                    db[0, 0, 0, c] += dZ[i, y, x, c]
    return dA, dW, db


class EinsumConv:
    """sliding_window_view and einsum, ReLU inside, steps inside the backward pass."""

    def __init__(self, lr=0.01):
        rng = np.random.default_rng(3)
        self.kernels = rng.standard_normal((5, 3, 3, 3)) * 0.3
        self.bias = rng.standard_normal(5) * 0.1
        self.lr = lr

    def forward(self, x):
        self.windows = sliding_window_view(
            np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3)
        )
        z = np.einsum("nchwij,ocij->nohw", self.windows, self.kernels) + self.bias[:, None, None]
        self.mask = z > 0
        return z * self.mask

    def backward(self, grad):
        n = len(grad)
        grad = grad * self.mask
        around = sliding_window_view(np.pad(grad, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
        dx = np.einsum("nohwij,ocij->nchw", around, self.kernels[:, :, ::-1, ::-1])
        self.kernels -= self.lr * np.einsum("nohw,nchwij->ocij", grad, self.windows) / n
        self.bias -= self.lr * grad.sum((0, 2, 3)) / n
        return dx


class ImageConv:
    """One image (h, w) at a time, filters (o, 3, 3), a learning rate as an argument."""

    def __init__(self):
        self.filters = np.random.default_rng(4).standard_normal((6, 3, 3)) / 9

    def regions(self, image):
        for i in range(image.shape[0] - 2):
            for j in range(image.shape[1] - 2):
                yield image[i : i + 3, j : j + 3], i, j

    def forward(self, image):
        self.image = image
        y = np.zeros((image.shape[0] - 2, image.shape[1] - 2, 6))
        for region, i, j in self.regions(image):
            y[i, j] = np.sum(region * self.filters, (1, 2))
        return y

    def backprop(self, d_out, learn_rate):
        d_filters = np.zeros(self.filters.shape)
        for region, i, j in self.regions(self.image):
            for f in range(6):
                d_filters[f] += d_out[i, j, f] * region
        self.filters -= learn_rate * d_filters


class MaxPool:
    """Images (n, c, h, w); the first maximum of each window gets the gradient."""

    def __init__(self, size=2, stride=2):
        self.size, self.stride = size, stride

    def forward(self, x):
        self.x = x
        k, s = self.size, self.stride
        rows, columns = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        y = np.zeros((*x.shape[:2], rows, columns))
        for i in range(rows):
            for j in range(columns):
                y[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].max((2, 3))
        return y

    def backward(self, dy):
        dx = np.zeros_like(self.x)
        k, s = self.size, self.stride
        for n, c, i, j in np.ndindex(dy.shape):
            window = self.x[n, c, i * s : i * s + k, j * s : j * s + k]
            row, column = np.unravel_index(np.argmax(window), window.shape)
            dx[n, c, i * s + row, j * s + column] += dy[n, c, i, j]
        return dx


class MeanPool:
    """Images (n, h, w, c)."""

    def forward(self, x):
        n, h, w, c = self.shape = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))

    def backward(self, dy):
        return dy.repeat(2, 1).repeat(2, 2) / 4


class Dense:
    """Rows are images; gradients are means over them, in attributes."""

    def __init__(self, inputs=5, outputs=5):
        rng = np.random.default_rng(5)
        self.weights = rng.standard_normal((inputs, outputs))
        self.bias = np.zeros((1, outputs))

    def forward(self, x):
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, dy):
        n = len(dy)
        self.d_weights = self.x.T @ dy / n
        self.d_bias = dy.sum(0, keepdims=True) / n
        return dy @ self.weights.T


class ColumnDense:
    """Columns are images, with a sigmoid; gradients are returned."""

    def __init__(self):
        rng = np.random.default_rng(6)
        self.W, self.b = rng.standard_normal((4, 6)), rng.standard_normal((4, 1))

    def feedforward(self, x):
        self.a_in = x
        self.a = 1 / (1 + np.exp(-(self.W @ x + self.b)))
        return self.a

    def backprop(self, grad):
        delta = grad * self.a * (1 - self.a)
        dW = delta @ self.a_in.T
        db = delta.sum(1, keepdims=True)
        return self.W.T @ delta, dW, db


class ReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (self.x > 0)


class Tanh:
    def __call__(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


class BatchNorm:
    """Not a known operation: its gradients are checked by differences alone."""

    def __init__(self):
        self.gamma, self.beta = np.ones(4), np.zeros(4)

    def forward(self, x):
        self.std = np.sqrt(x.var(0) + 1e-5)
        self.normed = (x - x.mean(0)) / self.std
        return self.gamma * self.normed + self.beta

    def backward(self, dy):
        self.dgamma = (dy * self.normed).sum(0)
        self.dbeta = dy.sum(0)
        dn = dy * self.gamma
        return (dn - dn.mean(0) - self.normed * (dn * self.normed).mean(0)) / self.std
