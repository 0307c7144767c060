"""Losses: one number for all elements of one or two inputs, up to a factor such as ``1 / n``.

And the gradients of cross-entropy for the probabilities.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations, repeat
from math import inf
from typing import Any

import numpy as np

from ...arrays import Array
from .expressions import Operation, Scale, Term, in_one_dtype
from .samples import Operand, Problem, tiny_numbers
from .softmax import Softmax, with_rows


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
    """The sum over the rows of the elements at their labels; the operands are (x, labels).

    A vector is one row, and its label may be a number.
    """

    def __call__(self, *operands: Any) -> Any:
        return _at_labels(*operands).sum()

    def __str__(self) -> str:
        return "sum at the labels"


@dataclass(frozen=True)
class Guard:
    """What keeps the argument of a logarithm, or a denominator, away from zero."""

    added: float = 0.0
    least: float = 0.0
    most: float = inf

    def __call__(self, p: Array, is_rest: bool = False) -> Array:
        """The probabilities, or one minus these."""
        if self.least:
            p = np.maximum(p, self.least)
        if self.most < inf:
            p = np.minimum(p, self.most)
        if is_rest:
            p = 1 - p
        return p + self.added if self.added else p

    def log(self, p: Array, is_rest: bool = False) -> Array:
        """The logarithm of the probabilities, or of one minus these."""
        return np.log(self(p, is_rest))


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
class EntropyGradient:
    """``t / p``; if it is binary, minus ``(1 - t) / (1 - p)``; the operands are (p, t)."""

    guard: Guard
    is_binary: bool = False

    def __call__(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            first, second = self.parts(*arrays)
            return first - second if self.is_binary else first

    def parts(self, *arrays: Array) -> tuple[Array, Array]:
        """Both quotients; the second is 0 if it is not binary."""
        p, t = in_one_dtype(arrays)
        first: Array = t / self.guard(p)
        return first, (1 - t) / self.guard(p, True) if self.is_binary else np.zeros_like(first)

    def __str__(self) -> str:
        return f"{'binary ' * self.is_binary}cross-entropy, dx"


@dataclass(frozen=True)
class LabelEntropy:
    """The sum over the rows of the logarithms at their labels; the operands are (p, labels)."""

    guard: Guard

    def __call__(self, *operands: Any) -> Any:
        return self.guard.log(_at_labels(*operands)).sum()

    def __str__(self) -> str:
        return "cross-entropy at the labels"


def losses(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Losses that may explain the output."""
    if problem.result.size != 1:
        return
    guards = [*_guards(problem)]
    of_labels: list[Operation] = [AtLabels(), *map(LabelEntropy, guards)]
    for path in problem.singles():
        yield from (Term(operation, (path,)) for operation in (Squares(), Distances()))
        x = problem.inputs[path][0]
        if x.dtype.kind == "f" and 1 < x.size == max(x.shape):
            for label in _labels_of(problem, x.size):
                number = (Scale(1.0, (label,)),)
                yield from (Term(operation, (path,), number) for operation in of_labels)
    for first, second in problem.pairs():
        p, t = problem.inputs[first][0], problem.inputs[second][0]
        if p.size < 2 or p.dtype.kind != "f":
            continue
        if p.shape == t.shape:
            yield from _of_targets(first, second, guards)
            continue
        for rows in with_rows(problem, first, second, p.shape):
            yield from (Term(operation, (rows, second)) for operation in of_labels)


def entropy_gradients(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Gradients of cross-entropy that agree in each element: guarded ones differ by far."""
    size = problem.result.size
    if problem.result.dtype.kind != "f" or size < 2:
        return
    everywhere = slice(None)
    for first, second in permutations(problem.of_size(size), 2):
        p, t = problem.inputs[first], problem.inputs[second]
        if p[0].dtype.kind != "f" or p[0].shape != t[0].shape:
            continue
        for guard in _guards(problem):
            for is_binary in (False, True):
                operation = EntropyGradient(guard, is_binary)
                probe = partial(_is_gradient, operation, 10 * problem.tolerance)
                if probe(p[0], t[0], problem.result, problem.places) and all(
                    map(probe, p, t, problem.results, repeat(everywhere))
                ):
                    yield Term(operation, (first, second))


def _is_gradient(
    operation: EntropyGradient, error: float, p: Array, t: Array, dx: Array, places: Any
) -> bool:
    """Whether `dx` is the gradient times one number, up to rounding of the quotients."""
    p, t, dx = (array.reshape(-1)[places] for array in (p, t, dx))
    with np.errstate(all="ignore"):
        positive, negative = operation.parts(p, t)
        value, size = positive - negative, np.abs(positive) + np.abs(negative)
        factor = dx @ value / (value @ value)
        return bool((np.abs(dx - factor * value) <= error * abs(factor) * size).all())


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


def _labels_of(problem: Problem, size: int) -> list[str]:
    """Paths of the integers that may be the label of a vector."""
    all_numbers = [sample.numbers for sample in problem.samples]
    return [
        path for path in all_numbers[0]
        if all(float(n[path]).is_integer() and 0 <= n[path] < size for n in all_numbers)
    ]  # fmt: skip


def _difference(arrays: tuple[Array, ...]) -> Array:
    """One array, or the difference of two, with one axis."""
    x = arrays[0] if len(arrays) == 1 else np.subtract(*arrays)
    return x.ravel() if x.dtype.kind == "f" else x.ravel().astype(np.float64)


def _at_labels(x: Array, labels: Any) -> Array:
    labels = np.asarray(labels, np.intp).reshape(-1)
    rows = x if len(x) == len(labels) else x.reshape(1, -1)
    picked: Array = rows[np.arange(len(rows)), labels]
    return picked
