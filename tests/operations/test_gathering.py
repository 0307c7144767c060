"""Elements at positions, masks, and copies with other elements at positions."""

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape)


INDEX = np.array([[2, 0], [1, 1], [0, 2]])
MASK = np.array([[True, False, True], [False, True, False]])


def scattered(x, src, reduce):
    """What `scatter` and its relatives do along dimension 1, element by element."""
    y = x.copy()
    for (row, column), target in np.ndenumerate(INDEX):
        y[row, target] = reduce(y[row, target], src[row, column])
    return y


X, SRC = numbers(3, 3), numbers(3, 2)
VALUES = [
    ("gather", (3, 3), lambda x: cnet.gather(x, 1, INDEX), np.take_along_axis(X, INDEX, 1)),
    ("gather fewer", (3, 3), lambda x: x.gather(0, INDEX[:1]), X[[[2, 0]], [[0, 1]]]),
    (
        "take_along_dim", (3, 3), lambda x: x.take_along_dim(INDEX[:, :1], 1),
        X[range(3), [2, 1, 0]][:, None],
    ),
    ("take_along_dim flat", (3, 3), lambda x: x.take_along_dim(INDEX), X.ravel()[INDEX.ravel()]),
    ("index_select", (3, 3), lambda x: x.index_select(1, tensor([0, 2, 0])), X[:, [0, 2, 0]]),
    ("take", (3, 3), lambda x: cnet.take(x, tensor([[0, -1]])), X.ravel()[[[0, -1]]]),
    ("masked_select", (2, 3), lambda x: x.masked_select(MASK), numbers(2, 3)[MASK]),
    ("masked_fill", (2, 3), lambda x: x.masked_fill(MASK, 7), np.where(MASK, 7, numbers(2, 3))),
    ("scatter", (3, 3), lambda x: x.scatter(1, INDEX, SRC), scattered(X, SRC, lambda a, b: b)),
    ("scatter_add", (3, 3), lambda x: x.scatter_add(1, INDEX, SRC), scattered(X, SRC, np.add)),
    (
        "scatter_reduce prod", (3, 3), lambda x: x.scatter_reduce(1, INDEX, SRC, "prod"),
        scattered(X, SRC, np.multiply),
    ),
    (
        "scatter_reduce amax", (3, 3), lambda x: x.scatter_reduce(1, INDEX, SRC, "amax"),
        scattered(X, SRC, np.maximum),
    ),
    ("scatter multiply", (3, 3), lambda x: x.scatter(1, INDEX, 2.0, reduce="multiply"),
     scattered(X, np.full((3, 2), 2.0), np.multiply)),
    ("index_add", (3, 3), lambda x: x.index_add(0, tensor([2, 2]), SRC.T[:, :3], alpha=2),
     X + np.array([0, 0, 2])[:, None] * SRC.T.sum(0)),
    ("index_copy", (3, 3), lambda x: x.index_copy(0, tensor([1]), SRC.T[:1]),
     np.stack([X[0], SRC[:, 0], X[2]])),
    ("index_fill", (3, 3), lambda x: x.index_fill(1, tensor([1, 1]), 5.0),
     np.stack([X[:, 0], np.full(3, 5.0), X[:, 2]], 1)),
    ("index_put", (3, 3), lambda x: x.index_put((tensor([0, 2]),), SRC.T[:, :1]),
     np.stack([np.full(3, SRC[0, 0]), X[1], np.full(3, SRC[0, 1])])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "function", "expected"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES]
)
def test_values_and_gradients(shape, function, expected):
    x = numbers(*shape)
    np.testing.assert_allclose(function(Tensor(x)), expected, rtol=1e-14)
    np.testing.assert_array_equal(x, numbers(*shape))
    assert gradcheck(function, x)


