"""Elementwise operations that are declared by formulas: values, gradients, `out`, in place."""

import math
from functools import partial

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

UNARY = {
    "abs": (abs, -3, 3),
    "acos": (math.acos, -0.9, 0.9),
    "acosh": (math.acosh, 1.1, 4),
    "asin": (math.asin, -0.9, 0.9),
    "asinh": (math.asinh, -3, 3),
    "atan": (math.atan, -3, 3),
    "atanh": (math.atanh, -0.9, 0.9),
    "ceil": (math.ceil, -3, 3),
    "cos": (math.cos, -6, 6),
    "cosh": (math.cosh, -3, 3),
    "deg2rad": (math.radians, -400, 400),
    "erf": (math.erf, -3, 3),
    "erfc": (math.erfc, -3, 3),
    "i0": (lambda x: sum((x * x / 4) ** k / math.factorial(k) ** 2 for k in range(40)), -3, 3),
    "exp": (math.exp, -3, 3),
    "exp2": (lambda x: 2**x, -3, 3),
    "expm1": (math.expm1, -3, 3),
    "floor": (math.floor, -3, 3),
    "frac": (lambda x: math.fmod(x, 1), -3, 3),
    "lgamma": (math.lgamma, 0.1, 12),
    "log": (math.log, 0.1, 9),
    "log10": (math.log10, 0.1, 9),
    "log1p": (math.log1p, -0.9, 9),
    "log2": (math.log2, 0.1, 9),
    "logit": (lambda x: math.log(x / (1 - x)), 0.1, 0.9),
    "nan_to_num": (lambda x: x, -3, 3),
    "neg": (lambda x: -x, -3, 3),
    "rad2deg": (math.degrees, -9, 9),
    "reciprocal": (lambda x: 1 / x, 0.1, 3),
    "round": (round, -3, 3),
    "rsqrt": (lambda x: x**-0.5, 0.1, 3),
    "sgn": (lambda x: math.copysign(1, x), -3, 3),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), -3, 3),
    "sign": (lambda x: math.copysign(1, x), -3, 3),
    "sin": (math.sin, -6, 6),
    "sinc": (lambda x: math.sin(math.pi * x) / (math.pi * x), 0.1, 3),
    "sinh": (math.sinh, -3, 3),
    "sqrt": (math.sqrt, 0.1, 9),
    "square": (lambda x: x * x, -3, 3),
    "tan": (math.tan, -1.3, 1.3),
    "tanh": (math.tanh, -3, 3),
    "trunc": (math.trunc, -3, 3),
}
"""The function of a number, and a range in which it is smooth away from jumps."""

BINARY = {
    "add": lambda a, b: a + b,
    "atan2": math.atan2,
    "copysign": math.copysign,
    "div": lambda a, b: a / b,
    "fmax": max,
    "fmin": min,
    "fmod": math.fmod,
    "hypot": math.hypot,
    "logaddexp2": lambda a, b: math.log2(2**a + 2**b),
    "logaddexp": lambda a, b: math.log(math.exp(a) + math.exp(b)),
    "maximum": max,
    "minimum": min,
    "mul": lambda a, b: a * b,
    "pow": lambda a, b: a**b,
    "remainder": lambda a, b: a % b,
    "xlogy": lambda a, b: a * math.log(b),
    "sub": lambda a, b: a - b,
}
ALIASES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "clip": "clamp", "divide": "div",
    "fix": "trunc", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
    "multiply": "mul", "negative": "neg", "not_equal": "ne", "subtract": "sub",
}  # fmt: skip


def inputs(low, high, shape=(3, 5)):
    return np.random.default_rng(0).uniform(low, high, shape)


def operands(shapes=((3, 5), (5,))):
    rng = np.random.default_rng(1)
    return [rng.uniform(0.3, 3, shape) for shape in shapes]


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name):
    expected, low, high = UNARY[name]
    function, x = getattr(cnet, name), inputs(low, high)
    y = function(x)
    np.testing.assert_allclose(y, np.vectorize(expected, otypes=[float])(x), rtol=1e-13)
    assert gradcheck(function, x)
    single = function(Tensor(x.astype(np.float32), requires_grad=True))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.detach(), y, rtol=2e-5, atol=1e-6)
    for method in (getattr(tensor(x), name), getattr(tensor(x), f"{name}_")):
        np.testing.assert_array_equal(method(), y)
    out = tensor(np.empty_like(x))
    assert function(x, out=out) is out
    np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_operands(name):
    function, expected = getattr(cnet, name), np.vectorize(BINARY[name], otypes=[float])
    a, b = operands()
    y = function(tensor(a), tensor(b))
    np.testing.assert_allclose(y, expected(a, b), rtol=1e-13)
    np.testing.assert_allclose(function(b, a), expected(b, a), rtol=1e-13)
    for shapes in (((3, 5), (5,)), ((), (2,)), ((2, 1), (1, 3)), ((0, 2), (2,))):
        assert gradcheck(function, operands(shapes))
        assert gradcheck(lambda x, y: function(y, x), operands(shapes))
    for method in (getattr(tensor(a), name), getattr(tensor(a), f"{name}_")):
        np.testing.assert_array_equal(method(tensor(b)), y)
    out = tensor(np.empty_like(a))
    assert function(tensor(a), tensor(b), out=out) is out
    np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("name", UNARY)
