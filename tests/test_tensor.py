"""Tensors: construction, protocols of Python and NumPy, and changes in place."""

import ast
import copy

import numpy as np
import pytest

import cnet
import stub
from cnet import operations
from cnet.autograd import no_grad
from cnet.tensor import Tensor, as_tensor, tensor

# Construction


def test_a_tensor_wraps_an_array():
    array = np.arange(6.0).reshape(2, 3)[:, ::2]
    assert Tensor(array).detach().numpy() is array
    assert as_tensor(array).detach().numpy() is array
    assert np.asarray(Tensor(array)) is array
    assert Tensor(array).numpy() is array


def test_tensor_copies():
    array = np.zeros(2)
    x = tensor(array)
    array[0] = 1
    np.testing.assert_array_equal(x, [0, 0])
    y = tensor(x)
    y[0] = 5
    np.testing.assert_array_equal(x, [0, 0])


@pytest.mark.parametrize("make", [tensor, as_tensor])
@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([[1.0, 2.0], [3.0, 4.0]], "float32"),
        ([], "float32"),
        ([1, 2.5], "float32"),
        (3, "int64"),
        ([True, False], "bool"),
        (np.float64(1.5), "float64"),
        ([np.float64(1.5), 2.0], "float64"),
        (np.zeros(2), "float64"),
        ([np.zeros(2), np.ones(2)], "float64"),
        (np.zeros(2, np.float16), "float16"),
        (np.zeros(2, np.uint8), "uint8"),
        ([Tensor(np.zeros(2, np.float32))] * 2, "float32"),
        (np.array([1.0, 2.0], ">f8"), ">f8"),
    ],
)
def test_dtypes(make, data, dtype):
    assert make(data).dtype == dtype


@pytest.mark.parametrize(
    ("arguments", "shape", "dtype"),
    [
        ((2, 3), (2, 3), "float32"),
        ((4,), (4,), "float32"),
        ((), (0,), "float32"),
        (([1, 2],), (2,), "float32"),
        (((2, 3),), (2,), "float32"),
        ((cnet.Size([2, 3]),), (2, 3), "float32"),
        ((np.arange(3),), (3,), "int64"),
        ((np.float64(1.5),), (), "float64"),
        ((np.zeros(2), True), (2,), "float64"),
    ],
)
def test_the_constructor_takes_sizes_or_data(arguments, shape, dtype):
    x = Tensor(*arguments)
    assert (x.shape, x.dtype) == (shape, dtype)


@pytest.mark.parametrize("arguments", [(1.5,), (True,), (None,), ("text",), ([1], [2]), (2, 1.5)])
def test_the_constructor_refuses_other_arguments(arguments):
    with pytest.raises(TypeError, match="Tensor: data must be"):
        Tensor(*arguments)
    with pytest.raises(ValueError, match="Tensor: sizes must not be negative"):
        Tensor(2, -1)


def test_an_explicit_dtype_is_exact():
    assert tensor(0.1, dtype="float64").item() == 0.1
    assert tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert as_tensor(np.array([1.0, 2.0]), dtype=np.int64).tolist() == [1, 2]


def test_as_tensor_keeps_tensors_and_records_conversions():
    x = tensor([1.0], requires_grad=True)
    assert as_tensor(x) is x
    assert as_tensor(x, np.float32) is x
    as_tensor(x, np.float64).sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("make", [tensor, as_tensor])
@pytest.mark.parametrize("data", ["text", None, [object()], 1j, np.array(["a"])])
def test_what_is_no_real_number_is_refused(make, data):
    with pytest.raises(TypeError, match=rf"{make.__name__}: data must be real numbers \(got dtype"):
        make(data)


def test_subclasses_of_arrays_become_arrays():
    assert type(Tensor(np.ma.masked_array([1.0])).detach().numpy()) is np.ndarray


# The graph


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_only_floats_have_gradients(dtype):
    with pytest.raises(TypeError, match=f"tensor: only float tensors have gradients .*{dtype}"):
        tensor([1, 0], dtype=dtype, requires_grad=True)
    x = tensor([1, 0], dtype=dtype)
    with pytest.raises(TypeError, match="requires_grad"):
        x.requires_grad_()


