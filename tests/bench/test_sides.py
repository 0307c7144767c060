"""The sides do the same work: a benchmark of different works would compare nothing."""

from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from cases import oracle
from cnet.bench import compiled
from cnet.bench.cases import CASES, CLASSES, initial_parameters
from cnet.bench.sides import SIDES

WINDOWS = [((3, 3), 1, 1), ((5, 5), 1, 2), ((2, 3), 2, 0), ((3, 2), 3, 1), ((1, 1), 1, 0)]
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Any:
    return resolve_name(SIDES[request.param].target)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), WINDOWS)
def test_im2col(side, rng, kernel_size, stride, padding):
    x = rng.normal(size=(2, 3, 7, 9))
    cols = side.im2col(x, kernel_size, stride, padding)
    np.testing.assert_array_equal(cols, oracle.im2col(x, kernel_size, stride, padding))


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), WINDOWS)
def test_conv2d(side, rng, kernel_size, stride, padding):
    x, weight, bias = (rng.normal(size=shape) for shape in ((2, 3, 7, 9), (4, 3, *kernel_size), 4))
    y, saved = side.conv2d(x, weight, bias, stride, padding)
    np.testing.assert_allclose(y, oracle.conv2d(x, weight, bias, stride, padding), **CLOSE)

    grad_output = rng.normal(size=y.shape)
    expected = oracle.conv2d_backward(grad_output, x, weight, stride, padding)
    for gradient, correct in zip(side.conv2d_backward(grad_output, saved), expected, strict=True):
        np.testing.assert_allclose(gradient, correct, **CLOSE)
    assert side.conv2d_backward(grad_output, saved, need_dx=False)[0] is None


@pytest.mark.parametrize(("kernel_size", "shape"), [(2, (8, 6)), (2, (7, 9)), (3, (7, 8))])
def test_max_pool2d_with_many_equal_maxima(side, rng, kernel_size, shape):
    x = rng.integers(0, 3, (2, 3, *shape)).astype(np.float64)
    y, saved = side.max_pool2d(x, kernel_size)
    expected, argmax = oracle.max_pool2d(x, kernel_size)
    np.testing.assert_array_equal(y, expected)

    grad_output = rng.normal(size=y.shape)
    dx = side.max_pool2d_backward(grad_output, saved)
    np.testing.assert_array_equal(dx, oracle.max_pool2d_backward(grad_output, argmax, x.shape))


@pytest.mark.parametrize("case", CASES)
def test_what_is_timed_gives_the_same_each_time_and_on_each_side(side, case):
    work = CASES[case].bind(side, 3)
    correct = CASES[case].bind(compiled, 3)
    for _ in range(2):
        results, expected = (
            result if isinstance(result, tuple) else (result,) for result in (work(), correct())
        )
        for result, number in zip(results, expected, strict=True):
            assert np.asarray(result).dtype in (np.float32, float)
            np.testing.assert_allclose(result, number, rtol=1e-4, atol=1e-4)


def test_training(side, rng):
    x, target = rng.random((5, 1, 28, 28)), rng.integers(0, CLASSES, 5)
    start = [parameter.astype(np.float64) for parameter in initial_parameters()]
    ours, theirs = compiled.trainer(start), side.trainer(start)
    for _ in range(3):
        assert theirs.step(x, target) == pytest.approx(ours.step(x, target), rel=1e-9)
        for gradient, correct in zip(theirs.gradients, ours.gradients, strict=True):
            np.testing.assert_allclose(gradient, correct, rtol=1e-7, atol=1e-12)
    for parameter, correct, before in zip(theirs.parameters, ours.parameters, start, strict=True):
        assert parameter.dtype == np.float64
        assert not np.array_equal(parameter, before)
        np.testing.assert_allclose(parameter, correct, rtol=1e-7, atol=1e-9)
