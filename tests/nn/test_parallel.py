"""Wrappers for several devices, PyTorch's module paths, and calls with other parameters."""

import importlib

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.nn.modules import utils as module_utils

X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize("wrap", [nn.DataParallel, nn.parallel.DistributedDataParallel])
def test_wrappers_pass_calls_on(wrap):
    layer = nn.Linear(3, 2)
    wrapped = wrap(layer)
    assert wrapped.module is layer
    assert np.array_equal(wrapped(X).detach(), layer(X).detach())
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    assert np.array_equal(nn.parallel.data_parallel(layer, X).detach(), layer(X).detach())


def test_several_processes_are_refused(monkeypatch):
    with nn.parallel.DistributedDataParallel(nn.ReLU()).no_sync():
        pass
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="only one process is supported"):
        nn.parallel.DistributedDataParallel(nn.ReLU())


def test_batch_norms_are_converted():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm2d(4)))
    state = net.state_dict()
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert type(converted[0]) is type(converted[1][0]) is nn.SyncBatchNorm
    assert list(converted.state_dict()) == list(state)
    assert converted[0](X).shape == (2, 3)
    assert state["0.num_batches_tracked"].item() == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("utils", "_pair"), ("batchnorm", "_BatchNorm"), ("loss", "_Loss"), ("conv", "Conv2d"),
        ("module", "Module"), ("container", "Sequential"), ("linear", "Linear"),
        ("activation", "MultiheadAttention"), ("pooling", "AdaptiveAvgPool2d"),
        ("conv", "_ConvTransposeNd"),
    ],
)  # fmt: skip
def test_paths_of_pytorch(path, name):
    module = importlib.import_module(f"cnet.nn.modules.{path}")
    assert getattr(nn.modules, path) is module
    assert hasattr(module, name)


def test_layers_are_in_modules():
    assert nn.modules.Conv2d is nn.modules.conv.Conv2d is nn.Conv2d
    assert nn.modules.activation.ReLU is nn.ReLU
    with pytest.raises(AttributeError, match="has no attribute 'Conv9d'"):
        nn.modules.Conv9d  # noqa: B018
    with pytest.raises(AttributeError, match=r"modules\.conv' has no attribute 'Conv9d'"):
        nn.modules.conv.Conv9d  # noqa: B018


@pytest.mark.parametrize(
    ("path", "base", "layer"),
    [
        ("conv", "_ConvNd", nn.ConvTranspose1d(1, 1, 1)), ("dropout", "_DropoutNd", nn.Dropout2d()),
        ("batchnorm", "_NormBase", nn.InstanceNorm2d(1)),
        ("pooling", "_MaxPoolNd", nn.MaxPool1d(1)),
        ("instancenorm", "_InstanceNorm", nn.InstanceNorm1d(1)),
    ],
)  # fmt: skip
def test_base_classes_of_pytorch(path, base, layer):
    assert isinstance(layer, getattr(getattr(nn.modules, path), base))
    assert not isinstance(nn.ReLU(), getattr(getattr(nn.modules, path), base))


def test_tuples_and_prefixes():
    assert module_utils._pair(3) == (3, 3)
    assert module_utils._triple([1, 2, 3]) == (1, 2, 3)
    assert module_utils._reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
    state = nn.DataParallel(nn.Linear(1, 1)).state_dict()
    module_utils.consume_prefix_in_state_dict_if_present(state, "module.")
    nn.Linear(1, 1).load_state_dict(state)


def test_states_of_old_batch_norms():
    norm = nn.BatchNorm1d(2)
    state = {name: value for name, value in norm.state_dict().items() if "num" not in name}
    norm(X[:, :2])
    norm.load_state_dict(state)
    assert norm.num_batches_tracked.item() == 0


# functional_call


def test_functional_call_replaces_tensors_for_one_call():
    net = nn.Sequential(nn.Linear(3, 1), nn.BatchNorm1d(1))
    weight = cnet.tensor(np.zeros((1, 3), np.float32), requires_grad=True)
    before = net.state_dict()["0.weight"].tolist()
    y = cnet.func.functional_call(net[0], {"weight": weight}, X)
    assert y.tolist() == [[net[0].bias.item()]] * 2
    y.sum().backward()
    assert weight.grad.tolist() == [[2, 2, 2]]
    assert net.state_dict()["0.weight"].tolist() == before
    with pytest.raises(KeyError, match="names are in two dicts"):
        cnet.func.functional_call(net, ({"0.weight": weight}, {"0.weight": weight}), X)
    with pytest.raises(RuntimeError, match=r"unexpected: \['w'\]"):
        cnet.func.functional_call(net, {"w": weight}, X)
    with pytest.raises(RuntimeError, match=r"missing: \['bias'\]"):
        cnet.func.functional_call(net[0], {"weight": weight}, X, strict=True)


def test_functional_call_ties_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = self.b = nn.Parameter(np.ones(1, np.float32))

        def forward(self, x):
            return x * self.a + self.b

    given = {"a": cnet.tensor([2.0])}
    assert cnet.func.functional_call(Tied(), given, 3).tolist() == [8]
    assert cnet.func.functional_call(Tied(), given, 3, tie_weights=False).tolist() == [7]
