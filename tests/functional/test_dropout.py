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
