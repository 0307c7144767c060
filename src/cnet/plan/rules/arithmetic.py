"""Sums, differences, products and quotients of two results, or of a result and a constant."""

from typing import Any

import numpy as np

from ...kernels._strides import broadcast, pair
from ...operations.arithmetic import Add, Mul, Sub
from ...operations.division import Div
from ..steps import RULES, Rule, Step, Value, extendable, for_one_image, is_finished


def arithmetic(name: str, a: Any, b: Any) -> Step | Value | None:
    """The step of an operation; constants must not depend on the image."""
    ndim = max(len(x.shape) for x in (a, b) if isinstance(x, Value))
    operands: list[Any] = [x if isinstance(x, Value) else for_one_image(x, ndim) for x in (a, b)]
    if any(x is None or len(x.shape) > ndim for x in operands):
        return None
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    values = [x for x in operands if isinstance(x, Value)]
    if any(len(x.shape) < ndim or x.shape[0] != shape[0] for x in values):
        return None
    if name == "add" and all(isinstance(x, Value) and x.shape == shape for x in operands):
        return _as_residual(a, b) or Step("add", (a.step, b.step), shape)
    first, second = (broadcast(x.shape, shape) for x in operands)
    g = pair(shape, first, second)
    if g is None:
        return None
    constants = {key: x for key, x in zip("ab", operands, strict=True) if isinstance(x, np.ndarray)}
    inputs = tuple(x.step for x in values)
    return Step("arithmetic", inputs, shape, {"g": g, "operation": name, **constants})


def _as_residual(a: Value, b: Value) -> Value | None:
    """Add a result to the sums of a convolution that runs after the step which computes it."""
    for x, other in (a, b), (b, a):
        step = extendable(x)
        if step and step.kernel == "blocked_conv2d" and not is_finished(step):
            source = other.step
            if source is None or (source.shape == x.shape and source.number < step.number):
                del step.arguments["residual"]
                step.inputs = (*step.inputs, source)
                return x
    return None


def rule_of(name: str) -> Rule:
    return lambda a, b: arithmetic(name, a, b)


for _name, _function in {"add": Add, "sub": Sub, "mul": Mul, "div": Div}.items():
    RULES.of(_function)(rule_of(_name))
