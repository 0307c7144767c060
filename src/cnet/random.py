"""The package's random numbers: one generator, seeded by `manual_seed`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
def _shared_generator() -> "np.random.Generator":
    return np.random.Generator(np.random.PCG64())


_source: "ContextVar[Callable[[], np.random.Generator]]" = ContextVar(
    "source", default=_shared_generator
)


def default_generator() -> "np.random.Generator":
    """The generator that `manual_seed` seeds; within `use_stream`, that of the stream."""
    return _source.get()()


@contextmanager
def use_stream(seed: Callable[[], int], number: int) -> Iterator[None]:
    """Make `default_generator` return a generator of its own, in this thread.

    Parameters
    ----------
    seed : callable
        Returns a seed; called only if a random number is drawn.
    number : int
        The number of the stream; the streams of a seed are independent.

    Examples
    --------
    >>> from cnet.random import default_generator, use_stream
    >>> with use_stream(lambda: 3, 0):
    ...     a = default_generator().random()
    >>> with use_stream(lambda: 3, 0):
    ...     a == default_generator().random()
    True
    """

    @cache
    def source() -> "np.random.Generator":
        return np.random.Generator(np.random.PCG64([seed(), number]))

    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


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
