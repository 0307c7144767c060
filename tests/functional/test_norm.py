"""Batch normalisation in the graph; its values are tested with the kernels."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

RNG = np.random.default_rng(0)
X, WEIGHT, BIAS = RNG.normal(2, 3, (4, 3, 2, 5)), RNG.normal(size=3), RNG.normal(size=3)
MEAN, VAR = RNG.normal(size=3), RNG.uniform(0.5, 2, 3)


def test_a_batch_has_mean_0_and_variance_1():
    y = F.batch_norm(X, None, None, training=True).detach().numpy()
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-14)
    np.testing.assert_allclose(y.var((0, 2, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize("x", [X, X[..., 0], X[..., 0, 0]], ids=["4d", "3d", "2d"])
def test_gradients(x):
    def in_training(x, weight, bias):
        return F.batch_norm(x, None, None, weight, bias, training=True)

    def in_eval(x, weight, bias):
        return F.batch_norm(x, MEAN, VAR, weight, bias)

    assert gradcheck(in_training, (x, WEIGHT, BIAS))
    assert gradcheck(in_eval, (x, WEIGHT, BIAS))
    assert gradcheck(lambda x: F.batch_norm(x, None, None, training=True), x)


def test_only_wanted_gradients_are_computed():
    weight = Tensor(WEIGHT, requires_grad=True)
    F.batch_norm(X, MEAN, VAR, weight, BIAS).sum().backward()
    normalised = (X - MEAN[:, None, None]) / np.sqrt(VAR + 1e-5)[:, None, None]
    np.testing.assert_allclose(weight.grad.numpy(), normalised.sum((0, 2, 3)))


def test_running_statistics_move_by_the_momentum():
    mean, var = Tensor(MEAN.copy()), VAR.copy()
    F.batch_norm(X, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.detach().numpy(), 0.75 * MEAN + 0.25 * X.mean((0, 2, 3)))
    np.testing.assert_allclose(var, 0.75 * VAR + 0.25 * X.var((0, 2, 3), ddof=1))


def test_outside_of_training_they_stay():
    mean, var = MEAN.copy(), VAR.copy()
    F.batch_norm(X, mean, var)
    np.testing.assert_array_equal([mean, var], [MEAN, VAR])


def test_an_empty_batch_gives_an_empty_result_and_no_statistics():
    for shape in ((0, 3, 4, 5), (2, 3, 0, 5)):
        mean, var = MEAN.copy(), VAR.copy()
        x = Tensor(np.empty(shape), requires_grad=True)
        y = F.batch_norm(x, mean, var, WEIGHT, training=True)
        y.sum().backward()
        assert y.shape == x.grad.shape == shape
        np.testing.assert_array_equal([mean, var], [MEAN, VAR])


def test_errors():
    with pytest.raises(ValueError, match="must be given if training is False"):
        F.batch_norm(X, None, VAR)
    with pytest.raises(ValueError, match=r"at least 2 values .* \(got shape \(1, 3\)\)"):
        F.batch_norm(X[:1, :, 0, 0], None, None, training=True)
    message = r"running_var must have shape .* \(got \(2,\) float64 and \(3,\) float64\)"
    mean = MEAN.copy()
    with pytest.raises(ValueError, match=message):
        F.batch_norm(X, mean, VAR[:2], training=True)
    np.testing.assert_array_equal(mean, MEAN)
    with pytest.raises(ValueError, match=r"weight.shape must equal \(x.shape\[1\],\)"):
        F.batch_norm(X, MEAN, VAR, WEIGHT[:2])
    with pytest.raises(ValueError, match="running_mean and running_var must both be given"):
        F.batch_norm(X, MEAN, None, training=True)
    for eps in (0, -1, np.nan):
        with pytest.raises(ValueError, match="batch_norm: eps must be positive"):
            F.batch_norm(X, None, None, training=True, eps=eps)
    for eps in (-1, np.nan):
        with pytest.raises(ValueError, match="batch_norm: eps must not be negative"):
            F.batch_norm(X, MEAN, VAR, eps=eps)
    F.batch_norm(X, MEAN, VAR, eps=0)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0, 4)], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch(shape, training):
    mean, var = MEAN.copy(), VAR.copy()
    x, weight, bias = (
        Tensor(array, requires_grad=True) for array in (np.zeros(shape), WEIGHT, BIAS)
    )
    y = F.batch_norm(x, mean, var, weight, bias, training)
    assert y.shape == shape
    y.sum().backward()
    assert x.grad.shape == shape
    np.testing.assert_array_equal([weight.grad, bias.grad], np.zeros((2, 3)))
    np.testing.assert_array_equal([mean, var], [MEAN, VAR])
