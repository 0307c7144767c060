"""Signs, exponents and divisors of numbers."""

# mypy: disable-error-code="empty-body"

from typing import Any, NamedTuple

import numpy as np

from ..autograd import Array, Context, Operation
from ..tensor import Operand, Tensor, TensorLike, as_tensor
from ._common import weak
from ._elementwise import formula
from ._promotion import only_integers, require_float
from .arithmetic import mul, pow
from .registry import operation

__all__ = ["copysign", "float_power", "frexp", "gcd", "lcm", "ldexp", "nextafter"]


def _copysign_gradient(g: Array, a: Array, y: Array) -> Any:
    return g * np.sign(a) * np.sign(y)


@formula(np.copysign, _copysign_gradient, lambda g: np.zeros_like(g), numbers="other")
def copysign(input: TensorLike, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The absolute value of the first operand, with the sign of the second.

    Examples
    --------
    >>> import cnet
    >>> cnet.copysign(cnet.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """


@formula(np.nextafter)
def nextafter(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The next number after the first operand in the direction of the second.

    Examples
    --------
    >>> import cnet
    >>> cnet.nextafter(cnet.tensor(1.0), cnet.tensor(2.0)) > 1
    tensor(True)
    """


@formula(np.gcd, promote=only_integers)
def gcd(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisors.

    Examples
    --------
    >>> import cnet
    >>> cnet.gcd(cnet.tensor([12, 5]), cnet.tensor([8, 10]))
    tensor([4, 5])
    """


@formula(np.lcm, promote=only_integers)
def lcm(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The least common multiples.

    Examples
    --------
    >>> import cnet
    >>> cnet.lcm(cnet.tensor([4, 5]), cnet.tensor([6, 10]))
    tensor([12, 10])
    """


@operation(methods=("ldexp",), numpy=(np.ldexp,), written=("ldexp_",))
def ldexp(input: TensorLike, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The product ``input * 2 ** other``.

    Examples
    --------
    >>> import cnet
    >>> cnet.ldexp(cnet.tensor([1.0, 3.0]), cnet.tensor([2, 1]))
    tensor([4., 6.])
    """
    if not isinstance(input, (Tensor, np.ndarray)):
        raise TypeError(f"ldexp: input must be a Tensor or array (got {type(input).__name__})")
    return mul(input, pow(2.0, other))


@operation(methods=("float_power",), written=("float_power_",))
def float_power(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """Powers, computed in float64.

    Examples
    --------
    >>> import cnet
    >>> cnet.float_power(cnet.tensor([2, 3]), -1)
    tensor([0.5   , 0.3333], dtype=float64)
    """
    base, power = (
        as_tensor(x, np.float64) if isinstance(x, (Tensor, np.ndarray)) else weak(x)
        for x in (input, exponent)
    )
    return pow(base, power)


class MantissaAndExponent(NamedTuple):
    """The results of `frexp`."""

    mantissa: Tensor
    exponent: Tensor


class Frexp(Operation[tuple[Tensor, Tensor]]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> tuple[Array, Array]:
        mantissa, exponent = np.frexp(x)
        ctx.save_for_backward(exponent)
        return np.asarray(mantissa), np.asarray(exponent)

    @staticmethod
    def backward(ctx: Context, grad: Array, _: Any) -> Any:
        return np.ldexp(grad, -ctx.saved[0])


@operation(methods=("frexp",))
def frexp(input: TensorLike, *, out: tuple[Tensor, Tensor] | None = None) -> MantissaAndExponent:
    """Numbers from 0.5 to 1, and exponents of 2, whose products are the elements.

    Examples
    --------
    >>> import cnet
    >>> mantissa, exponent = cnet.frexp(cnet.tensor([1.0, 6.0]))
    >>> mantissa, exponent
    (tensor([0.5 , 0.75]), tensor([1, 3], dtype=int32))
    """
    require_float("frexp", input)
    return MantissaAndExponent(*Frexp.apply(input))
