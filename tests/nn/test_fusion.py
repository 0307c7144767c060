"""Chains that Sequential runs as one operation: the results are the same as without fusion."""

import copy

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import kernels, models, nn, no_grad, runtime
from cnet.gradcheck import gradcheck
from cnet.nn.fusion import operations
from cnet.tensor import Tensor
from tolerance import assert_exact, assert_rounded, assert_winograd

# Arguments of the convolution, and the shape of its input.
CONVS = [
    ((1, 8, 5), {"padding": 2}, (4, 1, 28, 28)),
    ((3, 4, 3), {}, (2, 3, 9, 10)),
    ((3, 4, 3), {"bias": False, "stride": 2, "padding": (0, 1)}, (2, 3, 9, 12)),
    ((4, 6, (3, 2)), {"groups": 2, "dilation": (1, 2)}, (1, 4, 8, 9)),
    ((4, 4, 3), {"groups": 4, "padding": "same"}, (3, 4, 7, 7)),
    ((2, 3, 1), {"padding": "valid"}, (0, 2, 6, 6)),
    ((16, 17, 3), {"padding": 1}, (2, 16, 11, 10)),
    ((20, 24, 3), {}, (3, 20, 9, 12)),
]
SMALL = CONVS[1]


def numbers(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype)


def chain(conv, options, dtype=np.float32):
    net = nn.Sequential(nn.Conv2d(*conv, **options, dtype=dtype), nn.ReLU(), nn.MaxPool2d(2))
    for seed, parameter in enumerate(net.parameters(), 1):
        parameter.data[...] = 0.3 * numbers(parameter.shape, dtype, seed)
    return net


def small():
    return chain(*SMALL[:2])


def fused(net):
    """Whether at least two modules run as one operation."""
    return len(operations(list(net))) < len(net)


def unfused(net):
    """The same modules with a hook on each, so that none are fused."""
    twin = copy.deepcopy(net)
    for module in twin:
        module.register_forward_hook(lambda *_: None)
    assert not fused(twin)
    return twin


def results(net, x, requires_grad=True):
    """The output, the gradient of the input, and the gradients of the parameters."""
    leaf = Tensor(x, requires_grad)
    net.zero_grad()
    y = net(leaf)
    y.backward(numbers(y.shape, y.dtype, 99))
    leaves = [leaf, *net.parameters()]
    return [
        y.detach().numpy(),
        *(None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves),
    ]


def assert_same(got, expected):
    """Bitwise equal values, and gradients that are equal up to the order of summation."""
    assert_exact(got[0], expected[0])
    for a, b in zip(got[1:], expected[1:], strict=True):
        if b is None:
            assert a is None
        else:
            assert_rounded(a, b)


@pytest.fixture
def pooled(monkeypatch):
    """The arguments of each call of the fused kernel."""
    calls, kernel = [], kernels.conv2d_relu_pool

    def watched(*args, **kwargs):
        calls.append(kwargs)
        return kernel(*args, **kwargs)

    monkeypatch.setattr(kernels, "conv2d_relu_pool", watched)
    return calls


@pytest.mark.parametrize(("conv", "options", "shape"), CONVS)
def test_values_and_gradients(impl, dtype, conv, options, shape):
    net, x = chain(conv, options, dtype), numbers(shape, dtype)
    assert fused(net)
    assert_same(results(net, x), results(unfused(net), x))
    with no_grad():
        assert_exact(net(x).detach().numpy(), unfused(net)(x).detach().numpy())


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("conv", "options", "shape"), CONVS)
def test_the_kernel_runs_where_direct_is_what_the_convolution_takes(
    pooled, conv, options, shape, exact
):
    net, x = chain(conv, options), numbers(shape)
    with runtime.use_exact(exact):
        convolution = {name: getattr(net[0], name) for name in ("stride", "padding", "dilation")}
        taken = kernels.conv2d_algorithm(
            shape, net[0].weight.shape, **convolution, groups=net[0].groups
        )
        assert_same(results(net, x), results(unfused(net), x))
    assert len(pooled) == (taken == "direct")