def test_gradients_of_operations_in_place(name):
    _, low, high = UNARY[name]
    x, y = (Tensor(inputs(low, high), requires_grad=True) for _ in range(2))
    getattr(x * 1, f"{name}_")().sum().backward()
    getattr(cnet, name)(y).sum().backward()
    np.testing.assert_array_equal(x.grad, y.grad)


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias):
    name = ALIASES[alias]
    assert getattr(cnet, alias) is getattr(cnet, name)
    assert getattr(Tensor, alias) is getattr(Tensor, name)
    assert hasattr(Tensor, f"{alias}_") == hasattr(Tensor, f"{name}_")


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sign", [0, 1, -1, 0, 0]),
        ("round", [np.nan, np.inf, -np.inf, 0, 0]),
        ("nan_to_num", [0, np.finfo(float).max, np.finfo(float).min, 0, 0]),
        ("isnan", [True, False, False, False, False]),
        ("isinf", [False, True, True, False, False]),
        ("isfinite", [False, False, False, True, True]),
        ("signbit", [False, False, True, False, True]),
        ("logical_not", [False, False, False, True, True]),
        ("log", [np.nan, np.inf, np.nan, -np.inf, -np.inf]),
        ("rsqrt", [np.nan, 0, np.nan, np.inf, -np.inf]),
        ("reciprocal", [np.nan, 0, 0, np.inf, -np.inf]),
        ("log2", [np.nan, np.inf, np.nan, -np.inf, -np.inf]),
    ],
)
def test_special_numbers_without_warnings(name, expected):
    np.testing.assert_array_equal(getattr(cnet, name)(np.array(SPECIAL)), expected)


def test_special_numbers_of_two_operands():
    inf, nan = np.inf, np.nan
    a, b = np.array([inf, inf, -inf, nan, 0.0]), np.array([inf, -inf, -inf, 1.0, 0.0])
    np.testing.assert_array_equal(cnet.logaddexp(a, b), [inf, inf, -inf, nan, np.log(2)])
    np.testing.assert_array_equal(cnet.hypot(a, b), [inf, inf, inf, nan, 0])
    np.testing.assert_array_equal(cnet.fmax(a, b), np.fmax(a, b))
    for scale in (1e200, 1e-200):
        y = cnet.hypot(np.array([3 * scale]), np.array([4 * scale]))
        np.testing.assert_allclose(y, 5 * scale, rtol=1e-15)
    assert cnet.logaddexp(np.array([1e4]), np.array([1e4])).item() == 1e4 + math.log(2)


def test_equal_and_nan_operands_of_fmax():
    a, b = (Tensor(np.array(x), requires_grad=True) for x in ([1, np.nan, 2.0], [1, 2.0, np.nan]))
    cnet.fmax(a, b).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([1, 0, 1], [0, 1, 0])


def test_rounding():
    x = tensor([0.5, 1.5, 2.5, -0.5, 1.25, 14.0])
    assert x.round().tolist() == [0, 2, 2, 0, 1, 14]
    np.testing.assert_allclose(cnet.round(x, decimals=1), [0.5, 1.5, 2.5, -0.5, 1.2, 14])
    assert cnet.round(x, decimals=-1).tolist() == [0, 0, 0, 0, 0, 10]
    k = tensor([1, 2])
    for function in (cnet.round, cnet.floor, cnet.ceil, cnet.trunc):
        y = function(k)
        assert y.tolist() == [1, 2]
        assert not np.shares_memory(y.numpy(), k.numpy())
    with pytest.raises(TypeError, match="round: decimals must be 0"):
        cnet.round(k, decimals=1)


