"""Activation functions that consist of pieces: rectifiers and exponential units."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .. import random
from .._explained import explain, explained
from ..autograd import Array, Context, Operation
from ..autograd.inplace import apply_in_place
from ..operations._common import unbroadcast
from ..operations._elementwise import COMPILED, by_kernel
from ..operations._promotion import require_float
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike, as_tensor
from ._activation import activated

__all__ = [
    "celu", "celu_", "elu", "elu_", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "prelu",
    "relu", "relu6", "relu_", "rrelu", "rrelu_", "selu", "selu_", "threshold", "threshold_",
]  # fmt: skip

Activation = TypeVar("Activation", bound=Callable[..., Any])

ReLU = COMPILED["relu"]
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@operation(ReLU, methods=("relu",), in_place=("relu_",), explains=False)
def relu(input: TensorLike, inplace: bool = False) -> Tensor:
    """The rectified linear unit, ``max(x, 0)``.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. NaN stays NaN. The gradient at 0 is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.relu(cnet.tensor([-4.0, 9.0]))
    tensor([0., 9.])
    """
    try:
        return activated("relu", input, inplace, dtypes="numbers")
    except Exception as error:
        explain(error, relu, (input, inplace), {})


@explained
def relu6(input: TensorLike, inplace: bool = False) -> Tensor:
    """``min(max(x, 0), 6)``.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient at 0 and 6 is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    A. Krizhevsky: Convolutional deep belief networks on CIFAR-10, 2010.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.relu6(cnet.tensor([-4.0, 9.0]))
    tensor([0., 6.])
    """
    return activated("relu6", input, inplace, "hardtanh", 0, 6, dtypes="numbers")


@explained
def leaky_relu(input: TensorLike, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The leaky rectified linear unit: ``x`` if positive, ``negative_slope * x`` otherwise.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    negative_slope : float, default 0.01
        The slope for negative numbers.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient at 0 is `negative_slope`.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    A. L. Maas, A. Y. Hannun, A. Y. Ng: Rectifier nonlinearities improve neural network acoustic
    models, ICML 2013.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.leaky_relu(cnet.tensor([-4.0, 9.0]), 0.1)
    tensor([-0.4,  9. ])
    """
    return activated("leaky_relu", input, inplace, a=negative_slope)


_prelu = by_kernel("prelu")(lambda x, w: np.where(x > 0, x, w * x))
_prelu_dx = by_kernel("prelu_dx")(lambda g, x, w: np.where(x > 0, g, w * g))
_prelu_dweight = by_kernel("prelu_dweight")(lambda g, x: np.where(x > 0, 0, g * x))


class PReLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, weight: Array) -> Any:
        x = np.asarray(x)
        slopes = weight.reshape(_channels("prelu", x, weight))
        ctx.save_for_backward(x, slopes)
        return _prelu(x, slopes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, slopes = ctx.saved
        need_x, need_weight = ctx.needs_input_grad
        dx = dweight = None
        if need_x:
            dx = _prelu_dx(grad, x, slopes)
        if need_weight:
            each = _prelu_dweight(grad, x)
            dweight = unbroadcast(each, slopes.shape).reshape(ctx.input_shape(1))
        return dx, dweight


def _channels(function: str, x: Array, weight: Array) -> tuple[int, ...]:
    """The shape of the slopes, so that they broadcast along the axis of channels."""
    if x.dtype is not weight.dtype and x.dtype != weight.dtype:
        raise TypeError(
            f"{function}: weight.dtype must equal input.dtype (got {weight.dtype} and {x.dtype})"
        )
    if weight.ndim > 1:
        raise ValueError(f"{function}: weight must have at most 1 dimension (got {weight.ndim})")
    if weight.size == 1:
        return (1,) * x.ndim
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.size != channels:
        raise ValueError(
            f"{function}: weight must have 1 element or one for each channel "
            f"(got {weight.size} and {channels} channels)"
        )
    return (1, channels, *(1,) * (x.ndim - 2))


@operation(PReLU, methods=("prelu",))
def prelu(input: TensorLike, weight: TensorLike) -> Tensor:
    """The leaky rectified linear unit with learnable slopes for negative numbers.

    Parameters
    ----------
    input : Tensor or ndarray of floats, shape (n, c, ...) or any shape
    weight : Tensor or ndarray of the same dtype, shape (1,) or (c,)
        One slope, or one for each channel.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`: ``x`` if positive, ``weight * x`` otherwise.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype, or the dtypes differ.
    ValueError
        If the number of slopes is neither 1 nor the number of channels.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun: Delving deep into rectifiers, ICCV 2015.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.prelu(cnet.tensor([-4.0, 9.0]), cnet.tensor([0.25]))
    tensor([-1.,  9.])
    """
    require_float("prelu", input)
    return PReLU.apply(input, weight)


class RReLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, lower: float, upper: float) -> Any:
        dtype = np.float32 if x.dtype.itemsize <= 4 else np.float64
        slopes = random.default_generator().random(x.shape, dtype)
        slopes *= upper - lower
        slopes += lower
        slopes[x > 0] = 1
        slopes = slopes.astype(x.dtype, copy=False)
        ctx.save_for_backward(slopes)
        return x * slopes

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (slopes,) = ctx.saved
        return grad * slopes


