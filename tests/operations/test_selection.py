"""Maximum, minimum and where."""

import numpy as np
import pytest

import cnet
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor

SHAPES = [((), ()), ((3,), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0, 3), (3,))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("function", [cnet.maximum, cnet.minimum])
def test_extrema(function, shapes):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(shapes[0]), rng.standard_normal(shapes[1])
    np.testing.assert_array_equal(function(a, b), getattr(np, function.__name__)(a, b))
    assert gradcheck(function, (a, b))
    assert gradcheck(lambda x: function(x, np.array(0.1)), a)
    assert gradcheck(lambda x: function(b, x), a)


@pytest.mark.parametrize("function", [cnet.maximum, cnet.minimum])
def test_equal_operands_share_the_gradient(function):
    a, b = (Tensor(np.array([1.0, 2.0]), requires_grad=True) for _ in range(2))
    function(a, b).backward(np.array([1.0, 3.0]))
    np.testing.assert_array_equal(a.grad, [0.5, 1.5])
    np.testing.assert_array_equal(b.grad, [0.5, 1.5])


def test_dtype_and_methods():
    x = tensor([-1.0, 2.0])
    assert np.maximum(x, np.float64(0)).dtype == np.float32
    assert np.minimum(x, 0).tolist() == [-1, 0]
    assert cnet.where(x > 0, x, np.float64(7)).dtype == np.float32
    assert cnet.where(x > 0, 1.5, x).dtype == np.float32
    assert x.where(x > 0, 7).tolist() == [7, 2]
    assert np.isnan(np.maximum(x, np.nan)).all()


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_where(shapes):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(shapes[0]), rng.standard_normal(shapes[1])
    condition = rng.random(np.broadcast_shapes(*shapes)) < 0.5
    np.testing.assert_array_equal(cnet.where(condition, a, b), np.where(condition, a, b))
    for given in (condition, tensor(condition)):
        assert gradcheck(cnet.where, (given, a, b))
    assert gradcheck(lambda x: cnet.where(condition, x, 2), a)
    assert gradcheck(lambda x: cnet.where(condition, 2, x), a)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int32", "int64"])
@pytest.mark.parametrize("shapes", [((90, 100), (90, 100)), ((100,), (90, 1)), ((), (90, 100))])
def test_large_masks_give_the_bits_of_numpy(shapes, dtype):
    rng = np.random.default_rng(0)
    mask = rng.random((90, 100)) < 0.5
    a, b = (np.asarray(rng.normal(size=shape) * 9, dtype) for shape in shapes)
    if a.dtype.kind == "f":
        a.flat[:3], b.flat[-3:], b.flat[:1] = np.nan, -0.0, np.inf
    for chosen in (mask, np.asfortranarray(mask), mask[::-1, ::-1], mask.view(np.uint8)):
        y = cnet.where(chosen, a, b).numpy()
        assert (y.dtype, y.tobytes()) == (b.dtype, np.where(chosen, a, b).tobytes())
    for value in (0, 3, -0.0) if a.dtype.kind == "f" else (0, 3):
        expected = np.where(mask, np.asarray(value, dtype), b)
        assert cnet.masked_fill(tensor(b), mask, value).numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_large_masks(dtype):
    rng = np.random.default_rng(0)
    mask, g = rng.random((90, 100)) < 0.5, rng.standard_normal((90, 100)).astype(dtype)
    g[0, :9] = np.inf
    a, b, x = (Tensor(np.ones((90, 100), dtype), requires_grad=True) for _ in range(3))
    cnet.where(mask, a, b).backward(g)
    cnet.masked_fill(x, mask, 2.0).backward(g)
    np.testing.assert_array_equal(a.grad, np.where(mask, g, 0))
    np.testing.assert_array_equal(b.grad, np.where(mask, 0, g))
    np.testing.assert_array_equal(x.grad, b.grad)


def test_where_of_a_condition_alone_gives_positions():
    x = cnet.tensor([[0.0, 2.0], [3.0, 0.0]])
    for found in (cnet.where(x > 1), cnet.where(x), np.where(x)):
        assert [part.tolist() for part in found] == [[0, 1], [1, 0]]
        assert found[0].dtype == cnet.int64
    with pytest.raises(TypeError, match=r"^where: input and other must both be given"):
        cnet.where(x > 1, x)
