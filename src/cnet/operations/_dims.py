"""Arguments that name dimensions or sizes.

Errors of dimensions out of range are both an IndexError, as in PyTorch, and a ValueError.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from operator import index
from typing import Any, TypeVar

import numpy as np

from .._explained import explain
from ..tensor import Axis

Result = TypeVar("Result")
Dims = tuple[int, ...]

_ALL = tuple([tuple(range(ndim)) for ndim in range(65)])
"""All dimensions, by their number, of which arrays have at most 64."""


def dim_of(function: str, dim: Any, ndim: int, name: str = "dim") -> int:
    """A dimension as a non-negative number; a tensor without dimensions accepts 0 and -1."""
    if type(dim) is not int:
        dim = integer(function, name, dim)
    reach = ndim or 1
    if not -reach <= dim < reach:
        raise np.exceptions.AxisError(
            f"{function}: {name} must be in range for {ndim} dimensions (got {dim})"
        )
    axis: int = dim + reach if dim < 0 else dim
    return axis


def dims_of(function: str, dims: Sequence[Any], ndim: int, name: str = "dims") -> Dims:
    """Several dimensions as non-negative numbers, in the given order, none of them twice."""
    found = tuple([dim_of(function, dim, ndim, name) for dim in dims])
    if len(found) > 1 and len(set(found)) < len(found):
        raise ValueError(f"{function}: {name} must not contain a dim twice (got {tuple(dims)})")
    return found


def reduced_axes(function: str, x: Any, axis: Axis) -> Dims:
    """The dimensions to reduce, sorted; all of them for None or an empty sequence."""
    ndim = x.ndim
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    if axis is None:
        return _ALL[ndim]
    dims: Any = axis if type(axis) is tuple or isinstance(axis, Sequence) else (axis,)
    if not dims:
        return _ALL[ndim]
    return _sorted_dims(function, tuple([integer(function, "dim", dim) for dim in dims]), ndim)


@lru_cache(maxsize=1024)
def _sorted_dims(function: str, dims: Dims, ndim: int) -> Dims:
    found = dims_of(function, dims, ndim, "dim")
    return tuple(sorted(found)) if ndim else ()


def integer(function: str, name: str, value: Any) -> int:
    """An integer of any integer type, or a tensor of one integer."""
    if type(value) is int:
        return value
    try:
        if isinstance(value, bool) or getattr(value, "dtype", None) == np.bool_:
            raise TypeError
        number: int = index(value)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {name} must be an int (got {value!r})") from None
    return number


def integers(function: str, name: str, values: Any) -> Dims:
    """Integers that were given as separate arguments or as one sequence."""
    if len(values) == 1 and type(values[0]) is not int:
        if type(values[0]) is tuple or isinstance(values[0], Sequence):
            values = values[0]
        elif getattr(values[0], "ndim", 0):
            values = values[0].tolist()
    for value in values:
        if type(value) is not int:
            return tuple([integer(function, name, value) for value in values])
    return tuple(values)


def variadic(name: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """A decorator: the integers after the first argument may also be one sequence or a keyword.

    The decorated function gets them as separate arguments.
    """

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(function)
        def call(input: Any, *given: Any, **options: Any) -> Result:
            if name in options:
                if given:
                    raise TypeError(f"{function.__name__}: {name} must be given once")
                given = (options.pop(name),)
            for value in given:
                if type(value) is not int:
                    given = integers(function.__name__, name, given)
                    break
            try:
                return function(input, *given, **options)
            except Exception as error:
                explain(error, function, (input, *given), options)

        return call

    return decorate


def broadcasts_to(shape: Dims, target: Dims) -> bool:
    """Whether an array of a shape can be broadcast to a target shape."""
    try:
        return broadcast("", shape, target) == target
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def broadcast(function: str, *shapes: Dims) -> Dims:
    """The shape to which all shapes broadcast."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ValueError(f"{function}: shapes {listed} do not broadcast") from None
