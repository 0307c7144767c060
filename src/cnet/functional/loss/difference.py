"""Losses of regression: functions of the difference of `input` and `target`."""

from typing import Any

import numpy as np

from ..._explained import explained
from ...autograd import Array, Operation
from ...operations._elementwise import by_kernel, define
from ...operations._promotion import common_number
from ...tensor import Tensor, TensorLike, as_tensor
from ._reduction import loss_of, reduced, reduction_of, warn_of_broadcasting, weighted

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


@by_kernel("squared_difference_da")
def _squared_difference_da(g: Array, a: Array, b: Array) -> Any:
    return 2 * g * (a - b)


_squared_difference = define(
    "mse_loss",
    by_kernel("squared_difference")(lambda a, b: (a - b) ** 2),
    _squared_difference_da,
    lambda g, a, b: _squared_difference_da(g, b, a),
    promote=common_number,
)


@by_kernel("times_sign")
def _times_sign(g: Array, a: Array, b: Array) -> Any:
    return g * np.sign(a - b)


_distance = define(
    "l1_loss",
    by_kernel("distance")(lambda a, b: np.abs(a - b)),
    _times_sign,
    lambda g, a, b: _times_sign(g, b, a),
    promote=common_number,
)


@by_kernel("huber")
def _huber_losses(a: Array, b: Array, threshold: float, slope: float) -> Any:
    """``slope * d**2 / 2`` up to an absolute value `threshold` of d = a - b, and linear beyond."""
    d = a - b
    bounded = np.clip(d, -threshold, threshold)
    return slope * (d - bounded / 2) * bounded


@by_kernel("times_within")
def _times_within(g: Array, a: Array, b: Array, threshold: float) -> Any:
    return g * np.clip(a - b, -threshold, threshold)


def _huber_da(g: Array, a: Array, b: Array, threshold: float, slope: float) -> Any:
    return _times_within(g if slope == 1 else slope * g, a, b, threshold=threshold)


_huber = define(
    "huber_loss",
    _huber_losses,
    _huber_da,
    lambda g, a, b, threshold, slope: _huber_da(g, b, a, threshold, slope),
)


@explained
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
    return _of_numbers(_squared_difference, "mse_loss", input, target, weight, reduction)


def _of_numbers(
    operation: type[Operation[Tensor]], function: str, input: Tensor, target: Tensor,
    weight: TensorLike | None, reduction: str,
) -> Tensor:  # fmt: skip
    """A loss that is an integer for integers."""
    if weight is None and "f" in input.dtype.kind + target.dtype.kind:
        return loss_of(operation, input, target, reduction=reduction)
    losses = operation.apply(input, target)
    if weight is None:
        return reduced(losses, reduction)
    losses = weighted(function, losses, weight)
    return (
        losses.sum() / as_tensor(weight).sum()
        if reduction == "mean"
        else reduced(losses, reduction)
    )


@explained
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
    return _of_numbers(_distance, "l1_loss", input, target, weight, reduction)


@explained
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
    if beta == 0:
        return _of_numbers(_distance, "smooth_l1_loss", input, target, None, reduction)
    options = {"threshold": float(beta), "slope": 1 / beta}
    return loss_of(_huber, input, target, reduction=reduction, **options)


@explained
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
        The mean divides by the number of elements, also if `weight` is given.
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
    options = {"threshold": float(delta), "slope": 1.0}
    if weight is None:
        return loss_of(_huber, input, target, reduction=reduction, **options)
    losses = _huber.apply(input, target, **options)
    return reduced(weighted("huber_loss", losses, weight), reduction)
