"""Activation functions."""

from typing import Any, Literal

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..inplace import apply_in_place
from ..operations._elementwise import Elementwise
from ..operations._promotion import require_float
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["gelu", "leaky_relu", "relu"]


class ReLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Any:
        if x.dtype.kind in "iu":
            return np.maximum(x, 0)
        y = kernels.relu(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        return kernels.relu_backward(grad, y)


@operation(ReLU, methods=("relu",), in_place=("relu_",))
def relu(input: TensorLike, inplace: bool = False) -> Tensor:
    """The rectified linear unit, ``max(x, 0)``.

    Parameters
    ----------
    input : Tensor or ndarray of floats or integers, any shape
    inplace : bool, default False
        Write the result into `input`, and return `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`. NaN stays NaN. The gradient at 0 is 0.

    Raises
    ------
    TypeError
        If `input` is not an array of float32, float64 or integers.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet
    >>> cnet.relu(cnet.tensor([-4.0, 9.0]))
    tensor([0., 9.])
    """
    return apply_in_place(ReLU, as_tensor(input)) if inplace else ReLU.apply(input)


class LeakyReLU(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, negative_slope: float) -> Array:
        require_float("leaky_relu", x)
        ctx.save_for_backward(x > 0)
        ctx.negative_slope = negative_slope
        return kernels.elementwise(x, "leaky_relu", negative_slope)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (positive,) = ctx.saved
        return np.where(positive, grad, grad * ctx.negative_slope)


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
        If `input` is not an array of floats.
    RuntimeError
        If `input` is a leaf that requires grad, and `inplace` is True.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.leaky_relu(cnet.tensor([-4.0, 9.0]), 0.1)
    tensor([-0.4,  9. ])

    References
    ----------
    A. L. Maas, A. Y. Hannun, A. Y. Ng: Rectifier nonlinearities improve neural network acoustic
    models, ICML 2013.
    """
    slope = float(negative_slope)
    if not inplace:
        return LeakyReLU.apply(input, negative_slope=slope)
    result: Tensor = apply_in_place(LeakyReLU, as_tensor(input), negative_slope=slope)
    return result


class GELU(Elementwise):
    name = "gelu"


class GELUTanh(Elementwise):
    name = "gelu_tanh"


@operation(GELU)
def gelu(input: TensorLike, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    r"""The Gaussian error linear unit, :math:`x \Phi(x)`.

    :math:`\Phi` is the cumulative distribution function of the standard normal distribution [1]_.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
        Booleans and integers are converted to float32.
    approximate : {"none", "tanh"}, default "none"
        ``"none"``: :math:`x (1 + \mathrm{erf}(x / \sqrt 2)) / 2`. ``"tanh"``:
        :math:`x (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3))) / 2`, which differs from the exact
        function by less than 0.0005 and takes about two thirds of the time.

    Returns
    -------
    Tensor
        In the shape and float dtype of `input`.

    Raises
    ------
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
    return (GELUTanh if approximate == "tanh" else GELU).apply(input)
