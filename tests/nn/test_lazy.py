"""Lazy modules: uninitialized parameters, and the layers that take their sizes from the input."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn

LAYERS = [
    (nn.LazyLinear, nn.Linear, (3,), {}, (2, 5), 5),
    (nn.LazyLinear, nn.Linear, (3,), {"bias": False, "dtype": np.float64}, (2, 4, 5), 5),
    (nn.LazyConv2d, nn.Conv2d, (4, 3), {"padding": 1, "groups": 2}, (2, 6, 5, 5), 6),
    (nn.LazyConv2d, nn.Conv2d, (4,), {"kernel_size": 3}, (6, 5, 5), 6),
    (nn.LazyBatchNorm1d, nn.BatchNorm1d, (), {"eps": 1e-3}, (4, 3), 3),
    (nn.LazyBatchNorm2d, nn.BatchNorm2d, (), {}, (4, 3, 2, 2), 3),
]


@pytest.mark.parametrize(("lazy", "layer", "args", "kwargs", "shape", "size"), LAYERS)
def test_a_lazy_layer_becomes_its_layer(lazy, layer, args, kwargs, shape, size):
    x = np.random.default_rng(0).standard_normal(shape).astype(kwargs.get("dtype", np.float32))
    cnet.manual_seed(0)
    expected = layer(size, *args, **kwargs)
    cnet.manual_seed(0)
    module = lazy(*args, **kwargs)
    assert isinstance(module, layer)
    assert module.has_uninitialized_params()
    parameters = list(module.parameters())
    twin = copy.deepcopy(module)
    y = module(x)
    assert type(module) is layer
    assert all(a is b for a, b in zip(parameters, module.parameters(), strict=True))
    assert {type(parameter) for parameter in parameters} == {nn.Parameter}
    assert repr(module) == repr(expected)
    assert np.array_equal(y.detach(), expected(x).detach())
    assert not module._forward_pre_hooks
    twin.load_state_dict(expected.state_dict())
    assert not twin.has_uninitialized_params()
    twin(x)
    assert type(twin) is layer
    assert twin.extra_repr() == expected.extra_repr()


@pytest.mark.parametrize(("args", "kwargs", "repr_"), [
    ((), {}, "affine=True, bias=True, track_running_stats=True"),
    ((1e-5, 0.1, False), {}, "affine=False, bias=False, track_running_stats=True"),
    ((), {"track_running_stats": False}, "affine=True, bias=True, track_running_stats=False"),
])  # fmt: skip
def test_lazy_instance_norms_learn_and_track_by_default(args, kwargs, repr_):
    module = nn.LazyInstanceNorm1d(*args, **kwargs)
    module(np.ones((2, 3, 4), np.float32))
    assert repr_ in repr(module)


def test_uninitialized_tensors():
    parameter, buffer = nn.UninitializedParameter(dtype=np.float64), nn.UninitializedBuffer()
    assert repr(parameter) == "<UninitializedParameter>"
    assert parameter.requires_grad
    assert parameter.dtype == np.float64
    for act in (lambda: parameter.shape, lambda: parameter + 1, lambda: parameter.numel()):
        with pytest.raises(ValueError, match="an uninitialized parameter has no shape"):
            act()
    with pytest.raises(ValueError, match="an uninitialized buffer has no shape"):
        buffer.tolist()
    parameter.materialize((2, 3))
    assert (type(parameter), parameter.shape, parameter.dtype) == (nn.Parameter, (2, 3), np.float64)
    parameter.mask, buffer.mask = 1, 2
    buffer.materialize((4,), dtype=np.float64)
    assert (type(buffer), buffer.dtype) == (nn.Buffer, np.float64)
    assert (parameter.mask, buffer.mask, buffer.persistent) == (1, 2, True)


def test_lazy_modules_are_converted_and_saved():
    net = nn.Sequential(nn.LazyLinear(3), nn.ReLU()).double()
    state = net.state_dict()
    assert list(map(repr, state.values())) == ["<UninitializedParameter>"] * 2
    net.load_state_dict(state)
    with pytest.raises(RuntimeError, match="an uninitialized tensor and one with a shape"):
        nn.Sequential(nn.Linear(1, 3)).load_state_dict(state)
    assert net(np.ones((1, 2))).dtype == np.float64


def test_a_lazy_module_of_ones_own():
    class Scale(nn.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.UninitializedParameter()

        def initialize_parameters(self, x):
            if self.has_uninitialized_params():
                self.factor.materialize(x.shape[-1:])
                nn.init.ones_(self.factor)

        def forward(self, x):
            return x * self.factor

    module = Scale()
    assert module(cnet.tensor([[1.0, 2.0]])).tolist() == [[1, 2]]
    assert type(module) is Scale

    class Forgetful(Scale):
        def initialize_parameters(self, x):
            pass

    with pytest.raises(RuntimeError, match="initialize_parameters must materialize all"):
        Forgetful()(cnet.tensor([1.0]))
    with pytest.raises(
        ValueError, match=r"LazyConv2d: input has too few dimensions \(got \(2,\)\)"
    ):
        nn.LazyConv2d(2, 3)(np.ones(2, np.float32))
