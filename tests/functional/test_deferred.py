"""Batch norms that are computed together with the addition and the activation after them.

Everything must be as if each operation were computed by itself: bits, graph, hooks, errors.
"""

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn
from cnet.autograd.changes import owner
from cnet.functional import conv
from cnet.functional._deferred import Deferred, Source
from cnet.operations.joining import Cat

ACTIVATIONS: dict[str, Callable[[Any, bool], Any]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "hardtanh": lambda z, inplace: F.hardtanh(z, -0.5, 0.7, inplace),
    "relu method": lambda z, inplace: z.relu_() if inplace else z.relu(),
    "gelu": lambda z, inplace: F.gelu(z),
}
RESIDUALS: dict[str, Callable[[Any, Any], Any]] = {
    "none": lambda z, residual: z,
    "z + r": lambda z, residual: z + residual(),
    "r + z": lambda z, residual: residual() + z,
    "z += r": lambda z, residual: z.__iadd__(residual()),
    "z + relu(r)": lambda z, residual: z + F.relu(residual()),
}


def _double(grad: Any) -> Any:
    return 2 * grad


OBSERVERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "none": lambda inner, z, y: y,
    "retain_grad of the norm": lambda inner, z, y: inner.retain_grad() or y,
    "hook of the sum": lambda inner, z, y: z.register_hook(_double) and y,
    "value": lambda inner, z, y: y + inner.detach().sum(),
    "second use": lambda inner, z, y: y + inner * 2,
}


class Block:
    """conv → norm → addition → activation, with or without deferred results."""

    def __init__(self, deferred: bool, dtype: Any = np.float32, training: bool = True) -> None:
        cnet.manual_seed(0)
        self.deferred = deferred
        self.convs = [nn.Conv2d(3, 8, 3, dtype=dtype) for _ in range(2)]
        self.norms = [nn.BatchNorm2d(8, dtype=dtype).train(training) for _ in range(2)]
        for norm in self.norms:
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        x = np.random.default_rng(0).standard_normal((4, 3, 9, 9)).astype(dtype)
        self.x = cnet.tensor(x, requires_grad=True)

    def norm(self, i: int) -> Any:
        z = self.norms[i](self.convs[i](self.x))
        assert type(z) is Deferred
        if not self.deferred:
            z._array  # noqa: B018, computed when it is read
        return z

    def leaves(self) -> list[Any]:
        modules = (*self.convs, *self.norms)
        return [self.x, *(p for module in modules for p in module.parameters())]

    def results(self, *tensors: Any) -> list[Any]:
        found = [*tensors, *(leaf.grad for leaf in self.leaves())]
        found += [norm.running_var for norm in self.norms]
        return [None if x is None else x.detach().numpy() for x in found]


def _same(found: list[Any], expected: list[Any]) -> None:
    for x, wanted in zip(found, expected, strict=True):
        assert (x is None) == (wanted is None)
        if x is not None:
            np.testing.assert_array_equal(x, wanted)


@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("inplace", [False, True])
def test_values_gradients_and_nodes(
    activation: str, residual: str, observer: str, inplace: bool
) -> None:
    outcomes = []
    for deferred in (True, False):
        block = Block(deferred, training=activation != "silu")
        inner = block.norm(0)
        z = RESIDUALS[residual](inner, lambda block=block: block.norm(1))
        y = ACTIVATIONS[activation](z, inplace and observer != "second use")
        nodes = [(node, node.edges) for node in cnet.autograd.topological([y])]
        total = OBSERVERS[observer](inner, z, y)
        (total * total).sum().backward()
        outcomes.append((block.results(y, inner.grad, z.grad), repr(nodes)))
    (found, nodes), (expected, nodes_expected) = outcomes
    _same(found, expected)
    assert nodes == nodes_expected


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_gradients_with_respect_to_intermediates(activation: str) -> None:
    def gradients(deferred: bool) -> list[Any]:
        block = Block(deferred)
        z = block.norm(0)
        y = ACTIVATIONS[activation](z, False)
        both = cnet.autograd.grad((y * y).sum(), [z, block.x], retain_graph=True)
        (y * y).sum().backward(retain_graph=True)
        (y * y).sum().backward()
        return [*(g.numpy() for g in both), *block.results()]

    _same(gradients(True), gradients(False))


