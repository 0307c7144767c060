"""The graph: recording, propagation of gradients, errors, hooks and memory."""

import copy
import gc
import threading
import weakref

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import kernels
from cnet.autograd import (
    Function,
    Operation,
    backward,
    enable_grad,
    is_grad_enabled,
    listing_calls,
    no_grad,
    topological,
)
from cnet.functional import conv
from cnet.tensor import Tensor


def leaf(*values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


# Recording


def test_nothing_is_recorded_without_an_input_that_needs_a_gradient():
    y = Tensor(np.ones(2)) * 3
    assert y.grad_fn is None
    assert not y.requires_grad
    assert y.is_leaf


def test_results_of_an_input_that_needs_a_gradient_are_recorded():
    y = leaf(1, 2) * 3
    assert repr(y.grad_fn) == "<Mul>"
    assert y.requires_grad
    assert not y.is_leaf


SAME = {
    "add": lambda x, y: x + y,
    "number": lambda x, y: 2.5 - x / 3,
    "broadcast": lambda x, y: x * y[:1],
    "square": lambda x, y: x**2,
    "power": lambda x, y: x.abs() ** 2.5,
    "exp": lambda x, y: x.exp(),
    "sin": lambda x, y: x.sin(),
    "atan2": lambda x, y: cnet.atan2(x, y),
    "lerp": lambda x, y: cnet.lerp(x, y, 0.3),
    "clamp": lambda x, y: x.clamp(-0.5, 0.5),
    "where": lambda x, y: cnet.where(y > 0, x, y),
    "sum": lambda x, y: x.sum(1),
    "mean": lambda x, y: x.mean((0, 1), keepdim=True),
    "prod": lambda x, y: x.prod(0),
    "amax": lambda x, y: x.amax(),
    "cat": lambda x, y: cnet.cat([x, y], 1),
    "stack": lambda x, y: cnet.stack([x, y]),
    "view": lambda x, y: x[1].reshape(-1, 1).t(),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_results_have_the_same_bits_with_and_without_a_graph(name, dtype, order):
    rng = np.random.default_rng(0)
    x, y = (np.asarray(rng.standard_normal((5, 7)), dtype, order=order) for _ in range(2))
    plain = SAME[name](Tensor(x), Tensor(y))
    recorded = SAME[name](Tensor(x, requires_grad=True), Tensor(y, requires_grad=True))
    assert recorded.grad_fn is not None
    assert plain.grad_fn is None
    assert plain.dtype == recorded.dtype
    np.testing.assert_array_equal(plain, recorded.detach())


def test_an_operation_can_compute_without_a_context():
    class Tripled(Operation):
        @staticmethod
        def compute(x):
            return 3 * x

        @staticmethod
        def backward(ctx, grad):
            return 3 * grad

    assert Tripled.apply(Tensor(np.ones(2))).tolist() == [3, 3]
    assert Tripled.apply(np.ones(2)).tolist() == [3, 3]
    x = leaf(1, 2)
    Tripled.apply(x).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_an_input_can_be_optional_or_given_by_its_name():
    class Scaled(Operation):
        @staticmethod
        def forward(ctx, x, factor=2.0):
            ctx.factor = factor
            return factor * x

        @staticmethod
        def backward(ctx, grad):
            return ctx.factor * grad

    class Product(Operation):
        @staticmethod
        def forward(ctx, x, factor):
            return factor * x

    x = leaf(1, 2)
    Scaled.apply(x).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert Scaled.apply(x, factor=3.0).tolist() == [3, 6]
    assert Product.apply(x, factor=3.0).tolist() == [3, 6]
    assert Product.apply(x, 3.0).tolist() == [3, 6]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_every_input_has_an_edge(count):
    inputs = ", ".join([f"x{i}" for i in range(count)])
    methods = {}
    exec(f"def forward(ctx, {inputs}, *, scale=1.0): return scale * sum(({inputs},))", methods)
    members = {
        "forward": staticmethod(methods["forward"]),
        "backward": staticmethod(lambda ctx, grad: (grad,) * count),
    }
    total = type("Total", (Operation,), members)
    for position in range(count):
        leaves = [leaf(i, 1) if i == position else np.full(2, float(i)) for i in range(count)]
        y = total.apply(*leaves, scale=2.0)
        assert y.grad_fn.edges == (*(None,) * position, (leaves[position], 0),
                                   *(None,) * (count - 1 - position))  # fmt: skip
        assert y.tolist()[0] == 2 * sum(range(count))
        assert not total.apply(*[np.ones(2)] * count).requires_grad
    with pytest.raises(TypeError):
        total.apply(*[np.ones(2)] * (count + 1))
    with pytest.raises(TypeError, match="unknown"):
        total.apply(*[np.ones(2)] * count, unknown=1)
    with cnet.no_grad():
        assert not total.apply(*[leaf(1)] * count).requires_grad


def test_options_have_defaults_and_any_name():
    class Scaled(Operation):
        @staticmethod
        def compute(x, *, wrap, type=2.0):
            return wrap * type * x

        @classmethod
        def forward(cls, ctx, x, **options):
            return cls.compute(x, **options)

    class Doubled(Scaled):
        @staticmethod
        def compute(x, *, wrap, type=2.0, factor=1.0):
            return 2 * factor * Scaled.compute(x, wrap=wrap, type=type)

    for x in (leaf(1), np.ones(1)):
        assert Scaled.apply(x, wrap=3.0).tolist() == [6]
        assert Scaled.apply(x, wrap=3.0, type=1.0).tolist() == [3]
        assert Doubled.apply(x, wrap=3.0).tolist() == [12]
        assert Doubled.apply(x, wrap=3.0, factor=0.5).tolist() == [6]
        with pytest.raises(TypeError, match="wrap"):
            Scaled.apply(x)
    with listing_calls() as calls:
        Doubled.apply(np.ones(1), wrap=3.0, factor=2.0)
    assert calls[0].kwargs == {"wrap": 3.0, "factor": 2.0}


def test_no_grad_is_a_context_manager_and_a_decorator():
    x = leaf(1, 2)

    @no_grad()
    def doubled():
        with enable_grad():
            assert (x * 2).requires_grad
        return x * 2

    for _ in range(2):
        assert not doubled().requires_grad
    with no_grad():
        assert not is_grad_enabled()
    assert is_grad_enabled()
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert is_grad_enabled()


def test_grad_mode_belongs_to_a_thread():
    entered, seen = threading.Event(), []
    release = threading.Event()

    def other():
        with no_grad():
            entered.set()
            release.wait(5)
            seen.append(is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(5)
    assert is_grad_enabled()
    with no_grad():
        release.set()
        thread.join()
    assert seen == [False]
    assert is_grad_enabled()


def test_nodes_can_be_read():
    x, w = leaf(1, 2), leaf(3, 4)
    loss = (x * w + x).sum()
    nodes = topological([loss])
    assert [repr(node) for node in nodes] == ["<Sum>", "<Add>", "<Mul>"]
    total, added, product = nodes
    assert total.edges == ((added, 0),)
    assert added.edges[0] == (product, 0)
    assert added.edges[1][0] is x
    left, right = (edge[0] for edge in product.edges)
    assert left is x
    assert right is w
    assert total.outputs == (((), np.float32),)
    assert added.input_shape(1) == (2,)
    loss.backward()
    assert [repr(node) for node in topological([loss])] == ["<Sum>", "<Add>", "<Mul>"]


# Propagation


def test_a_diamond_sums_its_branches():
    x = leaf(2.0)
    a = x * x
    b = a + a
    c = b * a
    c.sum().backward()  # c = 2 x**4
    np.testing.assert_array_equal(x.grad, [64.0])


def test_one_tensor_as_both_operands():
    x = leaf(3.0)
    ((x + x) * (x + x)).sum().backward()
    np.testing.assert_array_equal(x.grad, [24.0])


def test_a_graph_ten_thousand_nodes_deep():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0])
    del y


def test_a_deep_graph_is_let_go_without_recursion():
    y = leaf(1.0)
    for _ in range(100_000):
        y = -y
    del y
    gc.collect()


def test_a_graph_with_exponentially_many_paths():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0**60])


