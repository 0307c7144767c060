"""Expressions: how one output of a call is computed from its inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from ...arrays import FLOAT32, FLOAT64, Array, Shape
from ...dropin._arrays import float_dtype
from .memory import placed, steps

NO_NUMBERS: Mapping[str, float] = MappingProxyType({})


class Operation(Protocol):
    """A function of arrays, with everything else as fields; prints as a short description."""

    def __call__(self, *arrays: Any) -> Array: ...


@dataclass(frozen=True)
class Scale:
    """A factor: a constant, times some numbers of the call, divided by others.

    It may also have a factor of one minus the product of some numbers.
    """

    constant: float = 1.0
    times: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the numbers."""
        return self.times + self.over + self.rest

    def value(self, numbers: Mapping[str, float]) -> float:
        value = self.constant
        for path in self.times:
            value *= numbers[path]
        for path in self.over:
            value /= numbers[path]
        return value * (1 - prod(numbers[path] for path in self.rest)) if self.rest else value

    def is_like(self, other: "Scale") -> bool:
        """Whether it has the same numbers, and may have another constant."""
        return (self.times, self.over, self.rest) == (other.times, other.over, other.rest)

    def __str__(self) -> str:
        if not self.paths:
            return f"{self.constant:g}"
        rest = [f"(1 - {' * '.join(self.rest)})"] * bool(self.rest)
        numbers = " * ".join([*self.times, *rest]) or "1"
        if self.over:
            numbers += " / " + " / ".join(self.over)
        return {1.0: "", -1.0: "-"}.get(self.constant, f"{self.constant:g} * ") + numbers


@dataclass(frozen=True)
class Correction:
    """One minus a power of a number, as Adam corrects its moments; the exponent is a counter."""

    base: str
    exponent: str
    offset: int

    @property
    def paths(self) -> tuple[str, ...]:
        return self.base, self.exponent

    def value(self, numbers: Mapping[str, float]) -> float:
        exponent = numbers[self.exponent] + self.offset
        return 1.0 - float(pow(numbers[self.base], exponent))


@dataclass(frozen=True)
class Term:
    """An operation applied to inputs, which are paths, to other terms, and to numbers."""

    operation: Operation
    operands: "tuple[str | Term, ...]"
    factors: "tuple[Correction | Scale, ...]" = ()

    def compute(
        self, arrays: Mapping[str, Array], numbers: Mapping[str, float] = NO_NUMBERS
    ) -> Array:
        return self.operation(
            *[x.compute(arrays, numbers) if isinstance(x, Term) else arrays[x]
              for x in self.operands],
            *[factor.value(numbers) for factor in self.factors],
        )  # fmt: skip

    def paths(self) -> Iterator[str]:
        for operand in self.operands:
            if isinstance(operand, str):
                yield operand
            else:
                yield from operand.paths()

    def under(self, prefix: str) -> "Term":
        """The same of inputs whose paths begin with a prefix."""
        operands = [x.under(prefix) if isinstance(x, Term) else prefix + x for x in self.operands]
        return replace(self, operands=tuple(operands))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Paths of the numbers that it reads."""
        inner = [x.numbers for x in self.operands if isinstance(x, Term)]
        return tuple(chain(*inner, *[factor.paths for factor in self.factors]))

    def is_like(self, other: "Term") -> bool:
        """Whether it differs from another one in sizes only."""
        own, theirs = ((tuple(x.paths()), x.factors, str(x)) for x in (self, other))
        return own == theirs

    def __str__(self) -> str:
        inner = [str(operand) for operand in self.operands if isinstance(operand, Term)]
        return "; ".join([*inner, str(self.operation)])


ONE = Scale()


@dataclass(frozen=True)
class Expression:
    """``[old_scale * old +] scale * term``, in the memory order of the original's result.

    It is valid for inputs of the shapes and dtypes from which it was found.
    """

    term: Term
    scale: Scale
    old: str | None
    shape: Shape
    dtype: np.dtype[Any]
    strides: Shape
    old_scale: Scale = ONE

    @property
    def operands(self) -> tuple[str, ...]:
        """Paths of the inputs that it reads."""
        own = () if self.old is None else (self.old,)
        return tuple(dict.fromkeys((*own, *self.term.paths())))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Paths of the numbers that it reads."""
        return tuple(dict.fromkeys(self.scale.paths + self.old_scale.paths + self.term.numbers))

    def compute(self, arrays: Mapping[str, Array], numbers: Mapping[str, float]) -> Array:
        """The result for these inputs, as a new array."""
        value = self.term.compute(arrays, numbers)
        if value.shape != self.shape:
            value = value.reshape(self.shape)
        if self._is_scaled:
            value = value * self.scale.value(numbers)
        if self.old is not None:
            old = arrays[self.old]
            value = (old * self.old_scale.value(numbers) if self._is_decayed else old) + value
        if value.dtype is not self.dtype:
            value = value.astype(self.dtype)
        if value.strides != self.strides and steps(value.shape, value.strides) != self._steps:
            value = placed(value, self.strides)
        return value

    @cached_property
    def _steps(self) -> Shape:
        return steps(self.shape, self.strides)

    @cached_property
    def _is_scaled(self) -> bool:
        return self.scale != ONE

    @cached_property
    def _is_decayed(self) -> bool:
        return self.old_scale != ONE

    def __str__(self) -> str:
        scale = "" if self.scale == ONE else f", times {self.scale}"
        times = f"{self.old_scale} * " if self._is_decayed else ""
        old = "" if self.old is None else f", added to {times}{self.old}"
        return f"{self.term}{scale}{old}"


def in_one_dtype(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    """The arrays in float32 if NumPy promotes them to it, else in float64."""
    dtype = arrays[0].dtype
    if dtype is FLOAT64 or dtype is FLOAT32:
        for array in arrays:
            if array.dtype is not dtype:
                break
        else:
            return arrays
    dtype = np.dtype(float_dtype(*arrays))
    return tuple([array.astype(dtype, copy=False) for array in arrays])
