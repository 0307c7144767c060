"""Convolutions."""

from typing import Any

from ... import geometry, kernels, runtime
from ...functional.conv import Conv1d, Conv2d
from ..steps import RULES, Step, Value


@RULES.of(Conv1d)
@RULES.of(Conv2d)
def conv(x: Value, weight: Any, bias: Any, **options: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value):
        return None
    g = geometry.conv("compile", x.shape, weight.shape, **options)
    arguments: dict[str, Any] = {"weight": weight, "bias": bias, "g": g.sizes2d}
    if kernels.conv2d_choice(g, weight.dtype) == "direct" and g.o // g.groups >= 4:
        arguments |= {"relu": 0, "pool": 0}
        return Step("prepared_conv2d", (x.step,), g.y_shape, arguments)
    arguments["algorithm"] = "exact" if runtime.exact_is_on() else "auto"
    return Step("conv2d", (x.step,), g.y_shape, arguments)
