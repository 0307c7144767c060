"""The dtype of results: PyTorch's rules as literals, and compared with PyTorch if installed."""

import itertools
import operator

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.tensor import Tensor, tensor

ARITHMETIC = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow,
}  # fmt: skip
COMPARISONS = {name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}
FLOATS = ["exp", "log", "sqrt", "tanh", "sigmoid"]
DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float32", "float64"]

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def ones(dtype, *shape):
    return tensor(np.ones(shape, dtype))


def test_an_integer_with_a_float_is_that_float():
    for kind in ("bool", "uint8", "int32", "int64"):
        for operation in (*ARITHMETIC.values(), cnet.maximum, cnet.minimum):
            assert operation(ones(kind, 3), ones("float32", 3)).dtype == F32
            assert operation(ones("float64", 3), ones(kind, 3)).dtype == F64
        assert cnet.where(ones("bool", 3), ones(kind, 3), ones("float32", 3)).dtype == F32
        assert cnet.cat([ones(kind, 3), ones("float32", 3)]).dtype == F32
        assert cnet.stack([ones(kind, 3), ones("float32", 3)]).dtype == F32
        assert cnet.clip(ones(kind, 3), ones("float32", 3)).dtype == F32
        assert F.mse_loss(ones("float32", 3), ones(kind, 3)).dtype == F32
        assert F.l1_loss(ones("float32", 3), ones(kind, 3)).dtype == F32


def test_a_tensor_without_axes_does_not_widen_one_with_axes():
    x, k = ones("float32", 3), ones("int32", 3)
    for zero in (tensor(np.array(2.0)), np.array(2.0), np.float64(2.0), 2.0):
        assert (x * zero).dtype == F32
        assert (zero * x).dtype == F32
        assert cnet.where(x > 0, x, zero).dtype == F32
        assert np.maximum(x, zero).dtype == F32
    assert (k * tensor(3)).dtype == np.int32
    assert (k * tensor(3.0)).dtype == F32
    assert (tensor(3.0) * tensor(np.array(2.0))).dtype == F64
    assert (x[0] * k).dtype == F32
    assert (x ** k[0]).dtype == F32


def test_arrays_count_as_tensors_and_numbers_as_pythons():
    x = ones("float32", 3)
    assert (x * np.ones(3)).dtype == F64
    assert (np.ones(3) * x).dtype == F64
    for number in (2, 2.0, True, np.float64(2), np.int64(2), np.float16(2)):
        for operation in ARITHMETIC.values():
            assert operation(x, number).dtype == F32
            assert operation(number, x).dtype == F32


def test_integers_with_numbers():
    k, b = tensor([1, 2, 3]), tensor([True, False])
    assert [(k * 2.5).dtype, (k / 2).dtype, (1 / k).dtype, (2.0**k).dtype] == [F32] * 4
    assert [(k + 1).dtype, (k**2).dtype, (2**k).dtype] == [np.int64] * 3
    assert [(b * 1.0).dtype, (b * 1).dtype, (b + b).dtype] == [F32, np.int64, np.bool_]
    assert (k / k).dtype == F32
    assert (tensor(np.array([200, 255], np.uint8)) / 255).dtype == F32
    np.testing.assert_array_equal(tensor(np.array([250], np.uint8)) + 10, [4])
    np.testing.assert_array_equal(tensor(np.array([1], np.uint8)) * -1, [255])


def test_functions_with_a_float_result():
    for name in FLOATS:
        for kind in ("bool", "uint8", "int32", "int64"):
            for x in (ones(kind, 3), ones(kind), np.ones(3, kind)):
                assert getattr(cnet, name)(x).dtype == F32
            assert getattr(ones(kind, 3), name)().dtype == F32
        assert getattr(cnet, name)(ones("float64", 3)).dtype == F64
    assert cnet.logsumexp(tensor([1, 2]), 0).dtype == F32
    np.testing.assert_allclose(cnet.exp(tensor([0, 1])), [1, np.e], rtol=1e-6)


def test_an_image_of_bytes_goes_through_a_network():
    image = tensor(np.full((1, 3, 8, 8), 255, np.uint8))
    y = F.conv2d(image / 255, np.ones((2, 3, 3, 3), np.float32))
    assert y.dtype == F32
    np.testing.assert_array_equal(y, np.full((1, 2, 6, 6), 27, np.float32))


def test_comparisons_promote():
    assert (tensor([2**24 + 1]) == tensor([2.0**24])).item()
    assert not (tensor([2**24 + 1]) == 2**24).item()
    assert (tensor([1, 2, 3]) < 2.5).tolist() == [True, True, False]
    assert not (tensor(np.array([44], np.uint8)) == 300).item()
    assert (tensor([0.1]) == tensor(np.array(0.1))).item()
    assert (tensor([0.1]) == 0.1).item()