def test_gradients_accumulate_in_leaves():
    x = leaf(1, 2)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 5])
    assert x.grad is first
    assert isinstance(x.grad, Tensor)
    assert x.grad.dtype == np.float32


def test_a_leaf_is_a_graph_of_its_own():
    x = leaf(1, 2)
    x.backward(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(x.grad, [3, 4])
    assert x.grad.dtype == np.float32


def test_several_roots():
    x = leaf(1, 2)
    a, b = x * 2, x * 3
    backward([a, b, a], [np.array([1, 0]), np.array([0, 1]), None or np.array([10, 10])])
    np.testing.assert_array_equal(x.grad, [22, 23])


def test_only_wanted_gradients_are_computed():
    asked = []

    class Spy(Function):
        @staticmethod
        def forward(ctx, a, b, c):
            asked.append(ctx.needs_input_grad)
            return a + b + c

        @staticmethod
        def backward(ctx, grad):
            asked.append(ctx.needs_input_grad)
            return grad, grad, grad

    constant = Tensor(np.ones(2))
    Spy.apply(constant, leaf(1, 2), np.ones(2)).sum().backward()
    with no_grad():
        Spy.apply(constant, leaf(1, 2), np.ones(2))
    assert asked == [(False, True, False), (False, True, False), (False, False, False)]
    assert constant.grad is None


def test_the_kernel_is_asked_for_wanted_gradients_only(monkeypatch):
    needs = []
    kernel = kernels.conv2d_backward

    def spy(*args, **kwargs):
        needs.append(kwargs["needs"])
        return kernel(*args, **kwargs)

    monkeypatch.setattr(conv.Conv2d, "gradients", spy)
    x, weight = np.ones((1, 1, 3, 3)), Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    F.conv2d(x, weight, np.zeros(1)).sum().backward()
    assert needs == [(False, True, False)]


def test_backward_frees_the_graph_and_says_so():
    x = leaf(1, 2)
    y = x * x
    loss = y.sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        loss.backward()
    with pytest.raises(RuntimeError, match="Mul"):
        y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1,
        lambda x: 3 - x,
        lambda x: x[0],
        lambda x: x.reshape(4).mean(),
        lambda x: cnet.cat([x, x.t()]).cumsum(0),
        lambda x: F.interpolate(F.pad(x, (1, 1))[None, None], scale_factor=2),
        lambda x: F.adaptive_avg_pool2d(x[None], 1),
    ],
)
def test_nodes_that_saved_no_array_can_be_propagated_again(function):
    x = leaf([1, -2], [3, 4])
    loss = function(x).sum()
    loss.backward()
    once = x.grad.numpy().copy()
    loss.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)


