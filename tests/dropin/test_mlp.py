"""A perceptron with its chain rule written out."""

import numpy as np
import pytest

from cnet.dropin import mlp

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
Y = np.array([[0], [1], [1], [0]], dtype=np.float64)
NEURON = [
    0.4286583971338773, 0.3264312271656302, -0.5597099464450546, -0.2798549732225273,
    0.0011085547122109732, -0.2895440692501988,
]  # fmt: skip
"""Prediction, loss, gradients of w and b, w and b, as the document computes them."""


def test_activations():
    x = np.array([-2, -1, 0, 1, 2])
    assert mlp.sigmoid(x).round(4).tolist() == [0.1192, 0.2689, 0.5, 0.7311, 0.8808]
    assert mlp.sigmoid_derivative(x).round(4).tolist() == [0.105, 0.1966, 0.25, 0.1966, 0.105]
    assert mlp.relu(x).tolist() == [0, 0, 0, 1, 2]
    assert mlp.relu_derivative(x).tolist() == [0, 0, 0, 1, 1]
    assert mlp.sigmoid(np.array([-1e4, 1e4])).round(6).tolist() == [0, 1]


def test_xor_of_the_document(capsys):
    np.random.seed(42)
    net = mlp.MLPFromScratch(input_dim=2, hidden_dim=8, output_dim=1)
    assert capsys.readouterr().out == "MLP 생성: 2 → 8 → 1\n"
    losses = []
    for _ in range(2000):
        losses.append(net.loss(net.forward(X), Y))
        net.update(net.backward(X, Y), 1.0)
    printed = [f"{loss:.6f}" for loss in losses[399::400]]
    assert printed == ["0.001076", "0.000418", "0.000247", "0.000172", "0.000131"]
    assert [f"{y:.4f}" for y in net.forward(X)[:, 0]] == ["0.0168", "0.9901", "0.9905", "0.0071"]


def test_gradients_of_the_document():
    np.random.seed(0)
    net = mlp.MLPFromScratch(2, 4, 1)
    net.forward(X)
    gradients = net.backward(X, Y)
    for name in ("W1", "W2"):  # of b1 there is none: the first input stands where ReLU bends
        before = getattr(net, name).copy()
        numeric = mlp.numerical_gradient(net, X, Y, name)
        assert np.linalg.norm(gradients[name] - numeric) < 1e-10
        np.testing.assert_array_equal(getattr(net, name), before)


def _single_neuron(m):
    np.random.seed(9)
    neuron = m.SingleNeuron()
    return [float(x) for x in (*neuron.forward(2.0, 1.0), *neuron.backward(), neuron.w, neuron.b)]


def test_single_neuron_of_the_document():
    np.testing.assert_allclose(_single_neuron(mlp), NEURON, rtol=1e-12)


def test_results_are_the_callers():
    net = mlp.MLPFromScratch(2, 3, 1)
    net.forward(X)[...] = 7
    assert (net.a2 < 1).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: net.backward(X, Y), RuntimeError, "MLPFromScratch.backward: call forward"),
        (lambda net: net.forward(X[0]), ValueError, "X must have 2 dimensions"),
        (lambda net: net.forward(X.astype(str)), TypeError, "X must hold real numbers"),
        (lambda net: net.loss(X, Y), ValueError, "y_true.shape must equal y_pred.shape"),
        (
            lambda net: (net.forward(X), net.backward(X, Y[:, 0])),
            ValueError,
            "y_true.shape must equal",
        ),
        (lambda net: mlp.SingleNeuron().backward(), RuntimeError, "SingleNeuron.backward: call"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(mlp.MLPFromScratch(2, 3, 1))
