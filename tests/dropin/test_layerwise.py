"""Layers that keep their input."""

import numpy as np
import pytest

from cnet.dropin import layerwise

IMAGE = np.random.default_rng(0).normal(size=(28, 27))


def test_conv2d_of_the_document():
    conv = layerwise.Conv2d()
    conv.kernel = np.array([[0, 1, 0], [1, 0, 0]])
    x = np.arange(1, 10).reshape(3, 3)
    assert conv.forward(x).tolist() == [[6], [12]]
    dx = conv.backward(np.array([[10], [20]]))
    assert dx.tolist() == [[0, 10, 0], [10, 20, 0], [20, 0, 0]]
    assert conv.grad_weights.tolist() == [[90, 120, 150], [180, 210, 240]]


def test_max_pooling_of_the_document():
    pool = layerwise.Pooling("max", (2, 2))
    pool.forward(np.array([[1, 5, 4, 8], [9, 2, 1, 12], [6, 3, 2, 9]]))
    assert pool.indices == [(1, 0), (0, 1), (1, 3), (1, 0), (2, 1), (1, 3)]
    dx = pool.backward(np.array([[1, 2, 3], [4, 5, 6]]))
    assert dx.tolist() == [[0, 2, 0, 0], [5, 0, 0, 9], [0, 5, 0, 0]]


def test_average_pooling_spreads():
    pool = layerwise.Pooling("avg", (2, 2))
    y = pool.forward(np.array([[1, 5, 4], [9, 2, 1], [6, 3, 2]]))
    assert y.tolist() == [[4.25, 3], [5, 2]]
    assert pool.indices == []
    dx = pool.backward(np.array([[4, 8], [12, 16]]))
    assert dx.tolist() == [[1, 3, 2], [4, 10, 6], [3, 7, 4]]


LAYERS = {
    "convolution 3x3": ("Conv2d", 3),
    "convolution 5x5": ("Conv2d", 5),
    "max pooling": ("Pooling", "max", (3, 2)),
    "average pooling": ("Pooling", "avg", (2, 5)),
    "relu": ("Relu",),
    "sigmoid": ("Sigmoid",),
    "flatten": ("Flatten",),
}


def _results(m, name, *arguments):
    """What a layer computes from a small image, forth and back."""
    np.random.seed(7)
    layer = getattr(m, name)(*arguments)
    y = layer.forward(IMAGE[:8, :7])
    dx = layer.backward(np.random.default_rng(1).normal(size=y.shape))
    results = {"y": y, "dx": dx}
    if name == "Conv2d":
        results["grad_weights"] = layer.grad_weights
    if name == "Pooling":
        results["indices"] = [[int(row), int(column)] for row, column in layer.indices]
    return results


@pytest.mark.parametrize("layer", LAYERS)
def test_same_numbers_as_the_document(layer, facts):
    results, expected = _results(layerwise, *LAYERS[layer]), facts[layer]
    assert results.keys() == expected.keys()
    assert results.pop("indices", None) == expected.pop("indices", None)
    for name, wanted in expected.items():
        np.testing.assert_allclose(results[name], wanted, rtol=1e-12, atol=1e-12)


def _losses(m):
    np.random.seed(3)
    conv, dense = m.Conv2d(3), m.Dense(13 * 12, 4)
    pool = m.Pooling("max", (14, 14))
    model = m.Model([conv, m.Relu(), pool, m.Flatten(), dense])
    loss, losses = m.SoftmaxCrossEntropyLoss(), []
    for step in range(5):
        logits = model.forward(IMAGE)
        losses.append(float(loss.forward(logits[np.newaxis], np.eye(4)[[step % 4]])))
        model.backward(loss.backward()[0])
        conv.kernel -= 0.1 * conv.grad_weights
        dense.weights -= 0.1 * dense.grad_weights
        dense.biases -= 0.1 * dense.grad_biases
    return losses


def test_a_network_learns_like_the_document(facts):
    np.testing.assert_allclose(_losses(layerwise), facts["losses"], rtol=1e-12)