def test_a_chain_for_winograd_is_still_right():
    """Compare with the kernels of the reference, in float64."""
    (conv, options, shape), padding = CONVS[6], {"padding": 1}
    net, x = chain(conv, options), numbers(shape)
    weight, bias = net[0].weight.detach().numpy(), net[0].bias.detach().numpy()
    assert kernels.conv2d_algorithm(x.shape, weight.shape, **padding) == "winograd"
    arrays = [a.astype(np.float64) for a in (x, weight, bias)]
    with runtime.use_isa("reference"):
        expected = F.max_pool2d(F.relu(F.conv2d(*arrays, **padding)), 2).detach().numpy()
        scale = F.conv2d(*map(np.abs, arrays), **padding).detach().numpy()
    assert_winograd(net(x).detach().numpy(), expected, scale)


@pytest.mark.parametrize(("conv", "options", "shape"), [*CONVS[1:5], CONVS[6]])
def test_gradients_by_differences(conv, options, shape):
    assert gradcheck(chain(conv, options, np.float64), numbers(shape, np.float64))


@pytest.mark.parametrize("frozen", [(0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_is_frozen_gets_no_gradient(frozen, requires_grad):
    net, x = small(), numbers(SMALL[2])
    for parameter, still in zip(net.parameters(), frozen, strict=True):
        parameter.requires_grad = not still
    if all(frozen) and not requires_grad:
        assert not net(Tensor(x)).requires_grad
        return
    got = results(net, x, requires_grad)
    assert_same(got, results(unfused(net), x, requires_grad))
    assert [a is None for a in got[1:]] == [not requires_grad, *map(bool, frozen)]


def test_an_array_is_taken_as_input(pooled):
    net, x = small(), numbers(SMALL[2])
    y = net(x)
    y.backward(np.ones_like(y.detach().numpy()))
    assert len(pooled) == 1
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert_exact(y.detach().numpy(), unfused(net)(x).detach().numpy())


# ---- A chain with hooks or an overridden forward ------------------------------------------------


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_see_what_is_between(pooled, position, register):
    net, x, seen = small(), numbers(SMALL[2]), []
    expected = net(x).detach().numpy()
    del pooled[:]
    handle = getattr(net[position], register)(lambda *given: seen.append(given))
    assert_exact(net(x).detach().numpy(), expected)
    assert pooled == []
    ((module, args, *output),) = seen
    before = x
    for module_before in net[:position]:
        before = module_before(before)
    assert module is net[position]
    assert_exact(cnet.as_tensor(args[0]).detach().numpy(), cnet.as_tensor(before).detach().numpy())
    for y in output:
        assert_exact(y.detach().numpy(), net[position](before).detach().numpy())
    handle.remove()
    net(x)
    assert len(pooled) == 1


def test_a_hook_may_change_what_is_between():
    net, x = small(), numbers(SMALL[2])
    net[1].register_forward_hook(lambda module, args, y: y * 2)
    assert_exact(net(x).detach().numpy(), 2 * small()(x).detach().numpy())


def test_a_hook_on_the_chain_itself_does_not_part_it(pooled):
    net, seen = small(), []
    net.register_forward_hook(lambda module, args, y: seen.append(y.shape))
    net(numbers(SMALL[2]))
    assert len(pooled) == len(seen) == 1


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_subclass_is_not_fused(pooled, position):
    net, called = small(), []
    base = type(net[position])

    class Own(base):
        def forward(self, x):
            called.append(position)
            return super().forward(x)

    net[position].__class__ = Own
    y = net(numbers(SMALL[2])).detach().numpy()
    assert called == [position]
    assert pooled == []
    assert_exact(y, small()(numbers(SMALL[2])).detach().numpy())


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_forward_of_the_instance_is_called(pooled, position):
    net, called = small(), []
    module, forward = net[position], net[position].forward

    def own(x):
        called.append(position)
        return forward(x)

    module.forward = own
    y = net(numbers(SMALL[2])).detach().numpy()
    assert called == [position]
    assert pooled == []
    del module.forward
    assert_exact(y, net(numbers(SMALL[2])).detach().numpy())
    assert len(pooled) == 1


@pytest.mark.parametrize(
    ("pool", "fits"),
    [
        (nn.MaxPool2d(2), True),
        (nn.MaxPool2d((2, 2), 2, (0, 0), (1, 1)), True),
        (nn.MaxPool2d(np.int64(2)), True),
        (nn.MaxPool2d(3), False),
        (nn.MaxPool2d((2, 1)), False),
        (nn.MaxPool2d(2, 1), False),
        (nn.MaxPool2d(2, (2, 1)), False),
        (nn.MaxPool2d(2, padding=1), False),
        (nn.MaxPool2d(2, padding=(0, 1)), False),
        (nn.MaxPool2d(2, dilation=2), False),
        (nn.MaxPool2d(2, dilation=(1, 2)), False),
        (nn.MaxPool2d(2, ceil_mode=True), False),
        (nn.MaxPool2d(2, return_indices=True), False),
        (nn.AvgPool2d(2), False),
    ],
    ids=repr,
)
def test_other_poolings_are_not_fused(pool, fits):
    net, x = small(), numbers(SMALL[2])
    net[2] = pool
    assert fused(net) == fits
    got, expected = net(x), unfused(net)(x)
    if pool.__dict__.get("return_indices"):
        assert_exact(got[1].detach().numpy(), expected[1].detach().numpy())
        got, expected = got[0], expected[0]
    assert_exact(got.detach().numpy(), expected.detach().numpy())


def test_options_that_change_later_count():
    net, x = small(), numbers(SMALL[2])
    assert fused(net)
    net[2].kernel_size = net[2].stride = 3
    assert not fused(net)
    assert net(x).shape == unfused(net)(x).shape == (2, 4, 2, 2)
    net[2].kernel_size = net[2].stride = 2
    net[0].padding, net[0].stride = (1, 1), (2, 1)
    assert fused(net)
    assert_exact(net(x).detach().numpy(), unfused(net)(x).detach().numpy())


@pytest.mark.parametrize(
    "order", [(0, 2, 1), (1, 0, 2), (1, 2, 0), (0, 1), (0, 2), (1, 2), (0,), ()]
)
def test_other_orders_are_not_fused(order):
    modules = list(small())
    assert len(operations([modules[i] for i in order])) == len(order)


# ---- The position of the chain ------------------------------------------------------------------


def test_within_longer_chains(pooled):
    """At the start, at the end, twice, and incomplete at the end."""
    conv, relu, pool = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    net = nn.Sequential(
        relu, conv, relu, pool, nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), pool,
        nn.Tanh(), conv, relu,
    )  # fmt: skip
    x = numbers((2, 3, 16, 20))
    assert len(operations(list(net))) == 7
    assert_same(results(net, x), results(unfused(net), x))
    assert len(pooled) == 2


def test_one_module_used_twice(pooled):
    """Its gradients accumulate, as they do without fusion."""
    conv, relu, pool = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    net, x = nn.Sequential(conv, relu, pool, conv, relu, pool), numbers((2, 3, 12, 13))
    assert len(list(net.parameters())) == 2
    assert_same(results(net, x), results(unfused(net), x))
    assert len(pooled) == 2


def test_nested_chains(pooled):
    inner = small()
    net, x = nn.Sequential(nn.Identity(), inner, nn.Flatten()), numbers(SMALL[2])
    assert_exact(net(x).detach().numpy(), inner(x).detach().numpy().reshape(2, -1))
    assert len(pooled) == 2
    parted, apart = nn.Sequential(inner[:2], inner[2]), len(pooled)
    assert_exact(parted(x).detach().numpy(), inner(x).detach().numpy())
    assert len(pooled) == apart + 1


def test_a_slice_is_fused(pooled):
    net = nn.Sequential(nn.Identity(), *small(), nn.Flatten())
    assert_exact(
        net[1:4](numbers(SMALL[2])).detach().numpy(), small()(numbers(SMALL[2])).detach().numpy()
    )
    assert len(pooled) == 2


def test_training_and_evaluation(pooled):
    net, x = small(), numbers(SMALL[2])
    y = net.train()(x).detach().numpy()
    assert_exact(net.eval()(x).detach().numpy(), y)
    assert len(pooled) == 2


def test_the_state_is_untouched():
    net = small()
    names, values = list(net.state_dict()), {k: v.clone() for k, v in net.state_dict().items()}
    net(numbers(SMALL[2])).backward(np.ones((2, 4, 3, 4), np.float32))
    assert list(net.state_dict()) == names == ["0.weight", "0.bias"]
    for name, value in net.state_dict().items():
        assert_exact(np.asarray(value), np.asarray(values[name]))
    assert [type(module) for module in net] == [nn.Conv2d, nn.ReLU, nn.MaxPool2d]
    other = small()
    other.load_state_dict(net.state_dict())
    assert_exact(other(numbers(SMALL[2])).detach().numpy(), net(numbers(SMALL[2])).detach().numpy())


def test_the_reference_cnn_trains_alike(pooled):
    """Several steps of gradient descent give the same weights with and without fusion."""
    net = models.reference_cnn((1, 12, 12))
    twin = unfused(net)
    x, target = numbers((6, 1, 12, 12)), np.arange(6)
    for model in (net, twin):
        for _ in range(3):
            loss = F.cross_entropy(model(x), target)
            loss.backward()
            for parameter in model.parameters():
                parameter.data -= 0.1 * parameter.grad.numpy()
                parameter.grad = None
    assert len(pooled) == 6
    for parameter, other in zip(net.parameters(), twin.parameters(), strict=True):
        assert_rounded(parameter.detach().numpy(), other.detach().numpy())


def test_backward_twice_needs_the_graph():
    net, x = small(), Tensor(numbers(SMALL[2]), requires_grad=True)
    y = net(x)
    y.backward(np.ones_like(y.detach().numpy()), retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward(np.ones_like(y.detach().numpy()))
    assert_exact(x.grad.numpy(), 2 * once)
    with pytest.raises(RuntimeError, match="an earlier backward freed the graph"):
        y.backward(np.ones_like(y.detach().numpy()))


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ReLU, nn.MaxPool2d])
def test_a_forward_put_into_a_class_is_called(monkeypatch, kind):
    calls, forward = [], kind.forward

    def watched(module, x):
        calls.append(type(module))
        return forward(module, x)

    net, x = small(), numbers(SMALL[2])
    assert fused(net)
    monkeypatch.setattr(kind, "forward", watched)
    assert not fused(net)
    net(x)
    assert calls == [kind]


# ---- Linear and ReLU ---------------------------------------------------------------------------


def perceptron(bias=True, dtype=np.float32):
    first, last = nn.Linear(20, 30, bias, dtype=dtype), nn.Linear(30, 5, bias, dtype=dtype)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), last, nn.ReLU())


@pytest.mark.parametrize("bias", [False, True])
def test_linear_layers_run_with_their_relu(impl, dtype, bias):
    net, x = perceptron(bias, dtype), numbers((9, 4, 5), dtype)
    assert len(operations(list(net))) == 3
    assert_same(results(net, x), results(unfused(net), x))


@pytest.mark.parametrize("position", [1, 2])
def test_a_hook_parts_a_linear_layer_from_its_relu(position):
    net, x, seen = perceptron(), numbers((9, 4, 5)), []
    expected = net(x).detach().numpy()
    net[position].register_forward_hook(lambda module, args, y: seen.append(y.shape))
    assert len(operations(list(net))) == 4
    assert_exact(net(x).detach().numpy(), expected)
    assert seen == [(9, 30)]
