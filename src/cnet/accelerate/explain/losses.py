"""Losses: one number for all elements of one or two inputs, up to a factor such as ``1 / n``."""

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np

from ..._dataclasses import dataclass
from ...arrays import Array
from .expressions import Term
from .samples import Operand, Problem, tiny_numbers
from .softmax import Softmax, of_labels


@dataclass(frozen=True)
class Squares:
    """The sum of the squares of an input, or of a difference."""

    def __call__(self, *arrays: Array) -> Any:
        x = _difference(arrays)
        return np.dot(x, x)

    def __str__(self) -> str:
        return "sum of squares"


@dataclass(frozen=True)
class Distances:
    """The sum of absolute values."""

    def __call__(self, *arrays: Array) -> Any:
        return np.abs(_difference(arrays)).sum()

    def __str__(self) -> str:
        return "sum of absolute values"


@dataclass(frozen=True)
class Products:
    """The sum of the products of two inputs."""

    def __call__(self, *arrays: Array) -> Any:
        return np.dot(*map(np.ravel, arrays))

    def __str__(self) -> str:
        return "sum of products"


@dataclass(frozen=True)
class AtLabels:
    """The sum over the rows of the elements at their labels; the operands are (x, labels)."""

    def __call__(self, *arrays: Array) -> Any:
        return _at_labels(*arrays).sum()

    def __str__(self) -> str:
        return "sum at the labels"


@dataclass(frozen=True)
class Guard:
    """What keeps the argument of a logarithm away from zero."""

    added: float = 0.0
    least: float = 0.0
    most: float = inf

    def log(self, p: Array, is_rest: bool = False) -> Array:
        """The logarithm of probabilities, or of one minus these."""
        if self.least:
            p = np.maximum(p, self.least)
        if self.most < inf:
            p = np.minimum(p, self.most)
        if is_rest:
            p = 1 - p
        return np.log(p + self.added if self.added else p)


@dataclass(frozen=True)
class Entropy:
    """The sum of ``t * log(p)``; if it is binary, also of ``(1 - t) * log(1 - p)``."""

    guard: Guard
    is_binary: bool = False

    def __call__(self, *arrays: Array) -> Any:
        p, t = map(np.ravel, arrays)
        total = np.dot(self.guard.log(p), t)
        return total + np.dot(self.guard.log(p, True), 1 - t) if self.is_binary else total

    def __str__(self) -> str:
        return "binary cross-entropy" if self.is_binary else "cross-entropy"


@dataclass(frozen=True)
class LabelEntropy:
    """The sum over the rows of the logarithms at their labels; the operands are (p, labels)."""

    guard: Guard

    def __call__(self, *arrays: Array) -> Any:
        return self.guard.log(_at_labels(*arrays)).sum()

    def __str__(self) -> str:
        return "cross-entropy at the labels"


def losses(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Losses that may explain the output."""
    if problem.result.size != 1:
        return
    guards = [*_guards(problem)]
    for path in problem.singles():
        yield from (Term(operation, (path,)) for operation in (Squares(), Distances()))
    for first, second in problem.pairs():
        p, t = problem.inputs[first][0], problem.inputs[second][0]
        if p.size < 2 or p.dtype.kind != "f":
            continue
        if p.shape == t.shape:
            yield from _of_targets(first, second, guards)
        elif of_labels(problem, second, p.shape):
            yield Term(AtLabels(), (first, second))
            yield from (Term(LabelEntropy(guard), (first, second)) for guard in guards)


def probabilities(problem: Problem) -> list[Term]:
    """Softmax of inputs and its logarithm, of which an output that is one number may be a loss."""
    if problem.result.size != 1:
        return []
    return [
        Term(Softmax(axis, is_logarithm), (path,))
        for path, arrays in problem.inputs.items()
        for axis in dict.fromkeys((arrays[0].ndim - 1, 0))
        for is_logarithm in (False, True)
        if arrays[0].dtype.kind == "f" and 0 < arrays[0].ndim < 3 and arrays[0].shape[axis] > 1
    ]


def _of_targets(first: Operand, second: Operand, guards: list[Guard]) -> Iterator[Term]:
    for operation in (Squares(), Distances(), Products()):
        yield Term(operation, (first, second))
    for guard in guards:
        yield from (Term(Entropy(guard, is_binary), (first, second)) for is_binary in (False, True))


def _guards(problem: Problem) -> Iterator[Guard]:
    """By the tiny numbers that the call knows."""
    sample = problem.samples[0]
    yield Guard()
    for tiny in tiny_numbers((*sample.constants, *sample.numbers.values())):
        yield from (Guard(tiny), Guard(0.0, tiny))
        yield from (Guard(0.0, tiny, most) for most in (1 - tiny, 1.0))


def _difference(arrays: tuple[Array, ...]) -> Array:
    """One array, or the difference of two, with one axis."""
    x = arrays[0] if len(arrays) == 1 else np.subtract(*arrays)
    return x.ravel() if x.dtype.kind == "f" else x.ravel().astype(np.float64)


def _at_labels(x: Array, labels: Array) -> Array:
    picked: Array = x[np.arange(len(x)), labels.reshape(-1)]
    return picked
