"""Convolutions."""

from math import inf
from typing import Any

from ... import geometry, kernels, runtime
from ...functional.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from ..blocking import suits, winograd_pays
from ..steps import RULES, Step, Value, lanes_of
from .arithmetic import arithmetic


@RULES.of(Conv1d)
@RULES.of(Conv2d)
def conv(x: Value, weight: Any, bias: Any, **options: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value):
        return None
    g = geometry.conv("compile", x.shape, weight.shape, **options)
    arguments: dict[str, Any] = {"weight": weight, "bias": bias, "g": g.sizes2d}
    lanes = lanes_of(weight.dtype)
    if suits(g.sizes2d, lanes):
        winograd = not runtime.exact_is_on() and winograd_pays(g.sizes2d, lanes)
        arguments["algorithm"] = "winograd" if winograd else "direct"
        arguments |= {"residual": None, "low": -inf, "high": inf}
        return Step("blocked_conv2d", (x.step,), g.y_shape, arguments, lanes=lanes)
    if kernels.conv2d_choice(g, weight.dtype) == "direct" and g.o // g.groups >= 4:
        arguments |= {"relu": 0, "pool": 0}
        return Step("prepared_conv2d", (x.step,), g.y_shape, arguments)
    arguments["algorithm"] = _algorithm()
    return Step("conv2d", (x.step,), g.y_shape, arguments)


def _algorithm() -> str:
    return "exact" if runtime.exact_is_on() else "auto"


@RULES.of(ConvTranspose1d)
@RULES.of(ConvTranspose2d)
def transposed(x: Value, weight: Any, bias: Any, **options: Any) -> Step | Value | None:
    """The input gradient of a convolution, and the addition of the bias."""
    if isinstance(weight, Value) or isinstance(bias, Value):
        return None
    g = geometry.transposed("compile", x.shape, weight.shape, **options)
    step = Step("conv2d_backward", (x.step,), g.x_shape, {
        "x": None, "weight": weight, "dw": None, "db": None, "g": g.sizes2d,
        "algorithm": _algorithm(),
    })  # fmt: skip
    if bias is None:
        return step
    y = Value(step.shape, step, 1)
    return arithmetic("add", y, bias.reshape(-1, *(1,) * (len(step.shape) - 2)))
