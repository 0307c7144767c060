"""Fused chains: bitwise the same values and, in the graph, the same gradients as the chain."""

import numpy as np
import pytest

from cnet import functional as F
from cnet import kernels, no_grad, runtime
from cnet.functional.fused import conv2d_relu_pool, linear_relu
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor
from tolerance import assert_exact, assert_rounded

CASES = [
    ((2, 3, 6, 7), (4, 3, 3, 3), {}),
    ((2, 3, 5, 6), (4, 3, 3, 2), {"stride": (2, 1), "padding": 1}),
    ((1, 4, 6, 5), (6, 2, 3, 2), {"padding": (1, 0), "groups": 2}),
    ((1, 3, 9, 9), (3, 1, 3, 3), {"dilation": 2, "groups": 3}),
    ((2, 2, 5, 7), (3, 2, 3, 2), {"padding": "same"}),
    ((2, 2, 4, 5), (3, 2, 1, 1), {"padding": "valid"}),
    ((0, 2, 4, 5), (3, 2, 3, 3), {}),
]
DEEP = ((2, 16, 9, 10), (17, 16, 3, 3), {"padding": 1})
"""For this convolution, Winograd's algorithm is faster than the kernel of the chain."""


def numbers(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape, dtype)


def chain(x, weight, bias, **options):
    return F.max_pool2d(F.relu(F.conv2d(x, weight, bias, **options)), 2)


def arrays(x, weight, dtype=np.float64):
    return tuple(
        numbers(*shape, seed=seed, dtype=dtype)
        for seed, shape in enumerate((x, weight, weight[:1]))
    )