def test_xor_of_the_document_begins_with_its_first_loss():
    """What it printed needs its random numbers; that it learns needs none."""
    np.random.seed(0)
    model = layerwise.Model(
        [layerwise.Dense(2, 8), layerwise.Sigmoid(), layerwise.Dense(8, 1), layerwise.Sigmoid()]
    )
    points, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    for _ in range(4000):
        for x, target in zip(points, targets, strict=True):
            model.backward(model.forward(x) - target)
            for layer in model.layers[::2]:
                layer.weights -= 2 * layer.grad_weights
                layer.biases -= 2 * layer.grad_biases
    assert [round(model.forward(x).item()) for x in points] == targets


def test_dense():
    np.random.seed(1)
    weights, biases = np.random.randn(3, 4) * 0.1, np.random.randn(3) * 0.1
    np.random.seed(1)
    dense = layerwise.Dense(4, 3)
    x = np.arange(4)
    np.testing.assert_allclose(dense.forward(x), weights @ x + biases)
    grad = np.array([1.0, 2, 3])
    np.testing.assert_allclose(dense.backward(grad), weights.T @ grad)
    np.testing.assert_array_equal(dense.grad_weights, np.outer(grad, x))
    np.testing.assert_array_equal(dense.grad_biases, grad)
    assert dense.grad_biases is not grad


def test_loss_of_rows_and_of_one():
    loss, logits = layerwise.SoftmaxCrossEntropyLoss(), np.array([[1.0, 2, 3], [0, 0, 0]])
    labels = np.eye(3)[[2, 0]]
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(probs[[0, 1], [2, 0]] + 1e-9).mean()
    np.testing.assert_allclose(loss.forward(logits, labels), expected)
    np.testing.assert_allclose(loss.backward(), (probs - labels) / 2)
    np.testing.assert_allclose(loss.forward(logits[0], labels[0]), -np.log(probs[0, 2] + 1e-9))
    np.testing.assert_allclose(loss.backward(), probs[0] - labels[0])


def test_weights_are_read_at_every_call():
    conv = layerwise.Conv2d(2)
    conv.kernel[...] = 0
    assert not conv.forward(IMAGE).any()
    conv.kernel[0, 0] = 1
    np.testing.assert_array_equal(conv.forward(IMAGE), IMAGE[:-1, :-1])


@pytest.mark.parametrize("layer", [layerwise.Conv2d(2), layerwise.Pooling(), layerwise.Relu()])
def test_any_layout_and_dtype_is_taken(layer):
    x = np.arange(64).reshape(8, 8)[::-1, ::-1]
    x.flags.writeable = False
    y = layer.forward(x)
    np.testing.assert_array_equal(y, layer.forward(x.astype(float)))
    assert not np.shares_memory(y, x)
    y[...] = 0
    dx = layer.backward(np.ones(y.shape))
    assert dx.shape == x.shape
    assert dx.flags.writeable


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.Conv2d(3).forward(np.zeros((2, 5))), ValueError, "must fit"),
        (lambda m: m.Conv2d().forward(np.zeros(5)), ValueError, "x must have 2 dimensions"),
        (lambda m: m.Conv2d().forward("a"), TypeError, "x must hold real numbers"),
        (lambda m: m.Conv2d().backward(IMAGE), RuntimeError, "Conv2d.backward: call forward"),
        (lambda m: m.Pooling("min"), ValueError, r"pool_type must be 'max' or 'avg' \(got 'min'\)"),
        (lambda m: m.Pooling().backward(IMAGE), RuntimeError, "Pooling.backward: call forward"),
        (lambda m: m.Dense(3, 2).forward(np.zeros(4)), ValueError, r"x.shape .* \(got \(4,\) and"),
        (lambda m: m.Flatten().backward(IMAGE), RuntimeError, "Flatten.backward: call forward"),
        (
            lambda m: m.SoftmaxCrossEntropyLoss().forward(np.zeros((2, 3)), np.zeros((2, 4))),
            ValueError,
            "labels.shape must equal logits.shape",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(layerwise)