@pytest.mark.parametrize(
    "function", [lambda x: x[[0, 0]], lambda x: x * x, F.relu, lambda x: (x + 1).sum() * x.sum()]
)
def test_nodes_that_saved_an_array_cannot(function):
    x = leaf([1, -2], [3, 4])
    loss = function(x).sum()
    loss.backward()
    once = x.grad.numpy().copy()
    with pytest.raises(RuntimeError, match="freed the graph"):
        loss.backward()
    np.testing.assert_array_equal(x.grad, once)


def test_a_retained_graph_can_be_gone_through_again():
    x = leaf(1, 2)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    np.testing.assert_array_equal(x.grad, [6, 12])
    with pytest.raises(RuntimeError, match="freed"):
        loss.backward()


def test_nodes_propagate_by_hand_and_stay_as_they_are():
    x = leaf(1, 2)
    node = (x * x).grad_fn
    for _ in range(2):
        gradients = node.propagate([np.array([10.0, 100.0], np.float32)])
        assert [edge[0] is x for edge, _ in gradients] == [True, True]
        for _, gradient in gradients:
            np.testing.assert_array_equal(gradient, [10, 200])
    assert x.grad is None


def test_leaves_can_be_changed_between_steps():
    x = leaf(1, 2)
    for expected in ([2, 4], [1, 2]):
        x.grad = None
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad, expected)
        x.data -= 0.25 * x.grad.numpy()


def test_gradients_have_the_dtype_of_their_tensor():
    x = leaf(1, 2)
    y = leaf(3, 4, dtype=np.float64)
    product = x * y
    assert product.dtype == np.float64
    product.sum().backward()
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64


# Errors


def test_backward_from_a_tensor_without_gradient():
    with pytest.raises(RuntimeError, match="does not require grad"):
        Tensor(np.ones(())).backward()


def test_backward_from_several_elements_needs_a_gradient():
    y = leaf(1, 2) * 2
    with pytest.raises(RuntimeError, match=r"scalar outputs \(got shape \(2,\)\)"):
        y.backward()
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        y.backward(np.ones(3))


def test_one_element_of_any_shape_needs_no_gradient():
    x = Tensor(np.ones((1, 1)), requires_grad=True)
    (x * 5).backward()
    np.testing.assert_array_equal(x.grad, [[5]])


