"""Training steps (forward, cross-entropy, backward, Adam) and inference of two small networks."""

from typing import Any

import numpy as np

from cnet.bench.cases import CLASSES, Case, Work, arrays, initial_parameters, training_step

REFERENCE_PRODUCTS = 8 * 28 * 28 * 25, 16 * 14 * 14 * 72, 128 * 784, 10 * 128
"""Multiplications of each layer of the reference CNN for one image."""

CIFAR_PRODUCTS = 32 * 32 * 32 * 27, 64 * 16 * 16 * 288, 128 * 8 * 8 * 576, 10 * 2048

CIFAR_SHAPES = (
    (32, 3, 3, 3), (32,), (64, 32, 3, 3), (64,), (128, 64, 3, 3), (128,), (CLASSES, 2048),
    (CLASSES,),
)  # fmt: skip


def reference_cnn(nn: Any) -> Any:
    """The reference CNN, built from `cnet.nn` or `torch.nn`."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, CLASSES),
    )


def cifar_cnn(nn: Any) -> Any:
    """Three convolutions, each with ReLU and pooling, on images of 32 × 32 pixels."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2048, CLASSES),
    )


def _step_flops(products: tuple[int, ...]) -> int:
    """Each layer once forward and twice backward; the gradient of the images is not needed."""
    return 2 * (3 * sum(products) - products[0])


def _cifar_step(side: Any, batch: int) -> Work:
    (x,) = arrays((batch, 3, 32, 32))
    images = side.asarray(x)
    target = side.asarray(np.random.default_rng(1).integers(0, CLASSES, batch))
    trainer = side.trainer(initial_parameters(CIFAR_SHAPES), cifar_cnn)
    return lambda: trainer.step(images, target)


def _inference(side: Any, batch: int) -> Work:
    (x,) = arrays((batch, 1, 28, 28))
    images = side.asarray(x)
    predict = side.predictor(initial_parameters(), images)
    return lambda: predict(images)


REFERENCE_STEP, CIFAR_STEP = map(_step_flops, (REFERENCE_PRODUCTS, CIFAR_PRODUCTS))

STEP_CASES = {
    "reference 256": Case("reference CNN, batch 256", training_step, 256, amount=REFERENCE_STEP),
    "reference 32": Case("reference CNN, batch 32", training_step, 32, amount=REFERENCE_STEP),
    "cifar 128": Case("CIFAR CNN, batch 128", _cifar_step, 128, amount=CIFAR_STEP),
}

BUSY_CASES = {"reference 256": STEP_CASES["reference 256"]}

INFERENCE_CASES = {
    f"reference {batch}": Case(
        f"reference CNN, batch {batch}", _inference, batch, amount=2 * sum(REFERENCE_PRODUCTS)
    )
    for batch in (256, 32, 1)
}