def test_the_chain_is_computed_by_one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    block = Block(True)
    z = block.norm(0)
    z = z + block.norm(1)
    monkeypatch.setattr(cnet.kernels, "elementwise", None)
    monkeypatch.setattr(cnet.kernels, "elementwise_backward", None)
    y = F.relu(z)
    assert type(z) is Deferred
    y.backward(np.ones(y.shape, np.float32))
    assert type(z) is Deferred


def test_what_a_deferred_tensor_tells_about_itself() -> None:
    z = Block(True).norm(0)
    assert (z.shape, z.dtype, z.ndim) == ((4, 8, 7, 7), cnet.float32, 4)
    assert isinstance(z, cnet.Tensor)
    assert z.requires_grad
    assert type(z) is Deferred
    assert repr(z).endswith("grad_fn=<BatchNorm>)")
    assert type(z) is cnet.Tensor


CHANGES: dict[str, Callable[[Block, Any, Any], Any]] = {
    "input in place": lambda block, h, r: h.mul_(2),
    "input through data": lambda block, h, r: h.data.mul_(2),
    "input as an array": lambda block, h, r: h.detach().numpy().fill(2),
    "an element of the input": lambda block, h, r: h[0].zero_(),
    "residual": lambda block, h, r: r.mul_(2),
    "view of the residual": lambda block, h, r: r[0].zero_(),
    "weight": lambda block, h, r: block.norms[0].weight.data.fill_(3),
    "running statistics": lambda block, h, r: block.norms[0].running_mean.fill_(3),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_later_changes_of_what_it_is_computed_from(change: str, training: bool) -> None:
    def value(deferred: bool) -> Any:
        block = Block(deferred, training=training)
        h, r = block.convs[0](block.x), F.relu(block.convs[1](block.x))
        z = block.norms[0](h)
        if not deferred:
            z._array  # noqa: B018, computed when it is read
        z = z + r
        CHANGES[change](block, h, r)
        return F.relu(z).detach().numpy()

    np.testing.assert_array_equal(value(True), value(False))


SHARED: dict[str, Callable[[Any], Any]] = {
    "array": lambda h: h.detach().numpy(),
    "array by force": lambda h: h.numpy(force=True),
    "data": lambda h: h.data,
    "view": lambda h: h[1:].detach(),
    "dlpack": lambda h: np.from_dlpack(h.detach()),
}


@pytest.mark.parametrize("alias", SHARED)
def test_results_are_not_deferred_if_the_input_may_change_without_notice(alias: str) -> None:
    block = Block(True)
    h = block.convs[0](block.x)
    kept = SHARED[alias](h)
    assert type(block.norms[0](h)) is cnet.Tensor
    del kept


@pytest.mark.parametrize("source", ["leaf", "array", "view", "without a graph"])
def test_inputs_from_outside_are_not_deferred(source: str) -> None:
    block = Block(True)
    x = np.ones((4, 8, 7, 7), np.float32)
    inputs: dict[str, Callable[[], Any]] = {
        "leaf": lambda: cnet.tensor(x, requires_grad=True),
        "array": lambda: x,
        "view": lambda: block.convs[0](block.x).reshape(4, 8, 7, 7),
        "without a graph": lambda: block.convs[0](block.x.detach()).detach(),
    }
    assert type(block.norms[0](inputs[source]())) is cnet.Tensor


def test_a_saved_input_that_changed_is_noticed() -> None:
    for deferred in (True, False):
        block = Block(deferred)
        h = block.convs[0](block.x)
        z = block.norms[0](h)
        y = F.silu(z)
        h.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_values_computed_again_are_not_taken_for_changed_ones() -> None:
    """They may be at the address of memory that was changed, and freed, in the meantime."""
    block = Block(True)
    z = block.norm(0)
    y = F.relu(z)
    others = [y.detach() * 1 for _ in range(8)]
    for other in others:
        other += 1
    del others, other
    cnet.autograd.grad(y.sum(), [z, block.x])


def test_a_graph_is_propagated_only_once() -> None:
    block = Block(True)
    loss = F.relu(block.norm(0)).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="freed the graph"):
        loss.backward()


