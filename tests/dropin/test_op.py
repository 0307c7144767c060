"""A graph made by Op.apply."""

import numpy as np
import pytest

from cnet.dropin import op
from cnet.dropin.op import Tensor

RNG = np.random.default_rng(0)


def _traced(capsys, monkeypatch, root):
    """What is printed, with the tensors numbered in the order of their appearance."""
    numbers = {}
    monkeypatch.setattr(op, "_short_id", lambda x: numbers.setdefault(id(x), len(numbers)))
    op.print_autograd_graph(root)
    return capsys.readouterr().out


def test_tensors_are_printed_with_the_end_of_their_address(capsys):
    x = Tensor(2.0)
    op.print_autograd_graph(x)
    assert f"[{hex(id(x))[-5:]}] Leaf" in capsys.readouterr().out


def test_trace_and_gradients_of_scalars(capsys, monkeypatch):
    x, w, b = (Tensor(value, requires_grad=True) for value in (2.0, 3.0, -4.0))
    loss = op.ReLU.apply(x * w + b)
    assert (
        _traced(capsys, monkeypatch, loss)
        == """\
=== Autograd Graph (parents -> node) ===
[0] Leaf(shape=(), requires_grad=True)
[1] Leaf(shape=(), requires_grad=True)
[0] Leaf(shape=(), requires_grad=True) --Mul--> [2] Mul(out_shape=())
[1] Leaf(shape=(), requires_grad=True) --Mul--> [2] Mul(out_shape=())
[3] Leaf(shape=(), requires_grad=True)
[2] Mul(out_shape=()) --Add--> [4] Add(out_shape=())
[3] Leaf(shape=(), requires_grad=True) --Add--> [4] Add(out_shape=())
[4] Add(out_shape=()) --ReLU--> [5] ReLU(out_shape=())

=== Backward visit order (reverse topological) ===
[5] ReLU(out_shape=())
[4] Add(out_shape=())
[3] Leaf(shape=(), requires_grad=True)
[2] Mul(out_shape=())
[1] Leaf(shape=(), requires_grad=True)
[0] Leaf(shape=(), requires_grad=True)
"""
    )
    loss.backward()
    assert [str(t.grad) for t in (x, w, b)] == ["3.0", "2.0", "1.0"]


def test_trace_and_gradients_of_vectors(capsys, monkeypatch):
    a = Tensor(np.array([0.4, 1.0, -2.0], dtype=np.float32), requires_grad=True)
    y = op.ReLU.apply(a * Tensor(2.0) - Tensor(1.0))
    loss = op.Sum.apply(y)
    assert (
        _traced(capsys, monkeypatch, loss)
        == """\
=== Autograd Graph (parents -> node) ===
[0] Leaf(shape=(3,), requires_grad=True)
[1] Leaf(shape=(), requires_grad=False)
[0] Leaf(shape=(3,), requires_grad=True) --Mul--> [2] Mul(out_shape=(3,))
[1] Leaf(shape=(), requires_grad=False) --Mul--> [2] Mul(out_shape=(3,))
[3] Leaf(shape=(), requires_grad=False)
[2] Mul(out_shape=(3,)) --Add--> [4] Add(out_shape=(3,))
[3] Leaf(shape=(), requires_grad=False) --Add--> [4] Add(out_shape=(3,))
[4] Add(out_shape=(3,)) --ReLU--> [5] ReLU(out_shape=(3,))
[5] ReLU(out_shape=(3,)) --Sum--> [6] Sum(out_shape=())

=== Backward visit order (reverse topological) ===
[6] Sum(out_shape=())
[5] ReLU(out_shape=(3,))
[4] Add(out_shape=(3,))
[3] Leaf(shape=(), requires_grad=False)
[2] Mul(out_shape=(3,))
[1] Leaf(shape=(), requires_grad=False)
[0] Leaf(shape=(3,), requires_grad=True)
"""
    )
    loss.backward()
    assert str(y.data) == "[0. 1. 0.]"
    assert str(a.grad) == "[0. 2. 0.]"


def test_constants_stand_in_the_trace(capsys):
    op.print_autograd_graph(2.0 * Tensor(1.0, requires_grad=True))
    assert "[const 2.0] --Mul--> [" in capsys.readouterr().out


def _gradients(f, *arrays):
    tensors = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*tensors)
    upstream = np.random.default_rng(1).normal(size=y.data.shape).astype(np.float32)
    y.backward(upstream)
    return y.data, upstream, [t.grad for t in tensors]


