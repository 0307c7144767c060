"""Linear layers."""

from math import prod
from typing import Any

from ...functional.linear import Linear
from ..steps import RULES, Step, Value


@RULES.of(Linear)
def linear(x: Value, weight: Any, bias: Any) -> Step | None:
    if isinstance(weight, Value) or isinstance(bias, Value) or len(x.shape) < 2:
        return None
    outputs, inputs = weight.shape
    g = prod(x.shape[:-1]), outputs, inputs
    arguments = {"weight": weight, "bias": bias, "g": g, "relu": 0}
    return Step("prepared_linear", (x.step,), (*x.shape[:-1], outputs), arguments)
