"""Protocols of PyTorch and NumPy: autograd.grad, Function, indices, NumPy functions."""

import array

import numpy as np
import pytest

import cnet
from cnet.autograd import Function, grad
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor


def leaf(*values):
    return tensor(np.array(values), requires_grad=True)


# Gradients


def test_grad_leaves_grad_alone():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    loss = (y * y).sum()
    dx, dy, again = grad(loss, (x, y, x), retain_graph=True)
    assert dx.tolist() == again.tolist() == [18, 64]
    assert dy.tolist() == [6, 16]
    assert (x.grad, w.grad, y.grad) == (None, None, None)
    (dw,) = grad(loss, w)
    assert dw.tolist() == [6, 32]
    with pytest.raises(RuntimeError, match="freed"):
        grad(loss, w)


def test_grad_starts_from_given_gradients():
    x = leaf(1.0, 2.0)
    (dx,) = grad([x * 2, x.sum()], x, [np.array([1.0, 10.0]), None])
    assert dx.tolist() == [3, 21]


def test_grad_of_unused_inputs():
    x, w = leaf(1.0), leaf(2.0)
    with pytest.raises(RuntimeError, match="allow_unused=True"):
        grad(x * 2, (x, w))
    assert grad(x * 2, (x, w), allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="inputs does not require grad"):
        grad(x * 2, tensor(1.0))


def test_derivatives_of_derivatives_are_refused():
    x = leaf(1.0)
    with pytest.raises(NotImplementedError, match="create_graph=True is not supported"):
        grad(x * x, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="create_graph=True is not supported"):
        (x * x).backward(create_graph=True)
    (x * x).backward()
    assert x.grad.tolist() == [2]


# Functions as PyTorch has them


def clamped(library):
    class Clamped(library.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, low):
            y = x.clamp(min=low)
            ctx.save_for_backward(x, w, None)
            ctx.low = low
            return y * w, (x < low).sum()

        @staticmethod
        def backward(ctx, grad_output, _):
            x, w, nothing = ctx.saved_tensors
            assert nothing is None
            need_x, need_w, need_low = ctx.needs_input_grad
            assert not need_low
            dx = grad_output * w * (x > ctx.low) if need_x else None
            return dx, (grad_output * x.clamp(min=ctx.low)) if need_w else None, None

    return Clamped


def test_a_function_gets_tensors():
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    results = []
    for library in (cnet, torch):
        x = library.tensor(np.array([-1.0, 0.5, 2.0])).requires_grad_()
        w = library.tensor(np.array([2.0, 3.0, 4.0])).requires_grad_()
        y, count = clamped(library).apply(x * 1, w, 0.0)
        assert count.item() == 1
        assert not count.requires_grad
        (y * w).sum().backward()
        results.append((y.tolist(), x.grad.tolist(), w.grad.tolist()))
    assert results[0] == results[1]


def test_a_function_may_leave_the_context_to_setup_context():
    class Scale(Function):
        @staticmethod
        def forward(x, factor):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.factor = inputs
            ctx.save_for_backward(x, output)

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            assert y.tolist() == (x * ctx.factor).tolist()
            return grad_output * ctx.factor, None

    x = leaf(1.0, 2.0)
    Scale.apply(x, 3.0).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert repr(Scale.apply(x, 3.0).grad_fn) == "<Scale>"


def test_what_a_function_saved_may_not_change():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y, _ = clamped(cnet).apply(x, w, 0.0)
    w.detach().add_(1)
    with pytest.raises(RuntimeError, match=r"Clamped saved it .* Add changed it"):
        y.sum().backward()


# Indices


class Series:
    """As in pandas: neither a list nor an array, but convertible to an array."""

    def __array__(self, dtype=None, copy=None):
        return np.array([0, 2, 0], dtype)


