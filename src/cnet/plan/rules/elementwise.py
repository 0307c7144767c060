"""Elementwise operations and sums."""

from typing import Any

from ...functional.activation import LeakyReLU, ReLU
from ...operations._elementwise import Elementwise
from ...operations.arithmetic import Add
from ..steps import RULES, Rule, Step, Value, elementwise, extendable


def operation(x: Value, name: str, a: float = 0.0, b: float = 0.0) -> Step:
    return elementwise("elementwise", x, operation=name, a=a, b=b)


def rule_of(function: type[Elementwise]) -> Rule:
    return lambda x, **parameters: operation(x, function.name, **parameters)


for _function in Elementwise.__subclasses__():
    RULES.of(_function)(rule_of(_function))


@RULES.of(ReLU)
def relu(x: Value) -> Step | Value:
    step = extendable(x)
    if step and step.kernel != "conv2d":
        step.arguments["relu"] = 1
        return x
    return operation(x, "relu")


@RULES.of(LeakyReLU)
def leaky_relu(x: Value, *, negative_slope: float) -> Step:
    return operation(x, "leaky_relu", negative_slope)


@RULES.of(Add)
def add(a: Any, b: Any) -> Step | None:
    if not (isinstance(a, Value) and isinstance(b, Value) and a.shape == b.shape):
        return None
    return Step("add", (a.step, b.step), a.shape)
