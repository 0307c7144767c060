"""Losses of regression: functions of the difference of `input` and `target`."""

from typing import Any

import numpy as np

from ...autograd import Array, Context, Operation
from ...operations._common import unbroadcast
from ...operations._elementwise import by_kernel
from ...operations._promotion import floating
from ...operations._sums import average, total
from ...operations.arithmetic import Mul, Sub
from ...tensor import Tensor, TensorLike, as_tensor
from ._reduction import reduced, reduction_of, warn_of_broadcasting, weighted

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


class SquaredError(Operation[Tensor]):
    """The squared differences of floats and their mean, or their sum, in one node."""

    @staticmethod
    def forward(ctx: Context, x: Array, target: Array, *, mean: bool) -> Array:
        difference = Sub.forward(ctx, x, target)
        axes = tuple(range(difference.ndim))
        squares = Mul.compute(difference, difference)
        ctx.save_for_backward(difference)
        ctx.factor = 2 / max(difference.size, 1) if mean else 2
        return average(squares, axes).reshape(()) if mean else total(squares, axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (difference,) = ctx.saved
        need_x, need_target = ctx.needs_input_grad
        dx = Mul.compute(difference, grad * grad.dtype.type(ctx.factor))
        return (
            unbroadcast(dx, ctx.input_shape(0)) if need_x else None,
            unbroadcast(-dx, ctx.input_shape(1)) if need_target else None,
        )


def mse_loss(
    input: TensorLike,
    target: TensorLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:
    """The squared difference.

    Parameters
    ----------
    input, target : Tensor or ndarray
        Both get gradients. If the shapes differ, they are broadcast, with a warning.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements or, if `weight` is given, by the sum of the
        weights.
    weight : Tensor or ndarray, optional
        The weight of each element, in the shape of `input`.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `reduction` is invalid.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.mse_loss(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of("mse_loss", reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    warn_of_broadcasting("mse_loss", input, target)
    if weight is None and reduction != "none" and "f" in input.dtype.kind + target.dtype.kind:
        return SquaredError.apply(input, target, mean=reduction == "mean")
    difference = input - target
    return weighted("mse_loss", difference * difference, weight, reduction)


def l1_loss(
    input: TensorLike,
    target: TensorLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: TensorLike | None = None,
) -> Tensor:
    """The absolute difference.

    Parameters
    ----------
    input, target : Tensor or ndarray
        Both get gradients. If the shapes differ, they are broadcast, with a warning.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements or, if `weight` is given, by the sum of the
        weights.
    weight : Tensor or ndarray, optional
        The weight of each element, in the shape of `input`.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `reduction` is invalid.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.l1_loss(cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = reduction_of("l1_loss", reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    warn_of_broadcasting("l1_loss", input, target)
    difference = input - target
    losses = difference.abs()
    return weighted("l1_loss", losses, weight, reduction)


@by_kernel("huber")
def _huber(d: Array, threshold: float, slope: float) -> Any:
    bounded = np.clip(d, -threshold, threshold)
    return slope * (d - bounded / 2) * bounded


@by_kernel("huber_backward")
def _huber_dx(g: Array, d: Array, threshold: float, slope: float) -> Any:
    return g * (slope * np.clip(d, -threshold, threshold))


class Huber(Operation[Tensor]):
    """``slope * d**2 / 2`` up to an absolute value `threshold` of d, and linear beyond it."""

    @staticmethod
    def forward(ctx: Context, d: Array, *, threshold: float, slope: float) -> Any:
        d = floating("huber_loss", d)
        ctx.save_for_backward(d)
        ctx.options = {"threshold": threshold, "slope": slope}
        return _huber(d, **ctx.options)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return _huber_dx(grad, *ctx.saved, **ctx.options)


def smooth_l1_loss(
    input: TensorLike,
    target: TensorLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    r"""The absolute difference, with a squared part around 0.

    .. math::
        l = \begin{cases} d^2 / (2 \beta) & \text{if } |d| < \beta \\
        |d| - \beta / 2 & \text{otherwise} \end{cases}, \qquad d = x - t

    Parameters
    ----------
    input, target : Tensor or ndarray
        Both get gradients. If the shapes differ, they are broadcast, with a warning.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.
    beta : float, default 1.0
        The threshold :math:`\beta`; 0 gives `l1_loss`.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `reduction` is invalid.
    RuntimeError
        If `beta` is negative.

    Examples
    --------
    >>> import cnet
    >>> x, y = cnet.tensor([1.0, 2.0]), cnet.tensor([1.5, 4.0])
    >>> cnet.functional.smooth_l1_loss(x, y, reduction="none")
    tensor([0.125, 1.5  ])

    References
    ----------
    R. Girshick: Fast R-CNN, arXiv:1504.08083.
    """
    reduction = reduction_of("smooth_l1_loss", reduction, size_average, reduce)
    if not beta >= 0:
        raise RuntimeError(f"smooth_l1_loss: beta must not be negative (got {beta})")
    input, target = as_tensor(input), as_tensor(target)
    warn_of_broadcasting("smooth_l1_loss", input, target)
    difference = input - target
    if beta == 0:
        return reduced(difference.abs(), reduction)
    losses = Huber.apply(difference, threshold=beta, slope=1 / beta)
    return reduced(losses, reduction)


def huber_loss(
    input: TensorLike,
    target: TensorLike,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: TensorLike | None = None,
) -> Tensor:
    r"""Half the squared difference if it is small, and linear otherwise.

    .. math::
        l = \begin{cases} d^2 / 2 & \text{if } |d| < \delta \\
        \delta (|d| - \delta / 2) & \text{otherwise} \end{cases}, \qquad d = x - t

    Parameters
    ----------
    input, target : Tensor or ndarray
        Both get gradients. If the shapes differ, they are broadcast, with a warning.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements or, if `weight` is given, by the sum of the
        weights.
    delta : float, default 1.0
        The threshold :math:`\delta`; must be positive.
    weight : Tensor or ndarray, optional
        The weight of each element, in the shape of `input`.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `reduction` is invalid.
    RuntimeError
        If `delta` is not positive.

    Examples
    --------
    >>> import cnet
    >>> x, y = cnet.tensor([1.0, 2.0]), cnet.tensor([1.5, 6.0])
    >>> cnet.functional.huber_loss(x, y, delta=2.0, reduction="none")
    tensor([0.125, 6.   ])

    References
    ----------
    P. J. Huber: Robust estimation of a location parameter, Annals of Mathematical Statistics 35
    (1964).
    """
    reduction = reduction_of("huber_loss", reduction)
    if not delta > 0:
        raise RuntimeError(f"huber_loss: delta must be positive (got {delta})")
    input, target = as_tensor(input), as_tensor(target)
    warn_of_broadcasting("huber_loss", input, target)
    losses = Huber.apply(input - target, threshold=delta, slope=1.0)
    return weighted("huber_loss", losses, weight, reduction)
