"""Pooling; 2×2 max-pooling becomes part of a prepared convolution."""

from typing import Any

from ... import geometry
from ...functional.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from ..steps import RULES, Step, Value, extendable


@RULES.of(MaxPool1d)
@RULES.of(MaxPool2d)
def max_pool(x: Value, **options: Any) -> Step | Value:
    g = geometry.pool("compile", x.shape, **options)
    step = extendable(x)
    halves = (
        len(x.shape) == 4 and min(x.shape[2:]) > 1 and g == geometry.pool("compile", x.shape, 2)
    )
    if step and halves and step.kernel == "prepared_conv2d" and not step.arguments["pool"]:
        step.arguments["pool"], step.shape = 1, g.y_shape
        return Value(g.y_shape, step, 0)
    return Step("max_pool2d", (x.step,), g.y_shape, {"g": g.sizes2d})


@RULES.of(AvgPool1d)
@RULES.of(AvgPool2d)
def avg_pool(
    x: Value, *, count_include_pad: bool, divisor_override: int | None = None, **window: Any
) -> Step:
    g = geometry.pool("compile", x.shape, **window)
    arguments = {"count_include_pad": int(count_include_pad)}
    arguments["divisor_override"] = divisor_override or 0
    return Step("avg_pool2d", (x.step,), g.y_shape, {"g": g.sizes2d, **arguments})
