"""Layers that keep their input."""

import numpy as np
import pytest

import documents
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


@pytest.mark.parametrize(
    ("name", "arguments", "attributes"),
    [
        ("Conv2d", (3,), ["grad_weights"]),
        ("Conv2d", (5,), ["grad_weights"]),
        ("Pooling", ("max", (3, 2)), []),
        ("Pooling", ("avg", (2, 5)), []),
        ("Relu", (), []),
        ("Sigmoid", (), []),
        ("Flatten", (), []),
    ],
)
def test_same_numbers_as_the_document(name, arguments, attributes):
    np.random.seed(7)
    theirs = getattr(documents.load(1), name)(*arguments)
    np.random.seed(7)
    ours = getattr(layerwise, name)(*arguments)
    expected, y = theirs.forward(IMAGE), ours.forward(IMAGE)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    grad = np.random.default_rng(1).normal(size=y.shape)
    np.testing.assert_allclose(
        ours.backward(grad), theirs.backward(grad.copy()), rtol=1e-12, atol=1e-12
    )
    for attribute in attributes:
        np.testing.assert_allclose(
            getattr(ours, attribute), getattr(theirs, attribute), rtol=1e-12, atol=1e-12
        )
    if name == "Pooling":
        assert ours.indices == [tuple(map(int, place)) for place in theirs.indices]


def test_a_network_learns_like_the_document():
    document = documents.load(1)
    losses = []
    for module in (document, layerwise):
        np.random.seed(3)
        conv, dense = module.Conv2d(3), module.Dense(13 * 12, 4)
        pool = module.Pooling("max", (14, 14))
        model = module.Model([conv, module.Relu(), pool, module.Flatten(), dense])
        loss, history = module.SoftmaxCrossEntropyLoss(), []
        for step in range(5):
            logits = model.forward(IMAGE)
            history.append(loss.forward(logits[np.newaxis], np.eye(4)[[step % 4]]))
            model.backward(loss.backward()[0])
            conv.kernel -= 0.1 * conv.grad_weights
            dense.weights -= 0.1 * dense.grad_weights
            dense.biases -= 0.1 * dense.grad_biases
        losses.append(history)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-12)


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
