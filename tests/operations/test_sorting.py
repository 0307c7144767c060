"""Sort, argsort, topk."""

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

X = np.random.default_rng(0).permutation(24).astype(float).reshape(2, 3, 4)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sort(dim, descending):
    values, indices = cnet.sort(X, dim, descending)
    expected = np.sort(X, dim)
    np.testing.assert_array_equal(values, np.flip(expected, dim) if descending else expected)
    np.testing.assert_array_equal(np.take_along_axis(X, indices.numpy(), dim), values)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(cnet.argsort(X, dim, descending), indices)
    assert gradcheck(lambda x: cnet.sort(x, dim, descending).values, X)


def test_equal_elements_keep_their_order_and_nan_is_greatest():
    x = tensor([1.0, 0.0, 1.0, np.nan, 0.0])
    assert x.sort().indices.tolist() == [1, 4, 0, 2, 3]
    assert x.sort(descending=True).indices.tolist() == [3, 0, 2, 1, 4]
    assert x.argsort().tolist() == [1, 4, 0, 2, 3]
    np.testing.assert_array_equal(np.argsort(x), [1, 4, 0, 2, 3])


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("largest", [True, False])
def test_topk(dim, largest):
    values, indices = cnet.topk(Tensor(X), 2, dim, largest)
    expected = cnet.sort(X, dim, largest).values.numpy()
    np.testing.assert_array_equal(values, np.take(expected, [0, 1], dim))
    np.testing.assert_array_equal(np.take_along_axis(X, indices.numpy(), dim), values)
    assert indices.dtype == np.int64
    assert gradcheck(lambda x: cnet.topk(x, 2, dim, largest).values, X)


def test_accuracy_among_the_first_five():
    scores, classes = tensor([[0.1, 0.9, 0.5], [0.8, 0.1, 0.2]]), tensor([2, 1])
    _, predicted = scores.topk(2, 1, True, True)
    assert (predicted == classes.reshape(-1, 1)).sum().item() == 1


def test_a_tensor_without_axes():
    x = Tensor(np.array(2.0), requires_grad=True)
    for values, indices in (x.sort(), x.sort(0), x.topk(1)):
        assert (values.item(), indices.item(), values.shape) == (2, 0, ())
        x.grad = None
        values.backward()
        assert x.grad.item() == 1


def test_errors():
    with pytest.raises(IndexError, match="sort: dim must be in range"):
        cnet.sort(X, 3)
    for k in (5, -1):
        with pytest.raises(ValueError, match="topk: k must be between 0 and the size of dim"):
            cnet.topk(X, k)
    with pytest.raises(TypeError):
        cnet.topk(X, 1.5)
    assert cnet.topk(X, 0).values.shape == (2, 3, 0)


def test_pytorchs_results():
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    t = torch.tensor(X)
    for ours, theirs in [
        (cnet.sort(X, 1), t.sort(1)),
        (cnet.sort(X, descending=True), t.sort(descending=True)),
        (cnet.topk(X, 3), t.topk(3)),
        (cnet.topk(X, 1, 0, False), t.topk(1, 0, False)),
        (cnet.max(X, 1), t.max(1)),
        (cnet.min(X, 2, True), t.min(2, True)),
    ]:
        np.testing.assert_array_equal(ours.values, theirs.values)
        np.testing.assert_array_equal(ours.indices, theirs.indices)


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
@pytest.mark.parametrize("largest", [True, False])
def test_few_of_many_are_those_of_a_whole_sort(dtype, largest):
    x = np.random.default_rng(0).integers(0, 9, (5, 40, 3)).astype(dtype)
    values, indices = cnet.sort(x, 1, descending=largest)
    for k in (1, 4, 10, 11):
        found = cnet.topk(x, k, 1, largest)
        np.testing.assert_array_equal(found.values, values[:, :k])
        np.testing.assert_array_equal(found.indices, indices[:, :k])


def test_few_of_many_with_nan():
    x = np.arange(20.0)
    x[[3, 7]] = np.nan
    assert cnet.topk(x, 3).indices.tolist() == [3, 7, 19]
    assert cnet.topk(x, 1).indices.tolist() == [3]
    assert cnet.topk(x, 2, largest=False).indices.tolist() == [0, 1]


@pytest.mark.parametrize(
    "dtype", [bool, "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
)
def test_all_dtypes_are_sorted_exactly(dtype):
    """Elements that differ only in their last bits are in order, also beside the greatest ones."""
    x = np.random.default_rng(0).integers(0, 5, (3, 60)).astype(dtype)
    if x.dtype.kind in "iu":
        x[1, ::2] = np.iinfo(x.dtype).max - x[1, ::2]
        x[2, ::2] = np.iinfo(x.dtype).min + x[2, ::2]
    values, indices = cnet.sort(x)
    assert values.dtype == x.dtype
    np.testing.assert_array_equal(values, np.sort(x))
    np.testing.assert_array_equal(indices, np.argsort(x, stable=True))
    np.testing.assert_array_equal(cnet.kthvalue(x, 20).values, np.sort(x)[:, 19])
    np.testing.assert_array_equal(cnet.median(x, 1).values, np.sort(x)[:, 29])


def test_complex_numbers_have_no_order():
    with pytest.raises(TypeError, match=r"real numbers .* complex128"):
        cnet.sort(X + 1j)
