"""Elementwise operations and sums."""

from typing import Any

from ...functional.rectifiers import ReLU
from ...operations._elementwise import COMPILED
from ...operations.arithmetic import Add
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


@RULES.of(Add)
def add(a: Any, b: Any) -> Step | None:
    if not (isinstance(a, Value) and isinstance(b, Value) and a.shape == b.shape):
        return None
    return Step("add", (a.step, b.step), a.shape)
