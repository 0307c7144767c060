"""Plans in plain NumPy, which run under `cnet.use_isa("reference")`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import _core, reference
from ..arrays import Shape
from ..autograd import Array
from ..geometry import Conv2d, Window2d
from .steps import NUMBERS, PREPARE, RESULT, Step, Value


def _compute(step: Step, results: Mapping[Step | None, Array]) -> Array:
    """Run the reference of a step's kernel, whose arguments have the names of csrc/kernels.h."""
    names = _core.kernels[step.kernel]
    arguments = {
        name: NUMBERS[value] if isinstance(value, str) else value
        for name, value in step.arguments.items()
    }
    moving = {name: results[source] for name, source in step.moving().items() if source is not step}
    g, shape = arguments.get("g"), step.shape
    if step.lanes:
        shape = step.memory
    elif isinstance(g, Conv2d | Window2d):
        sizes = g.n, g.c, g.h, g.w
        if isinstance(g, Conv2d) and step.kernel == "conv2d_backward":
            sizes = g.n, g.o, g.oh, g.ow
        moving = {name: x.reshape(sizes) for name, x in moving.items()}
        shape = *shape[:2], *(1,) * (4 - len(shape)), *shape[2:]
        if isinstance(g, Window2d):
            shape = g.n, g.c, g.oh, g.ow
    arguments.update(moving)
    if step.kernel in PREPARE:
        needed = _core.kernels[PREPARE[step.kernel]]
        prepare = getattr(reference, PREPARE[step.kernel])
        arguments["prepared"] = prepare(*(arguments.get(name) for name in needed))
    y = results[step.onto] if step.onto else np.empty(shape, step.dtype or results[None].dtype)
    arguments[RESULT.get(step.kernel, "y")] = y
    getattr(reference, step.kernel)(*(arguments.get(name) for name in names))
    return y if step.lanes else y.reshape(step.shape)


def reference_plan(
    steps: Sequence[Step], result: Value, x_shape: Shape, dtype: np.dtype[Any],
    normalise: Callable[..., tuple[Array, Array | None]],
) -> Callable[..., Array]:  # fmt: skip
    """A plan that runs `cnet.reference`."""

    def images(x: Array) -> Array:
        results: dict[Step | None, Array] = {None: x}
        for step in steps:
            results[step] = _compute(step, results)
        return results[result.step].reshape(result.shape)

    def plan(x: Array, out: Array | None = None) -> Array:
        x, out = normalise(x, out)
        n, block = len(x), x_shape[0]
        rest = np.zeros((-n % block, *x.shape[1:]), dtype)
        blocks = np.concatenate([x, rest]).reshape(-1, *x_shape)
        parts = [images(part) for part in blocks]
        y = np.concatenate([np.empty((0, *result.shape[1:]), dtype), *parts])[:n]
        if out is None:
            return y
        out[...] = y
        return out

    return plan
