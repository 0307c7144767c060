"""Training steps (forward, cross-entropy, backward, Adam) and inference of known architectures.

Their sources are those of `cnet.models`, which other libraries execute with their own layers.
"""

from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

import cnet
from cnet.bench.cases import Case, Work, arrays
from cnet.bench.sides import Array
from peers.models_on_torch import models_on_torch


class Architecture(NamedTuple):
    """A network, a function of the package `models`, and its work.

    `products` are the multiplications of all layers for one image, `first` those of the first
    layer. An output has the shape ``(classes, *pixels)`` for each image.
    """

    title: str
    build: Callable[[Any], Any]
    image: tuple[int, int, int]
    batch: int
    products: int
    first: int
    classes: int = 10
    pixels: tuple[int, ...] = ()


CIFAR = 3, 32, 32

ARCHITECTURES = {
    "resnet20": Architecture(
        "ResNet-20", lambda m: m.cifar_resnet20(), CIFAR, 128, 40_551_040, 442_368
    ),
    "resnet18": Architecture(
        "ResNet-18", lambda m: m.cifar_resnet18(), CIFAR, 64, 555_422_720, 1_769_472
    ),
    "mobilenet_v2": Architecture(
        "MobileNetV2, 96x96",
        lambda m: m.mobilenet_v2(dropout=0.0),
        (3, 96, 96),
        32,
        56_289_152,
        1_990_656,
        classes=1000,
    ),
    "vgg11_bn": Architecture(
        "VGG-11-bn", lambda m: m.cifar_vgg11_bn(), CIFAR, 64, 152_769_536, 1_769_472
    ),
    "unet": Architecture(
        "U-Net of width 32, 128x128",
        lambda m: m.unet(width=32),
        (1, 128, 128),
        4,
        3_008_888_832,
        4_718_592,
        classes=2,
        pixels=(128, 128),
    ),
    "densenet40": Architecture(
        "DenseNet-BC-40", lambda m: m.cifar_densenet40(), CIFAR, 64, 72_365_352, 663_552
    ),
}

SINGLE_IMAGES = "resnet20", "resnet18", "mobilenet_v2"
"""The networks whose inference is measured for a few images."""


def _build(architecture: Architecture, nn: Any) -> Any:
    """The network, with layers from `cnet.nn` or `torch.nn`."""
    return architecture.build(cnet.models if nn is cnet.nn else models_on_torch())


def _weights(named_parameters: Iterable[tuple[str, Any]]) -> list[Array]:
    """Weights scaled by their fan-in, ones for the weights of normalization, zeros for biases."""
    named_shapes = [(name, tuple(tensor.shape)) for name, tensor in named_parameters]
    random = arrays(*(shape for _, shape in named_shapes))
    return [
        array * np.float32((2 / prod(shape[1:])) ** 0.5)
        if len(shape) > 1
        else np.full(shape, name.endswith("weight"), np.float32)
        for array, (name, shape) in zip(random, named_shapes, strict=True)
    ]


def _images(architecture: Architecture, batch: int) -> Array:
    (x,) = arrays((batch, *architecture.image))
    return x


def _step(architecture: Architecture, side: Any, batch: int) -> Work:
    images = side.asarray(_images(architecture, batch))
    labels = np.random.default_rng(1).integers(
        0, architecture.classes, (batch, *architecture.pixels)
    )
    target = side.asarray(labels)
    build = partial(_build, architecture)
    trainer = side.trainer(_weights(build(cnet.nn).named_parameters()), build)
    return lambda: trainer.step(images, target)


def _inference(architecture: Architecture, side: Any, batch: int) -> Work:
    images = side.asarray(_images(architecture, batch))
    build = partial(_build, architecture)
    predict = side.predictor(_weights(build(cnet.nn).named_parameters()), images, build)
    return lambda: predict(images)


STEP_CASES = {
    name: Case(
        f"{each.title}, batch {each.batch}",
        partial(_step, each),
        each.batch,
        amount=2 * (3 * each.products - each.first),
    )
    for name, each in ARCHITECTURES.items()
}

INFERENCE_CASES = {
    f"{name} {batch}": Case(
        f"{ARCHITECTURES[name].title}, batch {batch}",
        partial(_inference, ARCHITECTURES[name]),
        batch,
        amount=2 * ARCHITECTURES[name].products,
    )
    for name in SINGLE_IMAGES
    for batch in (1, 8, 64)
}

NARROW_CASES = {
    name: case for name, case in INFERENCE_CASES.items() if name.split()[1] in ("1", "8")
}
"""The cases for plans of 8-bit integers and bfloat16."""