def test_division_with_rounding():
    a, b = tensor([7, -7, 7, -7]), tensor([2, 2, -2, -2])
    assert cnet.div(a, b, rounding_mode="trunc").tolist() == [3, -3, -3, 3]
    assert cnet.div(a, b, rounding_mode="floor").tolist() == [3, -4, -4, 3]
    assert cnet.fmod(a, b).tolist() == [1, -1, 1, -1]
    assert cnet.remainder(a, b).tolist() == [1, 1, -1, -1]
    x = tensor([7.0, -7.0], requires_grad=True)
    y = x.div(2, rounding_mode="trunc")
    assert y.tolist() == [3, -3]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]
    with pytest.raises(ValueError, match="div: rounding_mode must be None, 'trunc' or 'floor'"):
        cnet.div(a, b, rounding_mode="ceil")
    for function in (cnet.floor_divide, cnet.remainder, cnet.fmod):
        with pytest.raises(ZeroDivisionError):
            function(a, tensor([0]))


def test_logit():
    x = np.array([-0.5, 0.0, 0.25, 1.0, 1.5])
    np.testing.assert_allclose(cnet.logit(x[2]), np.log(1 / 3))
    leaf = Tensor(x, requires_grad=True)
    cnet.logit(leaf, eps=0.1).sum().backward()
    np.testing.assert_allclose(leaf.grad, [0, 0, 1 / (0.25 * 0.75), 0, 0])


@pytest.mark.parametrize("value", [1, 0.5, -2])
def test_products_added_to_a_tensor(value):
    a, b, c = operands(((2, 3), (3,), (2, 1)))
    np.testing.assert_allclose(cnet.addcmul(a, b, c, value=value), a + value * b * c)
    np.testing.assert_allclose(cnet.addcdiv(a, b, c, value=value), a + value * b / c)
    for function in (cnet.addcmul, cnet.addcdiv):
        assert gradcheck(partial(function, value=value), (a, b, c))
        y = getattr(tensor(a), f"{function.__name__}_")(tensor(b), tensor(c), value=value)
        np.testing.assert_array_equal(y, function(a, b, c, value=value))


def test_interpolation():
    a, b, w = operands(((2, 3), (3,), (2, 1)))
    for weight in (0, 0.25, 0.75, 1, w):
        np.testing.assert_allclose(cnet.lerp(a, b, weight), a + weight * (b - a), rtol=1e-14)
        np.testing.assert_array_equal(tensor(a).lerp_(b, weight), cnet.lerp(a, b, weight))
    assert gradcheck(cnet.lerp, (a, b, w / 4))
    with pytest.raises(TypeError, match=r"lerp: end.dtype must equal input.dtype"):
        cnet.lerp(tensor([1.0]), np.ones(1), 0.5)


def test_bounds_on_one_side():
    x = tensor([-1.0, 2.0])
    assert cnet.clamp_min(x, 0).tolist() == x.clamp_min(0).tolist() == [0, 2]
    assert cnet.clamp_max(x, 0).tolist() == x.clamp_max(0).tolist() == [-1, 0]
    assert x.clamp_min_(0) is x
    assert x.clamp_max_(1).tolist() == [0, 1]


def test_float16():
    """Results are those of float32, rounded."""
    x = np.array([0.1, 0.5, 0.9], np.float16)
    for name in ("exp", "log", "sqrt", "sigmoid", "sin", "log1p", "erf"):
        leaf = Tensor(x, requires_grad=True)
        y = getattr(cnet, name)(leaf)
        assert y.dtype == np.float16
        exact = getattr(cnet, name)(x.astype(np.float32)).numpy()
        np.testing.assert_allclose(y.detach(), exact, rtol=1e-3)
        y.sum().backward()
        assert leaf.grad.dtype == np.float16
        assert np.isfinite(leaf.grad).all()


