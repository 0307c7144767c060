"""How the data of samples are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array


@dataclass(frozen=True)
class Kind:
    """How the data of a sample are made."""

    draw: Callable[[np.random.Generator, Array], Array]
    """Makes other real numbers."""
    mix: Callable[[np.random.Generator, Array], Array]
    """Makes other integers, which may be indices: among those in the array and 0."""
    count: Callable[[int, int], int] = lambda old, some: old + 1000 * some
    """Another value of a counter, from the old one and a small number."""
    varies: bool = False
    """Whether numbers in the state, such as learning rates, get other values."""
    disturbs: bool = False
    """Whether arrays change between the forward and the backward call."""
    only: frozenset[str] = frozenset()
    """If not empty, paths of the arrays for which `draw` is; others have mild numbers."""
    is_usual: bool = False
    """Whether weights are small, so that sums of many products do not saturate activations."""


def _normal(rng: np.random.Generator, old: Array) -> Array:
    return rng.standard_normal(old.shape)


def _large(rng: np.random.Generator, old: Array) -> Array:
    """From 0.1 to 1000, so that clipping and thresholds show."""
    return rng.standard_normal(old.shape) * 10.0 ** rng.integers(-1, 4, old.shape)


def medium(rng: np.random.Generator, old: Array) -> Array:
    """Up to 40, where larger numbers overflow."""
    return rng.standard_normal(old.shape) * 10.0 ** rng.integers(-1, 2, old.shape)


def mild(rng: np.random.Generator, old: Array) -> Array:
    """Up to a few times 1, where large numbers overflow."""
    return rng.standard_normal(old.shape) * 10.0 ** rng.integers(-1, 1, old.shape)


def _tied(rng: np.random.Generator, old: Array) -> Array:
    return rng.integers(-2, 3, old.shape).astype(np.float64)


def _apart(rng: np.random.Generator, old: Array) -> Array:
    """Equal elements, none of which is 0 or 1."""
    return rng.choice([-2.0, -1.0, 0.5, 2.0], old.shape)


def booleans(rng: np.random.Generator, old: Array) -> Array:
    return rng.integers(0, 2, old.shape).astype(bool)


def _permuted(rng: np.random.Generator, old: Array) -> Array:
    """In another order; if all are equal, some become 0, or 1 if they are 0."""
    first = old.flat[0]
    if (old == first).all():
        return np.where(rng.integers(0, 2, old.shape), first or 1, 0).astype(old.dtype)
    return rng.permutation(old.reshape(-1)).reshape(old.shape)


def _smaller(rng: np.random.Generator, old: Array) -> Array:
    """None of the largest, so that what depends on the largest shows."""
    values = np.unique(np.append(old, old.dtype.type(0)))
    return rng.choice(values[:-1], old.shape) if len(values) > 1 else _permuted(rng, old)


NORMAL = Kind(_normal, _permuted, is_usual=True)
TIED = Kind(_tied, _smaller, lambda _, some: some, varies=True)
APART = replace(TIED, draw=_apart)
"""For quotients."""
LARGE = Kind(_large, _permuted, varies=True)
DISTURBED = Kind(_large, _permuted, varies=True, disturbs=True)


def near(tiny: Sequence[float]) -> Kind:
    """A kind with numbers near to 0 and 1, and to tiny numbers that keep logarithms finite."""
    values = [0.0, 1.0]
    for one in tiny:
        values += [sign * factor * one for sign in (1, -1) for factor in (0.3, 3.0)]
        values += [1 - 0.3 * one, 1 - 3 * one, 1 / (0.3 * one), 1 / (3 * one)]

    def draw(rng: np.random.Generator, old: Array) -> Array:
        return np.where(
            rng.random(old.shape) < 0.5, rng.choice(values, old.shape), rng.random(old.shape)
        )

    return Kind(draw, _permuted)
