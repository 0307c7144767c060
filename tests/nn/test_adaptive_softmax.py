"""The adaptive softmax: against its definition, gradients, errors, and PyTorch."""

import numpy as np
import pytest

import cnet
from cnet import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 8))
TARGET = np.array([0, 2, 3, 5, 9, 4, 1])


def make(m, **options):
    cnet.manual_seed(0)
    return m.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 5], div_value=2.0, **options).double()


@pytest.mark.parametrize("head_bias", [False, True])
def test_output_is_the_probability_of_the_target(head_bias):
    layer = make(nn, head_bias=head_bias)
    probabilities = layer.log_prob(X).detach().numpy()
    np.testing.assert_allclose(np.exp(probabilities).sum(1), 1, rtol=1e-12)
    output, loss = layer(X, cnet.tensor(TARGET))
    np.testing.assert_allclose(output.detach(), probabilities[range(7), TARGET], rtol=1e-12)
    assert loss.item() == pytest.approx(-output.mean().item())
    assert layer.predict(X).tolist() == probabilities.argmax(1).tolist()
    single, _ = layer(X[4], cnet.tensor(9))
    assert single.item() == pytest.approx(probabilities[4, 9])


def test_parameters_of_the_clusters():
    shapes = {name: tuple(p.shape) for name, p in make(nn).named_parameters()}
    assert shapes == {
        "head.weight": (5, 8),
        "tail.0.0.weight": (4, 8),
        "tail.0.1.weight": (2, 4),
        "tail.1.0.weight": (2, 8),
        "tail.1.1.weight": (5, 2),
    }
    layer = make(nn)
    before = layer.tail[1][1].weight.detach().clone()
    layer.reset_parameters()
    assert (layer.tail[1][1].weight != before).all()


def test_gradients():
    layer = make(nn)

    def run(x, *parameters):
        state = dict(zip(layer.state_dict(), parameters, strict=True))
        output, loss = cnet.func.functional_call(layer, state, (x, cnet.tensor(TARGET)))
        return loss + (output**2).sum()

    parameters = [p.detach().numpy() for p in layer.parameters()]
    assert cnet.gradcheck(run, (X, *parameters))


def test_clusters_without_features_have_equal_probabilities():
    layer = nn.AdaptiveLogSoftmaxWithLoss(2, 10, [2, 5])
    x = cnet.ones(1, 2)
    head = nn.functional.log_softmax(layer.head(x), 1).detach().numpy()[0]
    expected = [*head[:2], *[head[2] - np.log(3)] * 3, *[head[3] - np.log(5)] * 5]
    np.testing.assert_allclose(layer.log_prob(x).detach()[0], expected, rtol=1e-5)
    layer(x, cnet.tensor([7])).loss.backward()
    assert layer.head.weight.grad.shape == (4, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, []), ValueError, "cutoffs must be ascending"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [5, 3]), ValueError, r"\(got \[5, 3\]"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [5, 10]), ValueError, "n_classes - 1"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [0, 3]), ValueError, "at least 1"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2.5]), TypeError, "must be an int"),
        (lambda: make(nn)(X, TARGET[:3]), RuntimeError, "must equal target.shape"),
        (lambda: make(nn)(X, X), RuntimeError, "0 or 1 dimensions"),
        (lambda: make(nn)(X, TARGET * 1.0), TypeError, "target must be integers"),
        (lambda: make(nn)(X, TARGET + 1), RuntimeError, r"between 0 and 9 \(got 1 to 10\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_values_and_gradients_are_pytorchs():
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    ours, theirs = make(nn, head_bias=True), make(torch.nn, head_bias=True)
    assert repr(ours) == repr(theirs)
    ours.load_state_dict(theirs.state_dict())
    our_x, their_x = cnet.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    output, loss = ours(our_x, cnet.tensor(TARGET))
    expected, their_loss = theirs(their_x, torch.tensor(TARGET))
    np.testing.assert_allclose(output.detach(), expected.detach().numpy(), rtol=1e-10)
    loss.backward()
    their_loss.backward()
    np.testing.assert_allclose(our_x.grad, their_x.grad.numpy(), rtol=1e-9, atol=1e-14)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(
        ours.log_prob(X).detach(), theirs.log_prob(torch.tensor(X)).detach().numpy(), rtol=1e-10
    )
