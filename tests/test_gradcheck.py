"""The gradient checker accepts correct derivatives and rejects wrong ones."""

import numpy as np
import pytest

import cnet
from cnet.autograd import Function
from cnet.gradcheck import GradcheckError, gradcheck
from cnet.tensor import Tensor, tensor

RNG = np.random.default_rng(0)
SMALL, LARGE = RNG.standard_normal((3, 4)), RNG.standard_normal((30, 40))


def rule(forward, backward):
    """A function of two arrays with a derivative that may be wrong."""

    class Rule(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return forward(x, y)

        @staticmethod
        def backward(ctx, grad):
            return backward(grad, *ctx.saved)

    return Rule.apply


def product(backward):
    return rule(lambda x, y: x * y, backward)


@pytest.mark.parametrize("x", [SMALL, LARGE, SMALL[0], np.array(0.5), np.zeros((0, 3))])
def test_right_rules_pass(x):
    assert gradcheck(product(lambda grad, x, y: (grad * y, grad * x)), (x, x + 1)) is True


@pytest.mark.parametrize("x", [SMALL, LARGE])
@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 0.0, np.nan])
@pytest.mark.parametrize("wrong", [0, 1])
def test_a_wrong_factor_is_found(x, factor, wrong):
    factors = [1.0, 1.0]
    factors[wrong] = factor
    fn = product(lambda grad, x, y: (factors[0] * grad * y, factors[1] * grad * x))
    with pytest.raises(GradcheckError) as error:
        gradcheck(fn, (x, x + 1))
    assert error.value.input == wrong
    assert (error.value.position is None) == (x is LARGE)


def test_a_single_wrong_element_is_found_and_named():
    mask = np.ones(SMALL.shape)
    mask[1, 2] = 1.001
    fn = product(lambda grad, x, y: (grad * y * mask, grad * x))
    with pytest.raises(GradcheckError, match=r"input 0 at \(1, 2\)") as error:
        gradcheck(fn, (SMALL, SMALL + 1))
    assert error.value.position == (1, 2)
    assert error.value.analytic == pytest.approx(1.001 * error.value.numeric, rel=1e-6)


@pytest.mark.parametrize("x", [SMALL, LARGE])
def test_wrong_broadcasting_is_found(x):
    def first_row(grad, x, y):
        return grad * y, (grad * x)[0]

    with pytest.raises(GradcheckError) as error:
        gradcheck(product(first_row), (x, x[0]))
    assert error.value.input == 1

    def not_summed(grad, x, y):
        return grad * y, grad * x

    with pytest.raises(ValueError, match="shape"):
        gradcheck(product(not_summed), (x, x[0]))


@pytest.mark.parametrize("x", [SMALL, LARGE])
def test_a_missing_gradient_is_found(x):
    with pytest.raises(GradcheckError) as error:
        gradcheck(product(lambda grad, x, y: (None, grad * x)), (x, x + 1))
    assert (error.value.input, error.value.analytic) == (0, 0.0)

    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.detach() * 2, x)


def test_a_wrong_gradient_of_one_of_several_outputs_is_found():
    def two(x):
        wrong = product(lambda grad, x, y: (1.001 * grad * y, grad * x))
        return x * 2, x > 0, wrong(x, x)

    with pytest.raises(GradcheckError):
        gradcheck(two, SMALL)
    assert gradcheck(lambda x: (x * 2, x > 0, x * x), SMALL)


def test_tolerances_and_steps_are_obeyed():
    fn = product(lambda grad, x, y: (1.001 * grad * y, grad * x))
    assert gradcheck(fn, (SMALL, SMALL + 1), rtol=0.01)
    assert gradcheck(fn, (SMALL, SMALL + 1), atol=1.0)
    with pytest.raises(GradcheckError):
        gradcheck(cnet.abs, np.array([1e-3]), eps=1e-2)


def test_inputs_that_are_not_checked_are_passed_on():
    def fn(x, constant, index, power):
        assert isinstance(constant, Tensor)
        assert not constant.requires_grad
        return x[index] ** power * constant

    constant = tensor([1.0, 2.0])
    x = tensor([3.0, 4.0], requires_grad=True)
    assert gradcheck(fn, (x, constant, np.array([1, 1]), 2))
    assert x.grad is None
    assert x.dtype == np.float32


def test_something_must_be_checked():
    with pytest.raises(ValueError, match="gradcheck: inputs"):
        gradcheck(cnet.exp, tensor([1.0]))


def test_inputs_are_left_alone():
    x = SMALL.copy()
    gradcheck(cnet.exp, x)
    np.testing.assert_array_equal(x, SMALL)
