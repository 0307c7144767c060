"""Elementwise functions of one input."""

import math

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

SHAPES = [(), (1,), (5,), (2, 3), (2, 1, 3), (0, 3)]
FUNCTIONS = [
    (cnet.exp, np.exp),
    (cnet.log, np.log),
    (cnet.sqrt, np.sqrt),
    (cnet.abs, np.abs),
    (F.tanh, np.tanh),
    (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    (F.relu, lambda x: np.maximum(x, 0)),
    (F.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x)),
    (lambda x: F.leaky_relu(x, np.float64(0.2)), lambda x: np.where(x > 0, x, 0.2 * x)),
    (lambda x: cnet.clip(x, 0.8, np.float64(1.4)), lambda x: np.clip(x, 0.8, 1.4)),
    (lambda x: cnet.clip(x, min=0.8), lambda x: np.maximum(x, 0.8)),
    (lambda x: cnet.clamp(x, max=0.8), lambda x: np.minimum(x, 0.8)),
    (cnet.clone, np.copy),
]
NAMES = [
    "exp", "log", "sqrt", "abs", "tanh", "sigmoid", "relu", "leaky_relu", "leaky_relu_slope",
    "clip", "clip_min", "clip_max", "clone",
]  # fmt: skip


def away_from_kinks(shape, negative):
    x = np.random.default_rng(0).uniform(0.5, 2, shape)
    x = np.where(np.abs(x - 0.8) < 0.01, 0.9, np.where(np.abs(x - 1.4) < 0.01, 1.5, x))
    return np.where(np.random.default_rng(1).random(shape) < 0.5, x, -x) if negative else x


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("function", "expected"), FUNCTIONS, ids=NAMES)
def test_values_and_gradients(function, expected, shape):
    x = away_from_kinks(shape, negative=function not in (cnet.log, cnet.sqrt))
    np.testing.assert_allclose(function(x), expected(x), rtol=1e-14)
    assert function(x).shape == shape
    assert gradcheck(function, x)
    single = function(Tensor(x.astype(np.float32), requires_grad=True))
    assert single.dtype == np.float32
    single.backward(np.ones(shape))


@pytest.mark.parametrize(("function", "_"), FUNCTIONS, ids=NAMES)
def test_strided_and_read_only_input(function, _):
    x = away_from_kinks((6, 4), negative=False)
    strided = x.T[::2]
    strided.flags.writeable = False
    np.testing.assert_array_equal(function(strided), function(np.ascontiguousarray(strided)))


def test_methods():
    x = tensor([0.25, 1.0])
    for name in ("exp", "log", "sqrt", "abs", "tanh", "sigmoid", "relu", "clone"):
        np.testing.assert_array_equal(getattr(x, name)(), getattr(cnet, name)(x))
    np.testing.assert_array_equal(x.clip(0.5), x.clamp(min=0.5))
    np.testing.assert_array_equal(abs(-x), x)


def test_sigmoid_is_accurate_on_both_sides():
    x = np.array([-745.0, -40.0, 0.0, 40.0, 1000.0, -np.inf, np.inf])
    expected = [np.exp(-745.0), np.exp(-40.0), 0.5, 1.0, 1.0, 0.0, 1.0]
    np.testing.assert_allclose(F.sigmoid(x), expected, rtol=1e-15)


@pytest.mark.parametrize(
    "function", [cnet.exp, cnet.log, cnet.sqrt, cnet.abs, F.tanh, F.sigmoid, F.relu]
)
def test_nan_passes(function):
    assert np.isnan(function(np.array([np.nan]))).all()


def test_gradients_at_kinks():
    x = Tensor(np.array([-1.0, 0.0, 1.0]), requires_grad=True)
    for function, expected in [
        (F.relu, [0, 0, 1]),
        (cnet.abs, [-1, 0, 1]),
        (lambda x: F.leaky_relu(x, 0.5), [0.5, 0.5, 1]),
        (lambda x: cnet.clip(x, -1, 1), [1, 1, 1]),
        (lambda x: cnet.clip(x, 0, 0.5), [0, 1, 0]),
    ]:
        x.grad = None
        function(x).sum().backward()
        np.testing.assert_array_equal(x.grad, expected)


def test_clip_keeps_integers_and_needs_a_bound():
    assert tensor([-5, 5]).clip(0, 3).tolist() == [0, 3]
    assert tensor([-5, 5]).clip(0, 3).dtype == np.int64
    with pytest.raises(ValueError, match="clamp: min or max"):
        cnet.clip(tensor([1.0]))


