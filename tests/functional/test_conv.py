"""Convolution in the graph; its values are tested with the kernels."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import kernels
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

CASES = [
    ((2, 3, 5, 6), (4, 3, 3, 3), {}),
    ((2, 3, 5, 6), (4, 3, 3, 2), {"stride": 2, "padding": 1}),
    ((1, 4, 6, 5), (6, 2, 3, 2), {"stride": (2, 1), "padding": (1, 0), "groups": 2}),
    ((1, 3, 7, 7), (3, 1, 3, 3), {"dilation": 2, "groups": 3}),
    ((2, 2, 4, 5), (3, 2, 3, 2), {"padding": "same"}),
    ((2, 2, 4, 5), (3, 2, 1, 1), {"padding": "valid"}),
    ((0, 2, 4, 5), (3, 2, 3, 3), {}),
]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(("x", "weight", "options"), CASES)
def test_gradients(x, weight, options):
    x, weight, bias = numbers(*x), numbers(*weight, seed=1), numbers(weight[0], seed=2)
    y = F.conv2d(x, weight, bias, **options)
    np.testing.assert_array_equal(y, kernels.conv2d(x, weight, bias, **options))
    assert gradcheck(lambda *args: F.conv2d(*args, **options), (x, weight, bias))
    assert gradcheck(lambda *args: F.conv2d(*args, **options), (x, weight))
    assert gradcheck(lambda w: F.conv2d(x, w, bias, **options), weight)
    assert gradcheck(lambda b: F.conv2d(x, weight, b, **options), bias)


def test_positional_options_stand_in_pytorchs_order():
    x, weight = numbers(1, 2, 7, 7), numbers(2, 1, 3, 3)
    np.testing.assert_array_equal(
        F.conv2d(x, weight, None, 2, 1, 2, 2),
        F.conv2d(x, weight, stride=2, padding=1, dilation=2, groups=2),
    )


def test_strided_input():
    x, weight = numbers(5, 4, 3, 2).T, numbers(1, 3, 2, 2)
    assert gradcheck(lambda x, w: F.conv2d(x, w), (x, weight))


def test_errors_come_from_the_kernel():
    with pytest.raises(ValueError, match=r"conv2d: weight\.shape\[1\]"):
        F.conv2d(Tensor(numbers(1, 3, 5, 5)), numbers(4, 2, 3, 3))
    with pytest.raises(
        ValueError, match="conv2d: input must have 4 dimensions, or 3 for one image"
    ):
        F.conv2d(numbers(5, 5), numbers(4, 3, 3, 3))


@pytest.mark.parametrize("size", [3, 5])
def test_what_is_documented_of_winograd(size):
    """The error bound relative to the inputs of a tile; NaN; inexact zeros; the range."""
    rng = np.random.default_rng(0)
    p, reach = size // 2, size // 2 + 3
    weight = rng.standard_normal((16, 16, size, size)).astype(np.float32)
    x = np.ones((1, 16, 32, 32), np.float32)
    x[0, 3, 15, 15] = 1e4
    exact = F.conv2d(x.astype(np.float64), weight.astype(np.float64), padding=p).numpy()
    largest = np.ones((32, 32))
    largest[15 - reach : 16 + reach, 15 - reach : 16 + reach] = 1e4
    bound = 32 * np.finfo(np.float32).eps * largest * np.abs(weight).sum((1, 2, 3))[:, None, None]
    error = np.abs(F.conv2d(x, weight, padding=p).numpy() - exact)[0]
    assert (error <= bound).all()

    outside = np.ones((32, 32), bool)
    outside[15 - reach : 16 + reach, 15 - reach : 16 + reach] = False
    x[0, 3, 15, 15] = np.nan
    assert np.isfinite(F.conv2d(x, weight, padding=p).numpy()[..., outside]).all()
    lone = np.zeros_like(x)
    lone[0, 3, 15, 15] = 1
    assert not F.conv2d(lone, weight, padding=p).numpy()[..., outside].any()
    large = 1e37 * rng.choice([-1, 1], x.shape).astype(np.float32)
    shares = np.full_like(weight, 0.5 / (16 * size * size))
    assert np.isfinite(F.conv2d(large, shares, padding=p).numpy()).all()

    touched = np.zeros((32, 32), bool)
    touched[15 - p : 16 + p, 15 - p : 16 + p] = True
    with cnet.use_exact():
        assert not F.conv2d(lone, weight, padding=p).numpy()[..., ~touched].any()
        assert np.isfinite(F.conv2d(x, weight, padding=p).numpy()[..., ~touched]).all()
        assert np.isfinite(F.conv2d(30 * large, shares, padding=p).numpy()).all()


def test_one_image():
    x, weight, bias = numbers(3, 5, 6), numbers(4, 3, 3, 3), numbers(4)
    y = F.conv2d(x, weight, bias, padding=1)
    np.testing.assert_array_equal(y, F.conv2d(x[None], weight, bias, padding=1).data[0])
    assert gradcheck(lambda x, w: F.conv2d(x, w, stride=2), (x, weight))
