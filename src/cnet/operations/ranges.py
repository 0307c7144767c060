"""Tensors of numbers at equal distances, and the identity matrix.

The keyword arguments that all functions share are documented in `zeros`.
"""

import builtins
from functools import cache
from math import ceil, isfinite
from typing import Any, Unpack

import numpy as np

from .._explained import explained
from ..autograd import Array
from ..dtypes import get_default_dtype
from ..kernels._memory import empty
from ..tensor import Number, Tensor
from ._options import OutOptions, chosen_dtype, count_of, created, dtype_of, number_of, sizes

__all__ = ["arange", "eye", "linspace", "logspace", "range"]


@explained
def arange(
    start: Number | None = None,
    end: Number | None = None,
    step: Number = 1,
    **options: Unpack[OutOptions],
) -> Tensor:
    """Numbers with equal steps, without the end: ``start, start + step, ...``.

    Parameters
    ----------
    start, end : number
        The first number, 0 if only one number is given, and the bound of the last.
    step : number, default 1
        The difference of neighbours.
    **options
        Those of `zeros`. The dtype is by default int64 if all numbers are integers, and otherwise
        the default dtype.

    Returns
    -------
    Tensor, shape (ceil((end - start) / step),)

    Raises
    ------
    ValueError
        If `step` is 0, has the wrong sign, or a number is not finite.

    Examples
    --------
    >>> import cnet
    >>> cnet.arange(1, 7, 2)
    tensor([1, 3, 5])
    """
    if end is None:
        start, end = None, start
    numbers = [
        number_of("arange", "start, end and step", number) for number in (start or 0, end, step)
    ]
    dtype = chosen_dtype("arange", options, dtype_of(*numbers))
    return created("arange", _steps("arange", numbers, dtype, inclusive=False), options)


@explained
def range(start: Number, end: Number, step: Number = 1, **options: Unpack[OutOptions]) -> Tensor:
    """Like `arange`, but with `end` included, in the default dtype; deprecated by PyTorch.

    Examples
    --------
    >>> import cnet
    >>> cnet.range(1, 3)
    tensor([1., 2., 3.])
    """
    numbers = [_number("range", number) for number in (start, end, step)]
    dtype = chosen_dtype("range", options, get_default_dtype())
    return created("range", _steps("range", numbers, dtype, inclusive=True), options)


def _number(function: str, value: Any) -> Any:
    return number_of(function, "start, end and step", value)


def _steps(function: str, numbers: list[Any], dtype: np.dtype[Any], inclusive: bool) -> Array:
    if dtype.kind == "b":
        raise TypeError(f"{function}: dtype must be an integer or float dtype (got {dtype})")
    if not all(map(isfinite, numbers)):
        raise ValueError(f"{function}: all numbers must be finite (got {tuple(numbers)})")
    # As in PyTorch, only for int64 are the numbers rounded before they are counted.
    start, end, step = map(int, numbers) if dtype == np.int64 else numbers
    if step == 0 or (end - start) * step < 0:
        raise ValueError(
            f"{function}: step must lead from start to end (got start {start}, end {end}, "
            f"step {step})"
        )
    integers = type(start) is type(end) is type(step) is int
    if integers:
        count = (end - start) // step + 1 if inclusive else -((start - end) // step)
    else:
        quotient = (end - start) / step
        count = int(quotient) + 1 if inclusive else ceil(quotient)
    if integers or dtype.kind in "iu":
        start, step = int(start), int(step)
        result = np.arange(start, start + count * step, step) if step else np.full(count, start)
        return result.astype(dtype, copy=False)
    return _progression(start, step, count, dtype)


_BLOCK = 1 << 15
"""Numbers that are computed together, so that temporary arrays stay small."""


@cache
def _counted() -> Array:
    """The numbers from 0 on of a block."""
    return np.arange(float(_BLOCK))


def _progression(start: float, step: float, count: int, dtype: np.dtype[Any]) -> Array:
    """``start + step * i``, computed in float64."""
    distances = _counted()[:count]
    if step != 1:
        distances = distances * step
    if count <= _BLOCK:
        return (distances + start if start else distances).astype(dtype)
    result = empty((count,), dtype)
    for begin in builtins.range(0, count, _BLOCK):
        block = result[begin : begin + _BLOCK]
        np.add(distances[: block.size], start + begin * step, out=block, casting="unsafe")
    return result


@explained
def linspace(start: Number, end: Number, steps: int, **options: Unpack[OutOptions]) -> Tensor:
    """Numbers at equal distances, from `start` to `end` inclusive.

    Parameters
    ----------
    start, end : number
        The first and the last number.
    steps : int
        How many numbers.
    **options
        Those of `zeros`.

    Returns
    -------
    Tensor, shape (steps,)

    Raises
    ------
    ValueError
        If `steps` is negative.
    RuntimeError
        If the dtype is an integer dtype into which `start` or `end` does not fit.

    Examples
    --------
    >>> import cnet
    >>> cnet.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    return _spaced("linspace", start, end, steps, options)


@explained
def logspace(
    start: Number, end: Number, steps: int, base: float = 10.0, **options: Unpack[OutOptions]
) -> Tensor:
    """Powers of a base, with exponents at equal distances from `start` to `end`.

    Parameters
    ----------
    start, end : number
        The first and the last exponent.
    steps : int
        How many numbers.
    base : float, default 10.0
    **options
        Those of `zeros`.

    Returns
    -------
    Tensor, shape (steps,)

    Raises
    ------
    ValueError
        If `steps` is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    return _spaced("logspace", start, end, steps, options, base)


def _spaced(
    function: str, start: Any, end: Any, steps: int, options: Any, base: float | None = None
) -> Tensor:
    count = count_of(function, steps)
    first, last = (_number(function, number) for number in (start, end))
    dtype = chosen_dtype(function, options, get_default_dtype())
    if dtype.kind in "iu" and base is None:
        first, last = int(first), int(last)
        limits = np.iinfo(dtype)
        for name, number in (("start", first), ("end", last)):
            if not limits.min <= number <= limits.max:
                raise RuntimeError(f"{function}: {name} must fit into {dtype} (got {number})")
    step = (last - first) / max(count - 1, 1)
    numbers = _progression(first, step, count, dtype if base is None else np.dtype(np.float64))
    if count > 1:
        numbers[-1] = last
    array = numbers if base is None else np.power(base, numbers).astype(dtype)
    return created(function, array, options)


@explained
def eye(n: int, m: int | None = None, **options: Unpack[OutOptions]) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere.

    Parameters
    ----------
    n : int
        The number of rows.
    m : int, optional
        The number of columns; `n` by default.
    **options
        Those of `zeros`.

    Returns
    -------
    Tensor, shape (n, m)

    Raises
    ------
    ValueError
        If a number is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, columns = sizes("eye", (n, n if m is None else m))
    dtype = chosen_dtype("eye", options, get_default_dtype())
    return created("eye", np.eye(rows, columns, dtype=dtype), options)
