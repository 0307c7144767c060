"""Plain calls: the bits of the functions of the same name, or None."""

import numpy as np
import pytest

from cnet import kernels, runtime
from cnet.kernels import plain
from cnet.kernels.reduce import reduce_plain

SHAPES = [(1, 1), (5, 7), (3, 2000), (0, 4), ()]


def numbers(shape, dtype, seed=0):
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 2, shape), dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operation", ["exp", "relu", "hardtanh"])
def test_elementwise(operation, shape, dtype):
    x = numbers(shape, dtype)
    number = plain.operations[operation]
    expected = kernels.elementwise(x, operation, 0.5, 1.5)
    np.testing.assert_array_equal(plain.elementwise(number, x, 0.5, 1.5), expected)
    assert plain.elementwise(number, x, 0.5, 1.5, x) is x
    np.testing.assert_array_equal(x, expected)
    assert plain.elementwise(number, x, 0.5, 1.5, x.copy()) is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div"])
def test_arithmetic(operation, shape, dtype):
    a, b = numbers(shape, dtype), numbers(shape, dtype, 1)
    number = plain.arithmetic_operations[operation]
    if not a.size:
        assert plain.arithmetic(number, a, b) is None
        return
    half = np.array(0.5, dtype)
    pairs = [(a, b), (a, a), (a, half), (half, a)]
    for left, right in [*pairs, (a, 0.5), (0.5, a)]:
        y = plain.arithmetic(number, left, right)
        arrays = [x if isinstance(x, np.ndarray) else half for x in (left, right)]
        np.testing.assert_array_equal(y, kernels.arithmetic(*arrays, operation))
        assert (y.dtype, y.shape) == (a.dtype, a.shape)
    expected = kernels.arithmetic(a, b, operation)
    assert plain.arithmetic(number, a, b, a) is a
    np.testing.assert_array_equal(a, expected)


def test_arithmetic_refuses_other_operands_and_results_that_overlap():
    x = numbers((3, 4), np.float32)
    for other in (x[:1], x.astype(np.float64), np.asfortranarray(x), x[0], [0.5], None, "x"):
        assert plain.arithmetic(0, x, other) is None
        assert plain.arithmetic(0, other, x) is None
    line = numbers(9, np.float32)
    assert plain.arithmetic(0, line[1:], line[:-1], line[1:]) is None
    assert plain.arithmetic(0, line, line[2].reshape(()), line) is None
    assert plain.arithmetic(0, x, x, x.T) is None
    x.flags.writeable = False
    assert plain.arithmetic(0, x, x) is None


@pytest.mark.parametrize("operation", plain.reductions)
@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 1), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 1, 3), (2, 6, 5)])
def test_reduce(operation, axes, shape, dtype):
    x = numbers(shape, dtype)
    wide = kernels.reduce(x, operation, axes)
    for keepdims in (False, True):
        expected = wide if keepdims else wide.squeeze(axes)
        y = reduce_plain(x, operation, axes, keepdims)
        assert (y.dtype, y.shape) == (x.dtype, expected.shape)
        np.testing.assert_array_equal(y, expected.astype(dtype))
        y = reduce_plain(x, operation, axes, keepdims, 3.0, True)
        np.testing.assert_array_equal(y, np.sqrt(expected / 3).astype(dtype))


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_reduce_of_many_numbers(axes, dtype):
    x = numbers((1000, 100), dtype)
    y = reduce_plain(x, "sum", axes, True)
    np.testing.assert_array_equal(y, kernels.reduce(x, "sum", axes).astype(dtype))


def test_reduce_refuses_many_results_two_passes_and_other_arrays():
    x = numbers((4, 3, 5), np.float32)
    assert reduce_plain(x, "sum", (0, 2), False) is None
    assert reduce_plain(numbers((2000, 3), np.float32), "sum", (1,), False) is None
    for other in (x.T, x[:0], x.astype(np.float16), x.astype(np.int64), np.float32(2)):
        assert reduce_plain(other, "sum", tuple(range(other.ndim)), False) is None


NUMBERS = [np.float32, np.float64, np.int32, np.uint32, np.int64, np.complex64]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 40), (3, 50, 90)])
def test_gather(shape, dtype):
    x = (100 * numbers(shape, np.float64)).astype(dtype)
    rng = np.random.default_rng(0)
    for axis in range(-len(shape), len(shape)):
        size = shape[axis]
        index = rng.integers(0, size, shape)
        y = plain.gather(x, index, axis)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, np.take_along_axis(x, index, axis))
        for places in ((), (0,), (5,), (2, 3)):
            positions = np.asarray(rng.integers(0, size, places))
            np.testing.assert_array_equal(
                plain.gather(x, positions, axis, True), np.take(x, positions, axis)
            )
    flat = rng.integers(0, x.size, (4, 2))
    np.testing.assert_array_equal(plain.gather(x, flat, None), np.take(x, flat))
    x.flags.writeable = flat.flags.writeable = False
    np.testing.assert_array_equal(plain.gather(x, flat, None), np.take(x, flat))