def test_errors_are_raised_at_the_call() -> None:
    block = Block(True)
    h = block.convs[0](block.x)
    with pytest.raises(ValueError, match=r"weight.shape must equal"):
        F.batch_norm(h, None, None, cnet.ones(3), None, True)
    with pytest.raises(TypeError, match=r"bias.dtype must equal x.dtype"):
        F.batch_norm(h, None, None, None, cnet.ones(8, dtype=cnet.float64), True)


def test_gradients_are_right() -> None:
    block = Block(True, np.float64)
    weight, bias = (p.detach().clone().requires_grad_() for p in block.norms[0].parameters())
    kernel = block.convs[0].weight.detach().clone().requires_grad_()

    def chain(x: Any, kernel: Any, weight: Any, bias: Any) -> Any:
        h = F.conv2d(x, kernel)
        z = F.batch_norm(h, None, None, weight, bias, True)
        return F.silu(z) + F.hardswish(F.batch_norm(h, None, None, weight, bias, True))

    assert cnet.gradcheck(chain, (block.x, kernel, weight, bias))


@pytest.mark.parametrize("observer", ["none", "retain_grad", "hook", "second norm", "value"])
@pytest.mark.parametrize("size", [9, 40])
def test_a_norm_of_joined_channels(observer: str, size: int) -> None:
    """The gradients of the parts are computed at once, unless the joined gradient is observed."""

    def results(deferred: bool) -> list[Any]:
        cnet.manual_seed(0)
        convs = [nn.Conv2d(3, channels, 3) for channels in (5, 1, 12)]
        norms = [nn.BatchNorm2d(18) for _ in range(2)]
        data = np.random.default_rng(0).standard_normal((6, 3, size, size), np.float32)
        x = cnet.tensor(data, requires_grad=True)
        joined = cnet.cat([conv(x) for conv in convs], 1)
        if observer == "retain_grad":
            joined.retain_grad()
        elif observer == "hook":
            joined.register_hook(_double)
        z = norms[0](joined)
        assert type(z) is Deferred
        if not deferred:
            z._array  # noqa: B018, computed when it is read
        y = F.relu(z)
        if observer == "second norm":
            y = y + F.relu(norms[1](joined))
        elif observer == "value":
            y = y + joined
        (y * y).sum().backward()
        leaves = [x, *(p for module in (*convs, *norms) for p in module.parameters())]
        return [y, joined.grad, *(leaf.grad for leaf in leaves)]

    _same(*([None if x is None else x.detach().numpy() for x in results(d)] for d in (True, False)))


def test_the_parts_of_joined_channels_get_their_gradients_from_the_norm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    convs = [nn.Conv2d(3, channels, 3) for channels in (5, 12)]
    x = cnet.tensor(np.ones((6, 3, 40, 40), np.float32))
    y = F.relu(nn.BatchNorm2d(17)(cnet.cat([conv(x) for conv in convs], 1)))
    monkeypatch.setattr(Cat, "backward", None)
    y.sum().backward()
    assert all(conv.weight.grad is not None for conv in convs)