@pytest.mark.parametrize("other", [None, "text", [1.0], object()])
def test_comparisons_with_other_objects(other):
    assert (tensor([1.0]) == other) is False
    assert (tensor([1.0]) != other) is True
    with pytest.raises(TypeError, match="not supported between"):
        tensor([1.0]) < other  # noqa: B015


def test_gradients_have_the_dtype_of_their_input():
    x, y = tensor([1.0, 2.0], requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    (x * y + x * tensor([3, 4]) + y[0] * x).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (F32, F64)
    np.testing.assert_array_equal(x.grad, [5, 6])
    np.testing.assert_array_equal(y.grad, [4, 2])


@pytest.mark.parametrize("operation", [*ARITHMETIC.values(), cnet.maximum, cnet.minimum])
@pytest.mark.parametrize("other", ["text", None, object(), [1.0], np.ones(1, complex), 1j])
def test_other_operands_are_refused(operation, other):
    with pytest.raises(TypeError):
        operation(tensor([1.0]), other)


def test_integers_without_a_common_dtype():
    with pytest.raises(TypeError, match="no integer dtype holds both"):
        tensor(np.ones(2, np.uint64)) + tensor([1, 2])


def test_alpha():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = cnet.add(x, x, alpha=3)
    y.sum().backward()
    np.testing.assert_array_equal(y.detach(), [4, 8])
    np.testing.assert_array_equal(x.grad, [4, 4])
    np.testing.assert_array_equal(cnet.sub(x, tensor([1, 1]), alpha=0.5).detach(), [0.5, 1.5])
    assert cnet.add(tensor([1, 2]), 1, alpha=2).tolist() == [3, 4]
    with pytest.raises(TypeError, match="add: alpha must be an integer"):
        cnet.add(tensor([1]), tensor([1]), alpha=2.5)


# Against PyTorch


def _pairs():
    shapes = [(), (3,)]
    for left, right in itertools.product(itertools.product(DTYPES, shapes), repeat=2):
        yield (*left, *right)


@pytest.mark.parametrize("name", [*ARITHMETIC, *COMPARISONS, "maximum", "minimum"])
def test_pairs_of_tensors_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    ours = ARITHMETIC.get(name) or COMPARISONS.get(name) or getattr(cnet, name)
    theirs = ARITHMETIC.get(name) or COMPARISONS.get(name) or getattr(torch, name)
    for left, left_shape, right, right_shape in _pairs():
        a, b = np.full(left_shape, 3).astype(left), np.full(right_shape, 2).astype(right)
        _assert_same(ours, theirs, tensor(a), tensor(b), torch.tensor(a), torch.tensor(b))


@pytest.mark.parametrize("name", [*ARITHMETIC, *COMPARISONS])
@pytest.mark.parametrize("number", [2, 2.5, True], ids=str)
def test_tensors_with_numbers_are_pytorchs(name, number):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    operation = ARITHMETIC.get(name) or COMPARISONS[name]
    for dtype, shape in itertools.product(DTYPES, [(), (3,)]):
        a = np.full(shape, 3).astype(dtype)
        _assert_same(operation, operation, tensor(a), number, torch.tensor(a), number)
        _assert_same(operation, operation, number, tensor(a), number, torch.tensor(a))


@pytest.mark.parametrize("name", FLOATS)
def test_functions_of_integers_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    for dtype in DTYPES:
        a = np.ones(3, dtype)
        expected = getattr(torch, name)(torch.tensor(a)).numpy()
        got = getattr(cnet, name)(tensor(a))
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("join", ["cat", "stack"])
def test_joined_tensors_are_pytorchs(join):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    for left, right in itertools.product(DTYPES, repeat=2):
        arrays = np.ones(2, left), np.ones(2, right)
        got = getattr(cnet, join)([*map(tensor, arrays)])
        assert got.dtype == getattr(torch, join)([*map(torch.tensor, arrays)]).numpy().dtype


@pytest.mark.parametrize("number", [2, 0.1, True, np.float64(0.1), np.float32(0.1), np.int64(3)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_numbers_take_the_dtype_of_floats(dtype, number):
    a = np.array([0.25, 0.5], dtype)
    same = np.full(2, number, dtype)
    for x in (a, a.astype(a.dtype.newbyteorder("S")), a[::-1], a.reshape(2, 1)):
        for name in ("maximum", "remainder", "atan2", "gt"):
            function = getattr(cnet, name)
            other = number if name in ("remainder", "gt") else same[:1]
            got = function(tensor(x), other)
            expected = function(tensor(np.array(x, dtype)), tensor(same[:1]))
            assert got.dtype.newbyteorder("=") == expected.dtype
            np.testing.assert_array_equal(got.numpy(), expected.numpy())


def _assert_same(ours, theirs, a, b, their_a, their_b):
    try:
        expected = theirs(their_a, their_b).numpy()
    except RuntimeError:
        return  # the difference of a boolean and a number, which NumPy and cnet support
    got = ours(a, b)
    assert got.dtype == expected.dtype, (a, b)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
