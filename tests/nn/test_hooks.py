"""Hooks of modules: their order and options, and hooks on gradients."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.nn.state import StateDict


class Scale(nn.Module):
    def forward(self, x, factor=2):
        if factor is None:
            raise ZeroDivisionError
        return x * factor


def test_prepended_hooks_come_first():
    module, order = nn.Identity(), []
    for name in ("a", "b"):
        module.register_forward_hook(lambda *args, n=name: order.append(n), prepend=True)
        module.register_forward_pre_hook(lambda *args, n=name: order.append(n), prepend=True)
    module(1)
    assert order == ["b", "a", "b", "a"]


def test_a_hook_for_one_block():
    module, seen = nn.Identity(), []
    with module.register_forward_hook(lambda *args: seen.append(args[2])):
        module(1)
    module(2)
    assert seen == [1]


def test_hooks_with_kwargs():
    module = Scale()
    module.register_forward_pre_hook(
        lambda module, args, kwargs: ((args[0] + 1,), {"factor": 10}), with_kwargs=True
    )
    seen = []
    module.register_forward_hook(lambda *args: seen.append(args[1:]), with_kwargs=True)
    assert module(1, factor=3) == 20
    assert seen == [((2,), {"factor": 10}, 20)]
    module.register_forward_pre_hook(lambda *args: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple \(args, kwargs\)"):
        module(1)


def test_hooks_that_are_always_called():
    module, seen = Scale(), []
    module.register_forward_hook(lambda *args: seen.append("other"))
    module.register_forward_hook(lambda *args: seen.append(args[2]), always_call=True)
    with pytest.raises(ZeroDivisionError):
        module(1, factor=None)
    assert seen == [None]
    assert module(1) == 2
    assert seen == [None, "other", 2]


def test_an_error_in_a_hook_that_is_always_called_is_a_warning():
    module = Scale()
    module.register_forward_hook(lambda *args: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="raised ZeroDivisionError"), pytest.raises(TypeError):
        module(None)


def test_backward_hooks_get_the_gradients_of_inputs_and_outputs():
    module, seen = Scale(), []
    module.register_full_backward_hook(lambda *args: seen.append(args))
    x = cnet.tensor([1.0, 2.0], requires_grad=True)
    module(x, 3).backward(np.ones(2, np.float32))
    ((owner, (dx, nothing), (dy,)),) = seen
    assert owner is module
    assert nothing is None
    assert dx.tolist() == [3, 3]
    assert dy.tolist() == [1, 1]
    assert x.grad.tolist() == [3, 3]


def test_backward_hooks_replace_gradients():
    module = Scale()
    module.register_full_backward_pre_hook(lambda module, dy: (dy[0] * 10,))
    module.register_full_backward_hook(lambda module, dx, dy: (dx[0] + dy[0],))
    x = cnet.tensor([1.0, 2.0], requires_grad=True)
    module(x).sum().backward()
    assert x.grad.tolist() == [30, 30]


def test_backward_hooks_of_a_module_whose_input_has_no_gradient():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda module, dx, dy: seen.append((dx, dy[0].tolist())))
    layer(np.ones((1, 2), np.float32)).sum().backward()
    assert seen == [((None,), [[1.0]])]
    layer.register_full_backward_hook(lambda module, dx, dy: dy)
    with pytest.raises(RuntimeError, match="must return None if no input requires grad"):
        layer(np.ones((1, 2), np.float32)).sum().backward()


def test_backward_hooks_are_not_called_without_gradients():
    module, seen = Scale(), []
    handle = module.register_full_backward_hook(lambda *args: seen.append(args))
    x = cnet.tensor([1.0], requires_grad=True)
    with cnet.no_grad():
        assert not module(x).requires_grad
    assert not module(x.detach()).requires_grad
    handle.remove()
    module(x).sum().backward()
    assert seen == []


def test_backward_hooks_with_several_outputs():
    class Pair(nn.Module):
        def forward(self, x):
            return x + 1, x * 2

    module, seen = Pair(), []
    module.register_full_backward_hook(
        lambda module, dx, dy: seen.append([g.tolist() for g in (*dx, *dy)])
    )
    x = cnet.tensor([1.0], requires_grad=True)
    a, b = module(x)
    (a + 3 * b).sum().backward()
    assert seen == [[[7.0], [1.0], [3.0]]]


@pytest.mark.parametrize("returned", [(None, None), ()])
def test_a_backward_hook_must_return_one_gradient_for_each_input(returned):
    module = nn.Identity()
    module.register_full_backward_hook(lambda *args: returned)
    x = cnet.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="must return one gradient for each grad_input"):
        module(x).sum().backward()


def test_backward_hooks_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cnet, torch):
        net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.ReLU(), lib.nn.Linear(4, 2))
        net.load_state_dict(
            {
                name: lib.tensor(np.sin(np.arange(p.numel())).reshape(p.shape), dtype=p.dtype)
                for name, p in net.named_parameters()
            }
        )
        seen = []
        for layer in net:
            layer.register_full_backward_hook(
                lambda module, dx, dy, seen=seen: seen.append(
                    [None if g is None else np.asarray(g.detach()) for g in (*dx, *dy)]
                )
            )
        net[2].register_full_backward_pre_hook(lambda module, dy: (dy[0] * 2,))
        x = np.cos(np.arange(6, dtype=np.float32)).reshape(2, 3)
        net(lib.tensor(x, requires_grad=True)).sum().backward()
        found.append([*seen, [np.asarray(p.grad) for p in net.parameters()]])
    for ours, theirs in zip(*found, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# State


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(np.ones(1))
        self.count = 0

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state):
        self.count = state["count"]


def test_extra_state_is_saved():
    source, target = nn.Sequential(Counter()), nn.Sequential(Counter())
    source[0].count = 5
    state = source.state_dict()
    assert state["0._extra_state"] == {"count": 5}
    target.load_state_dict(state)
    assert target[0].count == 5
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"0._extra_state"'):
        target.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"_extra_state"'):
        nn.Linear(1, 1).load_state_dict({**nn.Linear(1, 1).state_dict(), "_extra_state": 1})
    with pytest.raises(RuntimeError, match="Linear does not define get_extra_state"):
        nn.Linear(1, 1).get_extra_state()


def test_state_dict_options_and_versions():
    net = nn.Sequential(nn.Linear(1, 1))
    destination = StateDict()
    destination._metadata = {}
    state = net.state_dict(destination=destination, prefix="net.", keep_vars=True)
    assert state is destination
    assert state["net.0.weight"] is net[0].weight
    assert list(net.state_dict()._metadata) == ["", "0"]
    assert state._metadata["net.0"] == {"version": 1}


def test_state_dict_hooks():
    net, seen = nn.Linear(1, 1), []
    net.register_state_dict_pre_hook(lambda *args: seen.append(args[1:]))
    net.register_state_dict_post_hook(
        lambda module, state, prefix, meta: state.pop("bias") and None
    )
    assert list(net.state_dict()) == ["weight"]
    assert seen == [("", False)]
    net.register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(RuntimeError, match="a post-hook must return None"):
        net.state_dict()


def test_hooks_of_loading():
    net = nn.Sequential(nn.Linear(1, 1))

    def rename(module, state, prefix, *rest):
        assert module is net[0]
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    net[0].register_load_state_dict_pre_hook(rename)
    handle = net.register_load_state_dict_post_hook(
        lambda module, keys: keys.missing_keys.remove("0.bias")
    )
    result = net.load_state_dict({"0.kernel": [[4.0]]})
    assert repr(result) == "<All keys matched successfully>"
    assert net[0].weight.item() == 4
    handle.remove()
    with pytest.raises(RuntimeError, match=r'Missing key.*"0.bias"'):
        net.load_state_dict({"0.kernel": [[5.0]]})
    assert net[0].weight.item() == 4


def test_a_subclass_loads_old_names_itself():
    class Old(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
            if local_metadata.get("version", 1) < 2:
                state_dict[prefix + "bias"] = state_dict[prefix + "weight"][0]
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    net = nn.Sequential(Old(1, 1))
    net.load_state_dict({"0.weight": np.array([[3.0]])})
    assert net[0].bias.item() == 3


def test_assign_takes_the_tensors_themselves():
    layer = nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    state = {"weight": cnet.tensor(np.ones((1, 2))), "bias": nn.Parameter(np.ones(1))}
    layer.load_state_dict(state, assign=True)
    assert layer.bias is state["bias"]
    assert not layer.bias.requires_grad
    assert layer.weight.dtype == np.float64
    assert isinstance(layer.weight, nn.Parameter)
    assert layer.weight.detach().numpy() is state["weight"].numpy()


def test_a_copy_calls_its_own_hooks():
    net = nn.Linear(1, 1)
    owners = []
    net.register_load_state_dict_pre_hook(lambda module, *args: owners.append(module))
    twin = copy.deepcopy(net)
    twin.load_state_dict(net.state_dict())
    assert owners == [twin]


@pytest.mark.parametrize("layer", [nn.ReLU(inplace=True), nn.Sequential(nn.ReLU(inplace=True))])
def test_regular_backward_hooks_allow_changes_in_place(layer):
    x = cnet.tensor([-1.0, 1.0, 2.0], requires_grad=True)
    seen = []
    layer.register_backward_hook(lambda _, dx, dy: seen.append((dx, dy)) or (2 * dx[0],))
    given = x * 3
    layer(given).mul_(5).sum().backward()
    (((dx,), (dy,)),) = seen
    assert (dx.tolist(), dy.tolist(), x.grad.tolist()) == ([0, 5, 5], [5, 5, 5], [0, 30, 30])
    with pytest.raises(RuntimeError, match="was modified in place"):
        given.sum()


def test_regular_and_full_backward_hooks_are_not_mixed():
    first, second = nn.ReLU(), nn.ReLU()
    first.register_backward_hook(print)
    second.register_full_backward_hook(print)
    with pytest.raises(RuntimeError, match="ReLU: cannot use both regular"):
        first.register_full_backward_hook(print)
    with pytest.raises(RuntimeError, match="ReLU: cannot use both regular"):
        second.register_backward_hook(print)
