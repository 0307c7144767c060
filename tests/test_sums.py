"""Long sums inside kernels keep their precision."""

from collections.abc import Iterator

import numpy as np
import pytest

import cnet
from cnet import _core, kernels
from cnet.operations import _sums

ISAS = [name for name, supported in _core.isas() if supported]
DTYPES = np.float32, np.float64


@pytest.fixture(autouse=True, params=ISAS)
def _isa(request: pytest.FixtureRequest) -> Iterator[None]:
    with cnet.use_isa(request.param):
        yield


@pytest.mark.parametrize("value", [-3e9, 0.1, 1e-30, 7.0])
@pytest.mark.parametrize("shape", [(2, 3, 500, 500), (100_000, 2), (1, 1, 1), (7, 2, 33)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_numbers_have_that_mean_and_no_variance(
    value: float, shape: tuple[int, ...], dtype: type
) -> None:
    x = np.full(shape, value, dtype)
    mean, var = kernels.batch_norm_stats(x)
    assert (mean == dtype(value)).all()
    assert (var == 0).all()
    assert not kernels.batch_norm(x, mean, var).any()


@pytest.mark.parametrize("first", [1.0, 1e4, np.inf])
def test_a_first_number_far_from_the_others(first: float) -> None:
    x = np.random.default_rng(1).normal(3, 1, (4, 1, 5000)).astype(np.float32)
    x[0, 0, 0] = first
    mean, var = kernels.batch_norm_stats(x)
    exact = x.astype(np.float64)
    assert np.allclose(mean, exact.mean(), rtol=1e-7)
    if np.isfinite(first):
        assert np.allclose(var, exact.var(), rtol=1e-6)
    else:
        assert np.isnan(var).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_batch_norm_add_a_large_plane(dtype: type) -> None:
    dy = np.full((1, 1, 2048, 2048), 0.1, dtype)
    x = np.random.default_rng(2).normal(0, 1, dy.shape).astype(dtype)
    mean, var = kernels.batch_norm_stats(x)
    _, dw, db = kernels.batch_norm_backward(dy, x, mean, var)
    exact = np.sum(dy.astype(np.float64) * (x - mean.astype(np.float64)[0])) / np.sqrt(var + 1e-5)
    assert np.allclose(db, float(dtype(0.1)) * dy.size, rtol=1e-7)
    assert np.allclose(dw, exact, rtol=0, atol=1e-6 * 0.1 * dy.size)


@pytest.mark.parametrize("algorithm", ["auto", "depthwise", "direct", "product"])
@pytest.mark.parametrize("shape", [(1, 2, 2048, 2048), (4096, 2, 8, 8)])
def test_bias_gradients_of_convolutions(algorithm: str, shape: tuple[int, ...]) -> None:
    dy = np.full(shape, 0.1, np.float32)
    weight = np.ones((2, 1, 1, 1), np.float32)
    needs = False, algorithm == "depthwise", True
    _, _, db = kernels.conv2d_backward(dy, dy, weight, groups=2, needs=needs, algorithm=algorithm)
    assert np.allclose(db, float(np.float32(0.1)) * dy.size / 2, rtol=1e-6)


def test_bias_gradient_of_the_fused_kernel() -> None:
    n, side = 512, 16
    x, weight = np.ones((n, 1, side, side), np.float32), np.ones((1, 1, 1, 1), np.float32)
    _, codes = kernels.conv2d_relu_pool(x, weight)
    dy = np.full(codes.shape, 0.1, np.float32)
    _, _, db = kernels.conv2d_relu_pool_backward(dy, codes, x, weight)
    assert np.allclose(db, float(np.float32(0.1)) * dy.size, rtol=1e-6)


@pytest.mark.parametrize("highest", [1, 3, 40])
def test_rows_are_added_at_repeated_positions(highest):
    rng = np.random.default_rng(0)
    index, rows = rng.integers(0, highest, 30), rng.integers(-9, 9, (30, 2, 3)).astype(float)
    target, expected = np.ones((40, 2, 3)), np.ones((40, 2, 3))
    _sums.add_rows(target, index, rows)
    np.add.at(expected, index, rows)
    np.testing.assert_array_equal(target, expected)
    _sums.add_rows(target, index[:0], rows[:0])
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_numbers_are_added_without_rounding(axes: tuple[int, ...], dtype: type) -> None:
    x = np.full((1031, 217), 0.1, dtype)
    count = np.prod([x.shape[axis] for axis in axes])
    assert (kernels.reduce(x, "sum", axes) / count == x[0, 0]).all() or dtype is np.float64
    assert (_sums.average(x, axes) == x[0, 0]).all() or dtype is np.float64


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("columns", [3, 200])
def test_sums_overflow_only_if_their_result_does(axes: tuple[int, ...], columns: int) -> None:
    x = np.full((256, columns), 3e38, np.float32)
    count = np.prod([x.shape[axis] for axis in axes])
    assert (kernels.reduce(x, "sum", axes) == float(np.float32(3e38)) * count).all()
    assert (_sums.average(x, axes) == np.float32(3e38)).all()
    x[5, 1], x[6, 2] = np.inf, np.nan
    expected = x.astype(np.float64).sum(axes, keepdims=True)
    assert np.array_equal(kernels.reduce(x, "sum", axes), expected, equal_nan=True)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("relu", [False, True])
def test_long_dot_products(rows, relu):
    x = np.full((rows, 1_000_003), 0.1, np.float32)
    x[:, ::2] = 0.2
    bias = np.array([-1, -1e6], np.float32)
    y = kernels.linear(x, x[:1].repeat(2, 0), bias, relu=relu)
    exact = (x[0].astype(np.float64) ** 2).sum() + bias
    np.testing.assert_allclose(y, [np.maximum(exact, 0) if relu else exact] * rows, rtol=5e-5)


def test_logarithms_of_sums_of_many_exponentials():
    x = cnet.zeros(1_000_000)
    assert x.logcumsumexp(0)[-1].item() == pytest.approx(np.log(1e6), rel=1e-6)
