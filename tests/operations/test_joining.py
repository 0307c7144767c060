"""Indexing, concatenation, stacking and padding."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

X = np.random.default_rng(0).standard_normal((3, 4, 2))
MASK = X[..., 0] > 0

INDICES = {
    "number": 1,
    "negative": -1,
    "numpy number": np.int64(2),
    "numbers": (1, 2, 0),
    "slice": slice(0, 2),
    "steps": (slice(None, None, 2), slice(1, None)),
    "ellipsis": (..., 0),
    "new axis": (None, slice(None), None),
    "nothing": slice(0, 0),
    "everything": (),
    "positions": [0, 2],
    "repeated positions": np.array([0, 0, 2, 0]),
    "2-d positions": np.array([[0, 1], [1, 0]]),
    "pairs": (np.array([0, 1, 0]), np.array([2, 3, 2])),
    "positions and slice": (slice(1, 3), [1, 1, 3]),
    "positions and number": ([0, 0], 1),
    "mask": MASK,
    "mask of rows": np.array([True, False, True]),
    "mask as list": [True, False, True],
    "mask and number": (MASK, 0),
    "true": True,
    "no positions": np.array([], int),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_indexing(index):
    np.testing.assert_array_equal(Tensor(X)[index], X[index])
    assert gradcheck(lambda x: x[index], X)


def test_indexing_by_tensors():
    positions, mask = tensor([0, 0, 2]), Tensor(MASK)
    np.testing.assert_array_equal(Tensor(X)[positions], X[[0, 0, 2]])
    np.testing.assert_array_equal(Tensor(X)[positions, 1], X[[0, 0, 2], 1])
    assert gradcheck(lambda x: x[mask], X)
    assert gradcheck(lambda x: x[positions, ..., positions * 0], X)


def test_basic_indexing_shares_memory():
    x = Tensor(X.copy())
    assert np.shares_memory(x[1:, 0].detach().numpy(), x.detach().numpy())


@pytest.mark.parametrize("index", [3, (0, 0, 0, 0), [4], 1.0, "text"])
def test_wrong_indices(index):
    with pytest.raises(IndexError):
        Tensor(X)[index]


SHAPES = [
    (((2, 3), (1, 3), (4, 3)), 0),
    (((2, 3), (2, 1)), 1),
    (((2, 3), (2, 2)), -1),
    (((3,),), 0),
    (((0, 3), (2, 3)), 0),
]


@pytest.mark.parametrize(("shapes", "axis"), SHAPES, ids=str)
def test_cat(shapes, axis):
    arrays = [np.random.default_rng(i).standard_normal(s) for i, s in enumerate(shapes)]
    np.testing.assert_array_equal(cnet.cat(arrays, axis), np.concatenate(arrays, axis))
    np.testing.assert_array_equal(cnet.concatenate(arrays, dim=axis), np.concatenate(arrays, axis))
    assert gradcheck(lambda *xs: cnet.cat(xs, axis), arrays)


@pytest.mark.parametrize(
    ("shape", "axis"), [((), 0), ((3,), 0), ((3,), -1), ((2, 3), 1), ((0,), 0)], ids=str
)
def test_stack(shape, axis):
    arrays = [np.asarray(np.random.default_rng(i).standard_normal(shape)) for i in range(3)]
    np.testing.assert_array_equal(cnet.stack(arrays, dim=axis), np.stack(arrays, axis))
    assert gradcheck(lambda *xs: cnet.stack(xs, axis), arrays)


def test_joining_of_tensors_of_which_some_need_gradients():
    x, constant = tensor([1.0], requires_grad=True), tensor([2.0])
    y = cnet.cat([x, constant, x, np.ones(1, np.float32)])
    y.backward(np.array([1.0, 10.0, 100.0, 1000.0]))
    np.testing.assert_array_equal(x.grad, [101])
    assert constant.grad is None


@pytest.mark.parametrize("join", [cnet.cat, cnet.stack])
def test_joining_errors(join):
    for wrong in ([], [np.ones((2, 3)), np.ones((3, 2))]):
        with pytest.raises(ValueError, match=r"must be equal|the same shape|must not be empty"):
            join(wrong)


PADS = [
    ((4,), (1, 2)),
    ((3, 4), (1, 2)),
    ((3, 4), (1, 0, 2, 1)),
    ((2, 3, 4), (0, 0, 1, 1)),
    ((3, 4), (-1, 2)),
    ((3, 4), (-1, -2, 1, -1)),
    ((3, 4), ()),
    ((3, 4), (0, 0)),
]


@pytest.mark.parametrize(("shape", "pad"), PADS, ids=str)
def test_padding_by_a_constant(shape, pad):
    x = np.random.default_rng(0).standard_normal(shape)
    ends = [(0, 0)] * (len(shape) - len(pad) // 2)
    ends += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    widths = [(max(b, 0), max(a, 0)) for b, a in ends]
    kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(shape, ends, strict=True))
    y = F.pad(x, pad, value=1.5)
    np.testing.assert_array_equal(y, np.pad(x[kept], widths, constant_values=1.5))
    assert gradcheck(lambda x: F.pad(x, pad), x)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_by_other_modes(mode):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    name = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    expected = np.pad(x, ((0, 0), (0, 2), (3, 1)), name)
    np.testing.assert_array_equal(F.pad(x, (3, 1, 0, 2), mode), expected)
    assert gradcheck(lambda x: F.pad(x, (3, 1, 0, 2), mode), x)
    assert gradcheck(lambda x: F.pad(x, (1, -1), mode), x)


def test_padding_keeps_the_dtype():
    assert F.pad(tensor([1]), (1, 1)).tolist() == [0, 1, 0]
    assert F.pad(tensor([1.0]), (1, 1), value=2).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1,),), r"pad: pad must have two numbers .* at most 1 axes \(got \(1,\)\)"),
        (((1, 1, 1, 1),), "pad: pad must have two numbers"),
        (((1, 1), "mirror"), "pad: mode must be one of constant, .* 'mirror'"),
        (((-2, -2),), r"pad: pad removes too much \(got \(-2, -2\) and shape \(3,\)\)"),
    ],
)
def test_padding_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        F.pad(tensor([1.0, 2.0, 3.0]), *arguments)


@pytest.mark.parametrize(
    ("pad", "options", "message"),
    [
        ((3, 0), {"mode": "reflect"}, "pad: pad must add at most 2 elements in the mode 'reflect'"),
        ((0, 4), {"mode": "circular"}, "pad: pad must add at most 3 elements in the mode 'circ"),
        ((1, 1), {"mode": "reflect", "value": 1.0}, "pad: value is for the mode 'constant' only"),
    ],
)
def test_padding_that_pytorch_refuses(pad, options, message):
    with pytest.raises(ValueError, match=message):
        F.pad(np.ones((2, 3)), pad, **options)
    with pytest.raises(ValueError, match="pad: pad must add at most"):
        F.pad(np.ones((2, 0)), (1, 0), mode="replicate")


def test_the_first_tensor_of_a_list_may_be_empty():
    x = tensor([[1.0, 2.0]], requires_grad=True)
    empty = tensor(np.zeros(0, np.float32), requires_grad=True)
    y = cnet.cat([empty, x, x])
    assert y.tolist() == [[1, 2], [1, 2]]
    y.sum().backward()
    assert x.grad.tolist() == [[2, 2]]
    assert empty.grad.shape == (0,)
    assert cnet.cat([empty, empty]).shape == (0,)


@pytest.mark.parametrize(("shape", "axis"), [((2, 90, 100), 0), ((1, 90, 100), 1)])
def test_contiguous_parts_of_a_gradient_are_not_copied(shape, axis):
    x = tensor(np.ones(shape, np.float32), requires_grad=True)
    y = cnet.cat([x.neg(), x.neg()], axis)
    grad = np.ones(y.shape, np.float32)
    for _, part in y.grad_fn.propagate([grad]):
        assert np.shares_memory(part, grad)


JOINED = [
    ([(2, 3), (2, 3)], 0), ([(2, 3), (2, 5), (2, 0)], 1), ([(0, 3), (0, 3)], 1), ([(1,)], 0),
    ([(2, 3, 4, 5, 6, 7)] * 2, 3), ([(0,), (2, 3)], 1), ([(0,), (0,)], 0), ([(2, 1, 3)] * 130, 1),
]  # fmt: skip


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize(("shapes", "axis"), JOINED, ids=str)
def test_joined_arrays_of_any_layout(shapes, axis, order, dtype):
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.standard_normal(shape), dtype, order) for shape in shapes]
    kept = [array for array in arrays if array.shape != (0,)] or arrays[:1]
    y = cnet.cat([Tensor(array) for array in arrays], axis)
    np.testing.assert_array_equal(y, np.concatenate(kept, axis))
    assert y.dtype == dtype
    wide = cnet.cat([*map(Tensor, arrays), Tensor(np.empty(0))], axis)
    assert wide.dtype == np.float64
    for place in range(arrays[-1].ndim + 1):
        y = cnet.stack([Tensor(arrays[-1])] * 3, place)
        np.testing.assert_array_equal(y, np.stack([arrays[-1]] * 3, place))


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shift", [0, 1, -1, 7, 100])
def test_rolled_arrays_of_any_layout(shift, order, dtype):
    for shape in [(5,), (1,), (0, 3), (4, 6), (2, 3, 4, 5, 2, 3)]:
        x = np.asarray(np.random.default_rng(1).standard_normal(shape), dtype, order)
        np.testing.assert_array_equal(cnet.roll(Tensor(x), shift), np.roll(x, shift))
        for axis in range(x.ndim):
            y = cnet.roll(Tensor(x), (shift, 1), (axis, 0))
            np.testing.assert_array_equal(y, np.roll(np.roll(x, shift, axis), 1, 0))


def test_triangles_of_small_and_large_matrices(dtype):
    for rows, columns in [(1, 1), (3, 5), (5, 3), (32, 32), (33, 32), (0, 3)]:
        x = np.random.default_rng(1).standard_normal((2, rows, columns)).astype(dtype)
        if rows > 1:
            x[:, 0, -1] = np.nan
        for diagonal in (0, 1, -1, 40, -40):
            for function, expected in ((cnet.tril, np.tril), (cnet.triu, np.triu)):
                y = function(Tensor(x), diagonal)
                np.testing.assert_array_equal(y, expected(x, diagonal))
                assert y.dtype == dtype
