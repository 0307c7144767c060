"""Reductions, over all elements and along axes."""

import math

import numpy as np
import pytest

import cnet
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
    """Numbers that all differ clearly from each other."""
    n = int(np.prod(shape))
    return np.asarray(np.random.default_rng(0).permutation(n).reshape(shape) * 0.37 - 0.2)


def logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis, keepdims=keepdims))


REDUCTIONS = [
    (cnet.sum, np.sum),
    (cnet.mean, np.mean),
    (cnet.amax, np.max),
    (cnet.amin, np.min),
    (cnet.logsumexp, logsumexp),
]


def as_axis(axis):
    """An empty sequence means all axes, as in PyTorch."""
    return (tuple(axis) or None) if isinstance(axis, (list, tuple)) else axis


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
@pytest.mark.parametrize(("reduction", "expected"), [(cnet.var, np.var), (cnet.std, np.std)])
def test_variance(reduction, expected, shape, axis, correction, keepdims):
    x = distinct(shape)
    y = reduction(x, axis, correction, keepdims)
    reference = expected(x, as_axis(axis), ddof=correction, keepdims=keepdims)
    np.testing.assert_allclose(y, reference, rtol=1e-13)
    assert gradcheck(lambda x: reduction(x, axis, correction, keepdims), x)


def test_the_default_variance_is_unbiased():
    assert cnet.var(np.array([1.0, 3.0])).item() == 2
    assert tensor([1.0, 3.0]).std(correction=0).item() == 1


def test_the_deviation_of_equal_numbers_has_gradient_zero():
    x = Tensor(np.array([[1.0, 1.0], [1.0, 3.0]]), requires_grad=True)
    x.std(axis=1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 0], [-(0.5**0.5), 0.5**0.5]])


@pytest.mark.parametrize(("shape", "axis"), EMPTY, ids=str)
def test_empty_sums(shape, axis):
    assert gradcheck(lambda x: cnet.sum(x, axis), np.zeros(shape))
    np.testing.assert_array_equal(cnet.sum(np.zeros(shape), axis), np.zeros(shape).sum(axis))
    np.testing.assert_array_equal(
        cnet.logsumexp(np.zeros(shape), axis),
        np.where(np.zeros(shape).sum(axis, keepdims=False) == 0, -np.inf, 0)
        if shape[axis or 0] == 0 or axis is None
        else np.zeros(np.zeros(shape).sum(axis).shape),
    )


def test_a_mean_of_nothing():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    with pytest.warns(RuntimeWarning):
        y = x.mean()
    assert np.isnan(y.item())
    y.backward()
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "amax", "amin", "logsumexp", "var", "std", "argmax", "argmin"]
)
def test_names_of_numpy_and_of_pytorch(name):
    x = Tensor(distinct((2, 3)))
    expected = getattr(cnet, name)(x, axis=1, keepdims=True)
    np.testing.assert_array_equal(getattr(cnet, name)(x, dim=1, keepdim=True), expected)
    np.testing.assert_array_equal(getattr(x, name)(dim=1, keepdims=True), expected)
    with pytest.raises(TypeError, match=f"{name}: axis and dim are the same"):
        getattr(cnet, name)(x, axis=1, dim=1)
    with pytest.raises(TypeError):
        getattr(cnet, name)(x, 1, dim=1)


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
    for kind in ("bool", "uint8", "int32", "int64"):
        x = tensor(np.ones(3, kind))
        assert x.sum().dtype == np.int64
        assert x.sum().item() == 3
        for name in ("mean", "var", "std"):
            with pytest.raises(TypeError, match=f"{name}: input must have a float dtype"):
                getattr(x, name)()
        assert x.mean(dtype=np.float64).dtype == np.float64
    assert tensor([1, 2]).sum(dtype=np.float32).dtype == np.float32
    assert np.sum(tensor([1.5]), dtype=np.float64).dtype == np.float64


def test_a_tensor_without_axes_has_two():
    x = Tensor(np.array(3.0), requires_grad=True)
    for axis in (0, -1, [0], None, ()):
        for reduction in (cnet.sum, cnet.mean, cnet.amax, cnet.amin, cnet.logsumexp):
            x.grad = None
            y = reduction(x, axis, True)
            assert (y.shape, y.item()) == ((), 3)
            y.backward()
            assert x.grad.item() == 1
    with pytest.raises(IndexError, match="sum: dim must be in range for 0 dimensions"):
        x.sum(1)


def test_pytorchs_older_arguments_of_the_variance():
    x = tensor([1.0, 3.0])
    for biased in (
        x.var(False), x.var(0, False), x.var(unbiased=False), cnet.var(x, correction=0),
        x.std(0, False) ** 2, x.std(dim=0, unbiased=False) ** 2,
    ):  # fmt: skip
        assert biased.item() == pytest.approx(1)
    assert x.var(True).item() == x.var(0, unbiased=True).item() == 2
    with pytest.raises(TypeError, match="var: correction and unbiased"):
        x.var(unbiased=True, correction=1)


def test_a_variance_without_freedom():
    with pytest.warns(RuntimeWarning):
        assert np.isnan(tensor([1.0]).var().item())
    with pytest.warns(RuntimeWarning):
        assert np.isinf(tensor([1.0, 2.0]).var(correction=3).item())


# Sums are accurate

