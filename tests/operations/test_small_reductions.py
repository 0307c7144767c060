"""Reductions of few numbers, which are computed in one call, agree with those of many."""

import numpy as np
import pytest

import cnet
from cnet.kernels.reduce import SMALL, reduce_small

SHAPES = [((1, 1), 1), ((1,), 0), ((), ()), ((5, 7), 0), ((5, 7), 1), ((5, 7), (0, 1)),
          ((3, 4, 5), 1), ((3, 4, 5), (0, 1)), ((2, 1, 3), 1)]  # fmt: skip
LAYOUTS = [np.ascontiguousarray, np.asfortranarray, lambda x: np.repeat(x, 2, -1)[..., ::2]]


def numbers(shape, dtype):
    return np.asarray(np.random.default_rng(7).standard_normal(shape), dtype)


def axes_of(axis):
    return axis if isinstance(axis, tuple) else (axis,)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES, ids=str)
def test_values(shape, axis, dtype, layout):
    x = numbers(shape, dtype)
    x = layout(x) if x.ndim else x
    wide, axes = x.astype(np.float64), axes_of(axis)
    rtol = 1e-6 if dtype == np.float32 else 1e-14
    for keepdims in (False, True):
        y, mean = reduce_small(x, "variance", axes, keepdims, 3.0)
        count = x.size // max(y.size, 1)
        expected = np.asarray(wide.var(axes, keepdims=keepdims)) * count / 3
        np.testing.assert_allclose(y, expected, rtol, rtol)
        np.testing.assert_allclose(mean, wide.mean(axes, keepdims=keepdims), 1e-14, 1e-15)
        root, _ = reduce_small(x, "variance", axes, keepdims, 3.0, True)
        np.testing.assert_allclose(root, np.sqrt(expected), rtol, rtol)
        sums, _ = reduce_small(x, "logsumexp", axes, keepdims)
        expected = np.log(np.exp(wide).sum(axes, keepdims=keepdims))
        np.testing.assert_allclose(sums, expected, rtol, rtol)
        for result in (y, root, sums):
            assert (result.dtype, result.shape) == (x.dtype, expected.shape)


@pytest.mark.parametrize("least", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_extrema_and_their_first_positions(dtype, layout, least):
    x = layout(np.random.default_rng(2).integers(0, 4, (6, 5, 3)).astype(dtype))
    x[1, 2, 0] = x[1, 3, 0] = x[4, 0, 1] = np.nan
    x[2, 1, 2], x[2, 3, 2] = np.inf, -np.inf
    value, position = (np.min, np.argmin) if least else (np.max, np.argmax)
    for axis in range(3):
        for keepdims in (False, True):
            y, at = reduce_small(x, "minimum" if least else "maximum", (axis,), keepdims)
            np.testing.assert_array_equal(y, value(x, axis, keepdims=keepdims))
            np.testing.assert_array_equal(at, position(x, axis, keepdims=keepdims))
            assert (y.dtype, at.dtype) == (x.dtype, np.int64)


def test_arrays_that_are_not_small_or_plain_are_refused():
    for x, axes in [
        (np.ones(SMALL + 1), (0,)), (np.ones((0, 2)), (1,)), (np.ones(3, np.float16), (0,)),
        (np.ones(3, np.int64), (0,)), (np.ones((2, 3, 4)), (0, 2)), (np.ones(3, ">f8"), (0,)),
    ]:  # fmt: skip
        for operation in ("variance", "maximum", "logsumexp"):
            assert reduce_small(x, operation, axes, False) is None


@pytest.mark.parametrize("value", [0.1, 1e20, 3.7e-5])
@pytest.mark.parametrize("count", [3, 7, SMALL])
def test_the_variance_of_equal_numbers_is_zero(value, count, dtype):
    x = np.full(count, value, dtype)
    y, mean = reduce_small(x, "variance", (0,), False, count - 1.0, True)
    assert y == 0
    assert mean == x[0]


def test_not_finite_numbers(dtype):
    rows = np.array([[np.inf, 1], [-np.inf, 1], [-np.inf, -np.inf], [np.nan, 1], [1, np.nan],
                     [np.inf, np.nan], [np.inf, -np.inf]], dtype)  # fmt: skip
    nan = np.nan
    y, _ = reduce_small(rows, "logsumexp", (1,), False)
    np.testing.assert_array_equal(y, [np.inf, 1, -np.inf, nan, nan, nan, np.inf])
    variances, _ = reduce_small(rows, "variance", (1,), False)
    assert np.isnan(variances).all()


@pytest.mark.parametrize("count", [SMALL - 1, SMALL, SMALL + 1])
def test_the_limit_is_not_seen(count, dtype):
    x = numbers((1, count), dtype)
    many = np.concatenate([x] * 3)
    tolerance = {"rtol": 1e-5 if dtype == np.float32 else 1e-12}
    for function in (cnet.var, cnet.std, cnet.logsumexp):
        y, rows = (cnet.tensor(z, requires_grad=True) for z in (x, many))
        of_one, of_many = function(y, 1), function(rows, 1)
        np.testing.assert_allclose(of_one.detach(), of_many.detach()[:1], **tolerance)
        of_one.backward(np.ones(1, dtype))
        of_many.backward(np.ones(3, dtype))
        np.testing.assert_allclose(y.grad, rows.grad[:1], atol=1e-7, **tolerance)
    for function in (cnet.max, cnet.min):
        for of_one, of_many in zip(function(cnet.tensor(x), 1), function(cnet.tensor(many), 1),
                                   strict=True):  # fmt: skip
            np.testing.assert_array_equal(of_one, of_many[:1])


@pytest.mark.parametrize("keepdim", [False, True])
def test_the_gradient_of_an_extremum_goes_to_its_position(keepdim):
    x = cnet.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]], requires_grad=True)
    values, indices = cnet.max(x, 1, keepdim)
    assert indices.shape == ((2, 1) if keepdim else (2,))
    (values * cnet.tensor([2.0, 5.0]).reshape(values.shape)).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 2, 0], [5, 0, 0]])
    assert not indices.requires_grad
