"""Elementwise operations."""

from typing import Any

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


@RULES.of(ReLU)
def relu(x: Value, **_: float) -> Step | Value:
    step = extendable(x)
    if step and step.kernel != "conv2d":
        step.arguments["relu"] = 1
        return x
    return operation(x, "relu")


@RULES.of(Clip)
def clip(x: Any, low: Any, high: Any) -> Step | None:
    numbers = all(bound is None or type(bound) in (int, float) for bound in (low, high))
    if not (isinstance(x, Value) and numbers):
        return None
    a = float("-inf") if low is None else float(low)
    b = float("inf") if high is None else float(high)
    return operation(x, "hardtanh", a, b) if a <= b else None
