"""`cnet.compile` without an example, as code for `torch.compile` calls it."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self._gain = 1.0

    def forward(self, x, power=1):
        return self.norm(self.fc(x)) ** power * self._gain

    def describe(self):
        return "net"


def test_a_compiled_module_trains_as_the_module():
    net = Net()
    compiled = cnet.compile(net, mode="reduce-overhead", dynamic=False)
    other = copy.deepcopy(compiled)
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    for module in (compiled, other._orig_mod):
        optimizer = cnet.optim.SGD(module.parameters(), lr=0.1)
        module(x, power=2).sum().backward()
        optimizer.step()
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.detach(), two.detach())
    np.testing.assert_array_equal(net.norm.running_mean, other.norm.running_mean)


def test_a_compiled_module_has_the_names_of_pytorch():
    net = Net()
    state = cnet.compile(net).state_dict()
    assert list(state) == [f"_orig_mod.{name}" for name in net.state_dict()]
    for name, parameter in net.named_parameters():
        assert np.shares_memory(state[f"_orig_mod.{name}"], parameter.detach())
    cnet.compile(Net()).load_state_dict(state)


def test_attributes_are_those_of_the_module():
    net = Net()
    compiled = cnet.compile(net)
    assert isinstance(compiled, nn.Module)
    assert compiled._orig_mod is net
    assert compiled.fc is net.fc
    assert compiled.describe() == "net"
    compiled._gain = 2.0
    compiled.head = nn.Linear(2, 2)
    assert (net._gain, net.head) == (2.0, compiled.head)
    del compiled.head
    assert not hasattr(net, "head")
    assert not hasattr(compiled, "missing")
    assert not compiled.eval().training
    assert not net.norm.training
    net.train()
    assert compiled.training
    assert cnet.compile(compiled) is compiled


def test_a_compiled_module_can_be_compiled_for_a_shape():
    x = np.ones((2, 3), np.float32)
    compiled = cnet.compile(nn.Sequential(nn.Linear(3, 2), nn.ReLU()).eval())
    np.testing.assert_allclose(cnet.compile(compiled, x)(x), compiled(x).detach(), rtol=1e-5)


def test_functions_are_returned():
    @cnet.compile
    def double(x):
        return 2 * x

    @cnet.compile(fullgraph=True)
    def triple(x):
        return 3 * x

    assert (double(2), triple(2)) == (4, 6)


def test_errors():
    with pytest.raises(TypeError, match=r"model must be a Module or a function \(got int\)"):
        cnet.compile(3)
    with pytest.raises(ValueError, match="dtype, calibration and percentile need an example"):
        cnet.compile(Net(), dtype="int8")
