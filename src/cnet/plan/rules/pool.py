"""Pooling and resampling; 2×2 max-pooling becomes part of a prepared convolution."""

from math import prod

from ... import geometry
from ...functional._resampling import Matrix, Resample, order
from ...functional.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d, WindowArguments
from ...operations.reductions import Mean
from ..steps import RULES, Step, Value, extendable


@RULES.of(MaxPool1d)
@RULES.of(MaxPool2d)
def max_pool(x: Value, *, window: WindowArguments, return_indices: bool = False) -> Step | Value:
    g = geometry.pool("compile", x.shape, *window)
    step = extendable(x)
    halves = (
        len(x.shape) == 4 and min(x.shape[2:]) > 1 and g == geometry.pool("compile", x.shape, 2)
    )
    if step and halves and step.kernel == "prepared_conv2d" and not step.arguments["pool"]:
        step.arguments["pool"], step.shape = 1, g.y_shape
        return Value(g.y_shape, step, 0)
    return Step("max_pool2d", (x.step,), g.y_shape, {"g": g.sizes2d})


@RULES.of(AvgPool1d)
@RULES.of(AvgPool2d)
def avg_pool(
    x: Value, *, window: WindowArguments, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Step:  # fmt: skip
    g = geometry.pool("compile", x.shape, *window)
    arguments = {"count_include_pad": int(count_include_pad)}
    arguments["divisor_override"] = divisor_override or 0
    return Step("avg_pool2d", (x.step,), g.y_shape, {"g": g.sizes2d, **arguments})


@RULES.of(Mean)
def mean(x: Value, *, axes: tuple[int, ...], keepdims: bool) -> Step | None:
    """The mean over the last axes is the average over one window."""
    axes = tuple(sorted(axis % len(x.shape) for axis in axes))
    first = len(x.shape) - len(axes)
    if first < 1 or axes != tuple(range(first, len(x.shape))):
        return None
    g = geometry.pool("compile", (x.shape[0], prod(x.shape[1:first]), 1, prod(x.shape[first:])),
                      (1, prod(x.shape[first:])))  # fmt: skip
    shape = *x.shape[:first], *((1,) * len(axes) if keepdims else ())
    arguments = {"g": g.sizes2d, "count_include_pad": 1, "divisor_override": 0}
    return Step("avg_pool2d", (x.step,), shape, arguments)


@RULES.of(Resample)
def resample(x: Value, *, matrices: tuple[Matrix, ...]) -> Step | None:
    """A step for each axis, in the order of eager calls."""
    shape, step = list(x.shape), x.step
    for axis, matrix in order(len(x.shape), matrices):
        g = prod(shape[:axis]), matrix.size, matrix.outputs, prod(shape[axis + 1 :])
        shape[axis] = matrix.outputs
        arguments = {
            "starts": matrix.starts, "cells": matrix.cells, "weights": matrix.weights, "g": g,
            "terms": matrix.terms,
        }  # fmt: skip
        step = Step("resample", (step,), tuple(shape), arguments)
    return step
