"""Normalisation; batch norm is folded into the weights of the previous layer if possible."""

from math import prod
from typing import Any

import numpy as np

from ...autograd import Array
from ...functional.norm.batch import BatchNorm
from ...functional.norm.group import GroupNorm
from ..steps import RULES, Step, Value, extendable, is_finished


@RULES.of(BatchNorm)
def batch_norm(
    x: Value, weight: Any, bias: Any, *, mean: Array, var: Array, eps: float, from_batch: bool
) -> Step | Value | None:
    if from_batch or isinstance(weight, Value) or isinstance(bias, Value):
        return None
    step = extendable(x)
    if step and step.kernel == "prepared_linear" and len(x.shape) != 2:
        step = None
    if step and not is_finished(step):
        _fold(step, mean, var, weight, bias, eps)
        return x
    g = x.shape[0], x.shape[1], prod(x.shape[2:])
    arguments = {
        "mean": mean, "var": var, "weight": weight, "bias": bias, "g": g, "eps": eps,
        "activation": 0, "a": 0.0, "b": 0.0,
    }  # fmt: skip
    return Step("batch_norm", (x.step,), x.shape, arguments)


def _fold(step: Step, mean: Array, var: Array, weight: Any, bias: Any, eps: float) -> None:
    """Fold the normalisation into the weights and bias of a convolution or linear layer."""
    former = step.arguments["weight"], step.arguments["bias"]
    dtype = former[0].dtype
    scale = 1 / np.sqrt(var.astype(np.float64) + eps)
    scale = scale if weight is None else weight * scale
    shift = ((0.0 if former[1] is None else former[1]) - mean) * scale
    shift = shift if bias is None else bias + shift
    step.arguments["bias"] = shift.astype(dtype)
    shape = -1, *[1] * (former[0].ndim - 1)
    step.arguments["weight"] = (former[0] * scale.reshape(shape)).astype(dtype)


@RULES.of(GroupNorm)
def group_norm(
    x: Value, weight: Any, bias: Any, *, groups: int, eps: float,
    statistics: tuple[Array | None, Array] | None = None, centred: bool = True,
) -> Step | None:  # fmt: skip
    """Layer, group and instance norm; the statistics of the example have no effect."""
    if not centred or isinstance(weight, Value) or isinstance(bias, Value):
        return None
    g = x.shape[0], x.shape[1], prod(x.shape[2:])
    arguments = {"mean": None, "var": None, "weight": weight, "bias": bias, "g": g}
    return Step("group_norm", (x.step,), x.shape, {**arguments, "groups": groups, "eps": eps})