def wrong_backward(result):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, grad):
            return result(grad)

    return Wrong


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda grad: grad, r"Wrong\.backward: .* \(got 1 and 2 inputs\)"),
        (lambda grad: (grad, grad, grad), r"Wrong\.backward: .* \(got 3 and 2 inputs\)"),
        (lambda grad: (grad, grad.sum()), r"Wrong\.backward: .*shape.* \(got \(\) and \(2,\)\)"),
        (lambda grad: (grad[None], grad), r"Wrong\.backward: .*shape.* \(got \(1, 2\) and \(2,\)"),
    ],
)
def test_wrong_gradients_are_refused_and_change_nothing(result, message):
    x, y = leaf(1, 2), leaf(3, 4)
    loss = wrong_backward(result).apply(x, y * 1).sum() + x.sum()
    with pytest.raises(ValueError, match=message):
        loss.backward()
    assert x.grad is None
    assert y.grad is None


def test_a_function_needs_both_methods():
    class Half(Function):
        pass

    with pytest.raises(NotImplementedError, match="forward"):
        Half.apply(1)

    class Forward(Function):
        @staticmethod
        def forward(ctx, x):
            return x

    with pytest.raises(NotImplementedError, match="backward"):
        Forward.apply(leaf(1.0)).backward()


# Functions written by users


class DivMod(Function):
    """Two outputs, one of them integers, and an argument that is not a tensor."""

    @staticmethod
    def forward(ctx, x, divisor, *, offset=0):
        ctx.divisor = divisor
        quotient = (x + offset) // divisor
        return x - divisor * quotient, quotient.astype(np.int64), x / divisor

    @staticmethod
    def backward(ctx, grad_rest, grad_quotient, grad_ratio):
        assert grad_quotient is None
        return grad_rest + grad_ratio / ctx.divisor, None


def test_several_outputs():
    x = leaf(7, 8)
    rest, quotient, ratio = DivMod.apply(x, 4)
    assert not quotient.requires_grad
    assert quotient.grad_fn is None
    assert (rest.grad_fn, rest.output_index) == (ratio.grad_fn, 0)
    assert ratio.output_index == 2
    (rest * np.float32(2) + ratio).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.25, 2.25])


def test_an_output_nobody_used_has_gradient_zero():
    x = leaf(7, 8)
    _, _, ratio = DivMod.apply(x, 4, offset=1)
    ratio.sum().backward()
    np.testing.assert_array_equal(x.grad, [0.25, 0.25])


def test_a_missing_gradient_goes_nowhere():
    class Detached(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return None

    x = leaf(1, 2)
    y = x * x
    (Detached.apply(y) + 1).sum().backward()
    assert x.grad is None
    with pytest.raises(RuntimeError, match="freed"):
        y.sum().backward()


def test_outputs_become_arrays():
    class Total(Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, grad):
            return [[float(grad)] * 2]

    x = leaf(1, 2)
    y = Total.apply(x)
    assert type(y.detach().numpy()) is np.ndarray
    assert y.dtype == np.float32
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(2,\)"):
        y.backward()


def test_backward_may_go_through_a_graph_of_its_own():
    class Checkpoint(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return np.exp(x) ** 2

        @staticmethod
        def backward(ctx, grad):
            x = Tensor(ctx.saved[0], requires_grad=True)
            with enable_grad():
                (cnet.exp(x) ** 2).backward(grad)
            return x.grad

    x = leaf(0.5, 1.0)
    (Checkpoint.apply(x) * 3).sum().backward()
    np.testing.assert_allclose(x.grad, 6 * np.exp(2 * x.detach().numpy()), rtol=1e-6)


# Hooks


def test_hooks_see_the_complete_gradient_and_may_replace_it():
    x = leaf(1, 2)
    y = x * 2
    seen = []
    y.register_hook(seen.append)
    handle = y.register_hook(lambda grad: grad * 10)
    y.register_hook(seen.append)
    (y + y).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(seen[0], [2, 2])
    np.testing.assert_array_equal(seen[1], [20, 20])
    np.testing.assert_array_equal(x.grad, [40, 40])
    assert isinstance(seen[0], Tensor)
    handle.remove()
    handle.remove()
    x.grad = None
    (y + y).sum().backward()
    np.testing.assert_array_equal(x.grad, [4, 4])


def test_hooks_of_leaves_run_once_per_backward():
    x = leaf(1, 2)
    seen = []
    x.register_hook(seen.append)
    x.register_hook(lambda grad: grad.detach().numpy() * 2)
    (x * 2 + x).sum().backward()
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], [3, 3])
    np.testing.assert_array_equal(x.grad, [6, 6])


