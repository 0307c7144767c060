"""The convolution layers of "Deep Learning from Scratch", against plain sums over windows."""

import numpy as np
import pytest

from cnet.dropin import dlfs
from oracle import reference

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(4, 3, 9, 8)), RNG.normal(size=(5, 3, 3, 2)), RNG.normal(size=5)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def rows(columns):
    return columns.transpose(0, 2, 1).reshape(-1, columns.shape[1])


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (1, 1), (2, 0), (2, 1)])
def test_columns(stride, pad):
    columns = reference.im2col(X, (3, 2), stride, pad)
    col = dlfs.im2col(X, 3, 2, stride, pad)
    np.testing.assert_array_equal(col, rows(columns))
    folded = reference.col2im(columns, X.shape, (3, 2), stride, pad)
    close(dlfs.col2im(col, X.shape, 3, 2, stride, pad), folded)


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (1, 1), (2, 1)])
def test_convolution(stride, pad):
    conv = dlfs.Convolution(W, B, stride, pad)
    assert (conv.x, conv.col, conv.col_W, conv.dW, conv.db) == (None,) * 5
    x = X.astype(np.float32)
    y = conv.forward(x)
    assert y.dtype == np.float64
    close(y, reference.conv2d(x.astype(float), W, B, stride, pad))
    assert conv.x is x
    np.testing.assert_array_equal(conv.col, dlfs.im2col(x, 3, 2, stride, pad))
    np.testing.assert_array_equal(conv.col_W, W.reshape(5, -1).T)
    dout = RNG.normal(size=y.shape)
    dx = conv.backward(dout)
    expected = reference.conv2d_backward(dout, x.astype(float), W, stride, pad)
    for gradient, wanted in zip((dx, conv.dW, conv.db), expected, strict=True):
        close(gradient, wanted)


def test_weights_are_read_at_every_call():
    weight = W.copy()
    conv = dlfs.Convolution(weight, B)
    conv.forward(X)
    weight[...] = 0
    close(conv.forward(X), np.broadcast_to(B[:, None, None], (4, 5, 7, 7)))


@pytest.mark.parametrize(
    ("window", "stride", "pad"), [((2, 2), 2, 0), ((3, 2), 1, 0), ((3, 3), 2, 1)]
)
def test_pooling(window, stride, pad):
    pool = dlfs.Pooling(*window, stride, pad)
    assert (pool.x, pool.arg_max) == (None, None)
    y = pool.forward(X - 5)
    expected, argmax = reference.max_pool2d(X - 5, window, stride, pad)
    np.testing.assert_array_equal(y, expected)
    padded = np.pad(X - 5, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, window, (2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    firsts = windows.reshape(-1, window[0] * window[1]).argmax(1)
    np.testing.assert_array_equal(pool.arg_max, firsts)
    dout = RNG.normal(size=y.shape)
    close(pool.backward(dout), reference.max_pool2d_backward(dout, argmax, X.shape))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dlfs.Convolution(W, B).forward(X[0]), ValueError, "x must have 4 dimensions"),
        (lambda: dlfs.Convolution(W, B).backward(X), RuntimeError, "Convolution.backward: call"),
        (lambda: dlfs.Convolution(W, B[:2]).forward(X), ValueError, "bias.shape must equal"),
        (lambda: dlfs.Pooling(2, 2).backward(X), RuntimeError, "Pooling.backward: call forward"),
        (lambda: dlfs.Pooling(2, 2).forward("x"), TypeError, "x must hold real numbers"),
        (lambda: dlfs.col2im(X, X.shape, 3, 2), ValueError, "col must have 196 rows of 18"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
