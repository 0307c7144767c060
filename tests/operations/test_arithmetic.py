"""Sums, products and powers: values, dtypes and gradients, with broadcasting."""

import operator
import warnings

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

SHAPES = [
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((1,), (1, 1)),
    ((4, 1, 3), (2, 1)),
    ((0, 3), (1, 3)),
    ((2, 0), (1,)),
]
OPERATIONS = [cnet.add, cnet.sub, cnet.mul, cnet.div, cnet.pow]


def positive(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2, shape)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_gradients_with_broadcasting(operation, shapes):
    a, b = positive(shapes[0]), positive(shapes[1], 1)
    assert gradcheck(operation, (a, b))
    assert gradcheck(lambda a, b: operation(b, a), (a, b))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_gradients_of_one_operand_only(operation):
    a, b = positive((2, 3)), positive(3, 1)
    assert gradcheck(lambda x: operation(x, b), a)
    assert gradcheck(lambda x: operation(b, x), a)
    assert gradcheck(lambda x: operation(x, 2), a)
    assert gradcheck(lambda x: operation(2, x), a)
    assert gradcheck(lambda x: operation(x, x), a)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (operator.add, [[12, 14]]),
        (operator.sub, [[-8, -6]]),
        (operator.mul, [[20, 40]]),
        (operator.truediv, [[0.2, 0.4]]),
        (operator.pow, [[2**10, 4**10]]),
    ],
)
def test_operators(symbol, expected):
    x, ten = tensor([[2.0, 4.0]]), tensor(10.0)
    for other in (10, 10.0, np.float64(10), np.int64(10), ten, ten.detach().numpy()):
        result = symbol(x, other)
        np.testing.assert_allclose(result, expected, rtol=1e-6)
        assert result.dtype == np.float32
        back = symbol(other, x)
        np.testing.assert_allclose(back, symbol(10.0, x.detach().numpy()), rtol=1e-6)
        assert back.dtype == np.float32


def test_unary_minus():
    assert (-tensor([1.0, -2.0])).tolist() == [-1, 2]
    assert gradcheck(cnet.neg, positive((2, 3)))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_dtypes(operation):
    single, double = tensor([2.0]), tensor([2.0], "float64")
    for scalar in (3, 3.0, np.float64(3), np.float32(3), np.int32(3), np.int64(3)):
        assert operation(single, scalar).dtype == np.float32
        assert operation(scalar, single).dtype == np.float32
        assert operation(double, scalar).dtype == np.float64
    for wide in (double, double.numpy()):
        assert operation(single, wide).dtype == np.float64
    for other in (np.array(2.0), tensor(2.0, "float64"), tensor([3]), tensor([True])):
        assert operation(single, other).dtype == np.float32
        assert operation(other, single).dtype == np.float32


def test_gradients_are_cast_back():
    x, y = tensor([2.0], requires_grad=True), tensor([3.0], "float64", requires_grad=True)
    (x * y).backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("exponent", [3, 3.0, np.float64(3), np.array(3.0), np.full(3, 3)])
def test_powers_of_negative_numbers(exponent):
    x = np.array([-2.0, 0.0, 1.5])
    np.testing.assert_allclose(cnet.pow(x, exponent), x**3)
    assert gradcheck(lambda x: cnet.pow(x, exponent), x)


@pytest.mark.parametrize("zero", [0, 0.0, np.zeros(3), tensor(0.0, "float64", requires_grad=True)])
def test_the_power_zero_is_constant(zero):
    x = Tensor(np.array([0.0, -1.0, np.inf]), requires_grad=True)
    y = x**zero
    np.testing.assert_array_equal(y.detach(), [1, 1, 1])
    gradient = np.ones(3)
    if isinstance(zero, Tensor):
        with pytest.warns(RuntimeWarning, match="invalid value"):  # log of a negative base
            y.backward(gradient)
    else:
        y.backward(gradient)
    np.testing.assert_array_equal(x.grad, [0, 0, 0])


def test_powers_of_zero_do_not_depend_on_the_exponent():
    p = Tensor(np.array([0.0, 1.0, 2.5]), requires_grad=True)
    for base in (0.0, np.zeros(3)):
        p.grad = None
        cnet.pow(base, p).sum().backward()
        np.testing.assert_array_equal(p.grad, [0, 0, 0])


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_pole_of_negative_powers():
    p = Tensor(np.array([-1.0]), requires_grad=True)
    (0.0**p).backward()
    np.testing.assert_array_equal(p.grad, [-np.inf])


def test_no_warnings_beyond_numpys():
    x = Tensor(np.array([0.0, 2.0]), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (x**2 + x**1 + x**0).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 5])


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match="broadcast"):
        tensor([1.0, 2.0]) + tensor([1.0, 2.0, 3.0])


@pytest.mark.parametrize("number", [0.1, np.float64(0.1)])
def test_a_number_times_alpha_keeps_its_digits(number):
    x = cnet.ones(1, dtype=cnet.float64)
    assert x.add(number, alpha=3).item() == 1 + 3 * 0.1
    assert x.sub(number, alpha=3).item() == 1 - 3 * 0.1
    assert x.clone().add_(number, alpha=3).item() == 1 + 3 * 0.1
    assert x.sub_(number, alpha=3).item() == 1 - 3 * 0.1
    assert cnet.ones(1).add(number, alpha=3).dtype == cnet.float32
    with pytest.raises(TypeError, match="alpha must be an integer"):
        cnet.tensor([1]).add(1, alpha=0.5)