def test_requires_grad_can_be_changed_for_leaves():
    x = tensor([1.0])
    assert x.requires_grad_() is x
    y = x * 2
    x.requires_grad = False
    assert not x.requires_grad
    with pytest.raises(RuntimeError, match=r"requires_grad: .* use detach\(\)"):
        y.requires_grad = False
    assert y.requires_grad


def test_detach_shares_the_array():
    x = tensor([1.0], requires_grad=True)
    y = (x * 2).detach()
    assert y.is_leaf
    assert not y.requires_grad
    assert x.detach().detach().numpy() is x.detach().numpy()


def test_grad_takes_arrays_and_tensors_that_fit():
    x = tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.ones(2, np.float32)
    assert isinstance(x.grad, Tensor)
    x.grad = tensor([3.0, 4.0])
    (x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 6])
    x.grad = None
    assert x.grad is None
    for wrong in (np.ones(3, np.float32), np.ones(2)):
        with pytest.raises(ValueError, match="grad: shape and dtype"):
            x.grad = wrong


def test_misspelt_attributes_are_errors():
    x = tensor([1.0])
    with pytest.raises(AttributeError):
        x.requires_gard = True


# Python


def test_scalars():
    x = tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert ["a", "b", "c"][tensor([2, 0]).argmin()] == "b"
    assert type(x.item()) is float
    for convert in (Tensor.item, float, int):
        with pytest.raises(ValueError, match=r"item: .*\(got shape \(2,\)\)"):
            convert(tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(tensor([1.0, 2.0]))
    with pytest.raises(TypeError):
        range(tensor(1.0))


def test_sizes():
    x = Tensor(np.zeros((2, 3)))
    assert (x.shape, x.ndim, x.dim(), x.numel(), len(x)) == ((2, 3), 2, 2, 6, 2)
    assert (x.size(), x.size(0), x.size(-1)) == ((2, 3), 2, 3)
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_iteration_gives_recorded_rows():
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 4], [1, 2]])
    assert 3 in tensor([1, 3])
    scalar = tensor(1.0)
    with pytest.raises(TypeError, match="0-d"):
        iter(scalar)
    with pytest.raises(TypeError, match="0-d"):
        len(scalar)


def test_hashing_is_by_identity():
    x, y = tensor([1.0, 2.0]), tensor([1.0, 2.0])
    assert {x: 1, y: 2}[x] == 1
    assert len({x, y}) == 2


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (tensor(1.0), "tensor(1.)"),
        (tensor([1, 2]), "tensor([1, 2])"),
        (tensor([True]), "tensor([ True])"),
        (tensor([[1.0, 2], [3, 4]]), "tensor([[1., 2.],\n        [3., 4.]])"),
        (tensor([0.123456]), "tensor([0.1235])"),
        (tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (tensor([1.0], "float64"), "tensor([1.], dtype=float64)"),
        (tensor([1.0], requires_grad=True) * 2, "tensor([2.], grad_fn=<Mul>)"),
        (tensor(np.zeros((0, 3), np.int32)), "tensor([], shape=(0, 3), dtype=int32)"),
    ],
)
def test_repr(x, text):
    assert repr(x) == text


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_leaves_can_be_copied(copied):
    x = tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.ones(2, np.float32)
    y = copied(x)
    np.testing.assert_array_equal(y.detach(), x.detach())
    np.testing.assert_array_equal(y.grad, x.grad)
    (y * 2).sum().backward()


# NumPy


def test_arrays_and_tensors_mix_on_both_sides():
    x = tensor([1.0, 2.0], requires_grad=True)
    array = np.array([3.0, 4.0], np.float32)
    for result, expected in [
        (array + x, [4, 6]),
        (array - x, [2, 2]),
        (array * x, [3, 8]),
        (array / x, [3, 2]),
        (array**x, [3, 16]),
        (array @ x, 11),
        (array == x, [False, False]),
        (array > x, [True, True]),
        (np.float64(2) * x, [2, 4]),
        (np.float32(2) - x, [1, 0]),
        (np.exp(x), np.exp(x.detach().numpy())),
        (np.maximum(x, 1.5), [1.5, 2]),
    ]:
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.detach(), expected, rtol=2e-7)
        assert result.requires_grad == (result.dtype == np.float32)