def test_hooks_belong_to_one_output():
    x = leaf(7, 8)
    rest, _, ratio = DivMod.apply(x, 4)
    seen = []
    ratio.register_hook(seen.append)
    del ratio
    rest.sum().backward(retain_graph=True)
    assert seen == []
    Tensor.backward(rest, np.ones(2))
    assert seen == []


def test_a_hook_must_keep_the_shape():
    x = leaf(1, 2)
    x.register_hook(lambda grad: grad.sum())
    with pytest.raises(ValueError, match="hook"):
        x.sum().backward()


def test_retain_grad():
    x = leaf(1, 2)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda grad: grad * 10)
    x.retain_grad()
    (y * 3).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(y.grad, [30, 30])
    (y * 3).sum().backward()
    np.testing.assert_array_equal(y.grad, [60, 60])
    np.testing.assert_array_equal(x.grad, [120, 120])


def test_retaining_does_not_keep_the_tensor():
    y = leaf(1, 2) * 2
    z = y.sum()
    y.retain_grad()
    reference = weakref.ref(y)
    del y
    assert reference() is None
    z.backward()


@pytest.mark.parametrize("method", ["retain_grad", "register_hook"])
def test_a_tensor_without_gradient_has_no_hooks(method):
    x = Tensor(np.ones(2))
    with pytest.raises(RuntimeError, match=f"{method}: the tensor does not require grad"):
        x.retain_grad() if method == "retain_grad" else x.register_hook(print)


# Memory


def test_what_the_derivative_does_not_need_is_freed_at_once():
    x = Tensor(np.ones((4, 4)), requires_grad=True)
    before = x + 1
    reference = weakref.ref(before.detach().numpy())
    y = F.relu(before)
    del before
    assert reference() is None, "relu keeps its result, not its input"
    y.sum().backward()
    assert x.grad is not None


