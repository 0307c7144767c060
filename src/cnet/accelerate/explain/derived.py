"""Gradients of layers with an activation inside: operations on ``grad * activation'(y)``."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from .arithmetic import GRADIENTS, Elementwise
from .expressions import Expression, Term
from .samples import Problem, Sample

NAME = "(derived)"
"""The path of the derived array in a problem."""
MOST = 24


def derived(problem: Problem, terms: Sequence[Term]) -> Iterator[tuple[Problem, Term]]:
    """For each term a problem with one more input, which that term gives."""
    for term in terms:
        samples = [_with(sample, term) for sample in problem.samples]
        if all(np.isfinite(sample.inputs[NAME]).all() for sample in samples):
            yield Problem(samples, problem.output, problem.deadline), term


def of_hints(problem: Problem, hints: Sequence[Expression]) -> list[Term]:
    """The inner terms of other expressions."""
    known = [x for hint in hints for x in hint.term.operands if isinstance(x, Term)]
    usable = [term for term in known if all(path in problem.inputs for path in term.paths())]
    return [*dict.fromkeys(usable)]


def candidates(problem: Problem) -> list[Term]:
    """The gradients of activations for pairs of arrays of one shape."""
    floats = [path for path, arrays in problem.inputs.items() if arrays[0].dtype.kind in "fb"]
    pairs = [
        (a, b) for a, b in permutations(floats, 2)
        if problem.inputs[a][0].shape == problem.inputs[b][0].shape
        and problem.inputs[a][0].dtype.kind == "f" and problem.inputs[a][0].size > 1
    ]  # fmt: skip
    names = [name for name in GRADIENTS if name != "product"]
    terms = [Term(Elementwise(name), pair) for name in names for pair in pairs]
    masks = [pair for pair in pairs if problem.inputs[pair[1]][0].dtype.kind == "b"]
    return [*(Term(Elementwise("product"), pair) for pair in masks), *terms][:MOST]


def _with(sample: Sample, term: Term) -> Sample:
    with np.errstate(all="ignore"):
        return replace(sample, inputs={**sample.inputs, NAME: term.compute(sample.inputs)})


def substituted(expression: Expression, term: Term) -> Expression | None:
    """The expression with the term in place of the derived array, if it uses that."""
    if NAME not in expression.operands:
        return None
    return replace(expression, term=_replaced(expression.term, term))


def _replaced(outer: Term, term: Term) -> Term:
    operands = [_replaced(x, term) if isinstance(x, Term) else x for x in outer.operands]
    return Term(outer.operation, tuple(term if x == NAME else x for x in operands))
