"""Compiled plans of every family of networks, of the operations they use, and of any batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import models, nn
from plan.networks import Of

FAMILIES = {
    "alexnet": (3, 64, 64),
    "cifar_resnet20": (3, 16, 16),
    "convnext_tiny": (3, 32, 32),
    "densenet121": (3, 32, 32),
    "efficientnet_b0": (3, 32, 32),
    "googlenet": (3, 32, 32),
    "inception_v3": (3, 75, 75),
    "lenet5": (1, 28, 28),
    "mnasnet0_5": (3, 32, 32),
    "mobilenet_v2": (3, 32, 32),
    "mobilenet_v3_small": (3, 32, 32),
    "reference_cnn": (1, 28, 28),
    "regnet_y_400mf": (3, 32, 32),
    "resnet18": (3, 32, 32),
    "resnext50_32x4d": (3, 32, 32),
    "shufflenet_v2_x0_5": (3, 32, 32),
    "small_cnn": (1, 28, 28),
    "squeezenet1_1": (3, 48, 48),
    "unet": (1, 28, 28),
    "vgg11_bn": (3, 32, 32),
}
"""A network of each family, and the shape of an image."""


def _trained(model: nn.Module) -> nn.Module:
    """Weights whose results do not vanish in deep networks."""
    rng = np.random.default_rng(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.data[...] = rng.uniform(0.1, 1.5, tensor.shape)
    return model.eval()


class Narrow(nn.Linear):
    """64 features in place of 4096: the layers of AlexNet and VGG have 100 million weights."""

    def __init__(self, in_features: int, out_features: int, *args: Any) -> None:
        sizes = (64 if size == 4096 else size for size in (in_features, out_features))
        super().__init__(*sizes, *args)


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _eager(model: nn.Module, x: np.ndarray) -> np.ndarray:
    with cnet.no_grad():
        return model(cnet.tensor(x)).numpy()


def _assert_agrees(model: nn.Module, example: np.ndarray, bound: float) -> None:
    """The plan of an example gives the model's results for batches of other sizes too."""
    plan = cnet.compile(model, example)
    x = np.concatenate([example, -example, 2 * example[:1]])
    y, expected = plan(x), _eager(model, x)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=bound * np.abs(expected).max())
    np.testing.assert_array_equal(plan(x[:1]), y[:1])
    assert plan(x[:0]).shape == (0, *y.shape[1:])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn, "Linear", Narrow)
    cnet.manual_seed(0)
    model = _trained(models.get_model(name))
    _assert_agrees(model, _images(2, *FAMILIES[name]), 2e-5)


WEIGHT = np.random.default_rng(5).standard_normal((4, 3, 2, 3), np.float32)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "constants": lambda x: (3 - x * 2) / 4 + cnet.tensor(WEIGHT[:, 0, :1, :1]),
    "gate": lambda x: x * cnet.sigmoid(x.mean((2, 3), keepdim=True)),
    "broadcast both": lambda x: x[:, :, :1] - x[:, :1],
    "quotient": lambda x: x[:, 1:] / (2 + x[:, :3].abs()),
    "mean": lambda x: x.mean((1, 2, 3)),
    "mean of rows": lambda x: x.mean(-1),
    "clamp": lambda x: x.clamp(min=-0.5) + x.clamp(-1, 0.25),
    "permute": lambda x: x.permute(0, 2, 3, 1) * 2,
    "transpose": lambda x: x.transpose(-1, 1).flatten(1),
    "slices": lambda x: x[:, 1::2, ..., ::2],
    "number and new axis": lambda x: x[:, 2, None, 1:],
    "chunks": lambda x: cnet.cat(cnet.chunk(x, 2, 1)[::-1], 1),
    "split": lambda x: cnet.stack(cnet.split(x, 2, 3), 2),
    "cat with a constant": lambda x: cnet.cat([x, cnet.ones(len(x), 1, 6, 6), x], 1),
    "shuffle": lambda x: x.reshape(-1, 2, 2, 6, 6).transpose(1, 2).reshape(-1, 4, 6, 6),
    "expand": lambda x: x[:, :, :1].expand(-1, -1, 3, -1),
    "pad": lambda x: F.pad(x, (1, 2, -1, 3), value=2.5),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, size=(4, 9), mode="bilinear"),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (4, 5)),
    "layer norm": lambda x: F.layer_norm(x, (6, 6)),
    "group norm": lambda x: F.group_norm(x, 2),
    "rows": lambda x: F.layer_norm(x.reshape(-1, 6), (6,)).reshape(-1, 4, 36),
    "transposed": lambda x: F.conv_transpose2d(x, cnet.tensor(WEIGHT), stride=2, padding=1),
    "transposed with a bias": lambda x: F.conv_transpose2d(
        x, cnet.tensor(WEIGHT), cnet.tensor(WEIGHT[0, :, 0, 0])
    ),
    "transposed, one axis": lambda x: F.conv_transpose1d(
        x.flatten(2), cnet.tensor(WEIGHT[:, :, 0]), dilation=2
    ),
    "activations": lambda x: F.silu(x) + F.hardswish(x) + F.hardsigmoid(x) + F.mish(x),
}


@pytest.mark.parametrize("isa", ["reference", cnet.available_isas()[-1]])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, isa: str) -> None:
    with cnet.use_isa(isa):
        _assert_agrees(Of(FUNCTIONS[name]).eval(), _images(3, 4, 6, 6), 1e-6)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x.permute(1, 0, 2, 3), "Permute"),
        (lambda x: x.mean(), "Mean"),
        (lambda x: x[0], "Index"),
        (lambda x: x[:, [0, 1]], "Index"),
        (lambda x: x + cnet.tensor(_images(3, 4, 6, 6)), "Add"),
        (lambda x: cnet.cat([x, x]), "Cat"),
        (lambda x: F.pad(x, (0,) * 6 + (1, 0)), "Pad"),
        (lambda x: F.rms_norm(x, (6,)), "GroupNorm"),
    ],
)
def test_refusals_name_the_operation(function: Callable[[Any], Any], name: str) -> None:
    with pytest.raises(TypeError, match=f"compile: a plan cannot compute {name} of"):
        cnet.compile(Of(function).eval(), _images(3, 4, 6, 6))


def test_the_batch_stays_on_axis_0() -> None:
    with pytest.raises(TypeError, match=r"axis 0 of the result must be the batch \(got shape \(72"):
        cnet.compile(Of(lambda x: x.reshape(-1, 6)).eval(), _images(3, 4, 6, 6))


def test_profile_lists_the_steps() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)).eval()
    steps = cnet.compile(model, _images(2, 1, 6, 6)).profile(_images(5, 1, 6, 6))
    assert [name.split()[0] for name, _ in steps] == ["prepared_conv2d", "prepared_linear"]
    assert all(seconds > 0 for _, seconds in steps)
