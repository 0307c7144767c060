"""Softmax and its logarithm, along the last axis."""

from math import prod

from ...functional.softmax import LogSoftmax, Softmax
from ..steps import Rule, Step, Value, elementwise


def softmax(logarithm: int) -> Rule:
    def rule(x: Value, *, axis: int) -> Step | None:
        if len(x.shape) < 2 or axis not in (-1, len(x.shape) - 1):
            return None
        g = prod(x.shape[:-1]), x.shape[-1]
        return elementwise("softmax", x, g=g, logarithm=logarithm)

    return rule


RULES: dict[type, Rule] = {Softmax: softmax(0), LogSoftmax: softmax(1)}