@pytest.mark.parametrize("operation", range(5))
@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 40), (3, 50, 90)])
def test_scatter(shape, operation, dtype):
    x, src = numbers(shape, dtype), numbers(shape, dtype, 1)
    rng = np.random.default_rng(0)
    name = kernels.indexing.OPERATIONS[operation]
    for axis in range(len(shape)):
        index = rng.integers(0, shape[axis], shape)
        positions = rng.integers(0, shape[axis], (2, 3))
        rows = numbers((*shape[:axis], 2, 3, *shape[axis + 1 :]), dtype, 2)
        merged = rows.reshape(*shape[:axis], 6, *shape[axis + 1 :])
        for source, places, whole in ((src, index, False), (rows, positions, True)):
            expected = x.copy()
            flat = (merged, positions.reshape(-1)) if whole else (src, index)
            kernels.scatter(*flat, expected, axis, name)
            y = plain.scatter(operation, x, places, source, axis, whole)
            np.testing.assert_array_equal(y, expected)
            assert not np.shares_memory(x, y)
            y = x.copy()
            assert plain.scatter(operation, y, places, source, axis, whole, y) is y
            np.testing.assert_array_equal(y, expected)
        expected = x.copy()
        kernels.scatter(np.full_like(src, 1.5), index, expected, axis, name)
        np.testing.assert_array_equal(plain.scatter(operation, x, index, 1.5, axis), expected)
    flat, some = np.array([0, x.size - 1]), np.array([7, 8], dtype)
    y = plain.scatter(0, x, flat, some, None)
    assert (y.flat[0], y.flat[-1]) == (7, 8)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_of_any_dtype_are_written(dtype):
    x, index = np.zeros((2, 3), dtype), np.array([[2], [0]])
    expected = x.copy()
    expected[[0, 1], [2, 0]] = 1
    for src in (1, np.ones((2, 1), dtype)):
        np.testing.assert_array_equal(plain.scatter(0, x, index, src, 1), expected)
    if np.dtype(dtype).kind != "f":
        assert plain.scatter(1, x, index, 1, 1) is None


def test_positions_that_other_functions_must_check():
    x, index = numbers((3, 4), np.float32), np.zeros((3, 4), np.int64)
    others = [
        index - 1, index + 4, index[:, ::2], index[:2], index.astype(np.int32), index.tolist(),
        index.astype(float), index > 0, index[0], np.float64(1), None,
    ]  # fmt: skip
    for other in others:
        assert plain.gather(x, other, 1) is None
        assert plain.scatter(0, x, other, np.ones_like(x), 1) is None
    arrays = (
        x.T, x[:, ::2], x.astype(np.float16), x > 1, x.astype(object), x.astype(">f4"), x[0, 0],
        x.reshape(()) if x.size == 1 else x[:1, :1].reshape(()), x.tolist(), 1.0, None,
    )  # fmt: skip
    for other in arrays:
        assert plain.gather(other, index, 1) is None
        assert plain.scatter(0, other, index, 1.0, 1) is None
    for axis in (-3, 2, 2**20):
        assert plain.gather(x, index, axis) is None
    for src in (x[:2], x.T, x.astype(np.float64), x[None], x.tolist(), "x", None):
        assert plain.scatter(0, x, index, src, 1) is None
    assert plain.scatter(0, x, index, x, 1, False, x.copy()) is None
    x.flags.writeable = False
    assert plain.scatter(0, x, index, 1.0, 1, False, x) is None


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("shape", [(3,), (2, 1), (3, 4), (2, 3, 5), (0, 3), (70, 90)])
def test_join(shape, count, dtype):
    arrays = tuple([numbers(shape, dtype, seed) for seed in range(count)])
    for axis in range(-len(shape), len(shape)):
        parts = (arrays[0], *[np.repeat(x, 2, axis) for x in arrays[1:]])
        y = plain.join(parts, axis, False)
        np.testing.assert_array_equal(y, np.concatenate(parts, axis))
        assert y.dtype == dtype
    for axis in range(-len(shape) - 1, len(shape) + 1):
        expected = np.stack(arrays, axis)
        y = plain.join(arrays, axis, True)
        if y is None:
            assert expected.size > 4096
            assert expected.shape[-1] == count
            continue
        np.testing.assert_array_equal(y, expected)


def test_join_refuses_other_arrays():
    x = numbers((3, 4), np.float32)
    others = x.T, x[:2], x[0], x.astype(np.float64), x > 1, x[:, ::2], x.tolist(), 1.0
    for other in others:
        assert plain.join((x, other), 1, False) is None
        assert plain.join((x, other), 0, True) is None
    assert plain.join((), 0, False) is None
    for axis in (-3, 2):
        assert plain.join((x, x), axis, False) is None
        assert plain.join((x, x), axis + axis // 2, True) is None


def test_there_are_no_plain_calls_while_calls_are_redirected():
    x = numbers((3, 4), np.float32)
    with runtime.use_isa("reference"):
        assert plain.elementwise(0, x) is None
        assert plain.combine(0, (x, x)) is None
        assert plain.arithmetic(0, x, x) is None
        assert reduce_plain(x, "sum", (0, 1), False) is None
        assert plain.join((x, x), 0, False) is None
        positions = np.zeros((1, 4), np.int64)
        assert plain.gather(x, positions, 0) is None
        assert plain.scatter(0, x, positions, 1.0, 0) is None
