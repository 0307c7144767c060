"""Reductions, over all elements and along axes."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

CASES = [
    ((), None),
    ((), ()),
    ((1,), 0),
    ((4,), None),
    ((4,), -1),
    ((2, 3), None),
    ((2, 3), 0),
    ((2, 3), (0, 1)),
    ((2, 3), ()),
    ((2, 1, 3), 1),
    ((2, 3, 4), (0, -1)),
    ((2, 3, 4), [1, 2]),
]
EMPTY = [((0,), None), ((0, 3), 0), ((0, 3), 1), ((2, 0), None)]


def distinct(shape):
    """Numbers of which no two are close."""
    n = int(np.prod(shape))
    return np.asarray(np.random.default_rng(0).permutation(n).reshape(shape) * 0.37 - 0.2)


def logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis, keepdims=keepdims))


REDUCTIONS = [
    (F.sum, np.sum),
    (F.mean, np.mean),
    (F.max, np.max),
    (F.min, np.min),
    (F.logsumexp, logsumexp),
]


def as_axis(axis):
    return tuple(axis) if isinstance(axis, list) else axis


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("shape", "axis"), CASES, ids=str)
@pytest.mark.parametrize(("reduction", "expected"), REDUCTIONS, ids=lambda f: f.__name__)
def test_values_and_gradients(reduction, expected, shape, axis, keepdims):
    x = distinct(shape)
    y = reduction(x, axis, keepdims)
    reference = expected(x, axis=as_axis(axis), keepdims=keepdims)
    np.testing.assert_allclose(y, reference, rtol=1e-13)
    assert y.shape == reference.shape
    assert reduction(x.astype(np.float32), axis, keepdims).dtype == np.float32
    assert gradcheck(lambda x: reduction(x, axis, keepdims), x)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("correction", [0, 1, 0.5])
@pytest.mark.parametrize(
    ("shape", "axis"), [((4,), None), ((2, 3), 0), ((2, 3, 4), (0, 2)), ((2, 3, 4), [2])], ids=str
)
@pytest.mark.parametrize(("reduction", "expected"), [(F.var, np.var), (F.std, np.std)])
def test_variance(reduction, expected, shape, axis, correction, keepdims):
    x = distinct(shape)
    y = reduction(x, axis, correction, keepdims)
    reference = expected(x, as_axis(axis), ddof=correction, keepdims=keepdims)
    np.testing.assert_allclose(y, reference, rtol=1e-13)
    assert gradcheck(lambda x: reduction(x, axis, correction, keepdims), x)


def test_the_default_variance_is_unbiased():
    assert F.var(np.array([1.0, 3.0])).item() == 2
    assert tensor([1.0, 3.0]).std(correction=0).item() == 1


def test_the_deviation_of_equal_numbers_has_gradient_zero():
    x = Tensor(np.array([[1.0, 1.0], [1.0, 3.0]]), requires_grad=True)
    x.std(axis=1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 0], [-(0.5**0.5), 0.5**0.5]])


@pytest.mark.parametrize(("shape", "axis"), EMPTY, ids=str)
def test_empty_sums(shape, axis):
    assert gradcheck(lambda x: F.sum(x, axis), np.zeros(shape))
    np.testing.assert_array_equal(F.sum(np.zeros(shape), axis), np.zeros(shape).sum(axis))
    np.testing.assert_array_equal(
        F.logsumexp(np.zeros(shape), axis),
        np.where(np.zeros(shape).sum(axis, keepdims=False) == 0, -np.inf, 0)
        if shape[axis or 0] == 0 or axis is None
        else np.zeros(np.zeros(shape).sum(axis).shape),
    )


def test_empty_means_and_extrema_are_numpys():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    with pytest.warns(RuntimeWarning):
        y = x.mean()
    assert np.isnan(y.item())
    y.backward()
    assert x.grad.shape == (0, 3)
    with pytest.raises(ValueError, match="zero-size"):
        x.max()
    assert x.max(axis=1).shape == (0,)


@pytest.mark.parametrize(("reduction", "extremum"), [(F.max, 5.0), (F.min, 1.0)])
def test_equal_extrema_share_the_gradient(reduction, extremum):
    x = Tensor(np.array([[extremum, 3.0, extremum], [3.0, 2.0, extremum]]), requires_grad=True)
    reduction(x).backward()
    np.testing.assert_allclose(x.grad, np.array([[1, 0, 1], [0, 0, 1]]) / 3)
    x.grad = None
    reduction(x, axis=1).backward(np.array([1.0, 3.0]))
    np.testing.assert_allclose(x.grad, [[0.5, 0, 0.5], [0, 0, 3]])


@pytest.mark.parametrize(("function", "expected"), [(F.argmax, np.argmax), (F.argmin, np.argmin)])
def test_positions(function, expected):
    x = Tensor(np.array([[1.0, 3.0, 3.0], [5.0, -1.0, -1.0]]), requires_grad=True)
    for axis in (None, 0, 1, -1):
        for keepdims in (False, True):
            y = function(x, axis, keepdims)
            np.testing.assert_array_equal(y, expected(x.detach().numpy(), axis, keepdims=keepdims))
            assert not y.requires_grad
    assert function(x.detach().numpy()).item() == expected(x.detach().numpy())


@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "min", "logsumexp", "var", "std", "argmax", "argmin"]
)
def test_names_of_numpy_and_of_pytorch(name):
    x = Tensor(distinct((2, 3)))
    expected = getattr(F, name)(x, axis=1, keepdims=True)
    np.testing.assert_array_equal(getattr(F, name)(x, dim=1, keepdim=True), expected)
    np.testing.assert_array_equal(getattr(x, name)(dim=1, keepdims=True), expected)
    with pytest.raises(TypeError, match=f"{name}: axis and dim are the same"):
        getattr(F, name)(x, axis=1, dim=1)
    with pytest.raises(TypeError):
        getattr(F, name)(x, 1, dim=1)


def test_functions_of_numpy_are_recorded():
    x = Tensor(distinct((2, 3)), requires_grad=True)
    for function in (np.sum, np.mean, np.max, np.min, np.std, np.var):
        y = function(x, axis=1)
        assert y.requires_grad
        np.testing.assert_allclose(y.detach(), function(x.detach().numpy(), axis=1))
        np.testing.assert_allclose(function(x).detach(), function(x.detach().numpy()))
    assert isinstance(np.argmax(x, axis=1), Tensor)
    assert not np.all(x == 0)
    with pytest.raises(TypeError, match="out"):
        np.sum(x, out=np.zeros(()))


def test_integers_and_bools():
    assert tensor([1, 2]).sum().dtype == np.int64
    assert tensor([True, False, True, True]).mean().item() == 0.75
    assert tensor([True, True]).sum().item() == 2


def test_logsumexp_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-np.inf, 0.0], [-np.inf, -np.inf], [np.inf, 0.0]])
    np.testing.assert_allclose(
        F.logsumexp(x, axis=1)[:3], [1000 + np.log(2), 0.0, -np.inf], rtol=1e-15
    )
    y = Tensor(x[1:3], requires_grad=True)
    F.logsumexp(y, axis=1).sum().backward()
    np.testing.assert_array_equal(y.grad, [[0, 1], [0, 0]])


def test_a_wrong_axis():
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        F.sum(np.zeros((2, 3)), axis=2)
