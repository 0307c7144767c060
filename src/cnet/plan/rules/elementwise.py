"""Elementwise operations."""

from collections.abc import Callable
from math import inf
from typing import Any

from ...autograd import Operation
from ...functional.rectifiers import ReLU
from ...operations._elementwise import COMPILED
from ...operations.selection import Clip
from ..steps import RULES, Rule, Step, Value, elementwise, extendable


def operation(x: Value, name: str, a: float = 0.0, b: float = 0.0) -> Step:
    return elementwise("elementwise", x, operation=name, a=a, b=b)


def rule_of(name: str) -> Rule:
    return lambda x, **parameters: operation(x, name, **parameters)


for _name, _function in COMPILED.items():
    RULES.of(_function)(rule_of(_name))


LIMITS: dict[type[Operation[Any]], Callable[..., tuple[float, float]]] = {
    ReLU: lambda **_: (0.0, inf),
    COMPILED["relu"]: lambda **_: (0.0, inf),
    COMPILED["hardtanh"]: lambda a, b: (a, b),
}
"""Operations that limit results to an interval."""


def limited(x: Value, low: float, high: float) -> Step | Value:
    """Limit results to [low, high], if possible as part of the step that computes them."""
    step = extendable(x)
    if step and step.kernel == "blocked_conv2d":
        former = step.arguments["low"], step.arguments["high"]
        if former == (-inf, inf):
            step.arguments |= {"low": low, "high": high}
            return x
    elif step and step.kernel != "conv2d" and (low, high) == (0, inf):
        step.arguments["relu"] = 1
        return x
    return operation(x, "relu") if (low, high) == (0, inf) else operation(x, "hardtanh", low, high)


def rule_of_limits(limits: Callable[..., tuple[float, float]]) -> Rule:
    return lambda x, **parameters: limited(x, *limits(**parameters))


for _function, _limits in LIMITS.items():
    RULES.of(_function)(rule_of_limits(_limits))


@RULES.of(Clip)
def clip(x: Any, low: Any, high: Any) -> Step | Value | None:
    numbers = all(bound is None or type(bound) in (int, float) for bound in (low, high))
    if not (isinstance(x, Value) and numbers):
        return None
    a, b = -inf if low is None else float(low), inf if high is None else float(high)
    return limited(x, a, b) if a <= b else None
