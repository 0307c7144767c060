"""Functions of several operands and reductions, against their formulas in higher precision."""

from typing import Any

import numpy as np
import pytest

from cnet import _core, kernels, runtime
from cnet.kernels import plain
from cnet.reference.combine import COMBINATIONS
from cnet.reference.reduce import REDUCTIONS
from conftest import THREADS

operations = pytest.mark.parametrize("operation", COMBINATIONS)


def wider(dtype: Any) -> Any:
    return np.float64 if dtype == np.float32 else np.longdouble


def numbers(operation: str, dtype: Any, count: int, low: float, high: float) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    operands = _core.combinations[operation][1]
    return [rng.uniform(low, high, count).astype(dtype) for _ in range(operands)]


def test_the_lists_in_c_and_in_the_reference_are_the_same():
    assert list(COMBINATIONS) == list(_core.combinations)
    assert list(REDUCTIONS) == list(_core.reductions)
    for name, formula in COMBINATIONS.items():
        if not isinstance(formula, np.ufunc):
            assert formula.__code__.co_argcount == _core.combinations[name][1], name


@operations
def test_values(operation, dtype, impl):
    operands = numbers(operation, dtype, 1003, 0.05, 0.95)
    y = kernels.combine(*operands, operation=operation)
    expected = COMBINATIONS[operation](*[x.astype(wider(dtype)) for x in operands])
    assert y.dtype == dtype
    np.testing.assert_allclose(
        y, np.asarray(expected, dtype), rtol=0, atol=64 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("operation", ["sin", "cos"])
def test_sine_and_cosine_of_many_magnitudes(operation, dtype):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, 3000) * 10.0 ** rng.uniform(-30, 8, 3000)
    near = np.arange(-2000, 2000) * (np.pi / 2)  # where sine or cosine is 0
    x = np.concatenate([x, near, [0.0, -0.0, np.inf, -np.inf, np.nan]]).astype(dtype)
    with np.errstate(invalid="ignore"):
        expected = getattr(np, operation)(x.astype(wider(dtype)))
    bound = 3 * np.finfo(dtype).eps * np.abs(expected) + np.finfo(dtype).smallest_subnormal
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            y = kernels.combine(x, operation=operation)
        good = (np.abs(y - expected) <= bound) | (np.isnan(y) & np.isnan(expected))
        assert good.all(), x[~good][:3]


def test_angles_of_points_of_many_magnitudes(dtype):
    rng = np.random.default_rng(2)
    points = rng.normal(0, 1, (2, 20_000)) * 10.0 ** rng.uniform(-6, 6, (2, 20_000))
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e30, -1e-30, 1e-44]
    points = np.concatenate([points, np.stack(np.meshgrid(special, special)).reshape(2, -1)], 1)
    y, x = points.astype(dtype)
    expected = np.arctan2(y.astype(wider(dtype)), x.astype(wider(dtype)))
    unit = np.abs(np.spacing(expected.astype(dtype)))
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            angle = kernels.combine(y, x, operation="atan2")
        good = (np.abs(angle - expected) <= 2.5 * unit) | (np.isnan(angle) & np.isnan(expected))
        assert good.all(), (y[~good][:3], x[~good][:3])
        np.testing.assert_array_equal(
            np.signbit(angle[~np.isnan(angle)]), np.signbit(expected[~np.isnan(angle)])
        )


@operations
def test_a_result_depends_on_nothing_but_its_operands(operation, dtype):
    operands = numbers(operation, dtype, 70_001, -3, 3)
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            y = kernels.combine(*operands, operation=operation)
            for start, stop in [(0, 1), (3, 20), (32_767, 32_785), (69_950, 70_001)]:
                part = [x[start:stop] for x in operands]
                np.testing.assert_array_equal(
                    kernels.combine(*part, operation=operation), y[start:stop]
                )
            for threads in THREADS:
                with runtime.use_threads(threads):
                    again = kernels.combine(*operands, operation=operation)
                np.testing.assert_array_equal(again, y)


