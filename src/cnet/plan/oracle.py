"""Plans in plain NumPy, which run under `cnet.use_isa("reference")`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, reference
from ..arrays import Shape
from ..autograd import Array
from ..geometry import Conv2d, Window2d
from .steps import NUMBERS, PREPARE, Step, Value


def _compute(step: Step, inputs: Sequence[Array]) -> Array:
    """Run the reference of a step's kernel, whose arguments have the names of csrc/kernels.h."""
    _, names = _core.kernels[step.kernel]
    arguments = {
        name: NUMBERS[value] if isinstance(value, str) else value
        for name, value in step.arguments.items()
    }
    g, shape = arguments.get("g"), step.shape
    if isinstance(g, Conv2d | Window2d):
        inputs = [x.reshape(g.n, g.c, g.h, g.w) for x in inputs]
        shape = *shape[:2], *(1,) * (4 - len(shape)), *shape[2:]
    arguments.update(zip(names, inputs, strict=False))
    if step.kernel in PREPARE:
        prepare = getattr(reference, PREPARE[step.kernel])
        arguments["prepared"] = prepare(arguments.pop("weight"), arguments.pop("bias"), g)
    y = np.empty(shape, inputs[0].dtype)
    getattr(reference, step.kernel)(
        *(arguments.get(name, y if name == "y" else None) for name in names)
    )
    return y.reshape(step.shape)


def reference_plan(
    steps: Sequence[Step], result: Value, x_shape: Shape, dtype: np.dtype[Any],
    normalise: Callable[..., tuple[Array, Array | None]],
) -> Callable[..., Array]:  # fmt: skip
    """A plan that runs `cnet.reference`."""

    def plan(x: Array, out: Array | None = None) -> Array:
        x, out = normalise(x, out)
        results: dict[Step | None, Array] = {None: x}
        for step in steps:
            results[step] = _compute(step, [results[source] for source in step.inputs])
        y = results[result.step].reshape(result.shape)
        if out is None:
            return y
        out[...] = y
        return out

    return plan
