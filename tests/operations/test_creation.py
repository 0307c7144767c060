"""Functions that create tensors: values, dtypes, options and errors."""

import numpy as np
import pytest

import cnet
from cnet import Tensor

TABLE = [
    # call, dtype, elements
    (lambda: cnet.zeros(2, 3), "float32", [[0, 0, 0], [0, 0, 0]]),
    (lambda: cnet.zeros([2]), "float32", [0, 0]),
    (lambda: cnet.zeros(size=(2,)), "float32", [0, 0]),
    (lambda: cnet.zeros(()), "float32", 0),
    (lambda: cnet.ones(2, dtype=cnet.int32), "int32", [1, 1]),
    (lambda: cnet.ones((2,), dtype=bool), "bool", [True, True]),
    (lambda: cnet.full((2,), 3), "int64", [3, 3]),
    (lambda: cnet.full((2,), True), "bool", [True, True]),
    (lambda: cnet.full((2,), 1.5), "float32", [1.5, 1.5]),
    (lambda: cnet.full((1,), cnet.tensor(2.0)), "float32", [2]),
    (lambda: cnet.scalar_tensor(3), "float32", 3),
    (lambda: cnet.arange(3), "int64", [0, 1, 2]),
    (lambda: cnet.arange(end=2), "int64", [0, 1]),
    (lambda: cnet.arange(1, 2.5), "float32", [1, 2]),
    (lambda: cnet.arange(5, 0, -2), "int64", [5, 3, 1]),
    (lambda: cnet.arange(0, 1, 0.25), "float32", [0, 0.25, 0.5, 0.75]),
    (lambda: cnet.arange(2, 2), "int64", []),
    (lambda: cnet.range(1, 3), "float32", [1, 2, 3]),
    (lambda: cnet.linspace(0, 1, 3), "float32", [0, 0.5, 1]),
    (lambda: cnet.linspace(0, 5, 3, dtype=cnet.int64), "int64", [0, 2, 5]),
    (lambda: cnet.logspace(0, 2, 3), "float32", [1, 10, 100]),
    (lambda: cnet.logspace(0, 2, 3, 2.0), "float32", [1, 2, 4]),
    (lambda: cnet.eye(2, 3), "float32", [[1, 0, 0], [0, 1, 0]]),
    (lambda: cnet.zeros_like(cnet.tensor([1, 2])), "int64", [0, 0]),
    (lambda: cnet.ones_like(np.zeros(2), dtype=cnet.float16), "float16", [1, 1]),
    (lambda: cnet.full_like(cnet.zeros(2), 3), "float32", [3, 3]),
    (lambda: cnet.zeros(2, dtype=cnet.float64).new_ones(2), "float64", [1, 1]),
    (lambda: cnet.zeros(2).new_full((1,), 2), "float32", [2]),
    (lambda: cnet.zeros(2).new_tensor([1, 2]), "float32", [1, 2]),
    (lambda: cnet.zeros(2).double().new([1, 2]), "float64", [1, 2]),
    (lambda: cnet.asarray([1, 2.5]), "float32", [1, 2.5]),
    (lambda: cnet.from_dlpack(np.arange(2)), "int64", [0, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "dtype", "elements"), TABLE)
def test_values(make, dtype, elements):
    x = make()
    assert isinstance(x, Tensor)
    assert x.dtype == dtype
    assert x.tolist() == elements
    assert not x.requires_grad


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_options(name):
    make = getattr(cnet, name)
    x = make(2, 3, dtype=cnet.float64, device="cpu", requires_grad=True, layout=cnet.strided)
    assert x.requires_grad
    assert x.dtype == np.float64
    out = cnet.zeros(2, 3)
    assert make(2, 3, out=out) is out
    resized = cnet.empty(0)
    assert make(2, out=resized) is resized
    assert resized.shape == (2,)


ERRORS = [
    (lambda: cnet.zeros(2, -1), ValueError, "zeros: size must not be negative"),
    (lambda: cnet.zeros(2.0), TypeError, "zeros: size must be a sequence of int"),
    (lambda: cnet.zeros(2, dtype="complex64"), TypeError, "complex"),
    (lambda: cnet.zeros(2, dtype="bfloat16"), TypeError, "bfloat16"),
    (lambda: cnet.zeros(2, device="cuda"), RuntimeError, "zeros: device 'cuda' is not available"),
    (lambda: cnet.zeros(2, names=None), TypeError, "unexpected keyword argument 'names'"),
    (lambda: cnet.zeros(2, out=cnet.zeros(3)), ValueError, r"zeros: out.shape .*\(3,\) and \(2,\)"),
    (lambda: cnet.zeros(2, out=[0, 0]), TypeError, "zeros: out must be a tensor"),
    (lambda: cnet.zeros(2, dtype=int, requires_grad=True), TypeError, "only float tensors"),
    (lambda: cnet.full((2,), "1"), TypeError, "full: fill_value must be a number"),
    (lambda: cnet.arange(5, 2), ValueError, "arange: step must lead from start to end"),
    (lambda: cnet.arange(0, 5, 0), ValueError, "arange: step must lead"),
    (lambda: cnet.arange(0, float("inf")), ValueError, "arange: all numbers must be finite"),
    (lambda: cnet.arange(3, dtype=bool), TypeError, "arange: dtype"),
    (lambda: cnet.arange(0, 5, 0.5, dtype=int), ValueError, "arange: step"),
    (lambda: cnet.linspace(0, 1, -1), ValueError, "linspace: size must not be negative"),
    (lambda: cnet.linspace(0, 300, 4, dtype=cnet.int8), RuntimeError,
     "linspace: end must fit into int8"),
    (lambda: cnet.eye(-1), ValueError, "eye: size must not be negative"),
    (lambda: cnet.from_numpy([1]), TypeError, "from_numpy: expected np.ndarray"),
    (lambda: cnet.asarray([1], copy=False), ValueError, "asarray: can't alias"),
    (lambda: cnet.tensor([300], dtype=cnet.uint8), OverflowError, "tensor: .*out of bounds"),
    (lambda: cnet.tensor([[1], [1, 2]]), ValueError, "tensor: all sequences of one dimension"),
    (lambda: cnet.ByteTensor([300]), OverflowError, "out of bounds"),
    (lambda: cnet.FloatTensor(cnet.zeros(2).double()), TypeError, "FloatTensor: data must be"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [0, 1, 2, 32768, 32769, 100_003])
def test_linspace_of_any_length(steps, dtype):
    expected = np.linspace(-3.3, 7.1, steps).astype(dtype)
    numbers = cnet.linspace(-3.3, 7.1, steps, dtype=getattr(cnet, dtype)).numpy()
    np.testing.assert_allclose(numbers, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(numbers[[0, -1][:steps]], expected[[0, -1][:steps]])
    powers = cnet.logspace(-3.3, 7.1, steps, 2.0, dtype=getattr(cnet, dtype)).numpy()
    np.testing.assert_allclose(powers, 2**expected, rtol=30 * np.finfo(dtype).eps)


def test_shared_memory():
    array = np.zeros(2)
    assert cnet.from_numpy(array).numpy() is array
    assert cnet.asarray(array).numpy() is array
    assert cnet.asarray(array, copy=True).numpy() is not array
    x = cnet.ones(2, requires_grad=True)
    assert not cnet.asarray(x).requires_grad


def test_likes_keep_the_order_in_memory():
    x = cnet.zeros(2, 3, 4).permute(2, 0, 1)
    assert cnet.ones_like(x).stride() == x.stride()
    assert cnet.ones_like(x, memory_format=cnet.contiguous_format).is_contiguous()
    assert cnet.empty_strided((2, 3), (1, 2)).stride() == (1, 2)


def test_the_default_dtype():
    try:
        cnet.set_default_dtype(cnet.float64)
        assert cnet.get_default_dtype() == np.float64
        for x in (cnet.zeros(1), cnet.tensor(1.5), cnet.ones(1, dtype=int) * 1.5, cnet.Tensor([1])):
            assert x.dtype == np.float64
        layers = (
            cnet.nn.Linear(2, 2),
            cnet.nn.Conv2d(1, 1, 1),
            cnet.nn.BatchNorm1d(2),
            cnet.nn.PReLU(),
        )
        for layer in (*layers, cnet.nn.LazyLinear(3), cnet.nn.LSTM(2, 2), cnet.nn.Embedding(2, 2)):
            assert {parameter.dtype for parameter in layer.parameters()} == {np.dtype(np.float64)}
        image = np.full((2, 2), 255, np.uint8)
        assert cnet.transforms.functional.to_tensor(image).dtype == np.float64
        with pytest.raises(TypeError, match="set_default_dtype: d must be"):
            cnet.set_default_dtype(cnet.float16)
    finally:
        cnet.set_default_dtype(cnet.float32)
    assert cnet.zeros(1).dtype == np.float32


def test_older_types_of_tensors():
    assert cnet.LongTensor([2**40 + 1]).tolist() == [2**40 + 1]
    assert cnet.FloatTensor(2, 3).shape == (2, 3)
    assert isinstance(cnet.zeros(2), cnet.FloatTensor)
    assert not isinstance(cnet.zeros(2), cnet.LongTensor)
    assert cnet.zeros(2).type(cnet.LongTensor).dtype == cnet.int64
    assert cnet.zeros(2).type() == "cnet.FloatTensor"


def test_finfo_has_python_numbers():
    info = cnet.finfo(cnet.float32)
    assert type(info.max) is float and info.max == -info.min == np.finfo(np.float32).max
    assert (info.eps, info.tiny, info.bits, info.dtype) == (2.0**-23, 2.0**-126, 32, "float32")
    assert cnet.finfo().eps == info.eps
    assert "max=3.40282e+38" in repr(info)
    with pytest.raises(TypeError, match=r"^finfo: type must be a floating-point dtype"):
        cnet.finfo(cnet.int64)
