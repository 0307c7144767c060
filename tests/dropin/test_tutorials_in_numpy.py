"""`alescontrela` and `vzhou`, which take one image at a time, against loops."""

import numpy as np
import pytest

from cnet.dropin import alescontrela, vzhou
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1, 3, 9, 9))
W = RNG.normal(size=(4, 3, 5, 5))
TIED = RNG.integers(0, 3, X.shape).astype(float)


@pytest.mark.parametrize("s", [1, 2])
def test_alescontrela_convolution(s):
    bias, strides = RNG.normal(size=(4, 1)), (s, s)
    y = loops.convolution(X, W, bias.ravel(), strides)
    loops.close(alescontrela.convolution(X[0], W, bias, s), y[0])
    dx, dw, db = loops.convolution_gradients(y, X, W, strides)
    results = alescontrela.convolutionBackward(y[0], X[0], W, s)
    for result, expected in zip(results, (dx[0], dw, db.reshape(4, 1)), strict=True):
        loops.close(result, expected)


def test_alescontrela_takes_float32_images():
    y = alescontrela.convolution(X[0].astype(np.float32), W, np.zeros((4, 1)))
    assert y.dtype == np.float64


def test_alescontrela_promotes_images_of_bytes_as_numpy():
    image, filters = np.ones((3, 6, 6), np.uint8), W.astype(np.float32)
    y = alescontrela.convolution(image, filters, np.zeros((4, 1), np.float32))
    gradients = alescontrela.convolutionBackward(y, image, filters, 1)
    pooled = alescontrela.maxpoolBackward(np.ones((3, 3, 3), np.float32), image, 2, 2)
    assert {a.dtype for a in (y, *gradients, pooled)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("f", "s"), [(2, 2), (3, 1)])
def test_alescontrela_pooling(f, s):
    y = loops.maximum(TIED, (f, f), (s, s))
    loops.close(alescontrela.maxpool(TIED[0], f, s), y[0])
    dy = RNG.normal(size=y.shape)
    dx = loops.maximum_gradient(dy, TIED, (f, f), (s, s))
    loops.close(alescontrela.maxpoolBackward(dy[0], TIED[0], f, s), dx[0])


def test_alescontrela_small_functions():
    x = np.array([[0.0], [1.0], [2.0]])
    p = alescontrela.softmax(x)
    loops.close(p.sum(), 1)
    loops.close(p[1] / p[0], np.e)
    assert alescontrela.categoricalCrossEntropy(p, [[0], [1], [0]]) == pytest.approx(
        -np.log(p[1, 0])
    )
    assert alescontrela.nanargmax([[1, np.nan], [3, 3]]) == (1, 0)


def test_vzhou_convolution():
    np.random.seed(0)
    conv = vzhou.Conv3x3(4)
    np.random.seed(0)
    filters = np.random.randn(4, 3, 3) / 9
    np.testing.assert_array_equal(conv.filters, filters)
    image = X[0, 0]
    arrays = image[np.newaxis, np.newaxis], filters[:, np.newaxis]
    y = loops.convolution(*arrays, np.zeros(4))
    loops.close(conv.forward(image), loops.last(y)[0])
    assert conv.last_input is image
    conv.backprop(loops.last(y)[0], 0.1)
    loops.close(conv.filters, filters - 0.1 * loops.convolution_gradients(y, *arrays)[1][:, 0])


def test_vzhou_pooling():
    x, pool = loops.last(TIED)[0], vzhou.MaxPool2()
    y = loops.maximum(TIED, (2, 2), (2, 2))
    loops.close(pool.forward(x), loops.last(y)[0])
    dy = RNG.normal(size=y.shape)
    dx = loops.maximum_gradient(dy, TIED, (2, 2), (2, 2), "all")
    loops.close(pool.backprop(loops.last(dy)[0]), loops.last(dx)[0])


def test_vzhou_softmax():
    """The gradient and the update, by finite differences of -log(out[label])."""
    layer, x, label, eps = vzhou.Softmax(12, 4), RNG.normal(size=(2, 2, 3)), 2, 1e-6
    out = layer.forward(x)
    gradient = np.zeros(4)
    gradient[label] = -1 / out[label]
    weights, biases = layer.weights.copy(), layer.biases.copy()

    def loss(x, weights, biases):
        totals = x.ravel() @ weights + biases
        return np.log(np.exp(totals).sum()) - totals[label]

    dx = layer.backprop(gradient, 0.5)
    for i, result in enumerate(
        (dx, (weights - layer.weights) / 0.5, (biases - layer.biases) / 0.5)
    ):
        for place in np.ndindex(result.shape):
            low, high = [[a.copy() for a in (x, weights, biases)] for _ in range(2)]
            low[i][place] -= eps
            high[i][place] += eps
            assert result[place] == pytest.approx((loss(*high) - loss(*low)) / (2 * eps), abs=1e-7)


@pytest.mark.parametrize(
    "call",
    [
        lambda: vzhou.Conv3x3(2).backprop(X, 0.1),
        lambda: vzhou.MaxPool2().backprop(X),
        lambda: vzhou.Softmax(2, 2).backprop([0, 1], 0.1),
    ],
)
def test_backprop_before_forward(call):
    with pytest.raises(RuntimeError, match="backprop: call forward first"):
        call()
