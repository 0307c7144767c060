"""The steps of a plan in plain NumPy: what `cnet.use_isa("reference")` runs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import reference
from ..autograd import Array
from ..functional.elementwise import expit
from ..geometry import Shape
from .steps import Step, Value


def _leaky_relu(x: Array, negative_slope: float) -> Any:
    return np.where(x > 0, x, x * x.dtype.type(negative_slope))


WINDOWED = ("conv2d", "prepared_conv2d", "max_pool2d", "avg_pool2d")
ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "leaky_relu": _leaky_relu,
    "sigmoid": expit,
    "tanh": np.tanh,
}


def _softmax(x: Array, logarithm: bool) -> Array:
    shifted = x - x.max(-1, keepdims=True)
    y: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return y if logarithm else np.asarray(np.exp(y))


def _compute(step: Step, inputs: list[Array]) -> Array:
    x, options = inputs[0], step.options
    if step.kind in WINDOWED:
        x = x.reshape(step.sizes.x_shape)
    if step.kind in ("conv2d", "prepared_conv2d"):
        assert step.weight is not None
        y = reference.conv2d(x, step.weight, step.bias, **options)
    elif step.kind == "linear":
        assert step.weight is not None
        x = x.reshape(len(x), -1, step.sizes.c)
        y = reference.linear(x, step.weight, step.bias)
    elif step.kind == "batch_norm":
        assert step.weight is not None
        mean, var, weight, bias = np.split(step.weight, 4)
        y = reference.batch_norm(x.reshape(step.shape), mean, var, weight, bias, **options)
    elif step.kind == "max_pool2d":
        y, _ = reference.max_pool2d(x, **options)
    elif step.kind == "avg_pool2d":
        y = reference.avg_pool2d(x, **options)
    elif step.kind == "relu":
        y = reference.relu(x)
    elif step.kind == "activate":
        arguments = {name: value for name, value in options.items() if name != "name"}
        y = ACTIVATIONS[options["name"]](x, **arguments)
    elif step.kind == "softmax":
        y = _softmax(x.reshape(len(x), -1, step.sizes.c), **options)
    elif step.kind == "add":
        y = x.reshape(step.shape) + inputs[1].reshape(step.shape)
    else:
        y = x.copy()
    if step.relu:
        y = reference.relu(y)
    if step.pool:
        y, _ = reference.max_pool2d(y, 2)
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
