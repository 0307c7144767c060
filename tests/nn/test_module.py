"""Modules: their contents, and how these are found, saved, changed and called."""

import copy
import os
import pickle

import numpy as np
import pytest

import cnet
from cnet import Tensor, nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.full(2, 3.0))
        self.register_buffer("mean", np.array([1.0, 2.0]))
        self.register_buffer("cache", np.zeros(1), persistent=False)
        self.lin = nn.Linear(2, 2, dtype=np.float64)
        self.note = "not registered"

    def forward(self, x):
        return self.lin(x) * self.scale + self.mean


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.bias = nn.Parameter(np.zeros(2))
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(2, 1, bias=False, dtype=np.float64))

    def forward(self, x):
        return self.second(self.first(x) + self.bias)


def names(pairs):
    return [name for name, _ in pairs]


# Registration


def test_attributes_are_found_in_the_order_of_assignment():
    net = Net()
    assert names(net.named_parameters()) == [
        "bias", "first.scale", "first.lin.weight", "first.lin.bias", "second.1.weight"
    ]  # fmt: skip
    assert names(net.named_buffers()) == ["first.mean", "first.cache"]
    assert names(net.named_children()) == ["first", "second"]
    assert names(net.named_modules()) == [
        "",
        "first",
        "first.lin",
        "second",
        "second.0",
        "second.1",
    ]
    assert names(net.named_modules(prefix="net"))[:2] == ["net", "net.first"]
    assert names(net.named_parameters("net", recurse=False)) == ["net.bias"]
    assert names(net.first.named_buffers(recurse=False)) == ["mean", "cache"]
    assert list(net.children()) == [net.first, net.second]
    assert list(net.modules())[1] is net.first
    assert next(net.parameters()) is net.bias
    assert next(net.buffers()) is net.first.mean


def test_what_is_shared_is_given_once_and_saved_under_each_name():
    block = Block()
    pair = nn.ModuleList([block, block])
    assert names(pair.named_modules()) == ["", "0", "0.lin"]
    assert names(pair.named_modules(remove_duplicate=False)) == ["", "0", "0.lin", "1", "1.lin"]
    assert len(list(pair.parameters())) == 3
    assert len(list(pair.children())) == 1
    assert len(pair) == 2
    pair[0].tied = pair[0].scale
    assert len(list(pair.parameters())) == 3
    assert [name for name in pair.state_dict() if name.startswith("1.")] == [
        "1.scale", "1.tied", "1.mean", "1.lin.weight", "1.lin.bias"
    ]  # fmt: skip


def test_a_very_deep_module_can_be_walked():
    deep = nn.Identity()
    for _ in range(5000):
        deep, deep.inner = nn.Identity(), deep
    assert len(list(deep.modules())) == 5001
    assert len(list(deep.parameters())) == 0


def test_parameter_shares_memory_and_needs_a_gradient():
    array = np.zeros(3)
    parameter = nn.Parameter(array)
    assert parameter.detach().numpy() is array
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert nn.Parameter(cnet.tensor([1.0])).dtype == np.float32
    assert not nn.Parameter(array, requires_grad=False).requires_grad
    assert type(parameter + 1) is cnet.Tensor
    assert repr(parameter).startswith("Parameter containing:\ntensor([0., 0., 0.]")


def test_assigning_replaces_and_deleting_forgets():
    block = Block()
    block.scale = replacement = nn.Parameter(np.ones(2))
    assert dict(block.named_parameters())["scale"] is replacement
    block.scale = None
    assert names(block.named_parameters()) == ["lin.weight", "lin.bias"]
    block.mean = np.array([5.0, 6.0])
    assert isinstance(block.mean, cnet.Tensor)
    assert dict(block.named_buffers())["mean"] is block.mean
    block.mean = None
    assert names(block.named_buffers()) == ["cache"]
    block.cache = nn.Parameter(np.ones(1))
    assert names(block.named_buffers()) == []
    assert names(block.named_parameters(recurse=False)) == ["cache"]
    del block.lin, block.mean
    assert list(block.state_dict()) == ["cache"]
    with pytest.raises(AttributeError, match="lin"):
        block.lin  # noqa: B018
    with pytest.raises(AttributeError, match="nothing"):
        del block.nothing


