"""Plans in C: steps as call records for the compiled module."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .. import _core, runtime
from ..arrays import Shape
from .arena import place
from .blocking import is_depthwise
from .split import Split, first_part
from .steps import NUMBERS, PREPARE, Step, Value

CACHE_BYTES = 1 << 18
"""Largest size of the results of a block of images, so that they stay in a core's cache."""
WEIGHT_BYTES = 1 << 20
"""Largest size of weights that are read again for every block."""
BLOCK = 8
"""Images in a block: the rows of a register tile of linear layers."""
WORTH_THREADS = 1 << 18
"""Number of multiplications of a step from which several threads are faster."""


CONVOLUTIONS = (
    "conv2d", "prepared_conv2d", "blocked_conv2d", "bfloat16_conv2d", "quantized_conv2d"
)  # fmt: skip
BFLOAT16_AT_ONCE, INT8_AT_ONCE = 2, {"pairs": 1, "vnni": 4, "amx": 4}
"""The multiplications of convolutions that take the time of one of float32."""
CHANNEL_COST = 4
"""The multiplications that take the time of one by a filter of a single channel."""


def compiled_plan(
    steps: Sequence[Step], result: Value, x_shape: Shape, dtype: np.dtype[Any],
    normalise: Callable[..., Any],
) -> _core.Plan | Split:  # fmt: skip
    """A plan in C; arguments that do not have the right layout are passed to `normalise`."""
    images = x_shape[0]
    _, arena = place(steps, result.step, images, dtype.itemsize)
    constants = (value for step in steps for value in step.arguments.values())
    weights = sum(value.nbytes for value in constants if isinstance(value, np.ndarray))
    if images > BLOCK and arena * BLOCK <= CACHE_BYTES and weights <= WEIGHT_BYTES:
        return _part(steps, None, result.step, x_shape, result.shape, dtype, BLOCK, normalise)
    count = first_part(steps, images, dtype.itemsize)
    if not count:
        return _part(steps, None, result.step, x_shape, result.shape, dtype, images, normalise)
    between = steps[count - 1]
    first = _part(steps[:count], None, between, x_shape, between.memory, dtype, 1, normalise)
    second = _part(
        steps[count:], between, result.step, between.memory, result.shape, dtype, images,
        lambda x, out: (x, out),
    )  # fmt: skip
    return Split(first, second, normalise)


def _part(
    steps: Sequence[Step], source: Step | None, last: Step | None, x_shape: Shape, y_shape: Shape,
    dtype: np.dtype[Any], block: int, normalise: Callable[..., Any],
) -> _core.Plan:  # fmt: skip
    """The plan of some steps: what it reads is the result of `source`, None for the input of the
    network, and it returns the result of `last`."""
    images = x_shape[0]
    offsets, arena = place(steps, last, images, dtype.itemsize)
    places: dict[Step | None, int] = {source: _core.plan_x}
    places.update((step, offsets.get(step, _core.plan_y)) for step in steps)
    return _core.Plan(
        [_call(step, images, places) for step in steps], tuple(map(str, steps)), x_shape, y_shape,
        dtype, block, arena, normalise,
    )  # fmt: skip


def _call(step: Step, images: int, places: dict[Step | None, int]) -> tuple[Any, ...]:
    """Values of a call, places of its arrays, rows per image, whether it is parallel, and its
    branch."""
    names = _core.kernels[step.kernel]
    arguments = dict(step.arguments)
    if step.kernel in PREPARE:
        prepare = PREPARE[step.kernel]
        needed = _values(_core.kernels[prepare], arguments)
        arguments["prepared"] = _core.prepare(prepare, *needed)
    moving = {name: places[source] for name, source in step.moving().items()}
    values = _values(names, arguments)
    arrays = names[: _core.arrays[step.kernel]]
    rows = arguments["g"][0] // images if "g" in arguments else prod(step.memory) // images
    return (
        (step.kernel, *values), tuple(moving.get(name, _core.plan_constant) for name in arrays),
        rows, _cost(step) >= WORTH_THREADS, step.branch,
    )  # fmt: skip


def _values(names: Sequence[str], arguments: dict[str, Any]) -> list[Any]:
    """Arguments in order, with numbers for algorithms and operations; None for the others."""
    values = [arguments.get(name) for name in names]
    return [NUMBERS[value] if isinstance(value, str) else value for value in values]


def _cost(step: Step) -> int:
    """The cost of a step, in multiplications."""
    results = prod(step.memory)
    g: Any = step.arguments.get("g")
    if step.kernel == "prepared_linear":
        return results * int(g[2])
    if step.kernel in CONVOLUTIONS:
        products = int(g.n * g.oh * g.ow * g.o * (g.c // g.g) * g.kh * g.kw)
        return products * (CHANNEL_COST if is_depthwise(g) else 1) // _at_once(step)
    if step.kernel in ("max_pool2d", "avg_pool2d", "blocked_pool2d"):
        return results * int(g.kh * g.kw) * 4
    return results * 4


def _at_once(step: Step) -> int:
    if step.kernel == "quantized_conv2d":
        return INT8_AT_ONCE[runtime.DOTS[step.arguments["dots"]]]
    return BFLOAT16_AT_ONCE if step.kernel == "bfloat16_conv2d" else 1
