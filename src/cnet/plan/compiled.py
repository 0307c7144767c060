"""The steps of a plan as the compiled module takes them."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .. import _core, runtime
from ..arrays import Shape
from ..kernels._dispatch import old_sizes
from .arena import place
from .steps import Step, Value

CACHE_BYTES = 1 << 18
"""What the results of a block of images may take, so that they stay in a core's cache."""
WEIGHT_BYTES = 1 << 20
"""What weights may take if they are to be read again for every block."""
BLOCK = 8
"""Images in a block: the rows of a register tile of linear layers."""
WORTH_THREADS = 1 << 20
"""Multiplications of a step that are worth waking another thread for."""


def compiled_plan(
    steps: Sequence[Step], result: Value, x_shape: Shape, dtype: np.dtype[Any],
    normalise: Callable[..., Any],
) -> _core.Plan:  # fmt: skip
    """A plan that gives what does not fit as it is to `normalise`."""
    offsets, arena = place(steps, result.step, dtype.itemsize)
    weights = sum(step.weight.nbytes for step in steps if step.weight is not None)
    images = x_shape[0]
    blocked = images > BLOCK and arena * BLOCK <= CACHE_BYTES and weights <= WEIGHT_BYTES
    places: dict[Step | None, int] = {None: _core.plan_x, result.step: _core.plan_y}
    places.update((step, offset) for step, offset in offsets.items())
    return _core.Plan(
        [_tuple(step, images, places) for step in steps],
        x_shape, result.shape, dtype, BLOCK if blocked else images, arena, normalise,
    )  # fmt: skip


def _tuple(step: Step, images: int, places: dict[Step | None, int]) -> tuple[Any, ...]:
    sources = [places[source] for source in step.inputs]
    option, number = _option(step)
    exact = "exact" if runtime.exact_is_on() else "auto"
    return (
        _core.step_kinds[step.kind], sources[0], sources[-1], places[step],
        old_sizes(step.sizes), step.weight, step.bias, step.relu, step.pool, option,
        images * _cost(step) >= WORTH_THREADS, number, _core.algorithms[exact],
    )  # fmt: skip


def _cost(step: Step) -> int:
    """Multiplications for one image, or what takes as long."""
    g = step.sizes
    if step.kind == "linear":
        return g.h * g.c * g.o
    if g.o:
        return g.oh * g.ow * g.o * (g.c // g.g) * g.kh * g.kw
    return prod(step.shape[1:]) * g.kh * g.kw * 4


def _option(step: Step) -> tuple[int, float]:
    """The option and the number of a step in C."""
    options = step.options
    if step.kind == "activate":
        return _core.activations[options["name"]], options.get("negative_slope", 0.0)
    if step.kind == "softmax":
        return int(options["logarithm"]), 0.0
    if step.kind == "batch_norm":
        return 0, options["eps"]
    if step.kind == "avg_pool2d":
        return int(options["count_include_pad"]), float(options["divisor_override"] or 0)
    return 0, 0.0
