"""Exponential linear units with any factor of their negative part, and their gradients."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import kernels
from ...arrays import Array
from .expressions import Scale, Term, in_one_dtype
from .fitting import is_multiple
from .samples import Operand, Problem

CLOSE = 1e-6
"""The relative difference of a factor that was estimated and a number of the call."""


@dataclass(frozen=True)
class Elu:
    """``x`` where it is positive, and elsewhere ``alpha * (exp(x) - 1)``; operands (x, alpha)."""

    def __call__(self, *operands: Any) -> Array:
        (x,) = in_one_dtype(operands[:1])
        return kernels.elementwise(x, "elu", float(operands[1]), 1.0)

    def __str__(self) -> str:
        return "elu with a factor"


@dataclass(frozen=True)
class EluGradient:
    """Its gradient; the operands are (dy, x, alpha)."""

    is_one_at_zero: bool

    def __call__(self, *operands: Any) -> Array:
        dy, x = in_one_dtype(operands[:2])
        alpha = float(operands[2])
        dx: Array = kernels.elementwise_backward(dy, x, "elu", alpha, 1.0)
        np.copyto(dx, dy if self.is_one_at_zero else alpha * dy, where=x == 0)
        return dx

    def __str__(self) -> str:
        return "elu with a factor, dx" + ", 1 at 0" * self.is_one_at_zero


def exponential_units(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Units and gradients whose factor, estimated at one place, agrees at others."""
    if problem.result.dtype.kind != "f":
        return
    target, places = problem.targets[0], problem.places
    y = target.values[0].reshape(-1)[places]
    same = {
        path: problem.inputs[path][0].reshape(-1)[places].astype(np.float64)
        for path in problem.of_size(problem.result.size)
    }
    for path, x in same.items():
        with np.errstate(all="ignore"):
            rest = np.exp(np.minimum(x, 0))
            gradients = [(other, y / dy) for other, dy in same.items() if other != path]
        alpha = _ratio(y, x, x, np.expm1(np.minimum(x, 0)))
        if alpha is not None:
            value = np.where(x > 0, x, alpha * (rest - 1))
            if is_multiple(y, value, 1e3 * target.errors[0]):
                for factor in _factors(problem, alpha):
                    yield Term(Elu(), (path,), (factor,))
        for other, slope in gradients:
            alpha = _ratio(slope, x, np.ones_like(x), rest)
            if alpha is not None:
                value = np.where(x > 0, same[other], alpha * rest * same[other])
                if is_multiple(y, value, 1e3 * target.errors[0]):
                    yield from _gradients(problem, (other, path), alpha)


def _gradients(problem: Problem, paths: tuple[Operand, ...], alpha: float) -> Iterator[Term]:
    for factor in _factors(problem, alpha):
        for is_one_at_zero in (True, False):
            yield Term(EluGradient(is_one_at_zero), paths, (factor,))


def _ratio(y: Array, x: Array, above: Array, below: Array) -> float | None:
    """The factor of `below` where `x` is negative, if that of `above` elsewhere is 1."""
    negative, positive = np.flatnonzero(x < 0), np.flatnonzero(x > 0)
    if not len(negative) or not len(positive):
        return None
    i, j = negative[np.argmin(x[negative])], positive[np.argmax(x[positive])]
    with np.errstate(all="ignore"):
        alpha = float(y[i] / below[i] / (y[j] / above[j]))
    return alpha if np.isfinite(alpha) and alpha > 0 else None


def _factors(problem: Problem, alpha: float) -> Iterator[Scale]:
    """Numbers of the call with this value, or a constant."""
    for path, number in problem.samples[0].numbers.items():
        if abs(number - alpha) <= CLOSE * alpha:
            yield Scale(1.0, (path,))
    for digits in range(1, 16):
        rounded = float(f"{alpha:.{digits}g}")
        if abs(rounded - alpha) <= CLOSE * 1e-3 * alpha:
            yield Scale(rounded)
            return
