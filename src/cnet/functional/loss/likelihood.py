"""Negative log-likelihoods of distributions, and the divergence of two distributions."""

from math import log, pi
from typing import Any

import numpy as np

from ..._explained import explained
from ..._warning import warn
from ...autograd import Array, Context, Operation, no_grad
from ...operations._common import unbroadcast
from ...operations._elementwise import computed
from ...operations._promotion import common_float
from ...operations.arithmetic import Mul, Sub
from ...operations.masks import where
from ...tensor import Tensor, TensorLike, as_tensor
from ._reduction import loss_of, reduced, reduction_of, warn_of_broadcasting

__all__ = ["gaussian_nll_loss", "kl_div", "poisson_nll_loss"]


class KLDivergence(Operation[Tensor]):
    """``t * (log(t) - x)``, which is 0 for t = 0, from t or from its logarithm."""

    @staticmethod
    def forward(ctx: Context, x: Array, target: Array, *, log_target: bool) -> Any:
        x, target = common_float("kl_div", x, target)
        ctx.log_target = log_target
        if log_target:
            t, difference = computed("exp", target), Sub.compute(target, x)
            ctx.save_for_backward(t, difference)
            return Mul.compute(t, difference)
        ctx.save_for_backward(target, x)
        logarithms = np.log(np.where(target == 0, 1, target))
        return target * logarithms - Mul.compute(target, x)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        t, other = ctx.saved
        dx = dtarget = None
        if ctx.needs_input_grad[0]:
            dx = unbroadcast(-Mul.compute(grad, t), ctx.input_shape(0))
        if ctx.needs_input_grad[1]:
            if ctx.log_target:
                dtarget = grad * t * (other + 1)
            else:
                with np.errstate(divide="ignore"):
                    dtarget = grad * (np.log(t) + 1 - other)
            dtarget = unbroadcast(dtarget, ctx.input_shape(1))
        return dx, dtarget


@explained
def kl_div(
    input: TensorLike,
    target: TensorLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    r"""The Kullback-Leibler divergence of a distribution from target probabilities.

    .. math::
        l = t \, (\log t - x)

    Parameters
    ----------
    input : Tensor or ndarray
        The logarithms :math:`x` of probabilities.
    target : Tensor or ndarray
        The target probabilities :math:`t`, in the shape of `input`; 0 has the loss 0.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by ``input.shape[0]``, which is the divergence as it is defined.
        "mean" divides by the number of elements, with a warning.
    log_target : bool, default False
        Whether `target` contains logarithms of probabilities.

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
    >>> x, target = cnet.tensor([[0.5, 0.5]]).log(), cnet.tensor([[1.0, 0.0]])
    >>> cnet.functional.kl_div(x, target, reduction="batchmean")
    tensor(0.6931)
    """
    reduction = reduction_of("kl_div", reduction, size_average, reduce, more=("batchmean",))
    input, target = as_tensor(input), as_tensor(target)
    if reduction == "mean":
        warn(
            "kl_div: reduction='mean' divides by the number of elements; use 'batchmean' for the "
            "Kullback-Leibler divergence"
        )
    if reduction != "batchmean":
        return loss_of(KLDivergence, input, target, reduction=reduction, log_target=log_target)
    total = loss_of(KLDivergence, input, target, reduction="sum", log_target=log_target)
    return total / (input.shape[0] if input.ndim else 1)


@explained
def poisson_nll_loss(
    input: TensorLike,
    target: TensorLike,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The negative log-likelihood of counts with a Poisson distribution.

    .. math::
        l = e^x - t x + \log t!

    Parameters
    ----------
    input : Tensor or ndarray
        The logarithms :math:`x` of the rates or, if `log_input` is False, the rates.
    target : Tensor or ndarray
        The observed counts :math:`t`; must broadcast with `input`.
    log_input : bool, default True
        Whether `input` contains logarithms.
    full : bool, default False
        Whether to add :math:`\log t!`, in Stirling's approximation, for counts above 1.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    eps : float, default 1e-8
        Added to the rates before the logarithm if `log_input` is False.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.

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
    >>> cnet.functional.poisson_nll_loss(cnet.tensor([0.0, 0.0]), cnet.tensor([1.0, 3.0]))
    tensor(1.)
    """
    reduction = reduction_of("poisson_nll_loss", reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        counts = where(target > 1, target, 1.0)  # the logarithm is defined for all of them
        stirling = counts * counts.log() - counts + 0.5 * (2 * pi * counts).log()
        losses = losses + where(target > 1, stirling, 0.0)
    return reduced(losses, reduction)


@explained
def gaussian_nll_loss(
    input: TensorLike,
    target: TensorLike,
    var: TensorLike | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    r"""The negative log-likelihood of numbers with a normal distribution.

    .. math::
        l = \frac{1}{2} \left( \log v + \frac{(x - t)^2}{v} \right), \qquad
        v = \max(\mathrm{var}, \epsilon)

    Parameters
    ----------
    input : Tensor or ndarray
        The expected values :math:`x`.
    target : Tensor or ndarray
        The observed numbers :math:`t`. If the shapes differ, they are broadcast, with a warning.
    var : Tensor, ndarray or float
        The variances: one number; or a tensor of the shape of `input`, or of that shape with the
        last axis missing or one axis of size 1.
    full : bool, default False
        Whether to add the constant :math:`\frac{1}{2} \log 2 \pi`.
    eps : float, default 1e-6
        The lower bound :math:`\epsilon` of the variances; the derivative ignores it.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    ValueError
        If shapes do not match, a variance is negative, or `reduction` is invalid.

    Examples
    --------
    >>> import cnet
    >>> x, target = cnet.tensor([1.0, 2.0]), cnet.tensor([1.0, 4.0])
    >>> cnet.functional.gaussian_nll_loss(x, target, 1.0)
    tensor(1.)

    References
    ----------
    D. A. Nix, A. S. Weigend: Estimating the mean and variance of the target probability
    distribution, ICNN 1994.
    """
    reduction = reduction_of("gaussian_nll_loss", reduction)
    input, target = as_tensor(input), as_tensor(target)
    warn_of_broadcasting("gaussian_nll_loss", input, target)
    variances = _variances(input, var, eps)
    difference = input - target
    losses = 0.5 * (variances.log() + difference * difference / variances)
    if full:
        losses = losses + 0.5 * log(2 * pi)
    return reduced(losses, reduction)


def _variances(input: Tensor, var: TensorLike | float, eps: float) -> Tensor:
    """The variances in a shape that broadcasts with `input`, at least `eps`."""
    if isinstance(var, (int, float)):
        var = np.full(input.shape, var, input.dtype)
    var = as_tensor(var)
    if (var._array < 0).any():
        raise ValueError("gaussian_nll_loss: var has a negative entry")
    if var.shape != input.shape:
        if input.ndim and var.shape == input.shape[:-1]:
            return _variances(input, var.unsqueeze(-1), eps)
        differing = [
            size for size, full in zip(var.shape, input.shape, strict=False) if size != full
        ]
        if var.ndim != input.ndim or differing != [1]:
            raise ValueError(
                "gaussian_nll_loss: var.shape must equal input.shape, or the same with the last "
                f"axis missing or one axis of size 1 (got {var.shape} and {input.shape})"
            )
    var = var.clone()
    with no_grad():
        return var.clamp_(min=eps)