def test_saved_arrays_are_freed_while_backward_proceeds():
    alive = []

    class Spy(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            alive.append(reference() is not None)
            return grad

    x = leaf(1, 2)
    early = Spy.apply(x)
    middle = early * 2
    reference = weakref.ref(middle.detach().numpy())
    loss = cnet.exp(middle * middle).sum()
    del middle
    loss.backward()
    assert alive == [False]


def test_a_graph_goes_without_the_garbage_collector():
    gc.disable()
    try:
        x = leaf(1, 2)
        y = x * x
        y.retain_grad()
        y.register_hook(lambda grad: grad * 2)
        loss = y.sum()
        node = weakref.ref(y.grad_fn)
        loss.backward()
        del y, loss
        assert node() is None
    finally:
        gc.enable()


def test_released_nodes_let_go_of_what_they_saved():
    x = Tensor(np.ones(3), requires_grad=True)
    y = cnet.exp(x)
    reference = weakref.ref(y.detach().numpy())
    loss = y.sum()
    del y
    assert reference() is not None
    loss.backward()
    assert reference() is None


# Gradients share memory with nothing


def gradients_share_nothing(leaves, others):
    arrays = [x.grad.numpy() for x in leaves]
    for i, gradient in enumerate(arrays):
        assert gradient.flags.c_contiguous
        assert gradient.flags.writeable
        for other in arrays[i + 1 :] + others:
            assert not np.shares_memory(gradient, other)


def aliasing(result):
    class Aliasing(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a)
            ctx.b = b
            return a * b

        @staticmethod
        def backward(ctx, grad):
            return result(ctx, grad)

    return Aliasing


@pytest.mark.parametrize(
    "result",
    [
        lambda ctx, grad: (grad, grad),
        lambda ctx, grad: (grad[:], grad.reshape(grad.shape)),
        lambda ctx, grad: (ctx.saved[0], ctx.b),
        lambda ctx, grad: (ctx.saved[0].view(), ctx.b.T),
        lambda ctx, grad: (lambda fresh: (fresh, fresh))(grad * 2),
        lambda ctx, grad: (lambda fresh: (fresh, fresh[:]))(grad * 2),
        lambda ctx, grad: (lambda fresh: (fresh[:], fresh.reshape(2, 2)))(grad * 2),
        lambda ctx, grad: (np.broadcast_to(np.ones(2), (2, 2)), np.asfortranarray(grad * 2)),
        lambda ctx, grad: (Tensor(grad), Tensor(ctx.b)),
    ],
)
@pytest.mark.parametrize("retain_graph", [False, True])
def test_gradients_of_leaves_are_their_own(result, retain_graph):
    a = Tensor(np.ones((2, 2)), requires_grad=True)
    b = Tensor(np.full((2, 2), 3.0), requires_grad=True)
    start = np.full((2, 2), 7.0)
    y = aliasing(result).apply(a, b)
    y.retain_grad()
    y.backward(start, retain_graph=retain_graph)
    gradients_share_nothing(
        [a, b, y], [a.detach().numpy(), b.detach().numpy(), y.detach().numpy(), start]
    )


def test_gradients_of_operators_are_their_own():
    a, b, c = (Tensor(np.ones((2, 3)), requires_grad=True) for _ in range(3))
    start = np.ones((4, 3))
    y = cnet.cat([a + b, c.reshape(3, 2).reshape(2, 3)])
    y.backward(start)
    gradients_share_nothing(
        [a, b, c], [a.detach().numpy(), b.detach().numpy(), c.detach().numpy(), start]
    )


@pytest.mark.parametrize("retained", [False, True])
def test_a_gradient_that_several_tensors_receive_is_copied(retained):
    a, b = (Tensor(np.ones((2, 3)), requires_grad=True) for _ in range(2))
    x, y = a.clone(), b.clone()
    if retained:
        x.retain_grad()
        y.retain_grad()
    (x + y).backward(np.ones((2, 3)))
    gradients_share_nothing([a, b, x, y] if retained else [a, b], [])


def test_the_starting_gradient_is_copied():
    x, start = leaf(1, 2), np.ones(2, np.float32)
    x.backward(start)
    gradients_share_nothing([x], [start])


def test_gradients_that_hooks_saw_are_copied():
    x = leaf(1, 2)
    seen = []
    x.register_hook(seen.append)
    (x * 2).sum().backward()
    gradients_share_nothing([x], [seen[0].detach().numpy()])


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 6), (5, 3)])
def test_fresh_gradients_are_copied_only_if_they_are_a_part_of_an_array(shape):
    places = []

    class Fresh(Operation):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            fresh = np.ones(shape)
            places.append(fresh.ctypes.data)
            return fresh.reshape(-1)[:6].reshape(grad.shape)

    x = Tensor(np.ones((2, 3)), requires_grad=True)
    Fresh.apply(x).sum().backward()
    assert (x.grad.numpy().ctypes.data in places) == (np.prod(shape) == 6)


def test_leaves_can_be_copied():
    x = leaf(1, 2)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    gradients_share_nothing([x, y], [x.detach().numpy(), y.detach().numpy()])
    np.testing.assert_array_equal(y.grad, x.grad)
    assert y.requires_grad


def test_gradients_share_no_memory_with_the_given_one():
    x, given = cnet.tensor([1.0, 2.0], requires_grad=True), cnet.tensor([3.0, 4.0])
    (x + 0).backward(given)
    x.backward(given)
    gradients = cnet.autograd.grad(x + 0, x, given)
    given.numpy()[...] = 0
    assert np.array_equal(x.grad.numpy(), [6, 8])
    assert np.array_equal(gradients[0].numpy(), [3, 4])


def test_gradients_for_any_iterable_of_tensors():
    layer = cnet.nn.Linear(2, 1)
    loss = layer(cnet.ones(3, 2)).sum()
    gradients = cnet.autograd.grad((t for t in [loss]), layer.parameters(), retain_graph=True)
    assert [g.tolist() for g in gradients] == [[[3, 3]], [3]]
    loss.backward(inputs=layer.parameters())
    assert layer.bias.grad.tolist() == [3]
    cnet.autograd.backward({"loss": layer(cnet.ones(3, 2)).sum()}.values(), iter([loss.detach()]))


def test_a_leaf_frozen_after_the_forward_pass_gets_no_gradient():
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    w.requires_grad_(False)
    y.backward()
    assert x.grad.item() == 3
    assert w.grad is None


def test_hooks_are_called_once_for_a_gradient_that_is_asked_for():
    w = leaf(2.0)
    w.register_hook(lambda grad: grad * 2)
    c = w * 3
    c.register_hook(lambda grad: grad * 5)
    y = c * c
    assert [g.item() for g in cnet.autograd.grad(y, [c, w], retain_graph=True)] == [12, 360]
    assert cnet.autograd.grad(y, [c])[0].item() == 60
