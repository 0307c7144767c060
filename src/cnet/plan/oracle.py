"""The steps of a plan in plain NumPy: what `cnet.use_isa("reference")` runs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, reference
from ..autograd import Array
from ..geometry import Conv2d, Shape, Window2d
from .steps import Step, Value


def _conv2d(x: Array, weight: Array, bias: Array | None, g: Conv2d, algorithm: str) -> Array:
    padding = (0, 0), (0, 0), (g.ph, g.qh), (g.pw, g.qw)
    x = np.pad(x.reshape(g.x_shape), padding)
    return reference.conv2d(x, weight, bias, (g.sh, g.sw), 0, (g.dh, g.dw), g.g)


def _prepared_conv2d(
    x: Array, weight: Array, bias: Array | None, g: Conv2d, relu: bool, pool: bool
) -> Array:
    y = _conv2d(x, weight, bias, g, "auto")
    y = reference.relu(y) if relu else y
    return reference.max_pool2d(y, 2)[0] if pool else y


def _prepared_linear(
    x: Array, weight: Array, bias: Array | None, g: tuple[int, int, int], relu: bool
) -> Array:
    m, _, k = g
    y = reference.linear(x.reshape(m, k), weight, bias)
    return reference.relu(y) if relu else y


def _batch_norm(
    x: Array, mean: Array, var: Array, weight: Array, bias: Array, g: tuple[int, int, int],
    eps: float,
) -> Array:  # fmt: skip
    return reference.batch_norm(x.reshape(g), mean, var, weight, bias, eps)


def _max_pool2d(x: Array, g: Window2d) -> Array:
    x = x.reshape(g.x_shape)
    window = (g.kh, g.kw), (g.sh, g.sw), (g.ph, g.pw), (g.dh, g.dw)
    y, _ = reference.max_pool2d(x, *window, ceil_mode=True)
    return y[:, :, : g.oh, : g.ow]


def _avg_pool2d(x: Array, g: Window2d, count_include_pad: bool, divisor_override: int) -> Array:
    x = x.reshape(g.x_shape)
    window = (g.kh, g.kw), (g.sh, g.sw), (g.ph, g.pw)
    y = reference.avg_pool2d(x, *window, True, count_include_pad, divisor_override or None)
    return y[:, :, : g.oh, : g.ow]


def _elementwise(x: Array, operation: str, a: float, b: float) -> Array:
    y = np.empty_like(x)
    reference.elementwise(x, y, _core.operations[operation], a, b)
    return y


def _softmax(x: Array, g: tuple[int, int], logarithm: bool) -> Array:
    x = x.reshape(g)
    shifted = x - x.max(-1, keepdims=True)
    y: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return y if logarithm else np.asarray(np.exp(y))


KERNELS: dict[str, Callable[..., Array]] = {
    "conv2d": _conv2d,
    "prepared_conv2d": _prepared_conv2d,
    "prepared_linear": _prepared_linear,
    "batch_norm": _batch_norm,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "elementwise": _elementwise,
    "softmax": _softmax,
    "add": lambda a, b: a.reshape(-1) + b.reshape(-1),
    "copy": lambda x: x.copy(),
}
"""The kernels that steps name, with the arguments of steps."""


def reference_plan(
    steps: Sequence[Step], result: Value, x_shape: Shape, dtype: np.dtype[Any],
    normalise: Callable[..., tuple[Array, Array | None]],
) -> Callable[..., Array]:  # fmt: skip
    """A plan that runs `cnet.reference`."""

    def plan(x: Array, out: Array | None = None) -> Array:
        x, out = normalise(x, out)
        results: dict[Step | None, Array] = {None: x}
        for step in steps:
            inputs = [results[source] for source in step.inputs]
            y = KERNELS[step.kernel](*inputs, **step.arguments)
            results[step] = y.reshape(step.shape)
        y = results[result.step].reshape(result.shape)
        if out is None:
            return y
        out[...] = y
        return out

    return plan
