"""The table of cases that know no images: matrices, layers on them, losses, optimizer steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from cases import Call, Case, Shape, oracle

LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "strided": lambda x: np.repeat(np.repeat(x, 2, -1), 3, -2)[..., ::3, ::2],
    "reversed": lambda x: np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1],
    "repeated": lambda x: np.broadcast_to(x[..., :1, :], x.shape),
}
"""Ways in which a matrix may lie in memory."""


@dataclass(frozen=True)
class GemmCase(Case):
    a_shape: Shape
    b_shape: Shape
    a_layout: str = "rows"
    b_layout: str = "rows"

    @property
    def flops(self) -> int:
        a, b = np.broadcast_to(0, self.a_shape), np.broadcast_to(0, self.b_shape)
        return 2 * prod(np.matmul(a, b).shape) * self.a_shape[-1]

    def calls(self, dtype: Any) -> Iterator[Call]:
        rng = self.random()
        a = LAYOUTS[self.a_layout](rng.standard_normal(self.a_shape, dtype))
        b = LAYOUTS[self.b_layout](rng.standard_normal(self.b_shape, dtype))
        yield Call("matmul", (a, b), {}, (self.a_shape[-1],))


@dataclass(frozen=True)
class LinearCase(Case):
    x_shape: Shape
    outputs: int
    bias: bool = True

    def calls(self, dtype: Any) -> Iterator[Call]:
        rng = self.random()
        inputs = self.x_shape[-1]
        x = rng.standard_normal(self.x_shape, dtype)
        weight = rng.standard_normal((self.outputs, inputs), dtype)
        bias = rng.standard_normal(self.outputs, dtype) if self.bias else None
        for options in {}, {"relu": True}:
            yield Call("linear", (x, weight, bias), options, (inputs + 1,))


@dataclass(frozen=True)
class ReluCase(Case):
    shape: Shape

    def calls(self, dtype: Any) -> Iterator[Call]:
        rng = self.random()
        x, grad_output = map(np.asarray, rng.standard_normal((2, *self.shape), dtype))
        special = np.resize([0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40], self.shape)
        x = np.where(rng.random(self.shape) < 0.3, special, x).astype(dtype)
        yield Call("relu", (x,), {}, (None,))
        yield Call("relu_backward", (grad_output, oracle.relu(x)), {}, (None,))


@dataclass(frozen=True)
class BatchNormCase(Case):
    shape: Shape
    affine: bool = True
    offset: float = 0.0
    """Of the mean from zero, in standard deviations."""

    def calls(self, dtype: Any) -> Iterator[Call]:
        rng = self.random()
        x, grad_output = rng.standard_normal((2, *self.shape), dtype)
        x += dtype(self.offset)
        channels = self.shape[1]
        weight, bias, mean = rng.standard_normal((3, channels), dtype)
        var = rng.random(channels, dtype)
        if not self.affine:
            weight = bias = None
        terms = max(x.size // max(channels, 1), 1)
        if x.size or not channels:
            yield Call("batch_norm_stats", (x,), {}, (terms, terms))
        yield Call("batch_norm", (x, mean, var, weight, bias), {"eps": 1e-3}, (3,))
        arrays = grad_output, x, mean, var, weight
        for from_batch in (True, False):
            options = {"eps": 1e-3, "from_batch": from_batch}
            yield Call("batch_norm_backward", arrays, options, (terms + 3, terms + 1, terms))


@dataclass(frozen=True)
class CrossEntropyCase(Case):
    n: int
    classes: int
    weighted: bool = False
    label_smoothing: float = 0.0
    ignore_index: int = -100

    def calls(self, dtype: Any) -> Iterator[Call]:
        rng = self.random()
        logits = 5 * rng.standard_normal((self.n, self.classes), dtype)
        target = rng.integers(0, max(self.classes, 1), self.n)
        target[rng.random(self.n) < (0.2 if self.classes else 1)] = self.ignore_index
        weight = rng.random(self.classes, dtype) if self.weighted else None
        grad_losses = rng.standard_normal(self.n, dtype)
        options = {"label_smoothing": self.label_smoothing, "ignore_index": self.ignore_index}
        lse = oracle.cross_entropy(logits, target, weight, **options)[1]
        terms = self.classes + 2
        yield Call("cross_entropy", (logits, target, weight), options, (terms, terms))
        arrays = grad_losses, logits, target, lse, weight
        yield Call("cross_entropy_backward", arrays, options, (terms,))


@dataclass(frozen=True)
class StepCase(Case):
    """One step of SGD and one of Adam, with the options that both know and some of each."""

    shape: Shape
    weight_decay: float = 0.0
    maximize: bool = False
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    first: bool = False
    decoupled: bool = False
    step: int = 1

    @property
    def sgd(self) -> dict[str, Any]:
        names = "momentum", "dampening", "weight_decay", "nesterov", "maximize", "first"
        return {"lr": 0.1, **{name: getattr(self, name) for name in names}}

    @property
    def adam(self) -> dict[str, Any]:
        names = "weight_decay", "step", "maximize", "decoupled"
        constants = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
        return {**constants, **{name: getattr(self, name) for name in names}}

    def calls(self, dtype: Any) -> Iterator[Call]:
        rows = self.random().standard_normal((4, *self.shape), dtype)
        param, grad, average, square = map(np.array, rows)
        np.square(square, out=square)
        buffer = average if self.momentum else None
        updated = 1 if buffer is None else 2
        yield Call("sgd_step", (param, grad, buffer), self.sgd, (None,) * updated)
        yield Call("adam_step", (param, grad, average, square), self.adam, (None,) * 3)


def _gemms() -> Iterator[GemmCase]:
    for m, n, k in (
        (1, 1, 1), (1, 17, 5), (17, 1, 5), (5, 5, 1), (6, 16, 8), (7, 17, 9), (5, 15, 7),
        (6, 32, 3), (13, 33, 31), (12, 48, 64), (14, 49, 65), (95, 31, 33), (97, 17, 20),
        (16, 16, 255), (16, 16, 256), (17, 15, 257), (9, 10, 520), (3, 481, 20), (4, 961, 7),
        (130, 8, 5), (0, 4, 3), (4, 0, 3), (4, 3, 0), (0, 0, 0), (200, 150, 300),
    ):  # fmt: skip
        yield GemmCase((m, k), (k, n))
    for a_layout in LAYOUTS:
        for b_layout in LAYOUTS:
            yield GemmCase((19, 23), (23, 37), a_layout, b_layout)
    for a_shape, b_shape in (
        ((5,), (5,)), ((5,), (5, 3)), ((4, 5), (5,)), ((0,), (0,)), ((0,), (0, 3)),
        ((2, 3, 5), (5,)), ((5,), (2, 5, 3)), ((3, 4, 5), (3, 5, 6)), ((4, 5), (3, 5, 6)),
        ((3, 4, 5), (5, 6)), ((3, 1, 4, 5), (2, 5, 6)), ((1, 4, 5), (7, 5, 6)),
        ((0, 4, 5), (5, 6)), ((0, 4, 5), (1, 5, 6)), ((2, 3, 0, 5), (5, 6)),
        ((2, 3, 4, 0), (0, 6)), ((2, 1, 7, 9), (1, 3, 9, 8)),
    ):  # fmt: skip
        yield GemmCase(a_shape, b_shape)
    yield GemmCase((3, 7, 9), (3, 9, 8), "columns", "reversed")
    yield GemmCase((3, 7, 9), (9, 8), "strided", "columns")
    yield GemmCase((2, 3, 7, 9), (3, 9, 17), "repeated", "strided")


GEMM_CASES = tuple(_gemms())
LINEAR_CASES = (
    LinearCase((4, 7), 5),
    LinearCase((4, 7), 5, bias=False),
    LinearCase((7,), 5),
    LinearCase((2, 3, 7), 17),
    LinearCase((33, 300), 49),
    LinearCase((256, 784), 128),
    LinearCase((0, 7), 5),
    LinearCase((4, 0), 5),
    LinearCase((4, 7), 0),
)
RELU_CASES = tuple(
    ReluCase(shape)
    for shape in (
        (), (0,), (1,), (7,), (8,), (9,), (15,), (16,), (17,), (31,), (33,), (65,), (1000,),
        (3, 5, 7), (2, 0, 3), (40, 8, 28, 28),
    )
)  # fmt: skip
BATCH_NORM_CASES = tuple(
    BatchNormCase(*arguments)
    for arguments in (
        ((4, 3),), ((1, 1, 1, 1), False), ((2, 3, 5, 7),), ((2, 5, 15), False), ((3, 2, 16),),
        ((3, 4, 17), True, 100.0), ((2, 3, 4, 8),), ((5, 7, 3, 11), False, -30.0), ((0, 3, 4),),
        ((2, 0, 3),), ((2, 3, 0),), ((33, 8, 28, 28),), ((8, 200),), ((2, 3, 2, 2, 5),),
    )
)  # fmt: skip
CROSS_ENTROPY_CASES = tuple(
    CrossEntropyCase(n, classes, weighted, smoothing, ignored)
    for n, classes in (
        (1, 1), (3, 2), (5, 7), (4, 8), (6, 9), (5, 10), (4, 16), (3, 17), (2, 33), (9, 100),
        (0, 3), (2, 0), (3000, 10),
    )
    for weighted, smoothing, ignored in (
        (False, 0.0, -100), (True, 0.0, -100), (False, 0.1, 0), (True, 0.3, -1), (True, 1.0, 2)
    )
)  # fmt: skip
STEP_CASES = (
    StepCase((5,)),
    StepCase((1,), 0.1, True),
    StepCase((), momentum=0.9, step=3),
    StepCase((0,), 0.1, momentum=0.9),
    StepCase((7,), momentum=0.9, first=True, step=2),
    StepCase((8,), 0.1, momentum=0.9, dampening=0.5, step=7),
    StepCase((9,), 0.1, True, momentum=0.9, nesterov=True, decoupled=True, step=10),
    StepCase((17,), 0.01, False, 0.9, 0.0, True, True, True, 1000),
    StepCase((16,), 0.01, True, 0.5, 0.2, False, True, True, 100000),
    StepCase((33, 3, 3, 3), 1e-4, momentum=0.9, step=4),
    StepCase((100_003,), 1e-4, momentum=0.9, decoupled=True, step=5),
)
FLAT_CASES: tuple[Case, ...] = (
    *GEMM_CASES,
    *LINEAR_CASES,
    *RELU_CASES,
    *BATCH_NORM_CASES,
    *CROSS_ENTROPY_CASES,
    *STEP_CASES,
)
