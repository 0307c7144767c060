"""The table of cases to time: layers and training step of the reference CNN."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .sides import Array, Side

BATCH = 256
CLASSES = 10

PARAMETER_SHAPES = (
    (8, 1, 5, 5), (8,), (16, 8, 3, 3), (16,), (128, 16 * 7 * 7), (128,), (CLASSES, 128), (CLASSES,),
)  # fmt: skip
"""Shapes of the weights and biases of the reference CNN, in the order of its layers."""

Work = Callable[[], Any]


class Case(NamedTuple):
    """One piece of work: `bind(side, batch)` prepares its arrays and returns the call to time.

    `amount` is what the work needs at least for each image: floating-point operations if
    `resource` is "float32" or "float64", bytes if it is "memory". 0 means that it is not known.
    """

    title: str
    bind: Callable[[Any, int], Work]
    batch: int = BATCH
    resource: str = "float32"
    amount: float = 0


def arrays(*shapes: tuple[int, ...], dtype: str = "float32") -> list[Array]:
    """Random arrays; every side gets the same numbers."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.dtype(dtype)) for shape in shapes]


def initial_parameters(shapes: Sequence[tuple[int, ...]] = PARAMETER_SHAPES) -> list[Array]:
    """Weights scaled by their fan-in and small biases, by default for the reference CNN."""
    return [
        array * np.float32(prod(array.shape[1:]) ** -0.5 if array.ndim > 1 else 0.1)
        for array in arrays(*shapes)
    ]


def _im2col(side: Side, batch: int) -> Work:
    (x,) = arrays((batch, 1, 28, 28))
    return lambda: side.im2col(x, (5, 5), padding=2)


def _conv2d(side: Side, batch: int) -> Work:
    x, weight, bias = arrays((batch, 8, 14, 14), (16, 8, 3, 3), (16,))
    return lambda: side.conv2d(x, weight, bias, padding=1)[0]


def _conv2d_backward(side: Side, batch: int) -> Work:
    x, weight, bias, grad_output = arrays(
        (batch, 8, 14, 14), (16, 8, 3, 3), (16,), (batch, 16, 14, 14)
    )
    _, saved = side.conv2d(x, weight, bias, padding=1)
    return lambda: side.conv2d_backward(grad_output, saved)


def _max_pool2d(side: Side, batch: int) -> Work:
    x, grad_output = arrays((batch, 8, 28, 28), (batch, 8, 14, 14))

    def work() -> tuple[Array, Array]:
        y, saved = side.max_pool2d(x, 2)
        return y, side.max_pool2d_backward(grad_output, saved)

    return work


def training_step(side: Side, batch: int) -> Work:
    """A training step of the reference CNN."""
    rng = np.random.default_rng(1)
    x = side.asarray(rng.random((batch, 1, 28, 28), np.float32))
    target = side.asarray(rng.integers(0, CLASSES, batch))
    trainer = side.trainer(initial_parameters())
    return lambda: trainer.step(x, target)


CASES = {
    "conv2d": Case("conv2d 8→16 3x3, forward", _conv2d),
    "conv2d_backward": Case("conv2d 8→16 3x3, backward", _conv2d_backward),
    "max_pool2d": Case("max-pool 2x2, forward + backward", _max_pool2d),
    "im2col": Case("im2col 5x5", _im2col),
    "training_step": Case("training step, reference CNN", training_step),
}
