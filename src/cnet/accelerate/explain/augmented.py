"""Dense layers whose bias is a row or column of the weights, and the input has ones for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...arrays import Array
from .expressions import Term
from .samples import Operand, Problem

MOST_AUGMENTED = 12
"""Operands to try."""


@dataclass(frozen=True)
class Augmented:
    """An input with ones before or after its elements along an axis."""

    axis: int
    is_first: bool

    def __call__(self, *arrays: Array) -> Array:
        (x,) = arrays
        shape = (*x.shape[: self.axis], 1, *x.shape[self.axis + 1 :])
        ones = np.ones(shape, x.dtype)
        return np.concatenate((ones, x) if self.is_first else (x, ones), self.axis)

    def __str__(self) -> str:
        return "with ones for the bias"


@dataclass(frozen=True)
class Trimmed:
    """An input without its first or last elements along an axis."""

    axis: int
    is_first: bool

    def __call__(self, *arrays: Array) -> Array:
        rest = slice(1, None) if self.is_first else slice(-1)
        trimmed: Array = arrays[0][(slice(None),) * self.axis + (rest,)]
        return trimmed

    def __str__(self) -> str:
        return "without the bias"


def augmented(problem: Problem) -> list[Term]:
    """Vectors and matrices with or without what belongs to the bias, as further operands."""
    return [term for term, _ in zip(_augmented(problem), range(MOST_AUGMENTED), strict=False)]


def _augmented(problem: Problem) -> Iterator[Term]:
    matrices = {path: arrays[0].shape for path, arrays in problem.inputs.items()}
    for path, shape in matrices.items():
        if not _is_matrix(problem, path):
            continue
        others = [other for one, other in matrices.items() if one != path and len(other) <= 2]
        sizes = {size for other in (*others, problem.shape) for size in other}
        for axis, size in enumerate(shape):
            for is_first in (False, True):
                if size > 1 and size + 1 in sizes:
                    yield Term(Augmented(axis, is_first), (path,))
                if size > 2 and size - 1 in sizes:
                    yield Term(Trimmed(axis, is_first), (path,))


def _is_matrix(problem: Problem, path: Operand) -> bool:
    array = problem.inputs[path][0]
    return array.dtype.kind == "f" and 1 <= array.ndim <= 2