def _numeric(f, arrays, upstream, which, step=1e-3):
    gradient = np.zeros(arrays[which].shape)
    for index in np.ndindex(gradient.shape):
        ends = []
        for sign in (1, -1):
            moved = [x.astype(np.float64) for x in arrays]
            moved[which][index] += sign * step
            ends.append(float((f(*map(Tensor, moved)).data.astype(float) * upstream).sum()))
        gradient[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


A, B, POSITIVE = RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.uniform(1, 2, (3, 4))
OPERATIONS = {
    "add": (lambda a, b: a + b, A, B),
    "sub": (lambda a, b: a - b, A, B),
    "mul": (lambda a, b: a * b, A, B),
    "div": (lambda a, b: a / b, A, POSITIVE[:1]),
    "neg": (lambda a: -a, A),
    "numbers": (lambda a: 1 - 2 * a / 4 + 3 / (a + 5), A),
    "array on the left": (lambda a: A * a, B),
    "power": (lambda a, b: a**b, POSITIVE, B),
    "square of a negative": (lambda a: a**2.0, A),
    "exponential": (lambda a: 2.0**a, A),
    "matmul": (lambda a, b: a @ b, A, RNG.normal(size=(4, 2))),
    "batched matmul": (lambda a, b: a @ b, RNG.normal(size=(2, 3, 4)), RNG.normal(size=(4, 2))),
    "vector": (lambda a, b: a @ b, A, B),
    "vectors": (lambda a, b: a @ b, B, B + 1),
    "vector and matrix": (lambda a, b: a @ b, A[:, 0], A),
    "sum": (lambda a: op.Sum.apply(a), A),
    "sum by name": (lambda a: op.Sum.apply(a, axis=1, keepdims=True), A),
    "sum by position": (lambda a: op.Sum.apply(a, 0), A),
    "relu": (op.ReLU.apply, A),
    "log": (op.Log.apply, POSITIVE),
    "softmax": (op.Softmax.apply, A),
    "cross entropy": (op.CrossEntropyLoss.apply, A, np.eye(4)[:3]),
    "negative log": (op.NLLLoss.apply, A, np.eye(4)[:3]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients(name):
    f, *arrays = OPERATIONS[name]
    y, upstream, gradients = _gradients(f, *arrays)
    assert y.dtype == np.float32
    for i, gradient in enumerate(gradients):
        assert gradient.shape == arrays[i].shape
        np.testing.assert_allclose(gradient, _numeric(f, arrays, upstream, i), atol=5e-3, rtol=5e-3)


def test_softmax_log_and_loss_do_not_underflow():
    logits, targets = np.array([[0.0, 300.0, -300.0]]), np.array([[1.0, 0.0, 0.0]])
    apart, whole = (Tensor(logits, requires_grad=True) for _ in range(2))
    loss = op.NLLLoss.apply(op.Log.apply(op.Softmax.apply(apart)), Tensor(targets))
    loss.backward()
    op.CrossEntropyLoss.apply(whole, Tensor(targets)).backward()
    assert np.isfinite(loss.data)
    np.testing.assert_allclose(apart.grad, whole.grad, atol=1e-6)
    np.testing.assert_allclose(whole.grad, [[-1, 1, 0]], atol=1e-6)


def test_a_graph_that_is_shared_is_gone_through_twice():
    x = Tensor(3.0, requires_grad=True)
    square = x * x
    (square * 2).backward()
    assert x.grad == 12
    (square * 5).backward()
    assert x.grad == 12 + 30
    assert square.grad == 5


def test_a_tensor_used_twice_gets_the_sum():
    x = Tensor([1.0, 2.0], requires_grad=True)
    op.Sum.apply(x * x + x).backward()
    assert x.grad.tolist() == [3, 5]


def test_deep_graphs():
    x = y = Tensor(1.0, requires_grad=True)
    for _ in range(5000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1


def test_an_op_of_ones_own():
    class Cube(op.Op):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a**3

        @staticmethod
        def backward(ctx, grad_output):
            (a,) = ctx.saved_tensors
            return 3 * a**2 * grad_output

    x = Tensor([1.0, 2.0], requires_grad=True)
    Cube.apply(x).backward([1, 10])
    assert x.grad.tolist() == [3, 120]


def _losses(m):
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(20, 7)), np.eye(3)[np.arange(20) % 3]
    w, b = m.Tensor(rng.normal(size=(7, 3)), True), m.Tensor(np.zeros(3), True)
    losses = []
    for _ in range(30):
        logits = m.Tensor(x) @ w + b
        loss = m.NLLLoss.apply(m.Log.apply(m.Softmax.apply(logits)), m.Tensor(t))
        loss.backward()
        losses.append(float(loss.data))
        for param in (w, b):
            param.data -= 0.5 * param.grad
            param.grad = None
    return losses


def test_training_as_in_the_document(facts):
    np.testing.assert_allclose(_losses(op), facts["losses"], rtol=1e-5)


def test_tensors_copy_and_print():
    data = np.zeros(2, np.float32)
    x = Tensor(data, requires_grad=True)
    data[...] = 1
    assert repr(x) == "Tensor(data=[0. 0.], grad=None, requires_grad=True)"
    assert Tensor(x).data is not x.data
    assert Tensor.ones((2, 3)).data.sum() == 6
    assert Tensor.zeros(4, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Tensor(1.0).backward(), RuntimeError, "must require grad"),
        (lambda: Tensor([1.0, 2.0], True).backward(), RuntimeError, "grad_output must be given"),
        (lambda: Tensor([1.0, 2.0], True).backward([1.0]), ValueError, r"\(got \(1,\) and \(2,\)"),
        (lambda: op.Add.apply(Tensor(1.0), "a"), TypeError, "Add: b must hold real numbers"),
        (lambda: op.MatMul.apply(A, A), ValueError, "MatMul: a.shape"),
        (lambda: op.NLLLoss.apply(A, A[:2]), ValueError, "NLLLoss: targets.shape must equal"),
        (lambda: op.CrossEntropyLoss.apply(A[None], A[None]), ValueError, "1 or 2 dimensions"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
