"""Smooth activation functions, gates and shrinkage; see also `rectifiers`."""

from math import prod
from operator import index
from typing import Any, Literal

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels import _memory
from ..operations._elementwise import by_kernel
from ..operations._promotion import require_float
from ..operations.elementwise import expit, times_sigmoid
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike
from ._activation import activated

__all__ = [
    "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "logsigmoid", "mish", "silu",
    "softplus", "softshrink", "softsign", "tanhshrink",
]  # fmt: skip


@explained
def gelu(input: TensorLike, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    r"""The Gaussian error linear unit, :math:`x \Phi(x)`.

    :math:`\Phi` is the cumulative distribution function of the standard normal distribution [1]_.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    approximate : {"none", "tanh"}, default "none"
        ``"none"``: :math:`x (1 + \mathrm{erf}(x / \sqrt 2)) / 2`. ``"tanh"``:
        :math:`x (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3))) / 2`, which differs from the exact
        function by less than 0.0005 and takes about two thirds of the time.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    ValueError
        If `approximate` is not one of these.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel: Gaussian error linear units (GELUs), arXiv:1606.08415.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.gelu(cnet.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.    ,  1.9545])
    >>> cnet.functional.gelu(cnet.tensor([-1.0, 0.0, 2.0]), approximate="tanh")
    tensor([-0.1588,  0.    ,  1.9546])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh' (got {approximate!r})")
    return activated("gelu", input, kernel="gelu_tanh" if approximate == "tanh" else "gelu")


@explained
def silu(input: TensorLike, inplace: bool = False) -> Tensor:
    """The sigmoid linear unit, or swish: ``x * sigmoid(x)``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya: Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning, Neural Networks 107 (2018).

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.silu(cnet.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return activated("silu", input, inplace)


@explained
def mish(input: TensorLike, inplace: bool = False) -> Tensor:
    """``x * tanh(softplus(x))``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    D. Misra: Mish: a self regularized non-monotonic activation function, BMVC 2020.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.mish(cnet.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.944 ])
    """
    return activated("mish", input, inplace)


@explained
def hardswish(input: TensorLike, inplace: bool = False) -> Tensor:
    """A piecewise approximation of `silu`: ``x * relu6(x + 3) / 6``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    A. Howard et al.: Searching for MobileNetV3, ICCV 2019.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.hardswish(cnet.tensor([-1.0, 2.0]))
    tensor([-0.3333,  1.6667])
    """
    return activated("hardswish", input, inplace)


@explained
def hardsigmoid(input: TensorLike, inplace: bool = False) -> Tensor:
    """A piecewise approximation of `sigmoid`: ``relu6(x + 3) / 6``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient at −3 and 3 is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.hardsigmoid(cnet.tensor([-1.0, 2.0]))
    tensor([0.3333, 0.8333])
    """
    return activated("hardsigmoid", input, inplace)


@explained
def softplus(input: TensorLike, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """A smooth approximation of `relu`: ``log(1 + exp(beta * x)) / beta``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    beta : float, default 1
        Greater numbers approximate `relu` more closely.
    threshold : float, default 20
        Where ``beta * x`` is greater, the result is ``x``.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.softplus(cnet.tensor([-1.0, 2.0]))
    tensor([0.3133, 2.1269])
    """
    return activated("softplus", input, a=beta, b=threshold)


@explained
def logsigmoid(input: TensorLike) -> Tensor:
    """``log(1 / (1 + exp(-x)))``, without overflow.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.logsigmoid(cnet.tensor([-1.0, 2.0]))
    tensor([-1.3133, -0.1269])
    """
    return activated("logsigmoid", input)


@explained
def softsign(input: TensorLike) -> Tensor:
    """``x / (1 + abs(x))``.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.softsign(cnet.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """
    return activated("softsign", input, dtypes="numbers")


@explained
def tanhshrink(input: TensorLike) -> Tensor:
    """``x - tanh(x)``.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.tanhshrink(cnet.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.036 ])
    """
    return activated("tanhshrink", input, dtypes="numbers")


@operation(methods=("hardshrink",))
def hardshrink(input: TensorLike, lambd: float = 0.5) -> Tensor:
    """0 from ``-lambd`` to ``lambd``, and ``x`` elsewhere.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    lambd : float, default 0.5
        The limit.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.hardshrink(cnet.tensor([-1.0, 0.25, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    return activated("hardshrink", input, a=lambd)


@explained
def softshrink(input: TensorLike, lambd: float = 0.5) -> Tensor:
    """0 from ``-lambd`` to ``lambd``, and ``x`` moved by `lambd` towards 0 elsewhere.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    lambd : float, default 0.5
        The limit; must not be negative.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    ValueError
        If `lambd` is negative.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.softshrink(cnet.tensor([-1.0, 0.25, 2.0]))
    tensor([-0.5,  0. ,  1.5])
    """
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative (got {lambd})")
    return activated("softshrink", input, a=lambd)


_glu_dgates = by_kernel("glu_db")(lambda g, x, gates: g * x * expit(gates) * expit(-gates))


class GLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, axis: int) -> Any:
        ctx.save_for_backward(x)
        ctx.axis = axis
        y = _memory.empty(_shape_of_half(x, axis), x.dtype)
        values, gates = _halves(x, axis)
        times_sigmoid(values, gates, 0.0, out=y.reshape(values.shape))
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x,) = ctx.saved
        values, gates = _halves(x, ctx.axis)
        dx = _memory.empty(x.shape, x.dtype)
        dvalues, dgates = _halves(dx, ctx.axis)
        grad = grad.reshape(values.shape)
        times_sigmoid(grad, gates, 0.0, out=dvalues)
        _glu_dgates(grad, values, gates, out=dgates)
        return dx


def _shape_of_half(x: Array, axis: int) -> tuple[int, ...]:
    shape = list(x.shape)
    shape[axis] //= 2
    return tuple(shape)


def _halves(x: Array, axis: int) -> Array:
    """The halves of an array along an axis, as two matrices with contiguous rows."""
    outer, inner = prod(x.shape[: axis % x.ndim]), prod(_shape_of_half(x, axis)[axis:])
    return x.reshape(outer, 2, inner).swapaxes(0, 1)


@explained
def glu(input: TensorLike, dim: int = -1) -> Tensor:
    """The gated linear unit: the first half of `input` times the sigmoid of the second half.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape with at least 1 dimension
    dim : int, default -1
        The axis that is halved; its length must be even.

    Returns
    -------
    Tensor
        In the shape of `input` with half the length along `dim`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    ValueError
        If the length along `dim` is odd, or `input` has no dimensions.
    IndexError
        If `dim` is out of range.

    References
    ----------
    Y. N. Dauphin, A. Fan, M. Auli, D. Grangier: Language modeling with gated convolutional
    networks, ICML 2017.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.glu(cnet.tensor([1.0, 2.0, 0.0, 100.0]))
    tensor([0.5, 2. ])
    """
    require_float("glu", input)
    if input.ndim == 0:
        raise ValueError("glu: input must have at least 1 dimension")
    if not -input.ndim <= index(dim) < input.ndim:
        raise np.exceptions.AxisError(dim, input.ndim, "glu")
    if input.shape[dim] % 2:
        raise ValueError(f"glu: input.shape[{dim}] must be even (got {input.shape[dim]})")
    return GLU.apply(input, axis=dim)