@explained
def rrelu(
    input: TensorLike,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """The leaky rectified linear unit with random slopes for negative numbers.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    lower, upper : float, default 1/8 and 1/3
        The slope of each element is uniformly distributed between them.
    training : bool, default False
        If False, the slope is ``(lower + upper) / 2``.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The random numbers come from the generator that
        `cnet.manual_seed` seeds.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    ValueError
        If `lower` is greater than `upper`.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    B. Xu, N. Wang, T. Chen, M. Li: Empirical evaluation of rectified activations in convolutional
    network, arXiv:1505.00853.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.rrelu(cnet.tensor([-24.0, 9.0]))
    tensor([-5.5,  9. ])
    """
    if not lower <= upper:
        raise ValueError(f"rrelu: lower must not exceed upper (got {lower} and {upper})")
    if not training:
        return activated("rrelu", input, inplace, "leaky_relu", (lower + upper) / 2)
    require_float("rrelu", input)
    if not inplace:
        return RReLU.apply(input, lower=lower, upper=upper)
    result: Tensor = apply_in_place(RReLU, as_tensor(input), lower=lower, upper=upper)
    return result


@explained
def elu(input: TensorLike, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The exponential linear unit: ``x`` if positive, ``alpha * (exp(x) - 1)`` otherwise.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    alpha : float, default 1
        The limit for negative numbers is ``-alpha``.
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
    D.-A. Clevert, T. Unterthiner, S. Hochreiter: Fast and accurate deep network learning by
    exponential linear units (ELUs), ICLR 2016.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.elu(cnet.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.    ])
    """
    return activated("elu", input, inplace, a=alpha, b=1)


@explained
def selu(input: TensorLike, inplace: bool = False) -> Tensor:
    """The scaled exponential linear unit, ``scale * elu(x, alpha)``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. alpha is 1.6732… and scale 1.0507…, by which means and
        variances tend to 0 and 1 over many layers.

    Raises
    ------
    TypeError
        If `input` has a boolean or integer dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter: Self-normalizing neural networks,
    NeurIPS 2017.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.selu(cnet.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return activated("selu", input, inplace, "elu", SELU_SCALE * SELU_ALPHA, SELU_SCALE)


@explained
def celu(input: TensorLike, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The continuously differentiable exponential linear unit.

    Parameters
    ----------
    input : Tensor or ndarray of floats, any shape
    alpha : float, default 1
        The result is ``x`` if positive, ``alpha * (exp(x / alpha) - 1)`` otherwise.
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
    ValueError
        If `alpha` is 0.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    References
    ----------
    J. T. Barron: Continuously differentiable exponential linear units, arXiv:1704.07483.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.celu(cnet.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.4323,  2.    ])
    """
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0")
    return activated("celu", input, inplace, a=alpha)


@explained
def threshold(input: TensorLike, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``x`` above a threshold, and another value up to it.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape
    threshold : float
        Numbers up to it are replaced.
    value : float
        The number that replaces them.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. The gradient of replaced numbers is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean dtype.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.threshold(cnet.tensor([0.5, 2.0]), 1.0, -1.0)
    tensor([-1.,  2.])
    """
    return activated("threshold", input, inplace, a=threshold, b=value, dtypes="numbers")


@explained
def hardtanh(
    input: TensorLike, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Limit numbers to the range from `min_val` to `max_val`.

    Parameters
    ----------
    input : Tensor or ndarray of numbers, any shape
    min_val, max_val : float, default -1 and 1
        The limits.
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. Unlike that of `clamp`, the gradient at the limits is 0.

    Raises
    ------
    TypeError
        If `input` has a boolean dtype.
    ValueError
        If `min_val` is greater than `max_val`.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.hardtanh(cnet.tensor([-4.0, 0.5]))
    tensor([-1. ,  0.5])
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val must not exceed max_val (got {min_val} and {max_val})")
    return activated("hardtanh", input, inplace, a=min_val, b=max_val, dtypes="numbers")


def _in_place(function: Activation) -> Activation:
    """The function that writes its result into its input."""

    def call(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(input, *args, inplace=True, **kwargs)

    call.__name__ = call.__qualname__ = f"{function.__name__}_"
    call.__doc__ = f"Like `{function.__name__}`, but in place."
    return call  # type: ignore[return-value]


relu_, leaky_relu_, rrelu_ = _in_place(relu), _in_place(leaky_relu), _in_place(rrelu)
elu_, selu_, celu_ = _in_place(elu), _in_place(selu), _in_place(celu)
threshold_ = _in_place(threshold)
hardtanh_ = _in_place(hardtanh)
