"""The package's random numbers: one generator, seeded by `manual_seed`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .generator import Generator

__all__ = ["get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


@cache
def _shared_generator() -> "Generator":
    from .generator import default_generator

    return default_generator


_source: "ContextVar[Callable[[], Generator]]" = ContextVar("source", default=_shared_generator)


def default_generator() -> "Generator":
    """The generator that `manual_seed` seeds; within `use_stream`, that of the stream.

    Until `manual_seed` is called, its seed is one that the operating system chose.
    """
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
    def source() -> "Generator":
        import numpy as np

        from .generator import Generator

        generator = Generator()
        generator.set_state(dict(np.random.PCG64([seed(), number]).state))
        return generator

    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def manual_seed(seed: int) -> "Generator":
    """Seed the generator behind initial values, dropout, shuffling and random tensors.

    Parameters
    ----------
    seed : int
        Any integer at least −2⁶³; 2⁶⁴ is added to a negative one.

    Returns
    -------
    Generator
        The generator, which is also a `numpy.random.Generator`.

    Raises
    ------
    TypeError, ValueError
        If `seed` is no integer, or too small.

    Examples
    --------
    >>> import cnet
    >>> a = cnet.manual_seed(0).random()
    >>> a == cnet.manual_seed(0).random()
    True
    """
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Seed the generator with a number that the operating system chooses, and return the number.

    Examples
    --------
    >>> import cnet
    >>> cnet.seed() == cnet.initial_seed()
    True
    """
    return default_generator().seed()


def initial_seed() -> int:
    """The last seed of the generator.

    Examples
    --------
    >>> import cnet
    >>> _ = cnet.manual_seed(3)
    >>> cnet.initial_seed()
    3
    """
    return default_generator().initial_seed()


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
    return default_generator().get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Continue from a state that `get_rng_state` gave.

    Raises
    ------
    ValueError, TypeError, KeyError
        If `new_state` is not such a state.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_rng_state(cnet.get_rng_state())
    """
    default_generator().set_state(new_state)


@contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: str = "cuda"
) -> Iterator[None]:
    """Restore the state of the generator at the end of a ``with`` block.

    Parameters
    ----------
    devices, device_type
        Accepted for compatibility; there is one generator.
    enabled : bool, default True
        Whether to restore it.

    Examples
    --------
    >>> import cnet
    >>> state = cnet.get_rng_state()
    >>> with cnet.random.fork_rng():
    ...     x = cnet.rand(2)
    >>> cnet.get_rng_state() == state
    True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