def test_erfc_keeps_its_digits_in_the_tail(dtype):
    x = np.array([1.0, 3.0, 5.0, 9.0], dtype)
    expected = [0.15729920705028513, 2.209049699858544e-05, 1.5374597944280349e-12,
                4.13703174651381e-37]  # fmt: skip
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            y = kernels.elementwise(x, "erfc")
        np.testing.assert_allclose(y, expected, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("axis", [0, 1])
def test_long_sums_keep_their_digits(axis, dtype):
    x = np.full((300_000, 2) if axis == 0 else (2, 300_000), 0.1, dtype)
    expected = float(dtype(0.1)) * 300_000
    for isa in runtime.available_isas()[1:]:
        with runtime.use_isa(isa):
            np.testing.assert_allclose(kernels.reduce(x, "sum", [axis]), expected, rtol=1e-12)


def test_nan_is_the_extremum(dtype, impl):
    x = np.array([[1.0, np.nan, 2.0], [3.0, -np.inf, np.inf]], dtype)
    assert np.isnan(kernels.reduce(x, "maximum", [1])[0, 0])
    assert np.isnan(kernels.reduce(x, "minimum")[0, 0])
    assert kernels.reduce(x[1:], "maximum")[0, 0] == np.inf


@pytest.mark.parametrize("shape", [(1, 5), (7, 16), (33, 50), (300, 1001), (3, 0)])
def test_matrices_with_distant_rows(shape, dtype, impl):
    rows, columns = shape
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((rows, 3, columns)).astype(dtype)
    y, expected = wide.copy(), wide.copy()
    b = rng.standard_normal(shape).astype(dtype)
    expected[:, 2] = kernels.combine(
        wide[:, 1].copy(), b, wide[:, 0].copy(), 0.5, operation="addcmul"
    )
    kernels.combine(wide[:, 1], b, wide[:, 0], 0.5, operation="addcmul", out=y[:, 2])
    np.testing.assert_array_equal(y, expected)
    new = kernels.combine(wide[:, 1], b, wide[:, 0], 0.5, operation="addcmul")
    np.testing.assert_array_equal(new, expected[:, 2])


def test_distant_rows_that_broadcast(impl):
    wide = np.arange(24.0).reshape(4, 2, 3)
    row = np.array([1.0, 2.0, 3.0])
    y = kernels.combine(wide[:, 1], row, operation="product")
    np.testing.assert_array_equal(y, wide[:, 1] * row)
    with pytest.raises(ValueError, match="out must be C-contiguous"):
        kernels.combine(wide[:, 1], row, operation="product", out=wide[:, 0])


@pytest.mark.parametrize("count", [1, 3, 5, 9, 17, 33, 37, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_result_that_replaces_an_operand_of_any_length(count, dtype):
    x = np.arange(2 * count, dtype=dtype).reshape(2, count)
    expected, y = 3 * x, x.copy()
    kernels.combine(y, 3.0, operation="product", out=y)
    np.testing.assert_array_equal(y, expected)
    y, factors = x.copy(), np.array([[3.0], [4.0]], dtype)
    kernels.combine(y, factors, operation="product", out=y)
    np.testing.assert_array_equal(y, x * factors)


@operations
@pytest.mark.parametrize("number", [0.3, 2])
def test_a_plain_call_is_combine(operation, number, dtype):
    name = plain.combinations[operation]
    a, *others = numbers(operation, dtype, 21, 0.05, 0.95)
    x = a.reshape(3, 7)
    mixed = [y.reshape(3, 7) if i % 2 else number for i, y in enumerate(others)]
    rest = [np.array(y, dtype) for y in mixed]  # a number as an array without dimensions
    expected = kernels.combine(np.asfortranarray(x), *rest, operation=operation)
    for given in (mixed, rest):
        np.testing.assert_array_equal(plain.combine(name, (x, *given)), expected)
        np.testing.assert_array_equal(kernels.combine(x, *given, operation=operation), expected)
    empty = [y[:0] if y.ndim else y for y in rest]
    assert plain.combine(name, (x[:0], *empty)).shape == (0, 7)
    assert plain.combine(name, (np.asfortranarray(x), *rest)) is None
    assert plain.combine(name, (x, *rest, x) if len(rest) < 3 else (x,)) is None