def test_register_methods():
    module = nn.Module()
    module.register_parameter("weight", nn.Parameter(np.ones(2)))
    module.register_parameter("bias", None)
    module.add_module("child", nn.ReLU())
    module.register_module("other", nn.ReLU())
    module.register_buffer("nothing", None)
    assert module.bias is None
    assert names(module.named_parameters()) == ["weight"]
    assert names(module.named_children()) == ["child", "other"]
    assert list(module.state_dict()) == ["weight"]
    module.register_parameter("bias", nn.Parameter(np.ones(1)))
    module.register_buffer("nothing", np.ones(3), persistent=False)
    module.add_module("child", replacement := nn.Tanh())
    assert list(module.state_dict()) == ["weight", "bias"]
    assert names(module.named_buffers()) == ["nothing"]
    assert list(module.children()) == [replacement, module.other]


def test_dir_shows_attributes_that_can_be_written_after_a_dot():
    shown = dir(nn.Sequential(nn.ReLU()))
    assert "training" in shown
    assert "forward" in shown
    assert "0" not in shown
    assert {"scale", "mean", "lin"} <= set(dir(Block()))


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (TypeError, "Block: scale must be a Parameter or None (got ndarray)",
         lambda b: setattr(b, "scale", np.zeros(2))),
        (TypeError, "Block: lin must be a Module or None (got str)",
         lambda b: setattr(b, "lin", "linear")),
        (KeyError, "register_buffer: name is taken by another attribute (got 'forward')",
         lambda b: b.register_buffer("forward", np.zeros(2))),
        (KeyError, "add_module: name must not be empty or have a dot (got 'a.b')",
         lambda b: b.add_module("a.b", nn.ReLU())),
        (KeyError, "register_parameter: name must not be empty or have a dot (got '')",
         lambda b: b.register_parameter("", None)),
        (TypeError, "register_parameter: name must be a str (got 3)",
         lambda b: b.register_parameter(3, None)),
        (TypeError, "register_parameter: param must be a Parameter or None (got Tensor)",
         lambda b: b.register_parameter("p", cnet.tensor([1.0]))),
        (TypeError, "add_module: module must be a Module or None (got type)",
         lambda b: b.add_module("m", nn.ReLU)),
        (KeyError, "add_module: name is taken by another attribute (got 'mean')",
         lambda b: b.add_module("mean", nn.ReLU())),
        (KeyError, "register_buffer: name is taken by another attribute (got 'scale')",
         lambda b: b.register_buffer("scale", np.zeros(2))),
        (TypeError, "register_buffer: tensor must be a Tensor or None (got float)",
         lambda b: b.register_buffer("m", 1.0)),
        (KeyError, "Block: 'half' is an attribute of the class",
         lambda b: setattr(b, "half", nn.ReLU())),
        (RuntimeError, "to: device must be the CPU (got 'cuda:0')", lambda b: b.to("cuda:0")),
        (RuntimeError, "to: device must be the CPU (got 'meta')", lambda b: b.to(device="meta")),
        (RuntimeError, "cuda: device 'cuda' is not available: all tensors are on the CPU; choose "
         "the device by torch.cuda.is_available()", lambda b: b.cuda()),
        (TypeError, "half: dtype must be float32 or float64 (got float16)", lambda b: b.half()),
        (AttributeError, "get_submodule: Block has no submodule 'lin.x' (there is no module 'x')",
         lambda b: b.get_submodule("lin.x")),
        (AttributeError, "get_parameter: 'mean' is not a Parameter",
         lambda b: b.get_parameter("mean")),
        (AttributeError, "get_buffer: 'lin.weight' is not a buffer",
         lambda b: b.get_buffer("lin.weight")),
        (AttributeError, "get_buffer: Linear has no attribute 'x'",
         lambda b: b.get_buffer("lin.x")),
        (ValueError, "train: mode must be a bool (got 'eval')", lambda b: b.train("eval")),
        (TypeError, "to: dtype must be float32 or float64 (got int64)", lambda b: b.to(np.int64)),
        (NotImplementedError, "Module must define forward", lambda b: nn.Module()(1)),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    block = Block()
    with pytest.raises(error) as caught:
        act(block)
    assert caught.value.args == (message,)
    assert names(block.named_parameters()) == ["scale", "lin.weight", "lin.bias"]


