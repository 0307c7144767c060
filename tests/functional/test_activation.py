"""Activation functions: values, gradients, in place, errors."""

import math

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

X = np.array([-7.0, -2.5, -0.75, 0.25, 1.5, 3.5, 8.0])
"""Numbers on both sides of all kinks."""


def expit(x):
    return 1 / (1 + math.exp(-x))


def log1p_exp(x):
    return math.log1p(math.exp(x))


IN_PLACE = {
    "relu": (F.relu, lambda x: max(x, 0)),
    "relu6": (F.relu6, lambda x: min(max(x, 0), 6)),
    "leaky_relu": (F.leaky_relu, lambda x: x if x > 0 else 0.01 * x),
    "rrelu": (F.rrelu, lambda x: x if x > 0 else x * 11 / 48),
    "elu": (F.elu, lambda x: x if x > 0 else math.expm1(x)),
    "selu": (
        F.selu, lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    ),
    "celu": (F.celu, lambda x: x if x > 0 else math.expm1(x)),
    "hardtanh": (F.hardtanh, lambda x: min(max(x, -1), 1)),
    "silu": (F.silu, lambda x: x * expit(x)),
    "mish": (F.mish, lambda x: x * math.tanh(log1p_exp(x))),
    "hardswish": (F.hardswish, lambda x: x * min(max(x + 3, 0), 6) / 6),
    "hardsigmoid": (F.hardsigmoid, lambda x: min(max(x + 3, 0), 6) / 6),
}  # fmt: skip
OTHERS = {
    "softplus": (F.softplus, log1p_exp),
    "softsign": (F.softsign, lambda x: x / (1 + abs(x))),
    "logsigmoid": (F.logsigmoid, lambda x: -log1p_exp(-x)),
    "hardshrink": (F.hardshrink, lambda x: x if abs(x) > 0.5 else 0),
    "softshrink": (F.softshrink, lambda x: math.copysign(max(abs(x) - 0.5, 0), x)),
    "tanhshrink": (F.tanhshrink, lambda x: x - math.tanh(x)),
    "gelu": (F.gelu, lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
}
OPTIONS = {
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.5), lambda x: x if x > 0 else 0.5 * x),
    "rrelu": (lambda x: F.rrelu(x, 0.2, 0.4), lambda x: x if x > 0 else 0.3 * x),
    "elu": (lambda x: F.elu(x, -2.0), lambda x: x if x > 0 else -2 * math.expm1(x)),
    "celu": (lambda x: F.celu(x, 2.0), lambda x: x if x > 0 else 2 * math.expm1(x / 2)),
    "threshold": (lambda x: F.threshold(x, 0.5, -3.0), lambda x: x if x > 0.5 else -3),
    "hardtanh": (lambda x: F.hardtanh(x, -2, 3), lambda x: min(max(x, -2), 3)),
    "softplus": (
        lambda x: F.softplus(x, 2.0, 2.5), lambda x: log1p_exp(2 * x) / 2 if x < 1.25 else x,
    ),
    "hardshrink": (lambda x: F.hardshrink(x, 1.0), lambda x: x if abs(x) > 1 else 0),
    "softshrink": (lambda x: F.softshrink(x, 1.0), lambda x: math.copysign(max(abs(x) - 1, 0), x)),
}  # fmt: skip
ALL = [*IN_PLACE.items(), *OTHERS.items(), *OPTIONS.items()]


@pytest.mark.parametrize(("function", "expected"), [f for _, f in ALL], ids=[n for n, _ in ALL])
def test_values_and_gradients(function, expected):
    np.testing.assert_allclose(function(X), [expected(x) for x in X], rtol=1e-12, atol=1e-15)
    assert gradcheck(function, X[X != 1.5])
    for shape in ((), (0, 2), (2, 1, 3)):
        y = function(Tensor(np.full(shape, 0.7, np.float32), requires_grad=True))
        assert (y.shape, y.dtype) == (shape, np.float32)
    assert np.isnan(function(np.array([np.nan])))


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name):
    function = IN_PLACE[name][0]
    x, y = (Tensor(X.copy(), requires_grad=True) for _ in range(2))
    h = x * 1
    assert function(h, inplace=True) is h
    np.testing.assert_array_equal(h.detach(), function(y).detach())
    h.sum().backward()
    function(y).sum().backward()
    np.testing.assert_array_equal(x.grad, y.grad)
    if hasattr(F, f"{name}_"):
        z = Tensor(X.copy())
        assert getattr(F, f"{name}_")(z) is z
        np.testing.assert_array_equal(z, function(X))


@pytest.mark.parametrize("weight", [np.array([0.3]), np.array([0.3, -0.5, 2.0]), np.array(0.3)])
def test_prelu(weight):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    slopes = weight.reshape(-1, 1)
    np.testing.assert_array_equal(F.prelu(x, weight), np.where(x > 0, x, slopes * x))
    assert gradcheck(F.prelu, (x, weight))
    if weight.size == 1:
        assert gradcheck(F.prelu, (x[0, 0], weight))
        assert gradcheck(F.prelu, (x[0, 0, 0], weight))