@pytest.mark.parametrize(
    "index",
    [
        ((0, 0, 1), (1, 1, 2)),
        ([0, 0, 1], (1, 1, 2)),
        (((0, 0), (1, 0)), ((1, 1), (2, 1))),
        (array.array("q", [0, 0, 1]), array.array("q", [1, 1, 2])),
        memoryview(np.array([1, 1, 0])),
        (slice(None), Series()),
        [[0, 1], [1, 1]],
        [tensor(0), tensor(0)],
        (range(2), range(1, 3)),
        (tensor([0, 0, 1]), 1),
        (..., [1, 1]),
        np.array([1, 1], np.uint8),
    ],
)
def test_derivatives_of_positions_that_repeat(index):
    assert gradcheck(lambda x: x[index], np.arange(6.0).reshape(2, 3))


def test_the_reported_index():
    x = tensor(np.zeros((2, 3)), requires_grad=True)
    x[(0, 0, 1), (1, 1, 2)].sum().backward()
    assert x.grad.tolist() == [[0, 2, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        ((0, slice(3, 0, -2)), ValueError, "step must be greater than zero"),
        ([0.5], IndexError, "integers or booleans"),
        (2, IndexError, "out of bounds"),
        ([0, 5], IndexError, "out of bounds"),
    ],
)
def test_wrong_indices(index, error, message):
    x = tensor(np.zeros((2, 3)))
    with pytest.raises(error, match=message):
        x[index]
    with pytest.raises(error, match=message):
        x[index] = 1


# NumPy


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.clip(x, 1, 4), lambda x: np.dot(x, x.T), lambda x: np.where(x > 2, x, 0),
        lambda x: np.concatenate([x, x], 1), lambda x: np.stack([x, x]),
        lambda x: np.reshape(x, (3, 2)), lambda x: np.reshape(x, -1), lambda x: np.transpose(x),
        lambda x: np.transpose(x, (1, 0)), lambda x: np.ravel(x), lambda x: np.squeeze(x),
        lambda x: np.expand_dims(x, 0), lambda x: np.broadcast_to(x, (2, 2, 3)),
        lambda x: np.swapaxes(x, 0, 1), lambda x: np.sum(x, 1), lambda x: np.mean(x, axis=0),
        lambda x: np.var(x), lambda x: np.std(x, axis=1, ddof=1), lambda x: np.exp(x),
        lambda x: np.max(x, axis=1), lambda x: np.matmul(x, x.T), lambda x: np.remainder(x, 2),
        lambda x: np.concatenate((np.ones((1, 3)), x)),
    ],
)  # fmt: skip
def test_functions_of_numpy_with_a_counterpart_are_recorded(call):
    values = np.arange(6.0).reshape(2, 3)
    y = call(tensor(values, requires_grad=True))
    assert isinstance(y, Tensor)
    assert y.requires_grad
    np.testing.assert_allclose(y.detach(), call(values))
    assert gradcheck(call, values + 0.3)


def test_other_functions_of_numpy_refuse_to_lose_a_gradient():
    x = leaf(1.0, 2.0)
    for call in (np.sort, np.unwrap, np.linalg.norm, lambda x: np.allclose(x, x), np.spacing):
        with pytest.raises(TypeError, match=r"np\.\w+: there is no such operation on tensors"):
            call(x)
        assert isinstance(call(x.detach()), (np.ndarray, np.generic, bool))
    assert np.shape(x) == (2,)
    assert np.zeros_like(x).tolist() == [0, 0]
    with pytest.raises(ValueError, match="order must be 'C'"):
        np.reshape(x, (2, 1), order="F")
    with pytest.raises(ValueError, match="at most 2 dimensions"):
        np.dot(tensor(np.zeros((1, 1, 1))), tensor(np.zeros((1, 1))))


# Promotion


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "remainder", "floor_divide"])
def test_results_have_the_dtype_that_pytorch_gives(name):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    dtypes = "uint8", "int32", "int64", "float32", "float64"
    operands = [np.ones(shape, dtype) for shape in ((), (2,)) for dtype in dtypes]
    ours, theirs = getattr(cnet, name), getattr(torch, name)
    for a in operands:
        for b in (*operands, 1, 1.0):
            number = not isinstance(b, np.ndarray)
            expected = theirs(torch.tensor(a), b if number else torch.tensor(b))
            got = ours(tensor(a), b if number else tensor(b))
            assert str(expected.dtype) == f"torch.{got.dtype}", (a.dtype, a.shape, b)