SOURCES = {
    "scatter": lambda src: cnet.scatter(X, 1, np.array([[2, 0], [1, 0], [0, 2]]), src),
    "scatter_add": lambda src: cnet.scatter_add(X, 1, INDEX, src),
    "scatter_reduce prod": lambda src: cnet.scatter_reduce(X, 1, INDEX, src, "prod"),
    "scatter_reduce mean": lambda src: cnet.scatter_reduce(X, 1, INDEX, src, "mean"),
    "scatter_reduce amin": lambda src: cnet.scatter_reduce(
        X, 1, INDEX, src, "amin", include_self=False
    ),
    "index_add": lambda src: cnet.index_add(X[:, :2], 0, tensor([2, 2, 0]), src),
    "index_copy": lambda src: cnet.index_copy(X[:, :2], 0, tensor([2, 1, 0]), src),
    "index_put": lambda src: cnet.index_put(X[:, :2], (tensor([2, 1, 2]),), src, accumulate=True),
    "masked_scatter": lambda src: cnet.masked_scatter(X, X > 0, src),
}  # fmt: skip


@pytest.mark.parametrize("function", SOURCES.values(), ids=SOURCES)
def test_gradients_of_sources(function):
    assert gradcheck(function, SRC)


ONE = [
    lambda x, src: cnet.scatter(x, 0, tensor([1]), src),
    lambda x, src: cnet.scatter_add(x, 0, tensor(1), src),
    lambda x, src: cnet.scatter_reduce(x, 0, tensor([1]), src, "prod"),
    lambda x, src: cnet.index_add(x, 0, tensor(1), src.reshape(1)),
    lambda x, src: cnet.gather(x, 0, tensor(1)) * src,
]


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("function", ONE)
def test_one_element_may_have_other_axes(function, shape):
    assert gradcheck(function, (numbers(3), np.asarray(numbers(*shape))))


def test_positions_of_a_matrix_along_an_axis():
    x = numbers(2, 5).astype(np.float32)
    index = np.array([[4, 0], [1, 1]])
    for array in (x, x.astype(np.float16), np.asfortranarray(x), (9 * x).astype(np.int8)):
        y = cnet.take(Tensor(array), tensor(index - 5))
        np.testing.assert_array_equal(y, array.reshape(-1)[index - 5])
    half = tensor(x.astype(np.float16), requires_grad=True)
    cnet.functional.pad(half, (2, 2), "reflect").sum().backward()
    assert half.grad.tolist() == [[1, 2, 3, 2, 1]] * 2


def test_products_with_zeros():
    x = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0]])
    src = np.array([[5.0, 0.0, 2.0], [1.0, 2.0, 0.0]])
    index = np.zeros((2, 3), int)
    assert gradcheck(lambda x, src: cnet.scatter_reduce(x, 1, index, src, "prod"), (x, src))


