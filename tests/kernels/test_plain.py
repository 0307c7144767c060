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


def test_reduce_refuses_many_results_two_passes_and_other_arrays():
    x = numbers((4, 3, 5), np.float32)
    assert reduce_plain(x, "sum", (0, 2), False) is None
    assert reduce_plain(numbers((200, 3), np.float32), "sum", (1,), False) is None
    for other in (x.T, x[:0], x.astype(np.float16), x.astype(np.int64), np.float32(2)):
        assert reduce_plain(other, "sum", tuple(range(other.ndim)), False) is None


def test_there_are_no_plain_calls_while_calls_are_redirected():
    x = numbers((3, 4), np.float32)
    with runtime.use_isa("reference"):
        assert plain.elementwise(0, x) is None
        assert plain.combine(0, (x, x)) is None
        assert plain.arithmetic(0, x, x) is None
        assert reduce_plain(x, "sum", (0, 1), False) is None
