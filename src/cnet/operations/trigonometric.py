"""Trigonometric and hyperbolic functions."""

# mypy: disable-error-code="empty-body"

from typing import Any

import numpy as np

from ..autograd import Array
from ..tensor import Operand, Tensor, TensorLike
from ._elementwise import by_kernel, compiled, formula

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


@formula(
    by_kernel("sin")(lambda x: np.sin(x)),
    by_kernel("sin_backward")(lambda g, x: g * np.cos(x)),
    numpy=(np.sin,),
)
def sin(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The sine of angles in radians.

    Examples
    --------
    >>> import cnet
    >>> cnet.sin(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 0.8415])
    """


@formula(
    by_kernel("cos")(lambda x: np.cos(x)),
    by_kernel("cos_backward")(lambda g, x: -g * np.sin(x)),
    numpy=(np.cos,),
)
def cos(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The cosine of angles in radians.

    Examples
    --------
    >>> import cnet
    >>> cnet.cos(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 0.5403])
    """


@compiled("tan", numpy=(np.tan,))
def tan(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The tangent of angles in radians.

    Examples
    --------
    >>> import cnet
    >>> cnet.tan(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 1.5574])
    """


@compiled("asin", aliases=("arcsin",), numpy=(np.arcsin,))
def asin(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The angle from −π/2 to π/2 with the sine `input`; NaN outside of −1 to 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.asin(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 1.5708])
    """


@compiled("acos", aliases=("arccos",), numpy=(np.arccos,))
def acos(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The angle from 0 to π with the cosine `input`; NaN outside of −1 to 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.acos(cnet.tensor([0.0, 1.0]))
    tensor([1.5708, 0.    ])
    """


@compiled("atan", aliases=("arctan",), numpy=(np.arctan,))
def atan(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The angle from −π/2 to π/2 with the tangent `input`.

    Examples
    --------
    >>> import cnet
    >>> cnet.atan(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 0.7854])
    """


def _divisor(a: Array, b: Array) -> Any:
    total = a * a + b * b
    return np.where(total == 0, np.inf, total).astype(total.dtype)


@formula(
    by_kernel("atan2")(lambda a, b: np.arctan2(a, b)),
    by_kernel("atan2_da")(lambda g, a, b: g * (b / _divisor(a, b))),
    by_kernel("atan2_db")(lambda g, a, b: g * (-a / _divisor(a, b))),
    aliases=("arctan2",),
    numpy=(np.arctan2,),
)
def atan2(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The angle from −π to π of the point with ordinate `input` and abscissa `other`.

    Examples
    --------
    >>> import cnet
    >>> cnet.atan2(cnet.tensor([0.0, 1.0]), cnet.tensor([-1.0, 1.0]))
    tensor([3.1416, 0.7854])
    """


@compiled("sinh", numpy=(np.sinh,))
def sinh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic sine.

    Examples
    --------
    >>> import cnet
    >>> cnet.sinh(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 1.1752])
    """


@compiled("cosh", numpy=(np.cosh,))
def cosh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic cosine.

    Examples
    --------
    >>> import cnet
    >>> cnet.cosh(cnet.tensor([0.0, 1.0]))
    tensor([1.    , 1.5431])
    """


@compiled("tanh", numpy=(np.tanh,))
def tanh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic tangent.

    Examples
    --------
    >>> import cnet
    >>> cnet.tanh(cnet.tensor([0.0, 0.5]))
    tensor([0.    , 0.4621])
    """


@compiled("asinh", aliases=("arcsinh",), numpy=(np.arcsinh,))
def asinh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `sinh`.

    Examples
    --------
    >>> import cnet
    >>> cnet.asinh(cnet.tensor([0.0, 1.0]))
    tensor([0.    , 0.8814])
    """


@compiled("acosh", aliases=("arccosh",), numpy=(np.arccosh,))
def acosh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `cosh`; NaN for numbers below 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.acosh(cnet.tensor([1.0, 2.0]))
    tensor([0.   , 1.317])
    """


@compiled("atanh", aliases=("arctanh",), numpy=(np.arctanh,))
def atanh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `tanh`; NaN outside of −1 to 1.

    Examples
    --------
    >>> import cnet
    >>> cnet.atanh(cnet.tensor([0.0, 0.5]))
    tensor([0.    , 0.5493])
    """


@formula(np.deg2rad, lambda g: g * (np.pi / 180))
def deg2rad(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Convert degrees to radians.

    Examples
    --------
    >>> import cnet
    >>> cnet.deg2rad(cnet.tensor([90.0, 180.0]))
    tensor([1.5708, 3.1416])
    """


@formula(np.rad2deg, lambda g: g * (180 / np.pi))
def rad2deg(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Convert radians to degrees.

    Examples
    --------
    >>> import cnet
    >>> cnet.rad2deg(cnet.tensor([1.0, 2.0]))
    tensor([ 57.2958, 114.5916])
    """


arcsin = asin
arccos = acos
arctan = atan
arctan2 = atan2
arcsinh = asinh
arccosh = acosh
arctanh = atanh
