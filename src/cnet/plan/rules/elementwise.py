"""Activations and sums."""

from typing import Any

from ...functional.arithmetic import Add
from ...functional.elementwise import LeakyReLU, ReLU, Sigmoid, Tanh
from ..steps import Rule, Step, Value, elementwise, extendable


def relu(x: Value) -> Step | Value:
    step = extendable(x)
    if step and step.kernel != "conv2d":
        step.arguments["relu"] = 1
        return x
    return elementwise("relu", x)


def activation(name: str) -> Rule:
    return lambda x, negative_slope=0.0: elementwise(
        "activate", x, function=name, negative_slope=negative_slope
    )


def add(a: Any, b: Any) -> Step | None:
    if not (isinstance(a, Value) and isinstance(b, Value) and a.shape == b.shape):
        return None
    return Step("add", (a.step, b.step), a.shape)


RULES: dict[type, Rule] = {
    ReLU: relu,
    LeakyReLU: activation("leaky_relu"),
    Sigmoid: activation("sigmoid"),
    Tanh: activation("tanh"),
    Add: add,
}
