"""The steps of a plan in plain NumPy: what `cnet.use_isa("reference")` runs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import geometry, reference
from ..arrays import Shape
from ..autograd import Array
from ..functional.elementwise import expit
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


def _linear(x: Array, step: Step) -> Array:
    assert step.weight is not None
    x = x.reshape(-1, step.sizes.c)
    y = np.empty((len(x), step.sizes.o), x.dtype)
    strides = step.sizes.c, 1, 1, step.sizes.c
    g = len(x), step.sizes.o, step.sizes.c, *strides
    reference.gemm(x, step.weight.T, step.bias, y, g, False)
    return y


def _batch_norm(x: Array, step: Step, eps: float) -> Array:
    assert step.weight is not None
    mean, var, weight, bias = np.split(step.weight, 4)
    y = np.empty_like(x)
    g = len(x), step.sizes.c, step.sizes.h
    reference.batch_norm(x, mean, var, weight, bias, y, g, eps)
    return y


def _windowed(x: Array, step: Step) -> Array:
    g, options = step.sizes, step.options
    x = x.reshape(g.n, g.c, g.h, g.w)
    y = np.empty((g.n, g.o or g.c, g.oh, g.ow), x.dtype)
    if step.kind == "max_pool2d":
        reference.max_pool2d(x, y, np.empty(y.shape, np.int32), geometry.Window2d(*g[:16]))
    elif step.kind == "avg_pool2d":
        window, divisor = geometry.Window2d(*g[:16]), options["divisor_override"] or 0
        reference.avg_pool2d(x, y, window, options["count_include_pad"], divisor)
    else:
        assert step.weight is not None
        reference.conv2d(x, step.weight, step.bias, y, g, 0)
    return y


def _compute(step: Step, inputs: list[Array]) -> Array:
    x, options = inputs[0], step.options
    if step.kind in WINDOWED:
        y = _windowed(x, step)
    elif step.kind == "linear":
        y = _linear(x, step)
    elif step.kind == "batch_norm":
        y = _batch_norm(x, step, **options)
    elif step.kind == "relu":
        y = np.empty_like(x)
        reference.relu(x, y)
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
        reference.relu(y, y)
    if step.pool:
        g = geometry.pool("plan", y.shape, 2)
        x, y = y, np.empty(g.y_shape, y.dtype)
        reference.max_pool2d(x, y, np.empty(y.shape, np.int32), g.sizes2d)
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
