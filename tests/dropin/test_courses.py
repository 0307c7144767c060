"""The course functions with channels last, against loops."""

import numpy as np
import pytest

from cnet.dropin import coursera, holberton
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 7, 6))
B = RNG.normal(size=4)
TIED = RNG.integers(0, 3, X.shape).astype(float)


def filters(height, width):
    return RNG.normal(size=(4, 3, height, width))


def check_gradients(gradients, dy, x, w, stride, pads):
    dx, dw, db = loops.convolution_gradients(dy, x, w, stride, pads)
    loops.close(gradients[0], loops.last(dx))
    loops.close(gradients[1], loops.hwio(dw))
    loops.close(gradients[2], db.reshape(1, 1, 1, -1))


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (1, 2), (2, 0), (2, 1), (3, 1)])
def test_coursera_convolution(stride, pad):
    w, strides, pads = filters(3, 3), (stride, stride), ((pad, pad), (pad, pad))
    hparameters = {"stride": stride, "pad": pad}
    arrays = loops.last(X), loops.hwio(w), B.reshape(1, 1, 1, 4)
    Z, cache = coursera.conv_forward(*arrays, hparameters)
    y = loops.convolution(X, w, B, strides, pads)
    loops.close(Z, loops.last(y))
    assert all(kept is given for kept, given in zip(cache, (*arrays, hparameters), strict=True))
    dy = RNG.normal(size=y.shape)
    gradients = coursera.conv_backward(loops.last(dy), cache)
    check_gradients(gradients, dy, X, w, strides, pads)


@pytest.mark.parametrize(("f", "stride"), [(2, 2), (3, 1), (3, 2)])
def test_coursera_pooling(f, stride):
    x, window, strides = loops.last(TIED), (f, f), (stride, stride)
    hparameters = {"f": f, "stride": stride}
    A, cache = coursera.pool_forward(x, hparameters)
    y = loops.maximum(TIED, window, strides)
    loops.close(A, loops.last(y))
    dy = RNG.normal(size=y.shape)
    dx = loops.maximum_gradient(dy, TIED, window, strides, "all")
    loops.close(coursera.pool_backward(loops.last(dy), cache), loops.last(dx))
    A, cache = coursera.pool_forward(x, hparameters, mode="average")
    loops.close(A, loops.last(loops.mean(TIED, window, strides)))
    dx = loops.mean_gradient(dy, TIED, window, strides)
    loops.close(coursera.pool_backward(loops.last(dy), cache, "average"), loops.last(dx))


def test_coursera_small_functions():
    padded = coursera.zero_pad(loops.last(X), 2)
    np.testing.assert_array_equal(padded[:, 2:-2, 2:-2], loops.last(X))
    assert padded.shape == (2, 11, 10, 3)
    assert np.count_nonzero(padded) == X.size
    a, W, b = RNG.normal(size=(3, 3, 4)), RNG.normal(size=(3, 3, 4)), np.full((1, 1, 1), 0.5)
    assert coursera.conv_single_step(a, W, b) == pytest.approx((a * W).sum() + 0.5)
    np.testing.assert_array_equal(
        coursera.create_mask_from_window([[1, 3], [3, 2]]), [[False, True], [True, False]]
    )
    np.testing.assert_array_equal(coursera.distribute_value(2, (2, 2)), np.full((2, 2), 0.5))


@pytest.mark.parametrize(
    ("padding", "kernel", "stride", "pads"),
    [
        ("same", (3, 3), (1, 1), ((1, 1), (1, 1))),
        ("same", (3, 2), (1, 1), ((1, 1), (1, 1))),
        ("same", (3, 3), (2, 2), ((4, 4), (4, 4))),
        ("valid", (2, 3), (2, 1), ((0, 0), (0, 0))),
        ((0, 2), (2, 3), (1, 2), ((0, 0), (2, 2))),
    ],
)
def test_holberton_convolution(padding, kernel, stride, pads):
    w, x, b = filters(*kernel), loops.last(X), B.reshape(1, 1, 1, 4)
    W = loops.hwio(w)
    y = loops.convolution(X, w, B, stride, pads)
    A = holberton.conv_forward(x, W, b, np.tanh, padding, stride)
    loops.close(A, np.tanh(loops.last(y)))
    dy = RNG.normal(size=y.shape)
    gradients = holberton.conv_backward(loops.last(dy), x, W, b, padding, stride)
    check_gradients(gradients, dy, X, w, stride, pads)
    linear = loops.last(loops.convolution(X, w, 0 * B, stride, pads))
    loops.close(holberton.convolve(x, W, padding, stride), linear)
    loops.close(holberton.convolve_channels(x, W[..., 1], padding, stride), linear[..., 1])
    gray = loops.last(loops.convolution(X[:, :1], w[:1, :1], B * 0, stride, pads))[..., 0]
    loops.close(holberton.convolve_grayscale(X[:, 0], w[0, 0], padding, stride), gray)


def test_holberton_convolutions_of_gray_images():
    x, kernel = X[:, 0], RNG.normal(size=(3, 2))
    for result, pads in (
        (holberton.convolve_grayscale_valid(x, kernel), ((0, 0), (0, 0))),
        (holberton.convolve_grayscale_same(x, kernel), ((1, 1), (1, 0))),
        (holberton.convolve_grayscale_padding(x, kernel, (2, 3)), ((2, 2), (3, 3))),
    ):
        y = loops.convolution(X[:, :1], kernel[np.newaxis, np.newaxis], [0], (1, 1), pads)
        loops.close(result, y[:, 0])


@pytest.mark.parametrize(
    ("window", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 1)), ((2, 3), (2, 1))]
)
def test_holberton_pooling(window, stride):
    x = loops.last(TIED)
    y = loops.maximum(TIED, window, stride)
    loops.close(holberton.pool_forward(x, window, stride), loops.last(y))
    loops.close(holberton.pool(x, window, stride, "max"), loops.last(y))
    dy = RNG.normal(size=y.shape)
    dx = loops.maximum_gradient(dy, TIED, window, stride, "all")
    loops.close(holberton.pool_backward(loops.last(dy), x, window, stride), loops.last(dx))
    mean = loops.last(loops.mean(TIED, window, stride))
    loops.close(holberton.pool_forward(x, window, stride, "avg"), mean)
    dx = loops.mean_gradient(dy, TIED, window, stride)
    loops.close(holberton.pool_backward(loops.last(dy), x, window, stride, "avg"), loops.last(dx))


def test_float32_and_integers_are_taken():
    x, W = loops.last(X).astype(np.float32), loops.hwio(filters(3, 3)).astype(np.float32)
    b = np.zeros((1, 1, 1, 4), np.float32)
    Z, cache = coursera.conv_forward(x, W, b, {"stride": 1, "pad": 0})
    assert Z.dtype == np.float32
    assert {array.dtype for array in coursera.conv_backward(Z, cache)} == {np.dtype(np.float32)}
    digits = RNG.integers(0, 255, x.shape, np.uint8)
    assert holberton.pool_forward(digits, (2, 2)).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coursera.conv_forward(X, X, B, {"pad": 1}), "have the key 'stride' .got .'pad'"),
        (lambda: coursera.pool_forward(X, {"f": 2, "stride": 1}, "min"), "mode must be 'max'"),
        (lambda: holberton.pool(X, (2, 2), (1, 1), "sum"), "pool: mode must be 'max'"),
        (lambda: holberton.convolve(X, X, "full"), "padding must be 'same', 'valid' or a pair"),
        (lambda: holberton.conv_forward(X[0], loops.hwio(filters(3, 3)), B, np.tanh), "conv"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
