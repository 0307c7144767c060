"""Random numbers for transforms, from the generator that `cnet.manual_seed` seeds."""

from collections.abc import Sequence

import numpy as np

from ..random import default_generator


def chance(p: float) -> bool:
    """True with probability `p`."""
    return bool(default_generator().random() < p)


def uniform(low: float, high: float) -> float:
    """A number between two numbers."""
    return float(default_generator().uniform(low, high))


def integer(low: int, high: int) -> int:
    """An integer of at least `low` and less than `high`."""
    return int(default_generator().integers(low, high))


def shares(n: int, alpha: float) -> list[float]:
    """Positive numbers with the sum 1, with a Dirichlet distribution."""
    return [float(share) for share in default_generator().dirichlet([alpha] * n)]


def order(n: int) -> list[int]:
    """The numbers below n in random order."""
    return [int(i) for i in default_generator().permutation(n)]


def choice(n: int, p: Sequence[float] | None = None) -> int:
    """A number below n, with given probabilities or with equal ones."""
    if p is None:
        return integer(0, n)
    shares = np.asarray(p, np.float64)
    return int(default_generator().choice(n, p=shares / shares.sum()))