IN_PLACE = [
    ("scatter_", (1, INDEX, SRC)), ("scatter_add_", (1, INDEX, SRC)),
    ("scatter_reduce_", (1, INDEX, SRC, "sum")), ("index_fill_", (0, tensor([1]), 3.0)),
    ("index_add_", (0, tensor([1]), SRC.T[:1])), ("index_copy_", (0, tensor([1]), SRC.T[:1])),
    ("index_put_", ((tensor([1]),), tensor(2.0, "float64"))), ("masked_fill_", (X > 0, 4.0)),
    ("masked_scatter_", (X > 0, numbers(9))), ("tril_", ()), ("cumsum_", (0,)), ("cumprod_", (0,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), IN_PLACE)
def test_methods_with_an_underscore_write_into_the_tensor(name, arguments):
    x = tensor(X, requires_grad=True)
    y = x * 1
    array = y.detach().numpy()
    expected = getattr(x, name[:-1])(*arguments)
    assert getattr(y, name)(*arguments) is y
    np.testing.assert_array_equal(array, expected.detach())
    y.sum().backward()
    other = tensor(X, requires_grad=True)
    getattr(other, name[:-1])(*arguments).sum().backward()
    np.testing.assert_array_equal(x.grad, other.grad)


ERRORS = [
    (lambda x: x.gather(1, tensor([[3]])), IndexError, "gather: index must be in range for size 3"),
    (lambda x: x.gather(2, tensor([[0]])), IndexError, "gather: dim must be in range"),
    (lambda x: x.gather(1, tensor([[0.0]])), TypeError, "gather: index must be integers"),
    (lambda x: x.gather(1, tensor([0, 1])), ValueError, "gather: index must have as many dim"),
    (lambda x: x.gather(1, np.zeros((4, 1), int)), ValueError, "gather: index must not be larger"),
    (lambda x: x.index_select(0, tensor([-1])), IndexError, "index_select: index must be in range"),
    (lambda x: x.masked_fill(x, 1), TypeError, "masked_fill: mask must be boolean"),
    (lambda x: x.masked_fill(MASK, 1), ValueError, "masked_fill: shapes .* do not broadcast"),
    (lambda x: x.masked_fill(x > 0, 1j), TypeError, "masked_fill: value must be a real number"),
    (lambda x: x.long().masked_fill(x > 0, 0.5), TypeError, "masked_fill: value must be an int"),
    (lambda x: x.masked_scatter(x < 9, SRC), ValueError, "masked_scatter: source must have at"),
    (lambda x: x.scatter(1, INDEX, SRC[:2]), ValueError, "scatter: index must not be larger than"),
    (lambda x: x.scatter(1, INDEX, x.float()), TypeError, "scatter: src must have the dtype"),
    (lambda x: x.scatter(1, INDEX, 1.0, reduce="sum"), ValueError, "scatter: reduce must be"),
    (lambda x: x.scatter(1, INDEX), TypeError, "scatter: either src or value"),
    (lambda x: x.scatter_reduce(1, INDEX, x, "max"), ValueError, "scatter_reduce: reduce must be"),
    (lambda x: x.index_add(0, tensor([0]), x), ValueError, "index_add: source must have the shape"),
    (lambda x: x.index_put((tensor([0, 1]),), x), ValueError, "index_put: shapes"),
    (lambda x: x.index_put((tensor([-9]),), x[0], True), IndexError, r"size \d+ \(got -9 to -9\)"),
    (lambda x: x.index_put((tensor([-9]),), x[0]), IndexError, "index -9 is out of bounds"),
    (lambda x: cnet.bincount(tensor([-1])), ValueError, "bincount: input"),
    (lambda x: cnet.bincount(x), TypeError, "bincount: input must contain integers"),
    (lambda x: cnet.bucketize(x, x), ValueError, "bucketize: boundaries"),
    (lambda x: cnet.searchsorted(x, x[:2]), ValueError, "searchsorted: sorted_sequence and input"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(tensor(X))


def test_positions_and_counts():
    x = tensor([[3, 0], [0, 3]])
    assert x.nonzero().tolist() == cnet.argwhere(x).tolist() == [[0, 0], [1, 1]]
    assert [t.tolist() for t in x.nonzero(as_tuple=True)] == [[0, 1], [0, 1]]
    values, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    assert (values.tolist(), inverse.tolist()) == ([0, 3], [[1, 0], [0, 1]])
    assert counts.tolist() == [2, 2]
    assert cnet.unique(tensor([[1, 2], [1, 2], [0, 5]]), dim=0).tolist() == [[0, 5], [1, 2]]
    runs = cnet.unique_consecutive(tensor([1, 1, 2, 1]), return_counts=True)
    assert [t.tolist() for t in runs] == [[1, 2, 1], [2, 1, 1]]
    assert cnet.bincount(tensor([0, 2]), tensor([0.5, 2.0]), 4).tolist() == [0.5, 0, 2, 0]
    rows = tensor([[1, 3, 5], [0, 2, 4]])
    assert cnet.searchsorted(rows, tensor([[3], [3]]), right=True).tolist() == [[2], [2]]
