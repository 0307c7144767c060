"""Maxima and minima, and their positions."""

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

X = np.array([[3.0, 1.0, 3.0], [2.0, 5.0, 0.5]])


@pytest.mark.parametrize(("reduction", "extremum"), [(cnet.amax, 5.0), (cnet.amin, 1.0)])
def test_equal_extrema_share_the_gradient(reduction, extremum):
    x = Tensor(np.array([[extremum, 3.0, extremum], [3.0, 2.0, extremum]]), requires_grad=True)
    shared = np.array([[1, 0, 1], [0, 0, 1]]) / 3
    for whole in (reduction, getattr(cnet, reduction.__name__[1:])):
        x.grad = None
        whole(x).backward()
        np.testing.assert_allclose(x.grad, shared)
    x.grad = None
    reduction(x, axis=1).backward(np.array([1.0, 3.0]))
    np.testing.assert_allclose(x.grad, [[0.5, 0, 0.5], [0, 0, 3]])


def test_with_a_dimension_come_values_and_indices():
    x = Tensor(X, requires_grad=True)
    found = x.max(1)
    assert found.values.tolist() == [3, 5]
    assert found.indices.tolist() == [0, 1]
    assert found.indices.dtype == np.int64
    values, indices = cnet.min(x, dim=0, keepdim=True)
    assert values.tolist() == [[2, 1, 0.5]]
    assert indices.tolist() == [[1, 0, 1]]
    assert x.max(-1)[1].tolist() == [0, 1]
    assert not indices.requires_grad


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("dim", [0, 1, -1, -2])
@pytest.mark.parametrize("keepdim", [False, True])
def test_values_and_gradients_along_a_dimension(name, dim, keepdim):
    function, numpys = getattr(cnet, name), getattr(np, name)
    values, indices = function(X, dim, keepdim)
    np.testing.assert_array_equal(values, numpys(X, dim, keepdims=keepdim))
    np.testing.assert_array_equal(indices, getattr(np, f"arg{name}")(X, dim, keepdims=keepdim))
    assert gradcheck(lambda x: function(x, dim, keepdim).values, X + np.array([0, 0.1, 0.2]))


def test_the_gradient_goes_to_the_index():
    x = Tensor(X, requires_grad=True)
    x.max(1).values.backward(np.array([2.0, 3.0]))
    np.testing.assert_array_equal(x.grad, [[2, 0, 0], [0, 3, 0]])


def test_numpys_names_give_numpys_result():
    x = Tensor(X, requires_grad=True)
    for name in ("max", "min"):
        function, expected = getattr(cnet, name), getattr(np, name)
        np.testing.assert_array_equal(function(x, axis=1).detach(), expected(X, axis=1))
        np.testing.assert_array_equal(expected(x, axis=0).detach(), expected(X, axis=0))
        np.testing.assert_array_equal(expected(x).detach(), expected(X))
        np.testing.assert_array_equal(
            getattr(x, name)(axis=(0, 1), keepdims=True).detach(),
            expected(X, (0, 1), keepdims=True),
        )


def test_two_tensors_are_compared_element_by_element():
    x, y = Tensor(X, requires_grad=True), Tensor(np.full((2, 3), 2.5), requires_grad=True)
    for z in (cnet.max(x, y), x.max(y), cnet.max(x, other=y), x.max(y.data)):
        np.testing.assert_array_equal(z.detach(), np.maximum(X, 2.5))
    np.testing.assert_array_equal(cnet.min(x, y).detach(), np.minimum(X, 2.5))
    cnet.max(x, y).sum().backward()
    np.testing.assert_array_equal(x.grad, X > 2.5)
    np.testing.assert_array_equal(y.grad, X < 2.5)


@pytest.mark.parametrize("name", ["max", "min"])
def test_arguments_that_do_not_fit(name):
    function, x = getattr(cnet, name), Tensor(X)
    for arguments, options in [
        (((0, 1),), {}),
        ((1.5,), {}),
        ((), {"keepdim": True}),
        ((1,), {"axis": 1}),
        ((), {"initial": 0}),
        ((), {"out": np.zeros(())}),
    ]:
        with pytest.raises(TypeError, match=f"{name}: "):
            function(x, *arguments, **options)
    with pytest.raises(IndexError, match=f"{name}: dim must be in range"):
        function(x, 2)


def test_nan_is_found_first():
    x = np.array([1.0, np.nan, 5.0, np.nan])
    for function in (cnet.max, cnet.min):
        value, index = function(x, 0)
        assert np.isnan(value.item())
        assert index.item() == 1
        assert np.isnan(function(x).item())


def test_nothing_to_search():
    x = Tensor(np.zeros((2, 0)))
    for name in ("max", "min", "amax", "amin", "argmax", "argmin"):
        for dim in (None, 1):
            with pytest.raises(ValueError, match=f"{name}: input must have elements to search"):
                getattr(cnet, name)(x, dim)
    assert cnet.max(x, 0).values.shape == (0,)
    assert cnet.argmax(x, 0).shape == (0,)


def test_a_tensor_without_axes():
    x = Tensor(np.array(2.0), requires_grad=True)
    value, index = x.max(0)
    assert (value.item(), index.item(), index.dtype) == (2, 0, np.int64)
    value.backward()
    assert x.grad.item() == 1
    assert x.argmax(0).item() == 0


@pytest.mark.parametrize(
    ("function", "expected"), [(cnet.argmax, np.argmax), (cnet.argmin, np.argmin)]
)
def test_positions(function, expected):
    x = Tensor(np.array([[1.0, 3.0, 3.0], [5.0, -1.0, -1.0]]), requires_grad=True)
    for axis in (None, 0, 1, -1):
        for keepdims in (False, True):
            y = function(x, axis, keepdims)
            np.testing.assert_array_equal(y, expected(x.data, axis, keepdims=keepdims))
            assert y.dtype == np.int64
            assert not y.requires_grad
    assert function(x.data).item() == expected(x.data)


def test_integers():
    values, indices = tensor([[1, 3], [2, 0]]).max(0)
    assert (values.tolist(), values.dtype) == ([2, 3], np.int64)
    assert indices.tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize("axes", [0, 1, (0, 2), (0, 1, 2)])
def test_extrema_of_large_arrays(dtype, axes):
    x = (1000 * np.random.default_rng(0).standard_normal((37, 40, 50))).astype(dtype)
    if dtype is not np.int64:
        x[3, 4, 5], x[:, 1], x[6, 7, 8] = np.nan, -np.inf, np.inf
    for ours, theirs in ((cnet.amax, np.max), (cnet.amin, np.min)):
        for keepdim in (False, True):
            y = ours(tensor(x), axes, keepdim)
            expected = theirs(x, axes, keepdims=keepdim)
            assert y.dtype == expected.dtype
            np.testing.assert_array_equal(y.numpy(), expected)
