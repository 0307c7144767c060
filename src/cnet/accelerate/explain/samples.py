"""Recorded calls of a function, and what an explanation of one of their results has to match."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, permutations
from math import isqrt
from time import thread_time

import numpy as np

from ...arrays import Array
from .expressions import ONE, Expression, Scale, Term

Operand = str | Term
"""An input, by its path, or what is computed from inputs."""

TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float16): 5e-3}
"""The allowed error relative to the largest element, by the least precise dtype of a sample."""
EXACT = 1e-10
"""The allowed relative error in float64."""
MOST_OLD = 3
"""The largest number of inputs to which the result may be added."""
MOST_DECAYS = 24
"""The largest number of factors of the old value to try."""
TINY = 1e-6
"""Numbers up to this are constants, as those that are added to a denominator."""
MOST_TINY = 1e-3
"""The largest number that may keep the argument of a logarithm away from zero."""
UNDERFLOW = 1e-150
"""The allowed absolute error: smaller numbers have no squares."""
PROBED = 16
"""Elements to compare before all are computed."""
ROUNDING = 8
"""The allowed error of a sum with old values, in units in the last place of the largest."""


@dataclass(frozen=True)
class Sample:
    """One call of the original.

    Parameters
    ----------
    inputs : mapping of str to ndarray
        Arguments and state before the call, by path: "x", "self.W".
    numbers : mapping of str to float
        Scalars by path: "self.lr", "self.stride".
    outputs : mapping of str to ndarray
        Returned, set or changed arrays after the call: "return", "return[0]", "self.dW".
    constants : frozenset of float, default empty
        Numbers in the code of the call.
    """

    inputs: Mapping[str, Array]
    numbers: Mapping[str, float]
    outputs: dict[str, Array]
    constants: frozenset[float] = frozenset()


@dataclass(frozen=True)
class Target:
    """The numbers that a term has to equal up to a factor, for each sample."""

    old: str | None
    """The input that the term is added to."""
    values: list[Array]
    """In float64, in the shape of the output."""
    errors: list[float]
    """The allowed absolute error of each."""
    scale: Scale = ONE
    """The factor of that input."""

    @cached_property
    def places(self) -> Array:
        """Some places where the first value is not zero, to compare before all are computed."""
        known = np.flatnonzero(self.values[0])
        places: Array = known[np.linspace(0, len(known) - 1, min(len(known), PROBED)).astype(int)]
        return places

    @cached_property
    def sizes(self) -> list[float]:
        return [float(np.abs(value).max(initial=0)) for value in self.values]


def tiny_numbers(numbers: Iterable[float]) -> list[float]:
    """Those that may keep the argument of a logarithm away from zero."""
    return sorted({float(number) for number in numbers if 0 < number <= MOST_TINY})


class OutOfTime(Exception):
    """The search has taken too long."""


@dataclass(frozen=True)
class Problem:
    """One output of all samples, with the inputs that may explain it."""

    samples: Sequence[Sample]
    output: str
    results: list[Array] = field(init=False)
    inputs: dict[Operand, list[Array]] = field(init=False)
    """Arrays of all samples: real numbers, and at least one."""
    deadline: float = float("inf")
    """The search ends when `time.thread_time` has reached this."""
    known_targets: list[Target] = field(init=False)
    new: frozenset[Operand] = frozenset()
    """If not empty, operands of which an explanation must have at least one."""
    like: Expression | None = None
    """If not None, what an explanation must agree with, but for sizes."""

    def __post_init__(self) -> None:
        results = [np.asarray(sample.outputs[self.output]) for sample in self.samples]
        inputs = {}
        for path in self.samples[0].inputs:
            arrays = [sample.inputs.get(path) for sample in self.samples]
            if all(_is_usable(array) for array in arrays):
                inputs[path] = [np.asarray(array) for array in arrays]
        object.__setattr__(self, "results", results)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "known_targets", list(self._targets()))

    @property
    def targets(self) -> list[Target]:
        """What may be explained; each attempt asks for it.

        Raises
        ------
        OutOfTime
            After the deadline.
        """
        self.check_time()
        return self.known_targets

    def check_time(self) -> None:
        """Raise `OutOfTime` after the deadline."""
        if thread_time() > self.deadline:
            raise OutOfTime

    @property
    def result(self) -> Array:
        return self.results[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.results[0].shape

    @cached_property
    def tolerance(self) -> float:
        arrays = [self.result, *(arrays[0] for arrays in self.inputs.values())]
        return max([EXACT, *(TOLERANCE.get(array.dtype, 0.0) for array in arrays)])

    @property
    def places(self) -> Array:
        """Those of all targets; no term that is zero there explains one of them."""
        return np.unique(np.concatenate([target.places for target in self.known_targets]))

    def of_size(self, size: int) -> Iterator[Operand]:
        """The inputs with this number of elements."""
        return (path for path, arrays in self.inputs.items() if arrays[0].size == size)

    def singles(self) -> Iterator[Operand]:
        """The inputs that may be the only operand."""
        return (path for path in self.inputs if not self.new or path in self.new)

    def pairs(self) -> Iterator[tuple[Operand, Operand]]:
        """The ordered pairs of inputs that may be the two operands."""
        for first, second in permutations(self.inputs, 2):
            if not self.new or first in self.new or second in self.new:
                yield first, second

    def contracted(self) -> Iterator[tuple[Operand, Operand]]:
        """The pairs whose sizes are those of factors of a product with as many elements."""
        for first, second in self.pairs():
            sizes = self.inputs[first][0].size * self.inputs[second][0].size
            squared, rest = divmod(sizes, self.result.size)
            if not rest and isqrt(squared) ** 2 == squared:
                yield first, second

    def with_terms(self, terms: Sequence[Term]) -> "Problem":
        """The same with what these terms compute as further inputs, at least one of them used."""
        other = copy(self)
        more = {
            term: [
                np.asarray(term.compute(sample.inputs, sample.numbers)) for sample in self.samples
            ]
            for term in terms
        }
        object.__setattr__(other, "inputs", {**self.inputs, **more})
        object.__setattr__(other, "new", frozenset(terms))
        return other

    def _targets(self) -> Iterator[Target]:
        values = [result.astype(np.float64) for result in self.results]
        largest = [float(np.abs(value).max(initial=0)) for value in values]
        yield Target(None, values, [self.tolerance * size + UNDERFLOW for size in largest])
        if self.result.dtype.kind != "f":
            return
        for path in self._places_of_old():
            if target := self._change(path, values):
                yield target

    def _places_of_old(self) -> list[str]:
        """Inputs to which something may have been added."""
        places = [self.output] if self.output in self.inputs else self.inputs
        same = [path for path in places if self.inputs[path][0].shape == self.shape]
        return [path for path in same[:MOST_OLD] if isinstance(path, str)]

    def with_decay(self) -> "Problem | None":
        """The same for what is added to a multiple of the old value; None if there is no factor."""
        if self.result.dtype.kind != "f":
            return None
        all_numbers = [sample.numbers for sample in self.samples]
        paths = [path for path in all_numbers[0] if all(0 < n[path] < 1 for n in all_numbers)]
        constants = sorted(number for number in self.samples[0].constants if 0 < number < 1)
        scales = [
            *(Scale(1.0, (path,)) for path in paths),
            *(Scale(rest=some) for count in (1, 2) for some in combinations(paths, count)),
            *(Scale(factor) for number in constants for factor in (number, 1 - number)),
        ]
        values = [result.astype(np.float64) for result in self.results]
        targets = [
            self._change(path, values, scale)
            for path in self._places_of_old() for scale in scales[:MOST_DECAYS]
        ]  # fmt: skip
        other = copy(self)
        object.__setattr__(other, "known_targets", [target for target in targets if target])
        return other if other.known_targets else None

    def _change(self, path: str, values: list[Array], scale: Scale = ONE) -> Target | None:
        """What is added to a multiple of an input; None if two samples do not tell."""
        old = [
            array * scale.value(sample.numbers) if scale != ONE else array
            for array, sample in zip(self.inputs[path], self.samples, strict=True)
        ]
        changes = [value - before for value, before in zip(values, old, strict=True)]
        sizes = [float(np.abs(change).max(initial=0)) for change in changes]
        unit = ROUNDING * float(np.finfo(self.result.dtype).eps)
        noise = [
            unit * max(float(np.abs(value).max(initial=0)), float(np.abs(before).max()))
            for value, before in zip(values, old, strict=True)
        ]
        tell = [size > 1000 * error for size, error in zip(sizes, noise, strict=True)]
        if not tell[0] or sum(tell) < min(2, len(tell)):
            return None
        errors = [
            error + (self.tolerance * size if is_large else size)
            for size, error, is_large in zip(sizes, noise, tell, strict=True)
        ]
        return Target(path, changes, errors, scale)


def _is_usable(array: object) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiub" and array.size > 0
