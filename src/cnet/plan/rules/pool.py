"""Pooling: the end of a prepared convolution, where it halves its result."""

from typing import Any

from ... import geometry
from ...functional.pooling import AvgPool2d, MaxPool2d
from ..steps import Rule, Step, Value, extendable


def max_pool2d(x: Value, **options: Any) -> Step | Value:
    g = geometry.pool2d("compile", x.shape, **options)
    step = extendable(x)
    halves = (g.kh, g.kw, g.sh, g.sw, g.ph, g.pw, g.dh, g.dw) == (2, 2, 2, 2, 0, 0, 1, 1)
    halves = halves and g.y_shape[2:] == (x.shape[2] // 2, x.shape[3] // 2)  # no partial window
    if step and halves and step.kernel == "prepared_conv2d" and not step.arguments["pool"]:
        step.arguments["pool"], step.shape = 1, g.y_shape
        return Value(g.y_shape, step, 0)
    return Step("max_pool2d", (x.step,), g.y_shape, {"g": g})


def avg_pool2d(
    x: Value, *, count_include_pad: bool, divisor_override: int | None, **window: Any
) -> Step:
    g = geometry.pool2d("compile", x.shape, **window)
    arguments = {"count_include_pad": int(count_include_pad)}
    arguments["divisor_override"] = divisor_override or 0
    return Step("avg_pool2d", (x.step,), g.y_shape, {"g": g, **arguments})


RULES: dict[type, Rule] = {MaxPool2d: max_pool2d, AvgPool2d: avg_pool2d}
