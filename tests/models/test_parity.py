"""Results, gradients and running statistics against the same sources executed with PyTorch.

PyTorch computes in float64, from weights and images that are rounded to the dtype of the test: in
training mode, normalization over few pixels enlarges the rounding errors of both sides.

The values of gradients are compared in float64 only. They jump where the input of a ReLU changes
its sign, and in float32 rounding errors decide about a few signs.
"""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import models

torch = pytest.importorskip("torch", reason="compares with PyTorch")
from peers.models_on_torch import models_on_torch  # noqa: E402

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
"""Relative to the largest magnitude of an array."""

ROUNDED = {"MobileNetV3", "mobilenet_v3_large"}
"""Models with hard sigmoid: for its gradient in float64, PyTorch has 1/6 rounded to float32."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The thread pools of both libraries slow each other down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with cnet.use_threads(1):
        yield
    torch.set_num_threads(threads)


def _module(package: Any, name: str) -> Any:
    return importlib.import_module(f"{package.__name__}.{name}")


def _resnet(package: Any, **options: Any) -> Any:
    resnet = _module(package, "resnet")
    return resnet.ResNet(resnet.Bottleneck, (1, 2, 1, 1), num_classes=5, **options)


def _vgg(package: Any, batch_norm: bool) -> Any:
    return _module(package, "vgg").make_layers([8, "M", 16, 16, "M", 32], batch_norm)


def _efficientnet(package: Any) -> Any:
    module = _module(package, "efficientnet")
    stages = [
        module.FusedMBConvConfig(1, 3, 1, 8, 8, 1),
        module.FusedMBConvConfig(4, 3, 2, 8, 16, 2),
        module.MBConvConfig(4, 5, 2, 16, 24, 2),
    ]
    return module.EfficientNet(stages, 0.2, num_classes=5)


def _convnext(package: Any) -> Any:
    module = _module(package, "convnext")
    stages = [module.CNBlockConfig(8, 16, 2), module.CNBlockConfig(16, None, 1)]
    return module.ConvNeXt(stages, layer_scale=0.5, num_classes=5)


def _regnet(package: Any) -> Any:
    module = _module(package, "regnet")
    params = module.BlockParams.from_init_params(4, 16, 8.0, 2.0, 8, 1.0, 0.25)
    return module.RegNet(params, num_classes=5)


Build = Callable[[Any], Any]

SMALL_MODELS: dict[str, tuple[Build, tuple[int, int, int]]] = {
    "CifarResNet": (lambda m: m.CifarResNet((2, 1, 1)), (3, 16, 14)),
    "ConvNeXt": (_convnext, (3, 32, 28)),
    "DenseNet": (lambda m: m.DenseNet(8, (2, 3), 16, num_classes=5), (3, 33, 32)),
    "EfficientNet": (_efficientnet, (3, 32, 31)),
    "LeNet5": (lambda m: m.LeNet5(), (1, 28, 28)),
    "MNASNet": (lambda m: m.MNASNet(0.25, 5), (3, 64, 64)),
    "MobileNetV2": (lambda m: m.MobileNetV2(5, 0.25), (3, 64, 64)),
    "MobileNetV3": (
        lambda m: m.mobilenet_v3_small(num_classes=5, width_mult=0.5, dilated=True),
        (3, 64, 64),
    ),
    "RegNet": (_regnet, (3, 32, 31)),
    "ResNet": (lambda m: _resnet(m, groups=4, width_per_group=16), (3, 64, 63)),
    "ResNet, dilated": (
        lambda m: _resnet(m, width_per_group=16, replace_stride_with_dilation=[False, True, True]),
        (3, 32, 32),
    ),
    "ShuffleNetV2": (lambda m: m.ShuffleNetV2((2, 1, 1), (8, 16, 32, 64, 128), 5), (3, 64, 64)),
    "SqueezeNet 1.0": (lambda m: m.squeezenet1_0(num_classes=5), (3, 33, 40)),
    "SqueezeNet 1.1": (lambda m: m.squeezenet1_1(num_classes=5), (3, 33, 40)),
    "small_cnn": (lambda m: m.small_cnn((3, 24, 20)), (3, 24, 20)),
    "UNet": (lambda m: m.UNet(3, 4, width=4, depth=2), (3, 18, 21)),
    "UNet, bilinear": (lambda m: m.UNet(3, 4, width=4, depth=2, bilinear=True), (3, 18, 21)),
    "VGG": (lambda m: _vgg(m, False), (3, 20, 24)),
    "VGG with batch normalization": (lambda m: _vgg(m, True), (3, 20, 24)),
}
"""For each model, a function of the package `models`, and the shape of an image."""

LARGE_MODELS = {
    "alexnet": 67,
    "cifar_densenet40": 32,
    "cifar_resnet18": 32,
    "cifar_resnet56": 32,
    "cifar_vgg11_bn": 32,
    "convnext_tiny": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "efficientnet_v2_s": 64,
    "googlenet": 64,
    "inception_v3": 299,
    "mnasnet1_0": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_large": 64,
    "regnet_x_400mf": 64,
    "regnet_y_400mf": 64,
    "resnet18": 64,
    "resnet50": 128,
    "resnext50_32x4d": 128,
    "shufflenet_v2_x1_0": 64,
    "unet": 32,
    "vgg11_bn": 32,
    "wide_resnet50_2": 128,
}
"""The sizes of images."""


def _without_dropout(model: Any) -> Any:
    """Set all probabilities to zero: random numbers differ."""
    for module in model.modules():
        if hasattr(module, "p"):
            module.p = 0.0
    return model


def _results(tensor: Any, model: Any, images: Any) -> dict[str, Any]:
    """Outputs in training and evaluation mode, all gradients, and the state afterwards."""
    x = tensor(images, requires_grad=True)
    outputs = model.train()(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = 0
    for output in outputs:
        weight = np.random.default_rng(1).normal(size=tuple(output.shape)).astype(images.dtype)
        loss = loss + (output * tensor(weight)).sum()
    loss.backward()
    return {
        **{f"output {i}": output.detach() for i, output in enumerate(outputs)},
        "gradient of the images": x.grad,
        **{f"gradient of {name}": param.grad for name, param in model.named_parameters()},
        **{f"state {name}": value for name, value in model.state_dict().items()},
        "output in evaluation mode": model.eval()(x).detach(),
    }


def _check(name: str, build: Build, shape: tuple[int, int, int], dtype: str) -> None:
    torch.manual_seed(0)
    theirs = _without_dropout(build(models_on_torch())).double()
    ours = _without_dropout(build(models)).to(np.dtype(dtype))
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    images = np.random.default_rng(0).normal(size=(4, *shape)).astype(dtype)
    expected = _arrays(_results(torch.tensor, theirs, images.astype("float64")))
    actual = _arrays(_results(cnet.tensor, ours, images))
    assert list(actual) == list(expected)
    for kind in "output", "gradient", "state":
        keys = [key for key in expected if key.startswith(kind)]
        tolerance = 1e-7 if name in ROUNDED and kind == "gradient" else TOLERANCE[dtype]
        # Some arrays are zero but for rounding errors, such as gradients of biases before
        # normalization.
        floor = 1e-3 * max(abs(expected[key]).max() for key in keys)
        for key in keys:
            assert actual[key].dtype == (dtype if expected[key].dtype.kind == "f" else "int64"), key
            error = abs(actual[key] - expected[key]).max()
            if kind != "gradient" or dtype == "float64":
                assert error <= tolerance * max(abs(expected[key]).max(), floor), key


def _arrays(results: dict[str, Any]) -> dict[str, Any]:
    return {name: result.numpy() for name, result in results.items()}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", SMALL_MODELS)
def test_small_models(name: str, dtype: str) -> None:
    build, shape = SMALL_MODELS[name]
    _check(name, build, shape, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", LARGE_MODELS)
def test_large_models(name: str, dtype: str) -> None:
    size = LARGE_MODELS[name]
    channels = 1 if name == "unet" else 3
    _check(name, lambda package: package.get_model(name), (channels, size, size), dtype)


def test_weights_are_loaded_from_files_of_pytorch(tmp_path: Path) -> None:
    theirs = models_on_torch().cifar_resnet20()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = models.cifar_resnet20()
    ours.load_state_dict(cnet.load(tmp_path / "weights.pth"))
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name].numpy(), value.numpy())
