"""The layers of the mytorch homework, against loops."""

import numpy as np
import pytest

from cnet.dropin import mytorch
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 8, 7))


def one_row(x):
    return x[:, :, np.newaxis]


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_conv2d(stride, padding):
    conv = mytorch.Conv2d(3, 4, 3, stride, padding, bias_init_fn=np.ones)
    inner = conv.conv2d_stride1
    np.testing.assert_array_equal(inner.b, np.ones(4))
    strides, pads = (stride, stride), ((padding, padding),) * 2
    y = loops.convolution(X, inner.W, inner.b, strides, pads)
    loops.close(conv.forward(X), y)
    dy = RNG.normal(size=y.shape)
    dx, dw, db = loops.convolution_gradients(dy, X, inner.W, strides, pads)
    for _ in range(2):
        loops.close(conv.backward(dy), dx)
        loops.close(inner.dLdW, dw)
        loops.close(inner.dLdb, db)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_conv1d(stride, padding):
    conv, x = mytorch.Conv1d(3, 4, 3, stride, padding), X[:, :, 0]
    inner, pads = conv.conv1d_stride1, ((0, 0), (padding, padding))
    arrays = one_row(x), one_row(inner.W)
    y = loops.convolution(*arrays, inner.b, (1, stride), pads)
    loops.close(conv.forward(x), y[:, :, 0])
    dy = RNG.normal(size=y.shape)
    dx, dw, _ = loops.convolution_gradients(dy, *arrays, (1, stride), pads)
    loops.close(conv.backward(dy[:, :, 0]), dx[:, :, 0])
    loops.close(inner.dLdW, dw[:, :, 0])


def test_stride1_is_the_inner_layer():
    np.random.seed(0)
    one, two = mytorch.Conv2d_stride1(3, 4, 3), mytorch.Conv2d(3, 4, 3, 1)
    two.conv2d_stride1.W = one.W
    np.testing.assert_array_equal(one.forward(X), two.forward(X))
    np.random.seed(0)
    np.testing.assert_array_equal(one.W, np.random.normal(0, 1.0, (4, 3, 3, 3)))


@pytest.mark.parametrize("axes", [1, 2])
def test_transposed(axes):
    x = X if axes == 2 else X[:, :, 0]
    conv = getattr(mytorch, f"ConvTranspose{axes}d")(3, 4, 3, 2)
    inner = getattr(conv, f"conv{axes}d_stride1")
    up = np.zeros((2, 3, *(2 * n - 1 for n in x.shape[2:])))
    up[(..., *[slice(None, None, 2)] * axes)] = x
    images, W = (up, inner.W) if axes == 2 else (one_row(up), one_row(inner.W))
    y = loops.convolution(images, W, inner.b)
    Z = conv.forward(x)
    loops.close(Z, y.reshape(Z.shape))
    dy = RNG.normal(size=y.shape)
    dx = loops.convolution_gradients(dy, images, W)[0].reshape(up.shape)
    loops.close(conv.backward(dy.reshape(Z.shape)), dx[(..., *[slice(None, None, 2)] * axes)])


@pytest.mark.parametrize("axes", [1, 2])
def test_gradients_of_the_earlier_layers_add_up(axes):
    x = X if axes == 2 else X[:, :, 0]
    conv = getattr(mytorch, f"Conv{axes}D")(3, 4, 3, 2)
    images, W = (x, conv.W) if axes == 2 else (one_row(x), one_row(conv.W))
    strides = (2, 2) if axes == 2 else (1, 2)
    y = loops.convolution(images, W, conv.b, strides)
    Z = conv(x)
    loops.close(Z, y.reshape(Z.shape))
    dx, dw, db = loops.convolution_gradients(y, images, W, strides)
    for count in (1, 2):
        loops.close(conv.backward(Z), dx.reshape(x.shape))
        loops.close(conv.dW, count * dw.reshape(conv.W.shape))
        loops.close(conv.db, count * db)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pooling(stride):
    x = RNG.integers(0, 4, X.shape).astype(float)
    window, strides = (3, 3), (stride, stride)
    y, mean = loops.maximum(x, window, strides), loops.mean(x, window, strides)
    dy = RNG.normal(size=y.shape)
    dx = loops.maximum_gradient(dy, x, window, strides)
    dx_of_mean = loops.mean_gradient(dy, x, window, strides)
    layers = [mytorch.MaxPool2d(3, stride), mytorch.MeanPool2d(3, stride)]
    if stride == 1:
        layers += [mytorch.MaxPool2d_stride1(3), mytorch.MeanPool2d_stride1(3)]
    for i, layer in enumerate(layers):
        loops.close(layer.forward(x), mean if i % 2 else y)
        loops.close(layer.backward(dy), dx_of_mean if i % 2 else dx)


@pytest.mark.parametrize("axes", [1, 2])
def test_resampling(axes):
    x = X if axes == 2 else X[:, :, 0]
    every = (..., *[slice(None, None, 3)] * axes)
    up = getattr(mytorch, f"Upsample{axes}d")(3)
    y = up.forward(x)
    assert y.shape[2:] == tuple(3 * n - 2 for n in x.shape[2:])
    np.testing.assert_array_equal(y[every], x)
    assert np.count_nonzero(y) == x.size
    np.testing.assert_array_equal(up.backward(y), x)
    down = getattr(mytorch, f"Downsample{axes}d")(3)
    np.testing.assert_array_equal(down.forward(x), x[every])
    back = down.backward(x[every])
    assert back.shape == x.shape
    assert np.count_nonzero(back) == x[every].size


def test_flatten():
    flatten = mytorch.Flatten()
    np.testing.assert_array_equal(flatten(X), X.reshape(2, -1))
    np.testing.assert_array_equal(flatten.backward(flatten(X)), X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: mytorch.Conv2d(3, 4, 3, 1).backward(X),
            RuntimeError,
            "Conv2d.backward: call for",
        ),
        (lambda: mytorch.MaxPool2d(2, 2).backward(X), RuntimeError, "MaxPool2d.backward: call"),
        (lambda: mytorch.Downsample2d(2).backward(X), RuntimeError, "Downsample2d.backward: call"),
        (lambda: mytorch.Conv2D(4, 4, 3, 1).forward(X), ValueError, r"weight.shape\[1\] must equ"),
        (lambda: mytorch.MeanPool2d(2, 2).forward(X[0]), ValueError, "A must have 4 dimensions"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