def test_relu_of_integers_and_others():
    assert F.relu(tensor([1, -2])).tolist() == [1, 0]
    assert F.relu(tensor([1, -2])).dtype == np.int64
    with pytest.raises(TypeError, match=r"relu: input must have a number dtype"):
        F.relu(tensor([True]))
    with pytest.raises(TypeError, match=r"leaky_relu: input must have a float dtype"):
        F.leaky_relu(tensor([1, -2]))


def test_casts():
    x = tensor([1.5, -2.5], requires_grad=True)
    assert x.astype(np.float32) is x
    assert x.float() is x
    y = x.double()
    assert y.dtype == np.float64
    (y * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 2])
    assert x.grad.dtype == np.float32
    assert x.long().tolist() == [1, -2]
    assert not x.long().requires_grad
    assert (tensor([1, 2]) == tensor([1, 3])).float().mean().item() == 0.5


def test_a_clone_has_its_own_memory():
    x = tensor([1.0, 2.0])
    assert not np.shares_memory(cnet.clone(x).numpy(), x.numpy())


BOUNDS = [
    (np.array([0.5, 2.0]), np.array([1.0, 3.0])),
    (np.array([[0.5], [2.0], [-1.0]]), None),
    (None, np.array(0.9)),
    (
        np.array([2.0, 0.1]),
        np.array([1.0, 0.3]),
    ),  # first pair: min > max, so max wins
]


@pytest.mark.parametrize(("low", "high"), BOUNDS, ids=range(len(BOUNDS)))
def test_bounds_that_are_tensors(low, high):
    x = np.random.default_rng(0).normal(size=(3, 2))
    np.testing.assert_array_equal(cnet.clip(x, low, high), np.clip(x, low, high))
    bounds = [bound for bound in (low, high) if bound is not None]

    def clipped(x, *bounds):
        given = iter(bounds)
        return cnet.clamp(
            x, None if low is None else next(given), None if high is None else next(given)
        )

    assert gradcheck(clipped, (x, *bounds))


def test_the_gradient_on_a_bound_goes_to_x():
    x, low, high = (Tensor(np.array([1.0, 2.0]), requires_grad=True) for _ in range(3))
    cnet.clamp(x, low, high).sum().backward()
    assert (x.grad.tolist(), low.grad.tolist(), high.grad.tolist()) == ([1, 1], [0, 0], [0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("bounds", [(-0.3, 0.7), (0.7, -0.3), (0.7, 0.7), (0.7, np.inf), (-1, 1)])
def test_the_gradient_of_clamp_is_exact_beside_a_bound(dtype, bounds):
    low, high = (dtype(bound) for bound in bounds)
    beside = [np.nextafter(bound, dtype(end)) for bound in (low, high) for end in (-2, 2)]
    x = np.array([*beside, low, high, 0.1, -5, 5, np.nan, np.inf, -np.inf], dtype)
    grad = np.arange(1, x.size + 1).astype(dtype)
    grad[:1] = np.inf
    tensor = Tensor(x, requires_grad=True)
    cnet.clamp(tensor, *bounds).backward(grad)
    np.testing.assert_array_equal(tensor.grad, np.where((x >= low) & (x <= high), grad, 0))


def test_clip_by_numpy():
    x = Tensor(np.array([-1.0, 0.5, 2.0]), requires_grad=True)
    y = np.clip(x, 0, 1)
    assert y.tolist() == [0, 0.5, 1]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 0]


def test_clip_promotes():
    assert tensor([1, 2]).clip(1.5).tolist() == [1.5, 2]
    assert tensor([1, 2]).clip(1.5).dtype == np.float32
    assert tensor([1.0, 2.0]).clip(tensor([1, 2]), np.float64(3)).dtype == np.float32
    assert tensor([1, 2]).clip(max=tensor([1.5])).dtype == np.float32


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate):
    x = np.array([-1e6, -3.0, -1.0, 0.0, 1.0, 3.0, 1e6])
    y = F.gelu(x, approximate)
    exact = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in x]
    np.testing.assert_allclose(y, exact, atol=0 if approximate == "none" else 5e-4)
    assert gradcheck(lambda x: F.gelu(x, approximate), [Tensor(x[1:-1], requires_grad=True)])


def test_gelu_refuses_other_approximations():
    with pytest.raises(ValueError, match=r"gelu: approximate must be 'none' or 'tanh'"):
        F.gelu(tensor([1.0]), "sigmoid")
