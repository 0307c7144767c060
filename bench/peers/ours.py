"""cnet as a side: the functions of `cnet bench`, and more that only the records use."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cnet
from cnet import kernels, nn
from cnet.bench import compiled
from cnet.bench.compiled import (
    asarray,
    conv2d,
    conv2d_backward,
    im2col,
    max_pool2d,
    max_pool2d_backward,
)
from cnet.bench.sides import Array
from work.networks import reference_cnn

__all__ = [
    "asarray", "bfloat16_plan", "captured", "col2im", "conv2d", "conv2d_backward", "im2col",
    "library", "matmul", "max_pool2d", "max_pool2d_backward", "one_by_one", "plan", "predictor",
    "quantized_plan", "relu", "trainer",
]  # fmt: skip

Build = Callable[[Any], Any]
Predictor = Callable[[Array], Array]

matmul = kernels.matmul
relu = kernels.relu
col2im = kernels.col2im


def trainer(parameters: Sequence[Array], build: Build = reference_cnn) -> compiled.Trainer:
    return compiled.Trainer(parameters, build(nn))


def _model(parameters: Sequence[Array], build: Build) -> nn.Module:
    model = build(nn)
    for tensor, values in zip(model.parameters(), parameters, strict=True):
        tensor.detach().numpy()[...] = values
    return model.eval()


def predictor(
    parameters: Sequence[Array], example: Array, build: Build = reference_cnn
) -> Predictor:
    """Inference with modules, without a graph."""
    model = _model(parameters, build)

    def predict(x: Array) -> Array:
        with cnet.no_grad():
            return model(x).numpy()

    return predict


class Plan:
    """Inference with a plan that `cnet.compile` makes for the shape of the images.

    The ranges of 8-bit integers are those of the images.
    """

    asarray = staticmethod(np.ascontiguousarray)

    def __init__(self, dtype: str | None = None) -> None:
        self._dtype = dtype

    def predictor(
        self, parameters: Sequence[Array], example: Array, build: Build = reference_cnn
    ) -> Predictor:
        calibration = example if self._dtype == "int8" else None
        model = _model(parameters, build)
        return cnet.compile(model, example, dtype=self._dtype, calibration=calibration)


class _Unfused(nn.Module):
    """Calls the layers of a chain one by one, so that none are fused."""

    def __init__(self, chain: nn.Sequential) -> None:
        super().__init__()
        self.layers = nn.ModuleList(chain)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


class OneByOne:
    """Training without fused operations."""

    asarray = staticmethod(np.asarray)

    @staticmethod
    def trainer(parameters: Sequence[Array], build: Build = reference_cnn) -> compiled.Trainer:
        return compiled.Trainer(parameters, _Unfused(build(nn)))


class Captured:
    """Training with a step that `cnet.capture` replays."""

    asarray = staticmethod(np.asarray)

    @staticmethod
    def trainer(parameters: Sequence[Array], build: Build = reference_cnn) -> compiled.Trainer:
        return compiled.Trainer(parameters, build(nn), captured=True)


class Library:
    """The package itself, for functions of tensors that are the same in both libraries."""

    package = cnet
    functional = cnet.functional

    @staticmethod
    def tensor(array: Array, requires_grad: bool) -> cnet.Tensor:
        return cnet.Tensor(array.copy(), requires_grad)


captured, library, one_by_one = Captured(), Library(), OneByOne()
plan, bfloat16_plan, quantized_plan = Plan(), Plan("bfloat16"), Plan("int8")
