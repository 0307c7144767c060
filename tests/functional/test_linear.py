"""Matrix products and the linear layer."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((5, 2, 0), (0, 4)),
    ((0, 2, 3), (3, 4)),
    ((0, 2, 3), (3,)),
]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(("a", "b"), PRODUCTS, ids=str)
def test_matmul(a, b):
    a, b = numbers(*a), numbers(*b, seed=1)
    y = cnet.matmul(a, b)
    np.testing.assert_allclose(y, a @ b, rtol=1e-12, atol=1e-14)
    assert y.shape == (a @ b).shape
    assert gradcheck(cnet.matmul, (a, b))
    assert gradcheck(lambda x: x @ b, a)
    assert gradcheck(lambda x: a @ x, b)


def test_matmul_of_transposed_and_strided_operands():
    a, b = numbers(3, 2), numbers(4, 6, seed=1)[:, ::2]
    np.testing.assert_allclose(cnet.matmul(a.T, b.T), a.T @ b.T, rtol=1e-12)
    assert gradcheck(lambda x, y: x.T @ y.T, (a, b))
    assert gradcheck(lambda x: x @ x.T, a)
    assert gradcheck(lambda x: x.T @ x, a)


def test_matmul_promotes():
    single, double = tensor([[1.0, 2.0]], requires_grad=True), numbers(2, 1)
    y = single @ double
    assert y.dtype == np.float64
    y.backward()
    assert single.grad.dtype == np.float32
    assert (tensor([[1, 2]]) @ tensor([1.0, 2.0], "float64")).item() == 5


@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 3)), ValueError, r"matmul: .*\(got 3 and 2\)"),
        (np.ones((2, 3)), np.ones(()), ValueError, "matmul: b must have at least 1 dimension"),
        (np.ones((2, 3)), 2.0, TypeError, "matmul: operands must be tensors or arrays"),
        (np.ones(2, bool), np.ones(2, bool), TypeError, "matmul: operands must be numbers"),
        (np.ones(2, int), np.ones(3, int), ValueError, r"matmul: .*\(got \(2,\) and \(3,\)\)"),
    ],
)
def test_matmul_errors(a, b, error, message):
    with pytest.raises(error, match=message):
        cnet.matmul(Tensor(a), b)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3), (0, 3), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("outputs", [1, 5, 0])
def test_linear(shape, outputs):
    x, weight, bias = numbers(*shape), numbers(outputs, 3, seed=1), numbers(outputs, seed=2)
    np.testing.assert_allclose(
        F.linear(x, weight, bias), x @ weight.T + bias, rtol=1e-12, atol=1e-14
    )
    assert gradcheck(F.linear, (x, weight, bias))
    assert gradcheck(F.linear, (x, weight))
    assert gradcheck(lambda w: F.linear(x, w, bias), weight)
    assert gradcheck(lambda b: F.linear(x, weight, b), bias)
    assert gradcheck(lambda x: F.linear(x, weight), x)


def test_linear_without_inputs():
    np.testing.assert_array_equal(F.linear(np.ones((2, 0)), np.ones((4, 0))), np.zeros((2, 4)))
    assert gradcheck(F.linear, (np.ones((2, 0)), np.ones((4, 0)), np.ones(4)))


def test_linear_of_a_strided_input():
    x = numbers(3, 2).T
    assert gradcheck(lambda x: F.linear(x.T, numbers(4, 2)), x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones((2, 3)), np.ones((4, 2))), ValueError, r"linear: x.shape\[-1\] .*3 and 2"),
        ((np.ones((2, 3)), np.ones((4, 3)), np.ones(3)), ValueError, "linear: bias.shape"),
        ((np.ones((2, 3)), np.ones((4, 3), np.float32)), TypeError, "linear: weight.dtype"),
        (([[1.0]], np.ones((4, 1))), TypeError, "linear: x must be a NumPy array"),
    ],
)
def test_linear_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        F.linear(*arguments)
