"""Softmax and its logarithm, along the last axis."""

from math import prod

from ...functional.softmax import LogSoftmax, Softmax
from ..steps import RULES, Step, Value, elementwise


def _softmax(x: Value, axis: int, logarithm: int) -> Step | None:
    if len(x.shape) < 2 or axis not in (-1, len(x.shape) - 1):
        return None
    g = prod(x.shape[:-1]), x.shape[-1], 1
    return elementwise("softmax", x, g=g, logarithm=logarithm)


@RULES.of(Softmax)
def softmax(x: Value, *, axis: int) -> Step | None:
    return _softmax(x, axis, 0)


@RULES.of(LogSoftmax)
def log_softmax(x: Value, *, axis: int) -> Step | None:
    return _softmax(x, axis, 1)
