"""Rounding and signs."""

# mypy: disable-error-code="empty-body"

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Array
from ..autograd.inplace import apply_in_place
from ..tensor import Tensor, TensorLike
from ._elementwise import by_kernel, define, formula, zeros
from ._promotion import common, common_number, only_floats
from .registry import operation

__all__ = ["ceil", "fix", "floor", "frac", "round", "sgn", "sign", "trunc"]


def _of_floats(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """The function, for floats; integers are copied."""
    return lambda x: function(x) if x.dtype.kind == "f" else x.copy()


@by_kernel("sign")
def _sign(x: Array) -> Any:
    if x.dtype.kind == "f":
        return np.where(np.isnan(x), x.dtype.type(0), np.sign(x))
    return np.sign(x) if x.dtype.kind != "b" else x.copy()


@formula(_of_floats(np.ceil), zeros, promote=common_number, single=True, numpy=(np.ceil,))
def ceil(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Round up to integers.

    Examples
    --------
    >>> import cnet
    >>> cnet.ceil(cnet.tensor([-1.5, 1.5]))
    tensor([-1.,  2.])
    """


@formula(_of_floats(np.floor), zeros, promote=common_number, single=True, numpy=(np.floor,))
def floor(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Round down to integers.

    Examples
    --------
    >>> import cnet
    >>> cnet.floor(cnet.tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """


@formula(
    _of_floats(np.trunc),
    zeros,
    promote=common_number,
    single=True,
    aliases=("fix",),
    numpy=(np.trunc, np.fix),
)
def trunc(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Round towards zero.

    Examples
    --------
    >>> import cnet
    >>> cnet.trunc(cnet.tensor([-1.5, 1.5]))
    tensor([-1.,  1.])
    """


@formula(by_kernel("frac")(lambda x: x - np.trunc(x)), lambda g: g, promote=only_floats)
def frac(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The part after the point, ``x - trunc(x)``.

    Examples
    --------
    >>> import cnet
    >>> cnet.frac(cnet.tensor([-1.5, 1.25]))
    tensor([-0.5 ,  0.25])
    """


@formula(_sign, zeros, promote=common, numpy=(np.sign,))
def sign(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The sign, −1, 0 or 1; 0 for NaN.

    Examples
    --------
    >>> import cnet
    >>> cnet.sign(cnet.tensor([-1.5, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """


@formula(_sign, zeros, promote=common)
def sgn(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The same as `sign`, for real numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.sgn(cnet.tensor([-1.5, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """


def _rounded(x: Array, decimals: int) -> Any:
    if x.dtype.kind != "f":
        if decimals:
            raise TypeError(f"round: decimals must be 0 for an integer dtype (got {decimals})")
        return x.copy()
    if decimals == 0:
        return np.rint(x)
    scale = x.dtype.type(10.0 ** abs(decimals))
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


Round = define("round", _rounded, zeros, promote=common_number, single=True)


@operation(Round, methods=("round",), numpy=(np.rint,))
def round(input: TensorLike, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """Round to a number of decimals; halves are rounded to even numbers.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape
    decimals : int, default 0
        The number of digits after the point; a negative number counts digits before it.
    out : Tensor, optional
        A tensor of the same shape that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient is 0.

    Raises
    ------
    TypeError
        If `input` is boolean, or `decimals` is not 0 for an integer dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.round(cnet.tensor([0.5, 1.5, 2.25]))
    tensor([0., 2., 2.])
    >>> cnet.round(cnet.tensor([0.5, 1.55, 2.25]), decimals=1)
    tensor([0.5, 1.6, 2.2])
    """
    return Round.apply(input, decimals=decimals)


@operation(methods=("round_",))
def round_(x: Tensor, *, decimals: int = 0) -> Tensor:
    """Like `round`, but in place."""
    result: Tensor = apply_in_place(Round, x, decimals=decimals)
    return result


fix = trunc