def test_other_ufuncs_are_refused_rather_than_detached():
    x = tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="spacing"):
        np.spacing(x)
    with pytest.raises(TypeError, match="add"):
        np.add.reduce(x)
    array = np.zeros(2)
    with pytest.raises(TypeError, match="add"):
        array += x


def test_functions_of_numpy_take_tensors_as_arrays():
    x = tensor([1.0, 2.0])
    assert np.allclose(x, [1, 2])
    assert np.concatenate([x, x]).tolist() == [1, 2, 1, 2]
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.array(x) is not x.detach().numpy()
    assert not np.shares_memory(np.array(x), x.detach().numpy())
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype=np.float64, copy=False)


def test_dlpack():
    x = tensor([[1.0, 2.0], [3.0, 4.0]])
    array = np.from_dlpack(x)
    np.testing.assert_array_equal(array, x)
    assert np.shares_memory(array, x.detach().numpy())


def test_dlpack_to_torch():
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    x = tensor([1.0, 2.0])
    shared = torch.from_dlpack(x)
    shared[0] = 7
    assert x.tolist() == [7, 2]
    np.testing.assert_array_equal(Tensor(shared.numpy()) * 2, [14, 4])


# Changes in place


def test_items_can_be_set_outside_of_a_graph():
    x = tensor([[1.0, 2.0], [3.0, 4.0]])
    x[0, 1] = 9
    x[tensor([1])] = tensor([5.0, 6.0])
    x[x == 9] = np.array(0)
    assert x.tolist() == [[1, 0], [5, 6]]


def test_leaves_that_require_grad_are_not_changed_in_place():
    x = tensor([1.0, 2.0], requires_grad=True)
    for target, what in ((x, "a leaf"), (x[:1], "a view of a leaf"), (x[:1].view(1), "a view")):
        with pytest.raises(RuntimeError, match=f"{what} .*in-place operation"):
            target[0] = 1
        with pytest.raises(RuntimeError, match=f"{what} .*in-place operation"):
            target += 1
    with no_grad():
        x[0] = 5
    assert x.tolist() == [5, 2]


def test_operators_with_assignment_work_in_place_outside_of_a_graph():
    x = tensor([1.0, 2.0], requires_grad=True)
    plain = same = tensor([2.0, 4.0])
    array = plain.detach().numpy()
    plain += 1
    plain -= tensor([1.0, 1.0])
    plain *= np.float64(3)
    plain /= 2
    assert plain is same
    assert plain.detach().numpy() is array
    assert plain.tolist() == [3, 6]
    leaf, data = x, x.detach().numpy()
    with no_grad():
        x -= 0.5 * x
    assert x is leaf
    assert x.detach().numpy() is data
    assert x.tolist() == [0.5, 1]
    result = before = x * 2
    with no_grad():
        result += 1
    assert before is result
    assert result.tolist() == [2, 3]


def test_operators_with_assignment_are_recorded_in_a_graph():
    x = tensor([1.0, 2.0], requires_grad=True)
    total = before = tensor(0.0)
    for item in x:
        total += item * item
    assert total is before
    total.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


# What is registered


def test_the_stub_declares_what_is_registered():
    declared = stub.PATH.read_text(encoding="utf-8")
    assert ast.dump(ast.parse(declared)) == ast.dump(ast.parse(stub.stub())), (
        "write it with python tests/stub.py"
    )


def test_an_operation_is_registered_once():
    names = [
        name
        for entry in operations.registry.entries
        for name in (*entry.methods, *entry.properties, *entry.in_place, entry.reflected)
        if name
    ]
    assert len(names) == len(set(names))
    assert all(hasattr(Tensor, name) for name in names)