LAYOUTS = {
    "contiguous": lambda x: (x, 0),
    "a column": lambda x: (x[:, None], 0),
    "two columns": lambda x: (np.stack([x, x], 1), 0),
    "many columns": lambda x: (x.reshape(-1, 4096)[:, :300].repeat(2, 1), 0),
    "strided": lambda x: (np.stack([x, x], 1)[:, 1], 0),
    "transposed": lambda x: (x.reshape(8, -1).T, None),
    "cut": lambda x: (np.stack([x, x], 1).reshape(-1, 8)[:, :4], None),
    "first and last": lambda x: (np.broadcast_to(x[:, None, None], (len(x), 2, 3)), (0, 2)),
    "images": lambda x: (x.reshape(-1, 2, 1, 2), (0, 2, 3)),
    "broadcast": lambda x: (np.broadcast_to(x[0], x.shape), 0),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_long_sums_keep_their_digits(layout):
    x, axis = LAYOUTS[layout](np.full(2**19, np.float32(0.1)))
    t = Tensor(x)
    exact = np.sum(x, axis, dtype=np.float64)
    np.testing.assert_allclose(t.sum(axis), exact, rtol=2e-7)
    np.testing.assert_array_equal(t.mean(axis), np.full(exact.shape, np.float32(0.1)))
    np.testing.assert_array_equal(t.std(axis), np.zeros(exact.shape))
    np.testing.assert_array_equal(t.var(axis), np.zeros(exact.shape))


def test_long_sums_of_float64():
    x = np.random.default_rng(0).random((200_001, 3)) + 1e6
    exact = np.array([math.fsum(column) for column in x.T])
    for array in (x, x[:, ::-1], np.asfortranarray(x)):
        got = Tensor(array).sum(0).numpy()
        np.testing.assert_allclose(got if array.strides[1] > 0 else got[::-1], exact, rtol=1e-15)
    assert (Tensor(np.full((10**5, 3), 0.1)).std(0).numpy() == 0).all()


def test_the_documented_sum_and_deviation():
    equal = Tensor(np.full((10**6, 1), np.float32(3.3)))
    assert equal.std(0).item() == 0
    assert Tensor(np.full((2**21, 1), np.float32(0.1))).sum(0).item() == pytest.approx(
        209715.2, rel=1e-7
    )


def test_a_variance_far_from_zero():
    x = np.float32(3e9) + np.float32(256) * np.arange(4096, dtype=np.float32)[:, None]
    expected = np.std(x.astype(np.float64), 0, ddof=1)
    np.testing.assert_allclose(Tensor(x).std(0), expected, rtol=1e-6)


def test_sums_in_backward_passes_keep_their_digits():
    bias = Tensor(np.zeros(1, np.float32), requires_grad=True)
    weight = Tensor(np.zeros((1, 1), np.float32), requires_grad=True)
    x = np.zeros((2**20, 1), np.float32)
    gradient = np.full((2**20, 1), np.float32(0.1))
    F.linear(x, weight, bias).backward(gradient)
    assert bias.grad.item() == pytest.approx(2**20 * 0.1, rel=3e-7)
    bias.grad = None
    (bias + x).backward(gradient)
    assert bias.grad.item() == pytest.approx(2**20 * 0.1, rel=3e-7)


def test_logsumexp_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-np.inf, 0.0], [-np.inf, -np.inf], [np.inf, 0.0]])
    np.testing.assert_allclose(
        cnet.logsumexp(x, axis=1)[:3], [1000 + np.log(2), 0.0, -np.inf], rtol=1e-15
    )
    y = Tensor(x[1:3], requires_grad=True)
    cnet.logsumexp(y, axis=1).sum().backward()
    np.testing.assert_array_equal(y.grad, [[0, 1], [0, 0]])


def test_a_wrong_axis():
    for reduction in (
        cnet.sum,
        cnet.mean,
        cnet.var,
        cnet.std,
        cnet.amax,
        cnet.amin,
        cnet.logsumexp,
    ):
        for axis in (2, -3, (0, 2)):
            with pytest.raises(IndexError, match=f"{reduction.__name__}: dim must be in range"):
                reduction(np.zeros((2, 3)), axis=axis)
        with pytest.raises(ValueError, match=f"{reduction.__name__}: dim must not contain"):
            reduction(np.zeros((2, 3)), axis=(0, -2))
        with pytest.raises(TypeError):
            reduction(np.zeros((2, 3)), axis=0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axes", [0, 1, (0, 2), (0, 1, 2)])
def test_logsumexp_of_large_arrays(dtype, axes):
    x = 100 * np.random.default_rng(0).standard_normal((19, 30, 40)).astype(dtype)
    x[:, 2] = -np.inf
    x[4, 5, 6] = np.inf
    x[7, 8, 9] = np.nan
    with np.errstate(all="ignore"):
        expected = np.logaddexp.reduce(x.astype(np.longdouble), axes)
    y = cnet.logsumexp(cnet.tensor(x), axes)
    assert y.dtype == dtype
    rtol = 1e-6 if dtype is np.float32 else 1e-14
    np.testing.assert_allclose(y.numpy(), expected.astype(dtype), rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_a_norm_of_large_rows(dtype):
    x = np.random.default_rng(0).standard_normal((40, 50)).astype(dtype)
    x[3] = 0
    tracked = cnet.tensor(x, requires_grad=True)
    grad = np.arange(40, dtype=dtype)
    cnet.norm(tracked, dim=1).backward(cnet.tensor(grad))
    norms = np.sqrt((x.astype(np.float64) ** 2).sum(1, keepdims=True))
    expected = grad[:, None] * x / np.where(norms == 0, 1, norms)
    np.testing.assert_allclose(tracked.grad.numpy(), expected, rtol=1e-6)
