"""Pooling in the graph; its values are tested with the kernels."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import kernels
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor

SHARED = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": 1},
    {"kernel_size": 3, "stride": (2, 1), "padding": 1},
    {"kernel_size": 2, "ceil_mode": True},
]
MAX = [*SHARED, {"kernel_size": 2, "dilation": 2, "stride": 1}]
AVG = [
    *SHARED,
    {"kernel_size": 3, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "padding": 1, "divisor_override": 7},
]


def distinct(*shape):
    return np.random.default_rng(0).permutation(np.arange(np.prod(shape)) * 0.1).reshape(shape)


@pytest.mark.parametrize("options", MAX, ids=str)
@pytest.mark.parametrize("n", [2, 0])
def test_max_pool2d(options, n):
    x = distinct(n, 2, 5, 6)
    y, indices = F.max_pool2d(x, **options, return_indices=True)
    expected, argmax = kernels.max_pool2d(x, **options)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, argmax)
    np.testing.assert_array_equal(F.max_pool2d(x, **options), expected)
    assert gradcheck(lambda x: F.max_pool2d(x, **options), x)
    assert gradcheck(lambda x: F.max_pool2d(x, **options, return_indices=True), x)


@pytest.mark.parametrize("options", AVG, ids=str)
@pytest.mark.parametrize("n", [2, 0])
def test_avg_pool2d(options, n):
    x = distinct(n, 2, 5, 6)
    np.testing.assert_array_equal(F.avg_pool2d(x, **options), kernels.avg_pool2d(x, **options))
    assert gradcheck(lambda x: F.avg_pool2d(x, **options), x)


def test_indices_are_outside_of_the_graph():
    x = Tensor(distinct(1, 1, 4, 4), requires_grad=True)
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert y.requires_grad
    assert not indices.requires_grad
    assert indices.dtype == np.int64


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_one_image(pool):
    x = distinct(3, 5, 6)
    np.testing.assert_array_equal(pool(x, 2), pool(x[None], 2).data[0])
    assert gradcheck(lambda x: pool(x, 3, 2, 1), x)
    with pytest.raises(ValueError, match="input must have 4 dimensions, or 3 for one image"):
        pool(x[0], 2)


def test_positions_in_one_image():
    y, indices = F.max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2, return_indices=True)
    assert y.tolist() == [[[5, 7], [13, 15]]]
    assert indices.tolist() == [[[5, 7], [13, 15]]]


def test_positional_options_stand_in_pytorchs_order():
    x = distinct(1, 1, 7, 7)
    np.testing.assert_array_equal(
        F.max_pool2d(x, 2, 1, 1, 2, True, True)[0],
        F.max_pool2d(x, 2, stride=1, padding=1, dilation=2, ceil_mode=True),
    )
    np.testing.assert_array_equal(
        F.avg_pool2d(x, 2, 1, 1, True, False, 3),
        F.avg_pool2d(
            x, 2, stride=1, padding=1, ceil_mode=True, count_include_pad=False, divisor_override=3
        ),
    )


def test_errors_come_from_the_kernel():
    x = distinct(1, 1, 4, 4)
    with pytest.raises(ValueError, match="max_pool2d: kernel_size"):
        F.max_pool2d(x, 5)
    with pytest.raises(ValueError, match="avg_pool2d: padding"):
        F.avg_pool2d(x, 2, padding=2)