def test_init_must_be_called_first():
    class Hasty(nn.Module):
        def __init__(self):
            self.size = 3
            self.lin = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"Hasty: call super\(\).__init__\(\) before .*'lin'"):
        Hasty()


# State


def test_state_dict_shares_memory():
    net = Net()
    state = net.state_dict()
    assert list(state) == [
        "bias", "first.scale", "first.mean", "first.lin.weight", "first.lin.bias", "second.1.weight"
    ]  # fmt: skip
    assert all(type(value) is Tensor and value.is_leaf for value in state.values())
    assert not any(value.requires_grad for value in state.values())
    net.bias.data += 1
    assert np.array_equal(state["bias"], [1, 1])
    state["first.mean"] += 2
    assert net.first.mean.tolist() == state["first.mean"].tolist()


def test_load_state_dict_copies_into_the_same_tensors():
    source, target = Net(), Net()
    bias, array = target.bias, target.bias.detach().numpy()
    state = source.state_dict()
    result = target.load_state_dict(state)
    assert result == ([], [])
    assert target.bias is bias
    assert bias.detach().numpy() is array
    for name, value in target.state_dict().items():
        assert np.array_equal(value, state[name])
    state["bias"][:] = 9
    assert target.bias.detach().numpy().max() < 9


def test_load_state_dict_keeps_dtypes_and_takes_tensors_and_lists():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": cnet.tensor([[1.0, 2.0]], dtype=np.float64), "bias": [3]})
    assert layer.weight.dtype == np.float32
    assert layer.weight.detach().numpy().tolist() == [[1.0, 2.0]]
    assert layer.bias.detach().numpy().tolist() == [3.0]
    layer.load_state_dict(nn.Linear(2, 1, dtype=np.float64).state_dict())
    assert layer.weight.dtype == np.float32


def test_load_state_dict_lists_everything_that_is_wrong_and_changes_nothing():
    net = Net()
    before = net.state_dict()
    bad = net.state_dict()
    del bad["bias"]
    bad["first.scale"] = np.zeros(3)
    bad["first.mean"] = np.array([1j, 2j])
    bad["first.lin.bias"] = np.full(2, 7.0)
    bad["extra"] = np.zeros(1)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(bad)
    assert str(caught.value).split("\n") == [
        "Error(s) in loading state_dict for Net:",
        '\tMissing key(s) in state_dict: "bias". ',
        '\tUnexpected key(s) in state_dict: "extra". ',
        "\tsize mismatch for first.scale: copying a param with shape cnet.Size([3]) from "
        "checkpoint, the shape in current model is cnet.Size([2]).",
        "\tdtype mismatch for first.mean: copying a param with dtype complex128 from checkpoint, "
        "the dtype in current model is float64.",
    ]
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name])


def test_load_state_dict_not_strict():
    net = Net()
    result = net.load_state_dict({"bias": np.ones(2), "other": np.ones(1)}, strict=False)
    assert result.missing_keys == [
        "first.scale", "first.mean", "first.lin.weight", "first.lin.bias", "second.1.weight"
    ]  # fmt: skip
    assert result.unexpected_keys == ["other"]
    assert net.bias.detach().numpy().tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="size mismatch for bias"):
        net.load_state_dict({"bias": np.ones(3)}, strict=False)


def test_load_state_dict_refuses_what_is_not_a_mapping_or_cannot_be_written():
    with pytest.raises(TypeError, match=r"must be a mapping \(got list\)"):
        Net().load_state_dict([np.ones(2)])
    net = Net()
    net.second[1].weight.data[:] = 0
    net.bias = nn.Parameter(np.zeros(2))
    net.bias.detach().numpy().flags.writeable = False
    with pytest.raises(RuntimeError, match="bias: the array of the tensor must be writable"):
        net.load_state_dict(Net().state_dict())
    assert not net.second[1].weight.detach().numpy().any()