@pytest.mark.parametrize("is_joined", [True, False])
@pytest.mark.parametrize("size", [5, 40])
@pytest.mark.parametrize("training", [True, False])
def test_the_norm_adds_to_gradients_that_arrived_before(
    is_joined: bool, size: int, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array that has several uses: each norm adds its gradient to the sum so far."""
    data = np.random.default_rng(0).standard_normal((6, 4, size, size), np.float32)
    arrays: list[tuple[int, ...]] = []

    def adding(a: Any, b: Any, out: Any) -> Any:
        arrays.append(a.shape)
        return np.add(a, b, out)

    monkeypatch.setattr(cnet.autograd.propagation, "adding", adding)

    def results(deferred: bool) -> list[Any]:
        cnet.manual_seed(0)
        convs = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(3)]
        norms = [nn.BatchNorm2d(4 + 4 * i * is_joined).train(training) for i in range(3)]
        x = cnet.tensor(data, requires_grad=True)
        features = [2 * x]
        for layer, norm in zip(convs, norms, strict=True):
            z = norm(cnet.cat(features, 1) if is_joined and len(features) > 1 else features[0])
            if not deferred:
                z._array  # noqa: B018, computed when it is read
            features.append(layer(F.relu(z)[:, -4:]))
        cnet.stack(features).square().sum().backward()
        leaves = [x, *(p for module in (*convs, *norms) for p in module.parameters())]
        return [leaf.grad.numpy() for leaf in leaves]

    found = results(True)
    assert not arrays
    _same(found, results(False))
    assert arrays


def test_the_parts_of_joined_channels_have_gradients_in_their_own_dtype() -> None:
    a, b = (cnet.ones(2, 3, 4, dtype=dtype, requires_grad=True) for dtype in ("float32", "float64"))
    norm = nn.BatchNorm1d(6, dtype=np.float64)
    h = a * 2
    direct, through = (F.relu(norm(cnet.cat([x, b], 1))).sum() for x in (a, h))
    (direct + through * h.sum()).backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def _doubled(h: Any) -> Any:
    with cnet.no_grad():
        return h.mul_(2)


NEXT: dict[str, Callable[[Any, Any], Any]] = {
    "conv2d": lambda h, w: F.conv2d(h, w, padding=1),
    "stride 2": lambda h, w: F.conv2d(h, w, stride=2),
    "conv_transpose2d": lambda h, w: F.conv_transpose2d(h, w, stride=2),
    "changed before": lambda h, w: F.conv2d(_doubled(h), w),
    "changed later": lambda h, w: F.conv2d(h, w) + h.mul_(2).sum(),
    "value handed out": lambda h, w: F.conv2d(h, w) * float(h.detach().numpy().sum()),
}


@pytest.mark.parametrize("following", NEXT)
@pytest.mark.parametrize("activation", ["relu", "relu6", "silu", "hardswish", "hardtanh"])
def test_the_input_of_a_convolution_may_be_computed_again(
    activation: str, following: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradients(least: float) -> list[bytes]:
        monkeypatch.setattr(conv, "LEAST_PRODUCTS", least)
        block = Block(deferred=True)
        weight = cnet.tensor(np.ones((8, 8, 3, 3), np.float32), requires_grad=True)
        h = ACTIVATIONS[activation](block.norm(0), False)
        y = NEXT[following](h, weight)
        (y * y).sum().backward()
        leaves = [weight, block.x, block.convs[0].weight, *block.norms[0].parameters()]
        return [leaf.grad.numpy().tobytes() for leaf in leaves]

    if following == "changed later":  # the input itself would have been saved
        with pytest.raises(RuntimeError, match="Conv2d saved it"):
            gradients(np.inf)
        gradients(0)
    else:
        assert gradients(0) == gradients(np.inf)


@pytest.mark.parametrize(("channels", "is_kept"), [(14, True), (15, False)])
def test_the_input_of_an_expensive_convolution_is_not_kept(channels: int, is_kept: bool) -> None:
    block = Block(deferred=True)
    weight = cnet.tensor(np.ones((channels, 8, 3, 3), np.float32), requires_grad=True)
    h = F.relu(block.norm(0))
    memory = ref(owner(h._array))
    y = F.conv2d(h, weight, padding=1)
    del h
    assert (memory() is not None) == is_kept
    assert isinstance(y._grad_fn.saved[0], Source) != is_kept
