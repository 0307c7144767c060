"""Sequential, ModuleList and ModuleDict."""

import copy
from collections import OrderedDict

import numpy as np
import pytest

import cnet
from cnet import nn


def chain():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def test_sequential_calls_one_after_the_other():
    net, x = chain(), np.ones((4, 2), np.float32)
    assert np.array_equal(net(x).detach().numpy(), net[2](net[1](net[0](x))).detach().numpy())
    assert nn.Sequential()(x) is x


def test_sequential_from_a_mapping_is_named():
    net = nn.Sequential(OrderedDict(conv=nn.Linear(2, 3), act=nn.ReLU()))
    assert list(net.state_dict()) == ["conv.weight", "conv.bias"]
    assert net.conv is net[0]
    assert repr(net.append(nn.Tanh())) == (
        "Sequential(\n"
        "  (conv): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (act): ReLU()\n"
        "  (2): Tanh()\n"
        ")"
    )


@pytest.mark.parametrize("make", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def test_indexing(make):
    modules = [nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
    box = make(*modules)
    assert list(box) == modules
    assert len(box) == 3
    assert box[np.int64(1)] is box[-2] is modules[1]
    assert list(box[1:]) == modules[1:]
    assert type(box[1:]) is type(box)
    assert list(box[::-2]) == [modules[2], modules[0]]
    box[-1] = last = nn.Identity()
    assert list(box) == [*modules[:2], last]
    assert box.append(modules[2]) is box
    assert list(box.extend([last, last])) == [*modules[:2], last, modules[2], last, last]
    for bad in (6, -7):
        with pytest.raises(IndexError, match="in range for 6 modules"):
            box[bad]
    with pytest.raises(TypeError):
        box["0"]


def test_slices_keep_the_names_of_a_sequential_and_number_a_list_anew():
    assert list(chain()[1:].state_dict()) == ["2.weight", "2.bias"]
    assert list(nn.ModuleList(chain())[1:].state_dict()) == ["1.weight", "1.bias"]


def test_appending_to_a_slice_replaces_nothing():
    net = chain()[1:]
    linear = net[1]
    net.append(nn.Tanh())
    assert list(net)[1] is linear
    assert [name for name, _ in net.named_children()] == ["1", "2", "3"]


def test_a_slice_of_a_subclass_is_a_plain_sequential():
    class Pair(nn.Sequential):
        def __init__(self, width):
            super().__init__(nn.Linear(width, width), nn.ReLU())

    assert type(Pair(3)[:1]) is nn.Sequential


def test_the_same_module_may_stand_twice():
    relu = nn.ReLU()
    net = nn.Sequential(relu, relu)
    assert list(net) == [relu, relu]
    assert list(net.children()) == [relu]


def test_module_dict():
    relu, tanh = nn.ReLU(), nn.Tanh()
    box = nn.ModuleDict({"relu": relu})
    box["lin"] = nn.Linear(1, 1)
    box["relu"] = tanh
    assert list(box) == list(box.keys()) == ["relu", "lin"]
    assert list(box.values()) == [tanh, box["lin"]]
    assert dict(box.items()) == {"relu": tanh, "lin": box["lin"]}
    assert "relu" in box
    assert "tanh" not in box
    del box["lin"]
    assert len(box) == 1
    assert repr(box) == "ModuleDict(\n  (relu): Tanh()\n)"
    with pytest.raises(KeyError, match="lin"):
        box["lin"]
    with pytest.raises(KeyError, match="training"):
        del box["training"]


@pytest.mark.parametrize("make", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def test_operations_of_a_list(make):
    a, b, c, d = nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Identity()
    box = make(a, b)
    both = box + make(c, d)
    assert type(both) is type(box)
    assert list(both) == [a, b, c, d]
    assert list(box) == [a, b]
    box += [c]
    assert list(box.insert(1, d)) == [a, d, b, c]
    assert list(box._modules) == ["0", "1", "2", "3"]
    assert box.pop(-1) is c
    del box[0]
    assert list(box._modules.items()) == [("0", d), ("1", b)]
    del both[1:3]
    assert list(both._modules.items()) == [("0", a), ("1", d)]
    assert b in box
    assert a not in box


def test_a_sequential_can_be_repeated():
    net = nn.Sequential(nn.ReLU(), nn.Tanh())
    assert list(net * 2) == list(2 * net) == [*net, *net]
    net *= 2
    assert [name for name, _ in net._modules.items()] == ["0", "1", "2", "3"]


def test_operations_of_a_dict():
    relu, tanh = nn.ReLU(), nn.Tanh()
    box = nn.ModuleDict([("a", relu), ["b", tanh]])
    box.update(nn.ModuleDict({"a": tanh, "c": relu}))
    assert dict(box.items()) == {"a": tanh, "b": tanh, "c": relu}
    assert box.pop("b") is tanh
    assert list(box) == ["a", "c"]
    box.clear()
    assert len(box) == 0


def test_lists_and_dicts_may_lack_modules():
    """HRNet has such a list: None where a branch needs no transition."""
    net = nn.ModuleList([None, nn.Linear(2, 3)]).append(None)
    net.insert(0, None)
    assert [module is None for module in net] == [True, True, False, True]
    assert list(net.state_dict()) == ["2.weight", "2.bias"]
    assert [name for name, _ in net.named_modules()] == ["", "2"]
    assert len(list(net.children())) == 1
    net.apply(lambda module: module).double().eval()
    assert "(2): Linear" in repr(copy.deepcopy(net))
    net[2] = None
    assert not list(net.parameters())
    assert nn.ModuleDict({"a": None, "b": nn.ReLU()})["a"] is None


def test_parameter_list():
    values = [nn.Parameter(np.ones(2)), cnet.tensor([1.0]), "note"]
    box = nn.ParameterList(values)
    assert [name for name, _ in box.named_parameters()] == ["0", "1"]
    assert isinstance(box[1], nn.Parameter)
    assert box[-1] == "note"
    assert type(box[:2]) is nn.ParameterList
    assert len(box[:2]) == 2
    box += [nn.Parameter(np.zeros(3))]
    box[0] = nn.Parameter(np.zeros((4, 5), np.float32))
    assert [getattr(value, "shape", None) for value in box] == [(4, 5), (1,), None, (3,)]
    assert repr(box[:1]) == "ParameterList(  (0): Parameter containing: [float32 of size 4x5])"
    assert list(box.state_dict()) == ["0", "1", "3"]


def test_parameter_dict():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(3))
    box = nn.ParameterDict({"a": a, "note": 3})
    other = box.copy()
    box["b"] = b
    assert list(box) == ["a", "note", "b"]
    assert list(reversed(box)) == ["b", "note", "a"]
    assert list(box.values()) == [a, 3, b]
    assert [name for name, _ in box.named_parameters()] == ["a", "b"]
    assert box.get("c", 7) == 7
    assert box.setdefault("c", 8) == 8
    assert box.popitem() == ("c", 8)
    assert box.pop("note") == 3
    assert "note" not in box
    assert list(other) == ["a", "note"]
    assert dict((other | nn.ParameterDict({"x": b})).items()) == {"a": a, "note": 3, "x": b}
    other |= {"a": b}
    assert other["a"] is b
    assert list(box.fromkeys(["p", "q"], 1)) == ["p", "q"]
    box.clear()
    assert len(box) == 0
    with pytest.raises(KeyError):
        del box["a"]


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (TypeError, "Sequential: 1 must be a Module (got type)",
         lambda: nn.Sequential(nn.ReLU(), nn.ReLU)),
        (TypeError, "Sequential: 0 must be a Module (got list)",
         lambda: nn.Sequential([nn.ReLU()])),
        (TypeError, "Sequential: 1 must be a Module (got NoneType)",
         lambda: nn.Sequential(nn.ReLU(), None)),
        (TypeError, "ModuleList: 0 must be a Module (got int)",
         lambda: nn.ModuleList([nn.ReLU()]).__setitem__(0, 3)),
        (TypeError, "ModuleDict: a must be a Module (got int)", lambda: nn.ModuleDict({"a": 3})),
        (KeyError, "ModuleDict: name is taken by another attribute (got 'keys')",
         lambda: nn.ModuleDict({"keys": nn.ReLU()})),
        (KeyError, "Sequential: name must not be empty or have a dot (got 'a.b')",
         lambda: nn.Sequential({"a.b": nn.ReLU()})),
        (NotImplementedError, "ModuleList must define forward", lambda: nn.ModuleList()(1)),
        (TypeError, "ModuleList: extend needs an iterable of modules (got int)",
         lambda: nn.ModuleList(3)),
        (TypeError, "Sequential: + needs an iterable of modules (got int)", lambda: chain() + 1),
        (TypeError, "Sequential: * needs an int (got float)", lambda: chain() * 1.5),
        (ValueError, "Sequential: * needs a positive int (got 0)", lambda: chain() * 0),
        (TypeError, "Sequential: 1 must be a Module (got int)", lambda: chain().insert(1, 3)),
        (TypeError, "ModuleDict: update needs a mapping or an iterable of pairs (got int)",
         lambda: nn.ModuleDict(3)),
        (TypeError, "ModuleDict: item 0 must be a pair (got int)", lambda: nn.ModuleDict([3])),
        (ValueError, "ModuleDict: item 0 must have 2 values (got 1)", lambda: nn.ModuleDict(["a"])),
        (TypeError, "ParameterList: extend needs an iterable of values (got Parameter)",
         lambda: nn.ParameterList(nn.Parameter(np.ones(2)))),
        (IndexError, "ParameterList: index must be in range for 0 values (got 0)",
         lambda: nn.ParameterList()[0]),
        (TypeError, "ParameterDict: a key must be a str (got 1)", lambda: nn.ParameterDict({1: 2})),
        (KeyError, "ParameterDict: 'values' is the name of another attribute",
         lambda: nn.ParameterDict({"values": 2})),
        (KeyError, "ParameterDict: popitem of an empty dictionary",
         lambda: nn.ParameterDict().popitem()),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert caught.value.args == (message,)