def test_a_deep_copy_is_independent():
    net = Net()
    seen = []
    net.register_forward_hook(lambda *args: seen.append("hook"))
    twin = copy.deepcopy(net)
    assert names(twin.named_parameters()) == names(net.named_parameters())
    assert isinstance(twin.bias, nn.Parameter)
    twin.bias.data += 1
    assert not net.bias.detach().numpy().any()
    twin(np.zeros((1, 2)))
    assert seen == ["hook"]


# Changes of the whole module


def test_train_and_eval_reach_everything():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.first.train()
    assert [module.training for module in net.modules()] == [False, True, True, False, False, False]
    assert net.train() is net
    assert all(module.training for module in net.modules())


def test_gradients_can_be_forgotten_or_zeroed():
    net = Net()
    net(np.ones((3, 2))).sum().backward()
    gradient = net.bias.grad
    assert gradient.shape == (2,)
    net.zero_grad(set_to_none=False)
    assert net.bias.grad is gradient
    assert not gradient.detach().numpy().any()
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_requires_grad_reaches_everything():
    net = Net()
    assert net.first.requires_grad_(False) is net.first
    assert [p.requires_grad for p in net.parameters()] == [True, False, False, False, True]
    net(np.ones((3, 2))).sum().backward()
    assert net.first.scale.grad is None


def test_apply_goes_from_below_to_the_top():
    net, visited = Net(), []
    assert net.apply(visited.append) is net
    assert visited == [net.first.lin, net.first, net.second[0], net.second[1], net.second, net]


def test_to_converts_floats_and_keeps_the_tensors():
    net = Net()
    net.register_buffer("count", np.array([1, 2]))
    held = list(net.parameters())
    net.bias.grad = cnet.tensor(np.ones(2))
    assert net.to(np.float64) is net
    data = net.bias.detach().numpy()
    assert net.to("float64").bias.detach().numpy() is data
    assert net.float() is net
    assert all(a is b for a, b in zip(held, net.parameters(), strict=True))
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert net.first.mean.dtype == np.float32
    assert net.count.dtype == np.int64
    assert net.bias.grad.dtype == np.float32
    assert net.double().first.lin.weight.dtype == np.float64


# Hooks


def test_hooks_see_and_replace_arguments_and_output():
    module = nn.Identity()
    seen = []

    def before(module, args):
        seen.append(("before", args))
        return args[0] + 1

    def after(module, args, output):
        seen.append(("after", args, output))
        return output * 10

    module.register_forward_pre_hook(before)
    handle = module.register_forward_hook(after)
    assert module(1) == 20
    assert seen == [("before", (1,)), ("after", (2,), 2)]
    handle.remove()
    handle.remove()
    assert module(1) == 2


def test_hooks_run_in_order_and_may_return_nothing():
    module, order = nn.Identity(), []
    for number in range(3):
        module.register_forward_pre_hook(lambda *args, n=number: order.append(("pre", n)))
        module.register_forward_hook(lambda *args, n=number: order.append(("post", n)))
    assert module("x") == "x"
    assert order == [("pre", 0), ("pre", 1), ("pre", 2), ("post", 0), ("post", 1), ("post", 2)]


def test_a_hook_may_return_all_arguments_and_remove_itself():
    class Sum(nn.Module):
        def forward(self, a, b, scale=1):
            return (a + b) * scale

    module = Sum()

    def once(module, args):
        handle.remove()
        return 10, *args[1:]

    handle = module.register_forward_pre_hook(once)
    assert module(1, 2, scale=2) == 24
    assert module(1, 2, scale=2) == 6


# Printing


def test_repr_is_nested():
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Block(\n"
        "    (lin): Linear(in_features=2, out_features=2, bias=True)\n"
        "  )\n"
        "  (second): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=2, out_features=1, bias=False)\n"
        "  )\n"
        ")"
    )


def test_repr_with_lines_of_its_own():
    class Wordy(nn.Module):
        def extra_repr(self):
            return "one\ntwo"

    module = Wordy()
    assert repr(module) == "Wordy(\n  one\n  two\n)"
    module.child = nn.ReLU()
    assert repr(module) == "Wordy(\n  one\n  two\n  (child): ReLU()\n)"


