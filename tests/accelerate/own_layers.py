"""Hand-written layers in usual styles. A function returns a new class or new functions.

The rest compares them with what `cnet.accelerate` makes of them.
"""

from typing import Any

import numpy as np

import cnet


def conv_columns() -> Any:
    """Channels first, columns kept for the backward pass."""

    class Conv:
        def __init__(self, rng, c=2, o=3, k=3, stride=1, pad=1, dtype=np.float64):
            self.W = rng.standard_normal((o, c, k, k)).astype(dtype)
            self.b = rng.standard_normal(o).astype(dtype)
            self.stride, self.pad = stride, pad

        def forward(self, x):
            n, c, h, w = x.shape
            o, _, k, _ = self.W.shape
            p, s = self.pad, self.stride
            padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
            oh, ow = (h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1
            cols = np.empty((n, oh, ow, c * k * k), x.dtype)
            for i in range(oh):
                for j in range(ow):
                    cols[:, i, j] = padded[:, :, i * s : i * s + k, j * s : j * s + k].reshape(
                        n, -1
                    )
            self.cols, self.x_shape = cols, x.shape
            return (cols @ self.W.reshape(o, -1).T + self.b).transpose(0, 3, 1, 2)

        def backward(self, grad):
            n, o, oh, ow = grad.shape
            k, p, s = self.W.shape[2], self.pad, self.stride
            rows = grad.transpose(0, 2, 3, 1).reshape(-1, o)
            self.dW = (rows.T @ self.cols.reshape(rows.shape[0], -1)).reshape(self.W.shape)
            self.db = rows.sum(0)
            d = (rows @ self.W.reshape(o, -1)).reshape(n, oh, ow, -1, k, k)
            _, c, h, w = self.x_shape
            dx = np.zeros((n, c, h + 2 * p, w + 2 * p), grad.dtype)
            for i in range(oh):
                for j in range(ow):
                    dx[:, :, i * s : i * s + k, j * s : j * s + k] += d[:, i, j]
            return dx[:, :, p : p + h, p : p + w]

    return Conv


def conv_loops() -> Any:
    """One image (h, w) by loops; the backward pass updates the filters."""

    class Conv:
        def __init__(self, rng, o=4, lr=0.05):
            self.filters, self.lr = rng.standard_normal((o, 3, 3)) / 9, lr

        def regions(self, image):
            h, w = image.shape
            for i in range(h - 2):
                for j in range(w - 2):
                    yield image[i : i + 3, j : j + 3], i, j

        def forward(self, x):
            self.last = x
            h, w = x.shape
            y = np.zeros((h - 2, w - 2, len(self.filters)))
            for region, i, j in self.regions(x):
                y[i, j] = np.sum(region * self.filters, axis=(1, 2))
            return y

        def backprop(self, grad):
            change = np.zeros(self.filters.shape)
            for region, i, j in self.regions(self.last):
                for f in range(len(self.filters)):
                    change[f] += grad[i, j, f] * region
            self.filters -= self.lr * change

    return Conv


def max_pool() -> Any:
    """Channels first, all of equal maxima get the gradient."""

    class Pool:
        def __init__(self, size=2):
            self.size = size

        def forward(self, x):
            self.x = x
            n, c, h, w = x.shape
            k = self.size
            y = np.zeros((n, c, h // k, w // k))
            for i in range(h // k):
                for j in range(w // k):
                    y[:, :, i, j] = x[:, :, i * k : i * k + k, j * k : j * k + k].max(axis=(2, 3))
            return y

        def backward(self, grad):
            dx, k = np.zeros(self.x.shape), self.size
            for i in range(grad.shape[2]):
                for j in range(grad.shape[3]):
                    part = (
                        slice(None),
                        slice(None),
                        slice(i * k, i * k + k),
                        slice(j * k, j * k + k),
                    )
                    window = self.x[part]
                    top = window.max(axis=(2, 3), keepdims=True)
                    dx[part] += (window == top) * grad[:, :, i : i + 1, j : j + 1]
            return dx

    return Pool


def dense() -> Any:
    """Gradients are added to those in place."""

    class Dense:
        def __init__(self, rng, inputs=5, outputs=4):
            self.W, self.b = rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs)
            self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

        def forward(self, x):
            self.x = x
            return x @ self.W + self.b

        def backward(self, grad):
            self.dW += self.x.T @ grad
            self.db += grad.sum(axis=0)
            return grad @ self.W.T

    return Dense


def conv_functions() -> Any:
    """Channels last, with a cache, as in courses."""

    def conv_forward(A, W, b, stride=1):
        n, h, w, _ = A.shape
        k, _, _, o = W.shape
        oh, ow = (h - k) // stride + 1, (w - k) // stride + 1
        Z = np.zeros((n, oh, ow, o))
        for i in range(oh):
            for j in range(ow):
                part = A[:, i * stride : i * stride + k, j * stride : j * stride + k]
                for c in range(o):
                    Z[:, i, j, c] = np.sum(part * W[..., c], axis=(1, 2, 3)) + b[0, 0, 0, c]
        return Z, (A, W, b, stride)

    def conv_backward(dZ, cache):
        A, W, b, stride = cache
        k = W.shape[0]
        dA, dW, db = np.zeros(A.shape), np.zeros(W.shape), np.zeros(b.shape)
        for i in range(dZ.shape[1]):
            for j in range(dZ.shape[2]):
                rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
                for c in range(dZ.shape[3]):
                    g = dZ[:, i, j, c][:, None, None, None]
                    dA[:, rows, columns] += W[..., c] * g
                    dW[..., c] += np.sum(A[:, rows, columns] * g, axis=0)
                    db[..., c] += dZ[:, i, j, c].sum()
        return dA, dW, db

    return conv_forward, conv_backward


def close(a: Any, b: Any) -> None:
    """Equal values, up to rounding of arrays."""
    assert type(a) is type(b)
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            close(one, other)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            close(a[key], b[key])
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    else:
        assert a == b


def counts(owner: Any) -> dict[str, int]:
    """Calls that cnet has computed, by the name of the method."""
    found = cnet.accelerate.places_of(owner)
    return {place.name: place.watched.by_cnet for place in found}
