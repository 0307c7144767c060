"""Softmax and its logarithm."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import tensor

CASES = [((1,), 0), ((4,), -1), ((2, 3), 0), ((2, 3), 1), ((2, 3, 4), 1), ((0, 3), 1)]


@pytest.mark.parametrize(("shape", "axis"), CASES, ids=str)
@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_values_and_gradients(function, shape, axis):
    x = np.random.default_rng(0).standard_normal(shape)
    expected = np.exp(x) / np.exp(x).sum(axis, keepdims=True)
    if function is F.log_softmax:
        expected = np.log(expected)
    np.testing.assert_allclose(function(x, axis), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(function(x, dim=axis), function(x, axis=axis))
    assert gradcheck(lambda x: function(x, axis), x)
    assert function(x.astype(np.float32), axis).dtype == np.float32


def test_large_scores():
    x = tensor([[1e4, 0.0, -1e4], [-1e4, -np.inf, -1e4]])
    np.testing.assert_array_equal(x.softmax(1), [[1, 0, 0], [0.5, 0, 0.5]])
    expected = [[0, -1e4, -2e4], [-np.log(2), -np.inf, -np.log(2)]]
    np.testing.assert_allclose(x.log_softmax(1), expected, rtol=1e-6)


def test_the_last_axis_is_the_default():
    x = np.random.default_rng(0).standard_normal((2, 3))
    np.testing.assert_array_equal(F.softmax(x), F.softmax(x, 1))
    np.testing.assert_array_equal(F.log_softmax(x), F.log_softmax(x, 1))