# Access by name, conversion


def test_access_by_dotted_names():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("second.1") is net.second[1]
    assert net.get_parameter("first.lin.weight") is net.first.lin.weight
    assert net.get_buffer("first.cache") is net.first.cache
    net.set_submodule("second.0", relu := nn.Tanh())
    assert net.second[0] is relu
    net.set_submodule("first.new", relu)
    assert net.first.new is relu
    with pytest.raises(AttributeError, match="there is no module 'other'"):
        net.set_submodule("first.other", relu, strict=True)
    with pytest.raises(ValueError, match=r"module must be a Module \(got int\)"):
        net.set_submodule("first.new", 3)
    with pytest.raises(ValueError, match="target must not be empty"):
        net.set_submodule("", relu)


def test_members_are_in_dictionaries():
    block = Block()
    assert list(block._parameters) == ["scale"]
    assert list(block._buffers) == ["mean", "cache"]
    assert list(block._modules) == ["lin"]
    assert block.__getattr__("scale") is block.scale
    block._parameters["scale"] = replacement = nn.Parameter(np.ones(2))
    assert block.scale is replacement
    block.second = nn.Buffer(np.ones(2), persistent=False)
    assert "second" not in block.state_dict()
    assert copy.deepcopy(block).second.tolist() == [1, 1]
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'third'"):
        block.third  # noqa: B018


def test_parameters_and_buffers_take_attributes():
    layer = nn.Linear(2, 3)
    layer.bias.mask = [1]
    layer.bias.grad = cnet.ones(3)
    assert layer.double().bias.mask == [1]
    buffer = nn.Buffer(np.ones(2), persistent=False)
    buffer.mask = [1]
    for copied in (copy.copy(layer.bias), pickle.loads(pickle.dumps(layer.bias))):
        assert (type(copied), copied.mask) == (nn.Parameter, [1])
    copied = copy.deepcopy(layer).bias
    assert (vars(copied), copied.grad, copied.requires_grad) == ({}, None, True)
    for copied in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert (type(copied), copied.mask, copied.persistent) == (nn.Buffer, [1], False)
        assert copied.mask is not buffer.mask
    with pytest.raises(AttributeError):
        (layer.bias * 1).mask = [1]


def test_train_calls_an_overridden_train():
    class Frozen(nn.Identity):
        def train(self, mode=True):
            return super().train(False)

    net = nn.Sequential(Frozen(), nn.ReLU()).train()
    assert [module.training for module in net.modules()] == [True, False, True]


def test_forms_of_to():
    net = Net()
    assert net.to("cpu") is net.cpu() is net.to(device="cpu", non_blocking=True) is net
    assert net.to("cpu", np.float32).bias.dtype == np.float32
    assert net.to(cnet.tensor(np.ones(1))).bias.dtype == np.float64
    assert net.to(dtype=np.float32).bias.dtype == np.float32
    net.register_buffer("count", np.array([1, 2]))
    assert net.type("float64").count.dtype == np.float64
    assert net.compile() is None


def test_new_memory():
    net = Net()
    array = net.bias.detach().numpy()
    assert net.to_empty(device="cpu") is net
    assert net.bias.detach().numpy() is not array
    net.bias.data[:] = 3
    assert net.share_memory().bias.tolist() == [3, 3]
    pid = os.fork()
    if pid == 0:
        net.bias.data[:] = 4
        os._exit(0)
    os.waitpid(pid, 0)
    assert net.bias.tolist() == [4, 4]


def test_a_state_without_hooks_is_completed():
    net = nn.Identity.__new__(nn.Identity)
    net.__setstate__({"training": False})
    assert net(3) == 3
    assert not net.training


def test_a_mixin_may_have_a_state_of_its_own():
    class Pattern:
        def __setstate__(self, state):
            self.__init__(state["pattern"])

    class Layer(Pattern, nn.Module):
        def __init__(self, pattern):
            super().__init__()
            self.pattern = pattern

    assert Layer("b c -> c b").pattern == "b c -> c b"
