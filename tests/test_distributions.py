"""Distributions, against those of PyTorch and by their samples."""

import numpy as np
import pytest

import cnet
from cnet import distributions as own

A, B = [0.1, 0.5, 2.0], [1.0, 0.5, 3.0]
P = [0.1, 0.5, 0.9]
W = np.random.default_rng(0).uniform(0.1, 1, (2, 3)).tolist()
INSIDE = np.array([0.3, 0.6, 0.9])
ONE_HOT = np.eye(3)[[2, 1]]

CASES = {
    "Normal": (lambda d, a, b: d.Normal(a, b).log_prob, A, B, INSIDE),
    "Uniform": (lambda d, a, b: d.Uniform(a, a + b).log_prob, A, B, np.array([0.3, 0.6, 4.0])),
    "Bernoulli": (lambda d, p, _: d.Bernoulli(p).log_prob, P, A, np.array([1.0, 0.0, 1.0])),
    "Bernoulli logits": (lambda d, a, _: d.Bernoulli(logits=a).log_prob, A, B, np.eye(3)),
    "Categorical": (lambda d, w, _: d.Categorical(w).log_prob, W, A, np.array([2, 0])),
    "Categorical logits": (lambda d, w, _: d.Categorical(logits=w).log_prob, W, A, [[2], [0]]),
    "OneHotCategorical": (lambda d, w, _: d.OneHotCategorical(w).log_prob, W, A, ONE_HOT),
    "Beta": (lambda d, a, b: d.Beta(a, b).log_prob, A, B, INSIDE),
    "Normal entropy": (lambda d, a, b: lambda _: d.Normal(a, b).entropy(), A, B, 0),
    "Uniform entropy": (lambda d, a, b: lambda _: d.Uniform(a, a + b).entropy(), A, B, 0),
    "Bernoulli entropy": (lambda d, p, _: lambda _: d.Bernoulli(p).entropy(), P, A, 0),
    "Categorical entropy": (lambda d, w, _: lambda _: d.Categorical(w).entropy(), W, A, 0),
    "Normal divergence": (
        lambda d, a, b: lambda _: d.kl_divergence(d.Normal(a, b), d.Normal(b, a)), A, B, 0),
    "Bernoulli divergence": (
        lambda d, p, a: lambda _: d.kl_divergence(d.Bernoulli(p), d.Bernoulli(logits=a)), P, A, 0),
    "Categorical divergence": (
        lambda d, w, v: lambda _: d.kl_divergence(d.Categorical(w), d.Categorical(logits=v)),
        W, W, 0),
}  # fmt: skip


def _outcome(package, distributions, make, first, second, value):
    """The values, and their gradients with respect to both parameters."""
    parameters = [
        package.tensor(each, dtype=package.float64, requires_grad=True) for each in (first, second)
    ]
    result = make(distributions, *parameters)(package.tensor(value))
    result.sum().backward()
    gradients = [None if each.grad is None else each.grad.numpy() for each in parameters]
    return result.detach().numpy(), *gradients


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_pytorch(case):
    torch = pytest.importorskip("torch")
    found = _outcome(cnet, own, *CASES[case])
    expected = _outcome(torch, torch.distributions, *CASES[case])
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_divergences_from_what_never_happens_are_infinite():
    sure, even = cnet.tensor([0.0, 1.0]), cnet.tensor([0.5, 0.5])
    for kind in (own.Categorical, own.Bernoulli):
        assert np.all(np.isinf(own.kl_divergence(kind(even), kind(sure)).numpy()))
        assert np.all(np.isfinite(own.kl_divergence(kind(sure), kind(even)).numpy()))


SAMPLED = {
    "Normal": lambda: own.Normal(cnet.tensor([0.0, 1.0]), cnet.tensor([1.0, 2.0])),
    "Uniform": lambda: own.Uniform(cnet.tensor([0.0, 1.0]), cnet.tensor([1.0, 3.0])),
    "Bernoulli": lambda: own.Bernoulli(cnet.tensor([0.2, 0.7])),
    "OneHotCategorical": lambda: own.OneHotCategorical(cnet.tensor([[1.0, 3.0], [2.0, 0.0]])),
    "Beta": lambda: own.Beta(cnet.tensor([1.0, 2.0]), cnet.tensor([3.0, 1.0])),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_have_the_mean(name):
    cnet.manual_seed(0)
    one = SAMPLED[name]()
    samples = one.sample((20000,))
    assert samples.shape == (20000, *one.batch_shape, *one.event_shape)
    assert samples.dtype == np.float32
    assert not samples.requires_grad
    np.testing.assert_allclose(samples.numpy().mean(0), one.mean.numpy(), atol=0.05)
    cnet.manual_seed(0)
    assert SAMPLED[name]().sample((20000,)).equal(samples)


def test_numbers_have_the_frequencies_of_their_weights():
    cnet.manual_seed(0)
    numbers = own.Categorical(cnet.tensor([[1.0, 3.0, 0.0], [0.0, 0.0, 2.0]])).sample((20000,))
    assert numbers.dtype == np.int64
    counts = np.bincount(numbers[:, 0], minlength=3) / 20000
    np.testing.assert_allclose(counts, [0.25, 0.75, 0], atol=0.02)
    assert np.all(numbers[:, 1].numpy() == 2)
    assert counts[2] == 0


@pytest.mark.parametrize("make", [own.Normal, own.Uniform])
def test_samples_with_gradients(make):
    a, b = cnet.tensor(A, requires_grad=True), cnet.tensor([4.0], requires_grad=True)
    make(a, b).rsample((2,)).sum().backward()
    assert a.grad.shape == (3,)
    assert b.grad.shape == (1,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: own.Normal(0, -1), ValueError, "Normal: scale must be positive"),
        (lambda: own.Uniform(1, 1), ValueError, "Uniform: high must be greater than low"),
        (lambda: own.Bernoulli(1.5), ValueError, "Bernoulli: probs must be between 0 and 1"),
        (lambda: own.Bernoulli(), ValueError, "exactly one of probs and logits"),
        (lambda: own.Categorical(0.5), ValueError, "must have a dimension"),
        (lambda: own.Categorical(cnet.tensor([-1.0, 2])), ValueError, "probs must be at least 0"),
        (lambda: own.Uniform(0.0, 1.0).log_prob(2.0), ValueError, "value must be between low and"),
        (lambda: own.Bernoulli(0.5).log_prob(0.5), ValueError, "value must be 0 or 1"),
        (lambda: own.Beta(1.0, 1.0).log_prob(-1.0), ValueError, "value must be between 0 and 1"),
        (lambda: own.Beta(0.0, 1.0), ValueError, "Beta: concentration1 must be positive"),
        (lambda: own.Beta(1.0, 1.0).rsample(), NotImplementedError, "Beta has no rsample"),
        (
            lambda: own.kl_divergence(own.Normal(0, 1), own.Bernoulli(0.5)),
            NotImplementedError,
            "no formula for Normal and Bernoulli",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_modules_of_pytorch():
    from cnet.distributions.categorical import Categorical
    from cnet.distributions.one_hot_categorical import OneHotCategorical

    assert Categorical is cnet.distributions.Categorical
    assert OneHotCategorical is cnet.distributions.OneHotCategorical
