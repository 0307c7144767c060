"""The layers of the FAU exercises, against loops."""

import numpy as np
import pytest

from cnet.dropin import fau
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 7, 6))


def same(kernel):
    """The padding of each axis: an odd cell is before the image."""
    return tuple((k // 2, (k - 1) // 2) for k in kernel)


@pytest.mark.parametrize("kernel", [(3, 3), (2, 2), (4, 3), (1, 5)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
def test_convolution(kernel, stride):
    conv = fau.Conv(stride, (3, *kernel), 4)
    assert conv.trainable
    y = loops.convolution(X, conv.weights, conv.bias, stride, same(kernel))
    loops.close(conv.forward(X), y)
    dy = RNG.normal(size=y.shape)
    dx, dw, db = loops.convolution_gradients(dy, X, conv.weights, stride, same(kernel))
    loops.close(conv.backward(dy), dx)
    loops.close(conv.gradient_weights, dw)
    loops.close(conv.gradient_bias, db)


@pytest.mark.parametrize("stride", [2, [2], (2,)])
@pytest.mark.parametrize("kernel", [3, 4])
def test_sequences(kernel, stride):
    conv, x = fau.Conv(stride, (3, kernel), 4), X[:, :, 0]
    arrays = x[:, :, None], conv.weights[:, :, None]
    pads = ((0, 0), *same([kernel]))
    y = loops.convolution(*arrays, conv.bias, (1, 2), pads)
    loops.close(conv.forward(x), y[:, :, 0])
    dy = RNG.normal(size=y.shape)
    dx, dw, _ = loops.convolution_gradients(dy, *arrays, (1, 2), pads)
    loops.close(conv.backward(dy[:, :, 0]), dx[:, :, 0])
    loops.close(conv.gradient_weights, dw[:, :, 0])


def test_stride_of_all_axes():
    np.random.seed(0)
    one = fau.Conv(2, (3, 3, 3), 4)
    np.random.seed(0)
    two = fau.Conv((2, 2), (3, 3, 3), 4)
    np.testing.assert_array_equal(one.forward(X), two.forward(X))


def test_weights_are_drawn_before_the_bias():
    np.random.seed(1)
    conv = fau.Conv((1, 1), (3, 3, 3), 4)
    np.random.seed(1)
    np.testing.assert_array_equal(conv.weights, np.random.uniform(0, 1, (4, 3, 3, 3)))
    np.testing.assert_array_equal(conv.bias, np.random.uniform(0, 1, 4))


class Momentum:
    """An optimizer with a state: that of the weights must not be that of the bias."""

    def __init__(self):
        self.v = 0

    def calculate_update(self, weights, gradient):
        self.v = 0.9 * self.v - 0.1 * gradient
        return weights + self.v


def test_optimizer():
    conv = fau.Conv((1, 1), (3, 3, 3), 4)
    conv.optimizer = Momentum()
    assert conv.bias_optimizer is not conv.optimizer
    weights, bias = conv.weights.copy(), conv.bias.copy()
    for step in (1, 1.9):
        conv.backward(conv.forward(X) * 0 + 1)
        weights -= 0.1 * step * conv.gradient_weights
        bias -= 0.1 * step * conv.gradient_bias
    loops.close(conv.weights, weights)
    loops.close(conv.bias, bias)


class Record:
    def initialize(self, shape, fan_in, fan_out):
        self.given = shape, fan_in, fan_out
        return np.zeros(shape)


def test_initialize():
    conv, of_weights, of_bias = fau.Conv((1, 1), (3, 4, 5), 6), Record(), Record()
    conv.initialize(of_weights, of_bias)
    assert of_weights.given == ((6, 3, 4, 5), 60, 120)
    assert of_bias.given[0] == (6,)
    assert not conv.forward(X).any()


@pytest.mark.parametrize(("stride", "window"), [((2, 2), (2, 2)), ((2, 1), (3, 2))])
def test_pooling(stride, window):
    x = RNG.integers(0, 3, X.shape).astype(float)
    pool = fau.Pooling(stride, window)
    assert not pool.trainable
    y = loops.maximum(x, window, stride)
    loops.close(pool.forward(x), y)
    dy = RNG.normal(size=y.shape)
    loops.close(pool.backward(dy), loops.maximum_gradient(dy, x, window, stride))


def test_flatten():
    flatten = fau.Flatten()
    rows = flatten.forward(X)
    assert rows.shape == (2, 126)
    np.testing.assert_array_equal(flatten.backward(rows), X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fau.Conv(1, (3, 3, 3), 4).backward(X), RuntimeError, "Conv.backward: call forwar"),
        (lambda: fau.Pooling((2, 2), (2, 2)).backward(X), RuntimeError, "Pooling.backward: call"),
        (lambda: fau.Conv(1, (3,), 4), ValueError, r"must be \(c, m\) or \(c, m, n\)"),
        (lambda: fau.Conv(1, (3, 3, 3), 4).forward(X[0]), ValueError, "x must have 4 dimensions"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