def results(function, arrays, options, requires_grad=(True, True, True)):
    """The output, then the gradients of the leaves, or None."""
    leaves = [
        None if a is None else Tensor(a, needed)
        for a, needed in zip(arrays, requires_grad, strict=True)
    ]
    y = function(*leaves, **options)
    if y.requires_grad:
        y.backward(numbers(*y.shape, seed=9, dtype=y.dtype))
    grads = [None if leaf is None or leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return [y.detach().numpy(), *grads]


def assert_same(got, expected):
    """Bitwise equal values, and gradients that are equal up to the order of summation."""
    assert_exact(got[0], expected[0])
    for a, b in zip(got[1:], expected[1:], strict=True):
        if b is None:
            assert a is None
        else:
            assert_rounded(a, b)


def watched(kernel, names):
    def call(*args, **kwargs):
        names.append(kernel.__name__)
        return kernel(*args, **kwargs)

    return call


@pytest.fixture
def calls(monkeypatch):
    """The names of the kernels that run."""
    names = []
    for name in ("conv2d", "conv2d_relu_pool", "conv2d_relu_pool_backward", "conv2d_backward",
                 "relu_pool", "relu_pool_backward", "relu", "max_pool2d"):  # fmt: skip
        monkeypatch.setattr(kernels, name, watched(getattr(kernels, name), names))
    return names


@pytest.mark.parametrize(("x", "weight", "options"), [*CASES, DEEP])
def test_is_the_chain(impl, dtype, x, weight, options):
    given = arrays(x, weight, dtype)
    assert_same(results(conv2d_relu_pool, given, options), results(chain, given, options))
    given = (*given[:2], None)
    assert_same(results(conv2d_relu_pool, given, options), results(chain, given, options))


@pytest.mark.parametrize("needed", [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
@pytest.mark.parametrize(
    ("x", "weight", "options", "name"),
    [(*CASES[1], "conv2d_relu_pool_backward"), (*DEEP, "conv2d_backward")],
)
def test_only_the_gradients_that_are_needed(monkeypatch, x, weight, options, name, needed):
    given, needed, asked = arrays(x, weight), tuple(map(bool, needed)), []
    expected = results(chain, given, options, needed)
    backward = getattr(kernels, name)

    def watching(*args, needs, **kwargs):
        asked.append(needs)
        return backward(*args, needs=needs, **kwargs)

    monkeypatch.setattr(kernels, name, watching)
    assert_same(results(conv2d_relu_pool, given, options, needed), expected)
    assert asked == [needed] * any(needed)


def test_one_kernel_computes_what_is_small(calls):
    x, weight, options = CASES[0]
    results(conv2d_relu_pool, arrays(x, weight), options)
    assert calls == ["conv2d_relu_pool", "conv2d_relu_pool_backward"]


def test_a_faster_algorithm_of_the_convolution_is_taken(calls):
    x, weight, options = DEEP
    results(conv2d_relu_pool, arrays(x, weight), options)
    assert calls == ["conv2d", "relu_pool", "relu_pool_backward", "conv2d_backward"]
    del calls[:]
    with runtime.use_exact():
        results(conv2d_relu_pool, arrays(x, weight), options)
    assert calls == ["conv2d_relu_pool", "conv2d_relu_pool_backward"]


def test_is_the_chain_where_exactness_is_asked_for(impl):
    x, weight, options = DEEP
    given = arrays(x, weight, np.float32)
    with runtime.use_exact():
        assert_same(results(conv2d_relu_pool, given, options), results(chain, given, options))


@pytest.mark.parametrize(("x", "weight", "options"), [*CASES, DEEP])
def test_gradients(x, weight, options):
    x, weight, bias = arrays(x, weight)
    assert gradcheck(lambda *args: conv2d_relu_pool(*args, **options), (x, weight, bias))
    assert gradcheck(lambda x: conv2d_relu_pool(x, weight, None, **options), x)
    assert gradcheck(lambda w: conv2d_relu_pool(x, w, bias, **options), weight)
    assert gradcheck(lambda b: conv2d_relu_pool(x, weight, b, **options), bias)


def test_arrays_are_taken_and_no_graph_is_made_of_them():
    x, weight, bias = arrays(*CASES[0][:2])
    y = conv2d_relu_pool(x, weight, bias)
    assert not y.requires_grad
    with no_grad():
        assert not conv2d_relu_pool(x, Tensor(weight, requires_grad=True), bias).requires_grad


def test_strided_input():
    x, weight = numbers(7, 6, 3, 2).T, numbers(4, 3, 2, 2)
    assert_same(results(conv2d_relu_pool, (x, weight, None), {}, (True, True, False)),
                results(chain, (x, weight, None), {}, (True, True, False)))  # fmt: skip


def test_dead_and_tied_cells():
    """If all four cells are equal, the first gets the gradient; if not positive, none does."""
    x, weight = np.ones((1, 1, 4, 4)), np.array([1.0, -1, 0]).reshape(3, 1, 1, 1)
    y, dx, dw, db = results(conv2d_relu_pool, (x, weight, np.zeros(3)), {})
    assert_same([y, dx, dw, db], results(chain, (x, weight, np.zeros(3)), {}))
    assert (dx[0, 0] != 0).tolist() == [[i % 2 == j % 2 == 0 for j in range(4)] for i in range(4)]
    assert dw[1:].tolist() == [[[[0]]]] * 2
    assert db[1:].tolist() == [0, 0]


@pytest.mark.parametrize(("x", "weight", "options"), [CASES[0], DEEP])
def test_the_graph_keeps_no_array_between_the_operations(x, weight, options):
    given = arrays(x, weight)
    y = conv2d_relu_pool(given[0], Tensor(given[1], requires_grad=True), given[2], **options)
    kept = *_, codes = y.grad_fn.saved
    assert [a.shape for a in kept] == [x, weight, y.shape]
    assert codes.dtype == np.uint8


def test_errors_are_those_of_the_kernel():
    with pytest.raises(TypeError, match=r"weight\.dtype must equal x\.dtype"):
        conv2d_relu_pool(numbers(1, 3, 5, 5), numbers(4, 3, 3, 3, dtype=np.float32), None)
    with pytest.raises(ValueError, match="must fit into the padded input"):
        conv2d_relu_pool(numbers(1, 3, 3, 3), numbers(4, 3, 3, 3), None)


# ---- Linear and ReLU ---------------------------------------------------------------------------

LINEAR = [((5, 7), (4, 7)), ((2, 3, 9), (6, 9)), ((7,), (4, 7)), ((70, 800), (49, 800)),
          ((0, 3), (4, 3)), ((2, 0), (4, 0))]  # fmt: skip


def linear_chain(x, weight, bias):
    return F.relu(F.linear(x, weight, bias))


@pytest.mark.parametrize("needed", [(1, 1, 1), (0, 1, 1), (1, 0, 0), (0, 0, 1)])
@pytest.mark.parametrize(("x", "weight"), LINEAR)
def test_linear_relu_is_the_chain(impl, dtype, x, weight, needed):
    given, needed = arrays(x, weight, dtype), tuple(map(bool, needed))
    expected = results(linear_chain, given, {}, needed)
    assert_same(results(linear_relu, given, {}, needed), expected)
    given = (*given[:2], None)
    assert_same(results(linear_relu, given, {}), results(linear_chain, given, {}))


def test_linear_relu_passes_nan_and_kills_what_is_not_positive():
    x, weight = np.array([[1.0], [-1.0], [0.0], [np.nan]]), np.array([[2.0]])
    got = results(linear_relu, (x, weight, None), {})
    assert_same(got, results(linear_chain, (x, weight, None), {}))
    assert_exact(got[0], np.array([[2.0], [0.0], [0.0], [np.nan]]))
    assert (got[1] != 0).ravel().tolist() == [True, False, False, True]


def test_linear_relu_gradients():
    x, weight, bias = arrays((5, 7), (4, 7))
    assert gradcheck(linear_relu, (x, weight, bias))


def test_linear_relu_runs_one_kernel_each_way(monkeypatch):
    names = []
    for name in ("linear", "relu", "relu_backward"):
        monkeypatch.setattr(kernels, name, watched(getattr(kernels, name), names))
    results(linear_relu, arrays((5, 7), (4, 7)), {})
    assert names == ["linear", "relu_backward"]