def test_random_slopes():
    cnet.manual_seed(0)
    x = Tensor(np.concatenate([np.full(1000, -1.0), np.full(10, 2.0)]), requires_grad=True)
    y = F.rrelu(x, 0.2, 0.4, training=True)
    y.sum().backward()
    values = y.detach().numpy()
    assert (values[1000:] == 2).all()
    assert -0.4 <= values[:1000].min() < -0.39
    assert -0.21 < values[:1000].max() <= -0.2
    np.testing.assert_array_equal(x.grad, values / x.detach().numpy())
    layer = nn.RReLU(0.2, 0.4)
    assert layer(x).detach().numpy()[:1000].std() > 0
    np.testing.assert_allclose(layer.eval()(x).detach().numpy()[:1000], -0.3)
    z = tensor(np.full(5, -1.0))
    assert F.rrelu_(z, 0.2, 0.4, training=True) is z


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_glu(dim):
    x = np.random.default_rng(0).normal(size=(2, 4, 6))
    a, b = np.split(x, 2, dim)
    np.testing.assert_allclose(F.glu(x, dim), a / (1 + np.exp(-b)), rtol=1e-14)
    assert gradcheck(lambda x: F.glu(x, dim), x)


def test_softmin():
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(F.softmin(x, dim=1), F.softmax(-x, dim=1))
    assert F.softmin(tensor([1, 2]), 0, dtype=np.float64).dtype == np.float64
    assert gradcheck(lambda x: F.softmin(x, 0), x)


@pytest.mark.parametrize("dim", [0, -1])
def test_gumbel_softmax(dim):
    cnet.manual_seed(0)
    logits = Tensor(np.zeros((3, 4)), requires_grad=True)
    y = F.gumbel_softmax(logits, tau=0.5, dim=dim)
    np.testing.assert_allclose(y.detach().sum(dim), 1)
    cnet.manual_seed(0)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True, dim=dim)
    values = hard.detach().numpy()
    np.testing.assert_allclose(values, np.round(values), atol=1e-15)
    np.testing.assert_array_equal(values.argmax(dim), y.detach().numpy().argmax(dim))
    weights = np.arange(12.0).reshape(3, 4)
    (hard * weights).sum().backward()
    gradient = logits.grad.numpy().copy()
    logits.grad = None
    (y * weights).sum().backward()
    np.testing.assert_array_equal(gradient, logits.grad)
    many = F.gumbel_softmax(np.tile(np.log([0.2, 0.8]), (2000, 1)), hard=True)
    assert abs(many.numpy()[:, 1].mean() - 0.8) < 0.05


@pytest.mark.parametrize(
    "function", [F.elu, F.silu, F.mish, F.softplus, F.hardswish, F.logsigmoid, F.gelu, F.celu]
)
def test_integers_are_refused(function):
    with pytest.raises(TypeError, match="input must have a float dtype"):
        function(tensor([1, 2]))


def test_functions_of_integers():
    k = tensor([-7, 0, 8])
    assert F.relu6(k).tolist() == [0, 0, 6]
    assert F.hardtanh(k).tolist() == [-1, 0, 1]
    assert F.threshold(k, 0, 5).tolist() == [5, 5, 8]
    for function in (F.relu6, F.hardtanh):
        assert function(k).dtype == np.int64
        with pytest.raises(TypeError, match="a number dtype"):
            function(tensor([True]))
    assert F.softsign(k).dtype == F.tanhshrink(k).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.celu(x, 0.0), ValueError, "celu: alpha must not be 0"),
        (lambda x: F.hardtanh(x, 1, -1), ValueError, "hardtanh: min_val must not exceed max_val"),
        (lambda x: F.softshrink(x, -1), ValueError, "softshrink: lambd must not be negative"),
        (lambda x: F.rrelu(x, 1, 0.5), ValueError, "rrelu: lower must not exceed upper"),
        (lambda x: F.glu(x, 0), ValueError, r"glu: input.shape\[0\] must be even \(got 3\)"),
        (lambda x: F.glu(x, 2), IndexError, "glu: dim must be in range for 2 dimensions"),
        (lambda x: F.glu(x[0, 0]), ValueError, "glu: input must have at least 1 dimension"),
        (lambda x: F.prelu(x, x), ValueError, "prelu: weight must have at most 1 dimension"),
        (lambda x: F.prelu(x, x[0, :2]), ValueError, "prelu: .* 2 and 4 channels"),
        (lambda x: F.prelu(x, np.zeros(1, np.float32)), TypeError, "prelu: weight.dtype"),
        (lambda x: F.gumbel_softmax(x, 0), ValueError, "gumbel_softmax: tau must be positive"),
        (lambda x: nn.Hardtanh(1, 1), ValueError, "Hardtanh: max_val must be greater"),
        (lambda x: nn.Softmax2d()(x), ValueError, "Softmax2d: input must have 3 or 4 dimensions"),
        (lambda x: nn.PReLU(device="cuda"), RuntimeError, "PReLU: device must be 'cpu'"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(tensor(np.zeros((3, 4))))
