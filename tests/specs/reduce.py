"""Reductions and running sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import HUGE, Arrays, Call, Case, Shape, Spec, zeros
from tolerance import assert_bounded

OPERATIONS = "sum", "squares", "magnitudes", "product", "maximum", "minimum"


@dataclass(frozen=True)
class ReduceCase(Case):
    shape: Shape
    operation: str
    axes: tuple[int, ...] | None = None


def _numbers(case: Case, shape: Shape, dtype: Any) -> np.ndarray:
    """Numbers of both signs around 1, whose products stay finite."""
    x = case.random().normal(1, 0.01, shape) * case.random().choice([-1, 1], shape)
    return np.asarray(x, dtype)


def _reduce(case: ReduceCase, dtype: Any) -> Call:
    x = _numbers(case, case.shape, dtype)
    axes = range(x.ndim) if case.axes is None else case.axes
    terms = int(np.prod([x.shape[axis] for axis in axes], dtype=int))
    return Call("reduce", (x,), {"operation": case.operation, "axes": case.axes}, (terms,))


def _agree(actual: Arrays, expected: Arrays, call: Call, scales: Sequence[Any]) -> None:
    """Results are float64 for float32 arrays too; sums round groups of numbers to float32."""
    (y,), (wanted,), (scale,) = actual, expected, scales
    assert y.dtype == np.float64
    if call.options["operation"] == "sum":
        dtype = call.arrays[0].dtype
        y, wanted = y.astype(dtype), wanted.astype(dtype)
    assert_bounded(y, wanted, call.terms[0] or 1, scale)


def _scales(call: Call, expected: Arrays) -> Arrays:
    """Every reduction is at most the sum of magnitudes, or of the same magnitude as its result."""
    (x,), (y,) = call.arrays, expected
    return (np.abs(x).sum(call.options["axes"], np.float64, keepdims=True) + np.abs(y),)


SHAPES: tuple[tuple[Shape, tuple[int, ...] | None], ...] = (
    ((), None), ((0,), None), ((5,), ()), ((5, 3), ()), ((17,), (0,)), ((2, 3, 4), (0, 2)),
    ((3, 0, 4), (1,)), ((0, 3), (1,)), ((33, 5), (0,)), ((70, 31), (0,)), ((9, 40), (-2,)),
    ((2, 100, 32), (1,)), ((2, 3, 4, 5, 6), (1, 3)), ((3, 1025), (1,)), ((5, 1025), (0,)),
)  # fmt: skip
LARGE: tuple[tuple[Shape, tuple[int, ...] | None], ...] = (
    ((300, 701), None), ((70_001, 3), (0,)), ((70_001, 3), (1,)), ((150, 2001), (0,)),
    ((20, 30, 401), (0, 2)),
)  # fmt: skip

reduce = Spec(
    "reduce",
    call=_reduce,
    cases=tuple(
        ReduceCase(shape, operation, axes) for shape, axes in SHAPES for operation in OPERATIONS
    ),
    typical=ReduceCase((3, 5, 7), "sum", (1,)),
    large=tuple(ReduceCase(shape, "sum", axes) for shape, axes in LARGE),
    scales=_scales,
    agree=_agree,
    keeps_strides=True,
    any_rank=("x",),
    good={"x": zeros(3, 4), "operation": "sum", "axes": (1,)},
    bad=(
        ({"operation": "mean"}, ValueError, "operation must be one of magnitudes, "),
        ({"axes": (2,)}, ValueError, "axes must be different axes of x (got (2,) and 2 axes)"),
        ({"axes": (1, -1)}, ValueError, "axes must be different axes of x"),
        ({"x": HUGE}, ValueError, "x would be too large"),
    ),
)


@dataclass(frozen=True)
class AccumulateCase(Case):
    shape: Shape
    axis: int
    product: bool = False
    reverse: bool = False


def _accumulate(case: AccumulateCase, dtype: Any) -> Call:
    x = _numbers(case, case.shape, dtype)
    options = {"axis": case.axis, "product": case.product, "reverse": case.reverse}
    return Call("accumulate", (x,), options, (x.shape[case.axis],))


def _accumulate_scales(call: Call, expected: Arrays) -> Arrays:
    (x,), (y,) = call.arrays, expected
    return (np.abs(x).sum(call.options["axis"], np.float64, keepdims=True) + np.abs(y),)


accumulate = Spec(
    "accumulate",
    call=_accumulate,
    scales=_accumulate_scales,
    cases=tuple(
        AccumulateCase(shape, axis, product, reverse)
        for shape, axis in (
            ((1,), 0), ((0,), 0), ((33,), 0), ((3, 17), 1), ((9, 17), -1), ((19, 5), 0),
            ((2, 4, 3), 1), ((3, 600), 0),
        )
        for product in (False, True)
        for reverse in (False, True)
    ),
    typical=AccumulateCase((3, 5, 7), 1),
    large=(AccumulateCase((300, 301), 1), AccumulateCase((70, 3, 601), 1)),
    any_rank=("x",),
    good={"x": zeros(3, 4), "axis": 1},
    bad=(
        ({"axis": 2}, ValueError, "axis must be an axis of x (got 2 and 2 axes)"),
        ({"x": HUGE}, ValueError, "x would be too large"),
    ),
)  # fmt: skip
