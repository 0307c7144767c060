"""Fits a term to an output: its factor, and the proof that it holds in every sample."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import inf, isfinite, prod

import numpy as np

from ...arrays import Array
from .expressions import Expression, Scale, Term
from .samples import PROBED, Problem, Target

FIRST = 64
"""Elements to compare before all are."""

_Numbers = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""The numbers of a `Scale`: those that are factors, that divide, and whose rest is a factor."""


def is_multiple(target: Array, value: Array, error: float) -> bool:
    """Whether `target` is `value` times some number, up to an absolute error."""
    target, value = target.ravel(), value.ravel().astype(np.float64, copy=False)
    if target.size > 4 * FIRST:  # a few elements tell most that differ
        some = slice(None, None, target.size // FIRST)
        if not is_multiple(target[some], value[some], 4 * error):
            return False
    square = value @ value
    if not np.isfinite(square):
        return False
    if not square > 0:
        return bool(np.abs(target).max(initial=0) <= error)
    return bool(np.abs(target - (target @ value / square) * value).max() <= error)


def fit(problem: Problem, terms: Iterable[Term]) -> Expression | None:
    """The first term that explains the output in all samples."""
    like = problem.like
    for term in terms:
        if like is not None and not term.is_like(like.term):
            continue
        values: list[Array] = []
        for target in problem.targets:
            if like is not None and target.old != like.old:
                continue
            scale = _scale(problem, target, term, values)
            if scale is not None:
                result = problem.result
                return Expression(
                    term, scale, target.old, result.shape, result.dtype, result.strides,
                    target.scale,
                )  # fmt: skip
    return None


def _scale(problem: Problem, target: Target, term: Term, found: list[Array]) -> Scale | None:
    """The factor of the term, if the product is the target in all samples.

    `found` are the values of the term in the first samples, and get those of more.
    """
    factors, margins, values, small = [], [], [], []
    for index, wanted in enumerate(target.values):
        if index == len(found):
            sample = problem.samples[index]
            value = term.compute(sample.inputs, sample.numbers)
            found.append(value.astype(np.float64).ravel())
        value = found[index]
        if value.size != wanted.size or not np.isfinite(value).all():
            return None
        error = target.errors[index]
        if target.sizes[index] <= error:  # it does not tell the factor
            small.append((index, value))
            continue
        places = target.places if index == 0 else slice(PROBED)
        if not is_multiple(wanted.ravel()[places], value[places], error):
            return None
        square, largest = value @ value, np.abs(value).max()
        if not square > 0:
            return None
        factor = float(wanted.ravel() @ value / square)
        if not np.abs(wanted.ravel() - factor * value).max() <= error:
            return None
        if abs(factor) * largest <= error:
            return None
        values.append((index, value))
        factors.append(factor)
        margins.append(2 * error / float(largest))
    if not values:
        return None
    for scale in _scales(problem, [index for index, _ in values], factors, margins):
        if all(
            np.abs(target.values[index].ravel() - factor * value).max() <= 2 * target.errors[index]
            for (index, value), factor in (
                (pair, scale.value(problem.samples[pair[0]].numbers)) for pair in values + small
            )
        ):
            return scale
    return None


def _scales(
    problem: Problem, indices: list[int], factors: list[float], margins: list[float]
) -> Iterator[Scale]:
    """Factors that agree with those of the samples, the simplest first."""
    numbers = [problem.samples[index].numbers for index in indices]
    allowed: dict[_Numbers, tuple[float, float]] = {}
    paths = [
        path for path, number in numbers[0].items()
        if isfinite(number) and number not in (0, 1) and all(known.get(path) for known in numbers)
    ]  # fmt: skip
    for constant, names in _candidates(problem, paths):
        if names not in allowed:
            allowed[names] = _allowed(problem, names, numbers, factors, margins)
        least, most = allowed[names]
        if least <= constant <= most:
            yield Scale(constant, *names)
    constant = _shortest(factors[0], margins[0])
    least, most = _allowed(problem, ((), (), ()), numbers, factors, margins)
    if least <= constant <= most:
        yield Scale(constant)


def _candidates(problem: Problem, paths: list[str]) -> Iterator[tuple[float, _Numbers]]:
    """Constants, each with some numbers, the simplest first."""
    none: _Numbers = ((), (), ())
    counts, signs = _counts(problem), (1.0, -1.0)
    yield from product(signs, [none])
    for sign, path in product(signs, paths):
        yield from product([sign], _alone(path))
    yield from ((sign / count, none) for sign, count in product(signs, counts))
    for sign, path, count in product(signs, paths, counts):
        yield from product([sign / count], _alone(path))
    for sign, first, second in product(signs, paths, paths):
        pairs = ((first, second), (), ()), ((first,), (second,), ()), ((first,), (), (second,))
        yield from product([sign], pairs)
    known = [number for number in problem.samples[0].constants if 0 < number < 1]
    parts = sorted({part for number in known for part in (number, 1 - number)})
    for sign, part, count in product(signs, parts, (1, *counts)):
        yield sign * part / count, none
    for sign, part, count in product(signs, (1.0, *parts), counts):
        yield sign * part * (count / (count - 1)), none


def _allowed(
    problem: Problem, names: _Numbers, numbers: Sequence[Mapping[str, float]],
    factors: list[float], margins: list[float],
) -> tuple[float, float]:  # fmt: skip
    """The least and the largest constant with which these numbers give the factors of samples."""
    scale, none = Scale(1.0, *names), (inf, -inf)
    if problem.like is not None and not scale.is_like(problem.like.scale):
        return none
    if not all(0 < known[path] < 1 for known in numbers for path in scale.rest):
        return none
    least, most = -inf, inf
    for known, factor, margin in zip(numbers, factors, margins, strict=True):
        value = scale.value(known)
        if not abs(value) > 0:
            return none
        ends = (factor - margin) / value, (factor + margin) / value
        least, most = max(least, min(ends)), min(most, max(ends))
        if least > most:
            break
    return least, most


def _alone(path: str) -> tuple[_Numbers, ...]:
    """Factors with one number: times it, over it, times one minus it."""
    return ((path,), (), ()), ((), (path,), ()), ((), (), (path,))


def _counts(problem: Problem) -> list[int]:
    """Numbers of elements along some axes of any array."""
    counts = set()
    for array in [problem.result, *(arrays[0] for arrays in problem.inputs.values())]:
        for number in range(1, array.ndim + 1):
            counts |= {prod(sizes) for sizes in combinations(array.shape, number)}
    return sorted(counts - {0, 1})


def _shortest(value: float, margin: float) -> float:
    """The number with the fewest digits within the margin."""
    for digits in range(1, 17):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= margin:
            return rounded
    return value
