"""Methods that fill a tensor with random numbers, in place.

`generator` is a `Generator` or `numpy.random.Generator`, by default the one that `manual_seed`
seeds.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Tensor
from ._draws import draw_integers, draw_normal, draw_uniform, draw_zeros_and_ones
from ._options import generator_of
from ._writing import fill
from .registry import operation
from .sampling import Generator

__all__: list[str] = []


def _filled(
    function: str, x: Tensor, generator: Generator, draw: Callable[[Any, Any, Any], Array]
) -> Tensor:
    """Fill a float tensor with ``draw(generator, shape, dtype)``."""
    if x.dtype.kind != "f":
        raise TypeError(f"{function}: the tensor must have a float dtype (got {x.dtype})")
    return fill(x, draw(generator_of(function, generator), x._array.shape, x._array.dtype))


def _require(function: str, what: str, fits: bool, value: Any) -> None:
    if not fits:
        raise ValueError(f"{function}: {what} (got {value})")


@operation(methods=("normal_",))
def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator = None
) -> Tensor:
    """Draw all elements from a normal distribution, in place."""
    _require("normal_", "std must not be negative", std >= 0, std)
    return _filled(
        "normal_", self, generator,
        lambda source, shape, dtype: draw_normal(source, shape, dtype, mean, std),
    )  # fmt: skip


@operation(methods=("log_normal_",))
def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator = None
) -> Tensor:
    """Draw all elements from a log-normal distribution, in place.

    `mean` and `std` are those of the logarithms of the elements.
    """
    _require("log_normal_", "std must be positive", std > 0, std)
    return _filled(
        "log_normal_", self, generator,
        lambda source, shape, dtype: np.exp(draw_normal(source, shape, dtype) * std + mean),
    )  # fmt: skip


@operation(methods=("uniform_",))
def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator = None, **names: float
) -> Tensor:
    """Draw all elements from the uniform distribution on [a, b), in place.

    PyTorch's names `from` and `to` are also accepted.
    """
    low, high = names.pop("from", a), names.pop("to", b)
    if names:
        raise TypeError(f"uniform_() got an unexpected keyword argument {min(names)!r}")
    _require("uniform_", "the bounds must be in order", low <= high, (low, high))

    def draw(source: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        drawn = draw_uniform(source, shape, dtype)
        if (low, high) != (0, 1):
            drawn *= dtype.type(high - low)
            drawn += dtype.type(low)
        return drawn

    return _filled("uniform_", self, generator, draw)


@operation(methods=("exponential_",))
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator = None) -> Tensor:
    """Draw all elements from the exponential distribution with rate `lambd`, in place."""
    _require("exponential_", "lambd must be positive", lambd > 0, lambd)
    return _filled(
        "exponential_", self, generator,
        lambda source, shape, dtype: source.standard_exponential(shape) / lambd,
    )  # fmt: skip


@operation(methods=("cauchy_",))
def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator = None
) -> Tensor:
    """Draw all elements from a Cauchy distribution, in place."""
    _require("cauchy_", "sigma must be positive", sigma > 0, sigma)
    return _filled(
        "cauchy_", self, generator,
        lambda source, shape, dtype: median + sigma * source.standard_cauchy(shape),
    )  # fmt: skip


@operation(methods=("geometric_",))
def geometric_(self: Tensor, p: float, *, generator: Generator = None) -> Tensor:
    """Set each element to the number of trials until the first success, in place.

    The probability of a success is `p`.
    """
    _require("geometric_", "p must be in (0, 1)", 0 < p < 1, p)
    source = generator_of("geometric_", generator)
    return fill(self, source.geometric(p, self._array.shape))


@operation(methods=("bernoulli_",))
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator = None) -> Tensor:
    """Set each element to 1 with probability `p`, a number or tensor, and otherwise to 0."""
    return fill(self, draw_zeros_and_ones("bernoulli_", generator, p, self._array.shape))


@operation(methods=("random_",))
def random_(
    self: Tensor, low: int | None = None, to: int | None = None, *, generator: Generator = None,
    **names: int,
) -> Tensor:  # fmt: skip
    """Draw integers with equal probabilities, in place: ``random_(to)`` or ``random_(from, to)``.

    By default, all integers that the dtype represents exactly and that are not negative.
    """
    if "from" in names:
        low = names.pop("from")
    elif to is None:
        low, to = None, low
    if names:
        raise TypeError(f"random_() got an unexpected keyword argument {min(names)!r}")
    dtype = self._array.dtype
    if to is None:
        digits = np.finfo(dtype).nmant + 1 if dtype.kind == "f" else 8 * dtype.itemsize
        to = {"b": 2, "f": 2**digits + 1, "u": 2**digits, "i": 2 ** (digits - 1)}[dtype.kind]
    source = generator_of("random_", generator)
    return fill(self, draw_integers("random_", source, low or 0, to, self._array.shape, dtype))
