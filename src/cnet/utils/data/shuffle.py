"""Random orders that depend only on a seed.

NumPy guarantees the raw output of a bit generator for all versions, but not the result of
`Generator.permutation`. Therefore this module makes orders from raw output only.
"""

from typing import Any, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from ...random import default_generator
from .._check import integer

Indices: TypeAlias = npt.NDArray[np.intp]
Seed: TypeAlias = "np.random.Generator | SupportsIndex | None"
"""A generator, a seed, or None for the generator that `manual_seed` seeds."""


def as_generator(function: str, seed: Seed) -> "np.random.Generator":
    """The generator for an argument of the user."""
    if seed is None:
        return default_generator()
    if isinstance(seed, np.random.Generator):
        return seed
    number = integer(function, "generator", seed, 0, "a numpy.random.Generator, an int or None")
    return np.random.Generator(np.random.PCG64(number))


def draw_seed(generator: "np.random.Generator") -> int:
    """Draw a seed for one of the functions below."""
    return int(generator.bit_generator.random_raw())


def permutation(n: int, seed: int) -> Indices:
    """The numbers from 0 to n - 1 in the random order of `seed`."""
    return np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")


def draws(n: int, count: int, seed: int) -> Indices:
    """`count` numbers from 0 to n - 1, each drawn from all of them."""
    indices: Indices = (uniform(count, seed) * n).astype(np.intp)
    return indices


def weighted_draws(weights: npt.NDArray[np.float64], count: int, seed: int) -> Indices:
    """`count` indices of `weights`, each drawn from all with a probability like its weight."""
    ends = np.cumsum(weights)
    indices: Indices = np.searchsorted(ends, uniform(count, seed) * ends[-1], side="right")
    return indices


def weighted_order(weights: npt.NDArray[np.float64], count: int, seed: int) -> Indices:
    """`count` indices, each drawn from the remaining ones with a probability like its weight.

    The order of exponential times with rates `weights` (P. S. Efraimidis, P. G. Spirakis: Weighted
    random sampling with a reservoir, 2006). Weights must be positive for `count` of them.
    """
    with np.errstate(divide="ignore"):
        times = -np.log1p(-uniform(len(weights), seed)) / weights
    times[weights == 0] = np.inf
    return np.argsort(times, kind="stable")[:count]


def uniform(count: int, seed: int) -> npt.NDArray[np.float64]:
    """Numbers of 53 random bits, at least 0 and less than 1."""
    bits = np.random.PCG64(seed).random_raw(count) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def get_state(generator: "np.random.Generator") -> dict[str, Any]:
    """The state of a generator, as plain numbers and strings that fit into JSON."""
    state: dict[str, Any] = _plain(generator.bit_generator.state)
    return state


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
