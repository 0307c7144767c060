"""Inputs that a comparison with PyTorch on random arguments found; the values are PyTorch's."""

import numpy as np
import pytest

import cnet
from cnet import functional as F


def exactly(tensor, dtype, values):
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(tensor.numpy(), values)


def test_integers_of_any_kind_are_written_in_place():
    x = cnet.tensor([250, 1], dtype=cnet.uint8)
    x += cnet.tensor([10, -2])
    x ^= cnet.tensor([1, 0], dtype=cnet.int16)
    exactly(x, cnet.uint8, [5, 255])
    exactly(x.pow_(cnet.tensor(1)), cnet.uint8, [5, 255])
    with pytest.raises(RuntimeError, match="can't be cast"):
        x += 0.5
    with pytest.raises(RuntimeError, match="can't be cast"):
        cnet.tensor([True]).add_(cnet.tensor([1]))


def test_powers_of_integers_with_negative_exponents_are_rounded_towards_zero():
    base, exponent = cnet.tensor([2, 1, -1, -1, 0, 3]), cnet.tensor([-1, -2, -3, -2, -1, 2])
    exactly(base**exponent, cnet.int64, [0, 1, -1, 1, 0, 9])
    exactly(2**exponent, cnet.int64, [0, 0, 0, 0, 0, 4])
    exactly(cnet.tensor([1, 5], dtype=cnet.int8) ** cnet.tensor(-1), cnet.int8, [1, 0])
    with pytest.raises(ValueError, match="got -1"):
        base**-1
    with pytest.raises(ValueError, match="shapes"):
        base ** cnet.tensor([-1, 2])


def test_no_element_is_divided_by_zero():
    empty = cnet.zeros(0, dtype=cnet.int64)
    for result in (empty // 0, empty % 0, cnet.fmod(empty, cnet.tensor([0]))):
        exactly(result, cnet.int64, [])
    with pytest.raises(ZeroDivisionError):
        cnet.tensor([1]) // 0


def test_sums_and_products_have_the_given_dtype():
    x = cnet.tensor([200, 100], dtype=cnet.uint8)
    exactly(x.sum(dtype=cnet.uint8), cnet.uint8, 44)
    exactly(x.sum(dtype=cnet.bool), cnet.bool, True)
    exactly(x.prod(dtype=cnet.int32), cnet.int32, 20000)
    exactly(x.nansum(dtype=cnet.int16), cnet.int16, 300)
    exactly(x.cumsum(0, dtype=cnet.uint8), cnet.uint8, [200, 44])
    exactly(x.cumprod(0, dtype=cnet.int32), cnet.int32, [200, 20000])
    exactly(x.sum(dtype=cnet.float64), cnet.float64, 300)


def test_all_and_any_reduce_no_dimension_of_an_empty_sequence():
    x = cnet.tensor([[1.0, 0.0]])
    exactly(x.all(()), cnet.bool, [[True, False]])
    exactly(x.any([]), cnet.bool, [[True, False]])
    exactly(x.all(), cnet.bool, False)


def test_medians_without_elements():
    exactly(cnet.zeros(0, dtype=cnet.int32).median(), cnet.int32, np.iinfo(np.int32).min)
    exactly(cnet.zeros(0, dtype=cnet.bool).median(), cnet.bool, True)
    values, indices = cnet.zeros(0, 3).nanmedian(1)
    assert (values.shape, indices.shape) == ((0,), (0,))


def test_bounds_that_integers_cannot_hold():
    x = cnet.tensor([1, 200], dtype=cnet.uint8)
    for bounds in ((-5, 300), (0, 256), (-1, None)):
        with pytest.raises(RuntimeError, match="uint8 cannot hold"):
            x.clamp(*bounds)
    exactly(x.clamp(2, 199), cnet.uint8, [2, 199])


def test_triangles_of_booleans():
    mask = cnet.ones(3, 3, dtype=cnet.bool)
    exactly(mask.tril(), cnet.bool, np.tril(np.ones((3, 3))) == 1)
    exactly(mask.triu(1), cnet.bool, np.triu(np.ones((3, 3)), 1) == 1)
    exactly(mask.tril_(-1), cnet.bool, np.tril(np.ones((3, 3)), -1) == 1)


def test_ranges_of_integers_from_floats():
    exactly(cnet.arange(3.1, dtype=cnet.uint8), cnet.uint8, [0, 1, 2, 3])
    exactly(cnet.arange(3.1, dtype=cnet.int64), cnet.int64, [0, 1, 2])
    exactly(cnet.arange(0, 1, 0.5, dtype=cnet.int32), cnet.int32, [0, 0])
    exactly(cnet.arange(5, 0, -2), cnet.int64, [5, 3, 1])


def test_float16_random_numbers_are_less_than_1():
    cnet.manual_seed(0)
    assert cnet.rand(100_000, dtype=cnet.float16).max() < 1


def test_a_tensor_of_integers_does_not_require_grad():
    x = cnet.zeros(2, dtype=cnet.bool)
    x[0] = cnet.ones(1, requires_grad=True)
    assert not x.requires_grad
    exactly(x, cnet.bool, [True, False])


def test_products_with_numbers_are_refused():
    for product in (lambda x: x @ 2, lambda x: 2 @ x, lambda x: cnet.matmul(x, 1.5)):
        with pytest.raises(TypeError, match=r"matmul: operands must be tensors or arrays \(got"):
            product(cnet.ones(2))


def test_celu_with_a_negative_alpha():
    x = cnet.tensor([-1.0, 0.0, 2.0], dtype=cnet.float64, requires_grad=True)
    y = F.celu(x, alpha=-1)
    y.sum().backward()
    np.testing.assert_allclose(y.detach(), [1 - np.e, 0, 2])
    np.testing.assert_allclose(x.grad, [np.e, 1, 1])


def test_infinite_norms_of_windows_are_greatest_magnitudes():
    x = cnet.tensor([[[1.0, -3.0, 2.0, 0.5]]])
    exactly(F.lp_pool1d(x, float("inf"), 2), cnet.float32, [[[3, 2]]])
    exactly(F.lp_pool1d(x, float("-inf"), 2), cnet.float32, [[[1, 0.5]]])
    exactly(F.lp_pool2d(x[None], float("inf"), (1, 4)), cnet.float32, [[[[3]]]])


def test_vectors_along_several_axes_are_normalized():
    x = cnet.tensor([[[3.0, 0.0], [0.0, 4.0]]])
    np.testing.assert_allclose(F.normalize(x, dim=(1, 2)), x / 5, rtol=1e-6)


def test_logits_must_be_floats():
    with pytest.raises(TypeError, match="binary_cross_entropy_with_logits: input must have a fl"):
        F.binary_cross_entropy_with_logits(cnet.tensor([1, 0]), cnet.tensor([1.0, 0.0]))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_windows_of_zeros_have_no_gradient(p):
    x = cnet.tensor([[[0.0, 0.0, 3.0, 4.0]]], requires_grad=True)
    y = F.lp_pool1d(x, p, 2)
    assert y[0, 0, 0] == 0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad[0, 0, :2], [0, 0])
    assert (x.grad[0, 0, 2:] > 0).all()
