"""Softmax and its logarithm."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import nn
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


@pytest.mark.parametrize(("ndim", "dim"), [(1, 0), (2, 1), (3, 0), (4, 1), (5, 1)])
def test_the_implicit_axis_is_pytorchs(ndim, dim):
    x = np.random.default_rng(0).standard_normal((2,) * ndim)
    for name in ("softmax", "log_softmax"):
        function = getattr(F, name)
        with pytest.warns(UserWarning, match=f"{name}: .* use dim={dim}") as caught:
            np.testing.assert_array_equal(function(x), function(x, dim))
        assert caught[0].filename == __file__
    for layer in (nn.Softmax(), nn.LogSoftmax()):
        with pytest.warns(UserWarning, match=f"use dim={dim}"):
            layer(x)


def test_dtypes_and_axes():
    x = tensor([1, 2, 3])
    for function in (F.softmax, F.log_softmax):
        name = function.__name__
        with pytest.raises(TypeError, match=f"{name}: input must have a float dtype"):
            function(x, 0)
        assert function(x, 0, dtype=np.float32).dtype == np.float32
        assert function(x.float(), dim=0, dtype="float64").dtype == np.float64
        with pytest.raises(IndexError, match=f"{name}: dim must be in range"):
            function(x.float(), 1)
        assert function(tensor(2.0), 0).item() == (1 if name == "softmax" else 0)