def test_out():
    x = tensor([1.0, 2.0])
    empty = tensor(np.empty(0, np.float32))
    assert cnet.add(x, 1, out=empty) is empty
    assert empty.tolist() == [2, 3]
    wide = tensor(np.empty(2))
    assert cnet.mul(x, 2, out=wide).dtype == np.float64
    leaf = tensor([1.0, 2.0], requires_grad=True)
    for arguments, error, message in [
        ((leaf, x), RuntimeError, "one of the arguments requires grad"),
        ((x, leaf), RuntimeError, "one of the arguments requires grad"),
        ((x, tensor([1.0])), ValueError, "sin: out.shape must equal the shape of the result"),
        ((x, tensor([1, 2])), RuntimeError, "can't be cast"),
        ((x, np.empty(2)), TypeError, "out must be a Tensor"),
    ]:
        with pytest.raises(error, match=message):
            cnet.sin(arguments[0], out=arguments[1])
    with cnet.no_grad():
        cnet.sin(leaf, out=x)
    y = leaf * x
    cnet.exp(leaf.detach(), out=x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cnet.sin(2.0), TypeError, "sin: input must be a Tensor or array"),
        (lambda: cnet.exp([1.0]), TypeError, "exp: input must be a Tensor or array"),
        (lambda: cnet.maximum(tensor(1.0), 2), TypeError, "maximum: other must be a Tensor"),
        (lambda: cnet.eq(2, tensor(1.0)), TypeError, "eq: input must be a Tensor"),
        (lambda: cnet.pow(2, 3), TypeError, "pow: input or exponent must be a Tensor"),
        (lambda: cnet.clamp(2, 3), TypeError, "clamp: input must be a Tensor"),
        (lambda: tensor([True]) - 1, TypeError, "sub: booleans cannot be subtracted"),
        (lambda: -tensor([True]), TypeError, "neg: input must have a number dtype"),
        (lambda: cnet.abs(tensor([True])), TypeError, "abs: input must have a number dtype"),
        (lambda: cnet.hypot(tensor([1]), tensor([1])), TypeError, "hypot: .* a float dtype"),
        (lambda: tensor([1.0]) & 1, TypeError, "bitwise_and: .* boolean or integer dtype"),
        (lambda: tensor([2]) ** -1, ValueError, r"pow: exponent must be from 0 to .* \(got -1\)"),
        (
            lambda: cnet.atan2(tensor([1.0, 2.0]), tensor([1.0, 2.0, 3.0])), ValueError,
            r"atan2: shapes \(2,\) and \(3,\) do not broadcast",
        ),
        (
            lambda: tensor([1.0, 2.0]) * tensor([1.0, 2.0, 3.0]), ValueError,
            r"mul: shapes \(2,\) and \(3,\) do not broadcast",
        ),
        (
            lambda: cnet.floor_divide(tensor(1.0, requires_grad=True), tensor(2.0)).backward(),
            RuntimeError, "floor_divide: the derivative is not implemented",
        ),
        (
            lambda: cnet.addcmul(tensor([1]), tensor([1]), tensor([1]), value=0.5), TypeError,
            "addcmul: value must be an integer",
        ),
        (
            lambda: cnet.heaviside(tensor([1.0]), tensor([1])), TypeError,
            r"heaviside: values.dtype must equal input.dtype",
        ),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_logarithm_of_the_gamma_function_and_its_derivatives():
    """Literals: ψ(1) = −γ, ψ(1/2) = −γ − 2 log 2, ψ(n + 1) = ψ(n) + 1/n."""
    euler = 0.57721566490153286
    x = np.array([1.0, 0.5, 2.0, 30.0])
    expected = [-euler, -euler - 2 * math.log(2), 1 - euler, sum(1 / np.arange(1, 30)) - euler]
    np.testing.assert_allclose(cnet.digamma(x), expected, rtol=1e-14)
    for function in (cnet.lgamma, cnet.digamma):
        assert gradcheck(function, np.array([-3.3, -0.7, 0.2, 1.1, 2.0, 9.5, 60.0]))
    special = np.array([np.inf, np.nan, 0.0, -2.0])
    np.testing.assert_array_equal(cnet.digamma(special), [np.inf, np.nan, -np.inf, np.nan])
    np.testing.assert_array_equal(cnet.lgamma(special), [np.inf, np.nan, np.inf, np.inf])


@pytest.mark.parametrize("offset", [0, 1e6, 1e7])
@pytest.mark.parametrize(
    ("function", "weight"), [(cnet.logaddexp, 1 / (1 + math.e)), (cnet.logaddexp2, 1 / 3)]
)
def test_gradients_of_logaddexp_keep_the_digits_of_large_operands(function, weight, offset):
    a = tensor([offset], dtype=cnet.float32, requires_grad=True)
    b = tensor([offset + 1], dtype=cnet.float32, requires_grad=True)
    function(a, b).sum().backward()
    assert a.grad.item() == pytest.approx(weight, rel=1e-6)
    assert b.grad.item() == pytest.approx(1 - weight, rel=1e-6)
    a, b = (tensor([x], requires_grad=True) for x in (float("inf"), 1.0))
    function(a, b).sum().backward()
    assert (a.grad.item(), b.grad.item()) == (1, 0)
