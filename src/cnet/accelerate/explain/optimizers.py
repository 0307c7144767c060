"""Steps of optimizers that divide by the root of a mean of squares: Adam, RMSprop, Adagrad."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import prod
from typing import Any

import numpy as np

from ...arrays import Array
from .arithmetic import Elementwise
from .expressions import Correction, Expression, Term
from .fitting import is_multiple
from .samples import TINY, Operand, Problem

EPSILONS = (0.0, 1e-8, 1e-7, *(float(np.finfo(dtype).eps) for dtype in "df"))
"""Constants to try, with the tiny numbers of the call."""


@dataclass(frozen=True)
class OptimizerStep:
    """A moment, divided by the root of the second moment, perhaps with corrections of both."""

    epsilon: float
    is_corrected_inside: bool = True
    """Whether the second moment is corrected before the constant is added."""

    def __call__(self, *arrays: Any) -> Array:
        first, second, *corrections = arrays
        c1, c2 = corrections or (1.0, 1.0)
        with np.errstate(all="ignore"):
            if self.is_corrected_inside:
                step: Array = first / c1 / (np.sqrt(second / c2) + self.epsilon)
            else:
                step = first / (np.sqrt(second) + self.epsilon) * (np.sqrt(c2) / c1)
        return step

    def __str__(self) -> str:
        return f"divided by the root of the second moment, plus {self.epsilon:g}"


def gradients(problem: Problem, results: Sequence[Expression]) -> list[Term]:
    """What other results of the call are computed from, if it has the size of this result."""
    return [
        one.term for one in results
        if prod(one.shape) == problem.result.size and set(one.term.paths()) <= problem.inputs.keys()
    ]  # fmt: skip


def squares(terms: Sequence[Term]) -> Iterator[Term]:
    """Their squares, of which an optimizer keeps the mean."""
    return (Term(Elementwise("square"), (term,)) for term in terms)


def steps_of_optimizers(problem: Problem, terms: Sequence[Term]) -> Iterator[Term]:
    """Steps from moments that are inputs, or gradients whose squares are in a moment."""
    if problem.result.dtype.kind != "f" or problem.output not in problem.inputs:
        return
    squared = [
        operand for term in terms if term.operation == Elementwise("square")
        for operand in term.operands if isinstance(operand, Term)
    ]  # fmt: skip
    same = [path for path in problem.inputs if problem.inputs[path][0].shape == problem.shape]
    pairs: list[tuple[Operand, Operand]] = [*permutations(same, 2), *product(squared, same)]
    numbers = problem.samples[0].numbers
    tiny = [number for number in numbers.values() if 0 < number <= TINY]
    factors = [(), *_corrections(problem)]
    changes = [
        (target.values[0].reshape(-1)[problem.places], target.errors[0])
        for target in problem.targets if target.old == problem.output
    ]  # fmt: skip
    for first, second in pairs:
        if any(array.min() < 0 for array in problem.inputs[second]):
            continue
        problem.check_time()
        moments = [_at_places(problem, operand) for operand in (first, second)]
        for epsilon, corrections in product(dict.fromkeys((*tiny, *EPSILONS)), factors):
            by = [correction.value(numbers) for correction in corrections]
            for is_inside in (True, False)[: 1 + bool(corrections)]:
                step = OptimizerStep(epsilon, is_inside)
                value = step(*moments, *by)
                if np.isfinite(value).all() and any(
                    is_multiple(change, value, error) for change, error in changes
                ):
                    yield Term(step, (first, second), corrections)


def _corrections(problem: Problem) -> Iterator[tuple[Correction, Correction]]:
    all_numbers = [sample.numbers for sample in problem.samples]
    bases = [path for path in all_numbers[0] if all(0 < n[path] < 1 for n in all_numbers)]
    counters = [
        path for path in all_numbers[0]
        if all(n[path] >= 0 and float(n[path]).is_integer() for n in all_numbers)
        and len({n[path] for n in all_numbers}) > 1
    ]  # fmt: skip
    for (first, second), counter, offset in product(permutations(bases, 2), counters, (1, 0)):
        yield Correction(first, counter, offset), Correction(second, counter, offset)


def _at_places(problem: Problem, operand: Operand) -> Array:
    """Some elements of an operand in the first sample."""
    sample = problem.samples[0]
    if isinstance(operand, Term):
        x = operand.compute(sample.inputs, sample.numbers)
    else:
        x = sample.inputs[operand]
    some: Array = x.reshape(-1)[problem.places]
    return some
