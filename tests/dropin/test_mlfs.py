"""The layers of ML-From-Scratch, against loops."""

import numpy as np
import pytest

from cnet.dropin import mlfs
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 8, 8))
TIED = RNG.integers(-2, 2, X.shape).astype(float)


class Descent:
    def update(self, w, gradient):
        return w - 0.1 * gradient


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4)])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution(padding, kernel, stride):
    np.random.seed(0)
    conv = mlfs.Conv2D(4, kernel, padding=padding, stride=stride)
    conv.set_input_shape(X.shape[1:])
    conv.initialize(Descent())
    np.random.seed(0)
    limit = 1 / np.sqrt(np.prod(kernel))
    W = np.random.uniform(-limit, limit, size=(4, 3, *kernel))
    np.testing.assert_array_equal(conv.W, W)
    conv.w0 += RNG.normal(size=(4, 1))
    w0 = conv.w0.copy()
    pads = tuple(((k - 1) // 2, k // 2) if padding == "same" else (0, 0) for k in kernel)
    strides = stride, stride
    y = loops.convolution(X, W, w0.ravel(), strides, pads)
    loops.close(conv.forward_pass(X), y)
    assert conv.output_shape() == y.shape[1:]
    assert conv.layer_name() == "Conv2D"
    assert conv.parameters() == W.size + 4
    x_col = conv.W_col @ conv.X_col + w0
    loops.close(x_col.reshape(*y.shape[1:], 2).transpose(3, 0, 1, 2), y)
    dy = RNG.normal(size=y.shape)
    dx, dw, db = loops.convolution_gradients(dy, X, W, strides, pads)
    loops.close(conv.backward_pass(dy), dx)
    loops.close(conv.W, W - 0.1 * dw)
    loops.close(conv.w0, w0 - 0.1 * db.reshape(4, 1))
    cols = mlfs.image_to_column(X, kernel, stride, padding)
    back = mlfs.column_to_image(cols, X.shape, kernel, stride, padding)
    ones = np.ones_like(X)
    counts = mlfs.column_to_image(
        mlfs.image_to_column(ones, kernel, stride, padding), X.shape, kernel, stride, padding
    )
    loops.close(back, X * counts)


def test_a_frozen_layer_keeps_its_weights():
    conv = mlfs.Conv2D(4, (3, 3), X.shape[1:])
    conv.initialize(None)
    conv.trainable = False
    W = conv.W.copy()
    assert conv.backward_pass(conv.forward_pass(X)).shape == X.shape
    np.testing.assert_array_equal(conv.W, W)


@pytest.mark.parametrize("padding", [0, "valid", "same"])
def test_pooling(padding):
    window, strides = (2, 2), (2, 2)
    pads = ((0, 1), (0, 1)) if padding == "same" else ((0, 0), (0, 0))
    pool, average = (c(window, 2, padding) for c in (mlfs.MaxPooling2D, mlfs.AveragePooling2D))
    pool.set_input_shape(X.shape[1:])
    assert pool.output_shape() == (3, 4, 4)
    assert pool.parameters() == 0
    y = loops.maximum(TIED, window, strides, pads, 0.0)
    loops.close(pool.forward_pass(TIED), y)
    dy = RNG.normal(size=y.shape)
    dx = loops.maximum_gradient(dy, TIED, window, strides, "first", pads, 0.0)
    loops.close(pool.backward_pass(dy), dx)
    padded = loops.pad(TIED, pads)
    loops.close(average.forward_pass(TIED), loops.mean(padded, window, strides))
    dx = loops.crop(loops.mean_gradient(dy, padded, window, strides), pads)
    loops.close(average.backward_pass(dy), dx)


def test_errors():
    with pytest.raises(ValueError, match="output_shape must be 'same' or 'valid'"):
        mlfs.determine_padding((2, 2), "full")
    with pytest.raises(RuntimeError, match=r"MaxPooling2D\.backward_pass: call forward_pass first"):
        mlfs.MaxPooling2D().backward_pass(X)
