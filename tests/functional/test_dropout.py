"""Dropout."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import random
from cnet.tensor import Tensor, tensor


@pytest.fixture(autouse=True)
def _seeded():
    state = random.get_rng_state()
    random.manual_seed(0)
    yield
    random.set_rng_state(state)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_and_the_scale_of_what_is_kept(p, dtype):
    y = F.dropout(np.ones(20_000, dtype), p)
    kept = y.detach().numpy() != 0
    assert kept.mean() == pytest.approx(1 - p, abs=0.02)
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / (1 - p), rtol=1e-6)
    assert y.dtype == dtype


def test_the_gradient_passes_where_elements_are_kept():
    x = Tensor(np.ones((40, 50)), requires_grad=True)
    y = F.dropout(x, 0.3)
    y.backward(np.full((40, 50), 2.0))
    np.testing.assert_array_equal(x.grad, 2 * y.detach().numpy())


def test_seeds_repeat():
    x = np.ones(100)
    random.manual_seed(7)
    first = F.dropout(x)
    assert not np.array_equal(F.dropout(x), first)
    random.manual_seed(7)
    np.testing.assert_array_equal(F.dropout(x), first)


def test_nothing_and_everything():
    x = tensor([1.0, 2.0], requires_grad=True)
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    y = F.dropout(x, 1.0)
    assert y.tolist() == [0, 0]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0])
    assert F.dropout(np.zeros((0, 3))).shape == (0, 3)
    assert isinstance(F.dropout(np.ones(2), training=False), Tensor)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_p_is_a_probability(p):
    for training in (True, False):
        with pytest.raises(ValueError, match="dropout: p must be between 0 and 1"):
            F.dropout(np.ones(2), p, training)


CHANNELS = [
    (F.feature_dropout, (20, 30, 2, 3), 2),
    (F.dropout1d, (20, 30, 4), 2),
    (F.dropout1d, (600, 4), 1),
    (F.dropout2d, (20, 30, 2, 3), 2),
    (F.dropout3d, (20, 30, 2, 2, 2), 2),
    (F.dropout3d, (600, 2, 2, 2), 1),
    (F.feature_alpha_dropout, (20, 30, 2, 3), 2),
]


@pytest.mark.parametrize(("function", "shape", "axes"), CHANNELS)
def test_channels_are_kept_or_dropped_as_a_whole(function, shape, axes):
    x = Tensor(np.ones(shape), requires_grad=True)
    y = function(x, 0.25, training=True)
    rows = y.detach().numpy().reshape(np.prod(shape[:axes]), -1)
    assert (rows == rows[:, :1]).all()
    kept = rows[:, 0] > 0
    assert 0.65 < kept.mean() < 0.85
    y.sum().backward()
    scale = 1 / 0.75 if function is not F.feature_alpha_dropout else x.grad.numpy().max()
    np.testing.assert_allclose(x.grad.numpy().reshape(rows.shape), scale * kept[:, None] + 0 * rows)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_and_variance(p):
    x = np.random.default_rng(0).normal(size=200_000)
    y = F.alpha_dropout(x, p, training=True).numpy()
    assert abs(y.mean()) < 0.01
    assert abs(y.var() - 1) < 0.02
    dropped = np.unique(y, return_counts=True)
    assert dropped[1].max() == pytest.approx(p * len(x), rel=0.02)


def test_everything_dropped_and_nothing_dropped():
    x = np.ones((2, 3, 4, 4))
    for function in (F.dropout, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout):
        np.testing.assert_array_equal(function(x, 1.0, training=True), 0 * x)
        np.testing.assert_array_equal(function(x, 0.5, training=False), x)
        y = Tensor(x.copy())
        assert function(y, 1.0, training=True, inplace=True) is y
        np.testing.assert_array_equal(y, 0 * x)


def test_dimensions_of_channels():
    with pytest.warns(UserWarning, match="dropout2d: input should have 4 .*use dropout1d"):
        F.dropout2d(np.ones((2, 3, 4)))
    with pytest.warns(UserWarning, match="dropout3d: input should have 4 or 5 dimensions"):
        F.dropout3d(np.ones((2, 3, 4)))
    with pytest.raises(RuntimeError, match="dropout1d: input must have 2 or 3 dimensions"):
        F.dropout1d(np.ones(3))
    with pytest.raises(ValueError, match="feature_dropout: input must have at least 2 dimensions"):
        F.feature_dropout(np.ones(3))
    with pytest.raises(ValueError, match=r"alpha_dropout: p must be between 0 and 1 \(got 2\)"):
        F.alpha_dropout(np.ones(3), 2)
