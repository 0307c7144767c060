"""The package's random numbers: one generator, seeded by `manual_seed`."""

from functools import cache
from operator import index
from typing import Any

import numpy as np


def manual_seed(seed: int) -> "np.random.Generator":
    """Seed the generator behind initialisation, dropout and shuffling.

    Parameters
    ----------
    seed : int
        Any integer at least 0.

    Returns
    -------
    numpy.random.Generator
        The generator, freshly seeded.

    Raises
    ------
    TypeError, ValueError
        If `seed` is no integer, or negative.

    Examples
    --------
    >>> import cnet
    >>> a = cnet.manual_seed(0).random()
    >>> a == cnet.manual_seed(0).random()
    True
    """
    set_rng_state(dict(np.random.PCG64(index(seed)).state))
    return default_generator()


@cache
def default_generator() -> "np.random.Generator":
    """The generator that `manual_seed` seeds."""
    return np.random.Generator(np.random.PCG64())


def get_rng_state() -> dict[str, Any]:
    """The state of the generator, as plain numbers and strings that fit into JSON.

    Examples
    --------
    >>> import cnet
    >>> state = cnet.get_rng_state()
    >>> x = cnet.random.default_generator().random()
    >>> cnet.set_rng_state(state)
    >>> x == cnet.random.default_generator().random()
    True
    """
    return dict(default_generator().bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Continue from a state that `get_rng_state` gave.

    Raises
    ------
    ValueError, TypeError, KeyError
        If `state` is not such a state.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_rng_state(cnet.get_rng_state())
    """
    default_generator().bit_generator.state = state
