"""Compares what a plan computes with what the original has done."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from ..arrays import Array
from ._calls import Before, Build, Existing, Leaf, Next, Number, Outcome, Template, arguments
from ._plans import Plan, Values
from ._printed import collected
from ._values import walk
from .explain.memory import steps

TOLERANCE = {"float16": 1e-2, "float32": 2e-4, "float64": 1e-8}
"""The largest difference that is rounding, relative to the largest element."""


class Mismatch(Exception):
    """A plan and the original differ."""

    def __init__(self, output: str, difference: str, ours: Any = None, theirs: Any = None) -> None:
        super().__init__(f"{output} {difference}")
        self.output, self.ours, self.theirs = output, ours, theirs


def run_original(
    plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Callable[[], Outcome], float]:
    """Call the original for the user: its result, what finds out what it has done, its seconds."""
    roots = arguments(plan.original, args, kwargs).values
    tree = walk(roots, plan.reads, plan.skip)
    before = Before(tree, plan.outcome.writes, plan.outcome.mutated)
    with collected(shows=True) as printed:
        start = perf_counter()
        result = plan.original(*args, **kwargs)
        seconds = perf_counter() - start
    return result, lambda: before.after(result, printed), seconds


def compare(
    plan: Plan, values: Values, made: Sequence[Array], outcome: Outcome, rtol: float | None
) -> None:
    """Raise `Mismatch` unless the original has done what the plan would have done."""
    left_out = plan.forward.deferred if plan.forward is not None else frozenset()
    numbers = {path: values[index] for path, index in plan.leaves}
    theirs = {
        place: template for place, template in outcome.writes.items()
        if place[0] != plan.own or place[1] not in left_out or place in plan.outcome.writes
    }  # fmt: skip
    if theirs.keys() != plan.outcome.writes.keys():
        names = {f"{a}.{b}" for a, b in theirs.keys() ^ plan.outcome.writes.keys()}
        raise Mismatch(min(names), "is not set by both")
    if outcome.mutated != plan.outcome.mutated:
        both = {*outcome.mutated} ^ {*plan.outcome.mutated}
        raise Mismatch(min(both), "is not changed by both")
    if outcome.printed != plan.outcome.printed:
        raise Mismatch("the printed text", "is another one")
    if not _matches(plan.outcome.result, outcome.result, numbers):
        raise Mismatch("the result", "is another kind of value")
    for (holder, key), template in plan.outcome.writes.items():
        is_deferred = holder == plan.own and key in plan.deferred
        if not is_deferred and not _matches(template, theirs[holder, key], numbers):
            raise Mismatch(f"{holder}.{key}", "is another kind of value")
    limit = rtol if rtol is not None else _tolerance(plan, values)
    for index, (name, array) in enumerate(zip(plan.expressions, made, strict=True)):
        theirs_now = outcome.arrays[name] if name in outcome.arrays else outcome.numbers[name]
        _compare_arrays(name, array, theirs_now, limit, partial(_terms, plan, values, index))
        is_new = name not in outcome.mutated
        if is_new and steps(array.shape, array.strides) != steps(array.shape, theirs_now.strides):
            sides = f"{theirs_now.strides}, and {array.strides} by cnet"
            raise Mismatch(name, f"has the strides {sides}")


def _matches(ours: Template, theirs: Template, numbers: Mapping[str, Any]) -> bool:
    if isinstance(ours, Existing) and isinstance(theirs, Leaf):
        number = numbers.get(ours.path)
        return type(number) is type(theirs.value) and number == theirs.value
    if isinstance(ours, Number) and isinstance(theirs, Leaf):
        return type(theirs.value) is ours.kind
    if isinstance(ours, Next):
        return theirs == Leaf(numbers[ours.path] + 1, "")
    if isinstance(ours, Leaf) and isinstance(theirs, Leaf):
        return type(ours.value) is type(theirs.value) and bool(ours.value == theirs.value)
    if isinstance(ours, Build) and isinstance(theirs, Build):
        if ours.items is None or theirs.items is None:
            return ours.name == theirs.name
        if (ours.kind, ours.keys) != (theirs.kind, theirs.keys):
            return False
        pairs = zip(ours.items, theirs.items, strict=True)
        return all(_matches(a, b, numbers) for a, b in pairs)
    return ours == theirs


def _tolerance(plan: Plan, values: Values) -> float:
    arrays = [values[index] for _, index in plan.leaves]
    names = [array.dtype.name for array in arrays if isinstance(array, np.ndarray)]
    return max([TOLERANCE["float64"], *(TOLERANCE.get(name, 0.0) for name in names)])


def _terms(plan: Plan, values: Values, index: int) -> float:
    """The size of what a result is a sum of, which may be 0 up to rounding."""
    positive = [
        np.abs(v) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for v in values
    ]
    with np.errstate(all="ignore"):
        size = float(np.abs(plan.compute(tuple(positive))[index]).max())
    return size if isfinite(size) else 0.0


def _compare_arrays(
    name: str, ours: Array, theirs: Array, limit: float, terms: Callable[[], float]
) -> None:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        sides = f"{theirs.dtype}{theirs.shape}, and {ours.dtype}{ours.shape} by cnet"
        raise Mismatch(name, f"is {sides}", ours, theirs)
    if ours.size == 0:
        return
    with np.errstate(all="ignore"):
        gap = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max()
        scale = np.abs(theirs.astype(np.float64)).max()
    if not gap <= limit * scale + 1e-300 and not gap <= limit * terms():
        raise Mismatch(
            name, f"differs by {gap:.2g}, and its largest element is {scale:.2g}", ours, theirs
        )


def agree_where_finite(ours: Array, theirs: Array) -> bool:
    """Whether the same elements are finite, and these are equal up to rounding."""
    known = np.isfinite(theirs)
    if not np.array_equal(np.isfinite(ours), known):
        return False
    gap = np.abs(ours[known].astype(np.float64) - theirs[known])
    limit = TOLERANCE.get(theirs.dtype.name, TOLERANCE["float64"])
    return bool(gap.max(initial=0) <= limit * np.abs(theirs[known]).max(initial=0))
