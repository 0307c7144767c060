"""Elementwise operations and sums."""

from typing import Any

from ...functional._elementwise import Elementwise
from ...functional.activation import GELU, GELUTanh
from ...functional.arithmetic import Add
from ...functional.elementwise import LeakyReLU, ReLU, Sigmoid, Tanh
from ..steps import Rule, Step, Value, elementwise, extendable


def operation(x: Value, name: str, a: float = 0.0, b: float = 0.0) -> Step:
    return elementwise("elementwise", x, operation=name, a=a, b=b)


def rule_of(function: type[Elementwise]) -> Rule:
    return lambda x, **parameters: operation(x, function.name, **parameters)


def relu(x: Value) -> Step | Value:
    step = extendable(x)
    if step and step.kernel != "conv2d":
        step.arguments["relu"] = 1
        return x
    return operation(x, "relu")


def add(a: Any, b: Any) -> Step | None:
    if not (isinstance(a, Value) and isinstance(b, Value) and a.shape == b.shape):
        return None
    return Step("add", (a.step, b.step), a.shape)


RULES: dict[type, Rule] = {
    ReLU: relu,
    LeakyReLU: lambda x, negative_slope: operation(x, "leaky_relu", negative_slope),
    **{function: rule_of(function) for function in (GELU, GELUTanh, Sigmoid, Tanh)},
    Add: add,
}
