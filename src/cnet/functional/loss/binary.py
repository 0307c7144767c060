"""Binary cross-entropy, and losses that are computed with it."""

from typing import Any

import numpy as np

from ..._explained import explained
from ...autograd import Array, Context, Operation
from ...operations._elementwise import by_kernel, computed, define
from ...operations._promotion import cast, promoted, promoted_to_float, require_float, result_type
from ...operations.elementwise import expit
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from ._reduction import check_same_shape, loss_of, reduced, reduction_of

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
]

_LEAST_LOGARITHM = -100.0
"""Logarithms of probabilities are at least this, so that no loss is infinite."""
_LEAST_VARIANCE = 1e-12
"""The divisor ``x * (1 - x)`` of the derivative is at least this."""


class BCE(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, target: Array) -> Any:
        x, target = promoted_to_float("binary_cross_entropy", x, target)
        for name, values in (("input", x), ("target", target)):
            outside = values[~((values >= 0) & (values <= 1))]
            if outside.size:
                raise RuntimeError(
                    f"binary_cross_entropy: all elements of {name} should be between 0 and 1 "
                    f"(got {outside[0]})"
                )
        ctx.save_for_backward(x, target)
        of_1, of_0 = _logarithms(x)
        return (target - 1) * of_0 - target * of_1

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, target = ctx.saved
        need_x, need_target = ctx.needs_input_grad
        dx = dtarget = None
        if need_x:
            dx = grad * (x - target) / np.maximum(x * (1 - x), _LEAST_VARIANCE)
        if need_target:
            of_1, of_0 = _logarithms(x)
            dtarget = grad * (of_0 - of_1)
        return dx, dtarget


def _logarithms(x: Array) -> tuple[Any, Any]:
    """The bounded logarithms of x and 1 - x."""
    of_1, of_0 = computed("log", x), computed("log1p", -x)
    return np.maximum(of_1, _LEAST_LOGARITHM), np.maximum(of_0, _LEAST_LOGARITHM)


@explained
def binary_cross_entropy(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The binary cross-entropy between probabilities and target probabilities.

    .. math::
        l = -w \, (t \log x + (1 - t) \log (1 - x))

    Logarithms are at least -100. `binary_cross_entropy_with_logits` is more accurate for the result
    of a sigmoid.

    Parameters
    ----------
    input : Tensor or ndarray
        Probabilities between 0 and 1.
    target : Tensor or ndarray
        Probabilities between 0 and 1, in the shape of `input`.
    weight : Tensor or ndarray, optional
        The weights :math:`w` of the losses; must broadcast to the shape of `input`.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    RuntimeError
        If `target` has no float dtype, or an element of `input` or `target` is not between 0 and 1.
    ValueError
        If the shapes of `input` and `target` differ, `weight` does not broadcast, or `reduction` is
        invalid.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.binary_cross_entropy(cnet.tensor([0.5, 0.0]), cnet.tensor([1.0, 0.0]))
    tensor(0.3466)
    """
    function = "binary_cross_entropy"
    reduction = reduction_of(function, reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    check_same_shape(function, input, target)
    _require_float_target(function, target)
    if weight is None:
        return loss_of(BCE, input, target, reduction=reduction)
    losses = BCE.apply(input, target)
    return reduced(losses * _broadcast(function, weight, losses), reduction)


def _require_float_target(function: str, target: Tensor) -> None:
    if target.dtype.kind != "f":
        raise RuntimeError(
            f"{function}: target must have a float dtype, such as that of input; use "
            f"target.float() (got {target.dtype})"
        )


def _broadcast(function: str, weight: TensorLike, losses: Tensor) -> Tensor:
    try:
        return as_tensor(weight).expand(losses.shape)
    except ValueError:
        raise ValueError(
            f"{function}: weight.shape must broadcast to input.shape "
            f"(got {np.shape(weight)} and {losses.shape})"
        ) from None


@by_kernel("bce_with_logits")
def _losses(a: Array, b: Array) -> Any:
    return np.maximum(a, 0) - a * b + np.log1p(np.exp(-np.abs(a)))


@by_kernel("bce_with_logits_da")
def _losses_da(g: Array, a: Array, b: Array) -> Any:
    return g * (expit(a) - b)


_bce_with_logits = define(
    "binary_cross_entropy_with_logits", _losses, _losses_da, lambda g, a: -g * a
)


class WeightedBCE(Operation[Tensor]):
    """The cross-entropy of logits, in which targets of 1 have weights."""

    @staticmethod
    def forward(ctx: Context, x: Array, target: Array, *, pos_weight: Array) -> Any:
        x, target = promoted("binary_cross_entropy_with_logits", x, target)
        ctx.save_for_backward(x, target)
        ctx.pos_weight = pos_weight
        return (1 - target) * x + (1 + (pos_weight - 1) * target) * _softplus(-x)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, target = ctx.saved
        need_x, need_target = ctx.needs_input_grad
        dx = dtarget = None
        if need_x:
            positive = (1 + (ctx.pos_weight - 1) * target) * computed("sigmoid", -x)
            dx = grad * (1 - target - positive)
        if need_target:
            dtarget = grad * ((ctx.pos_weight - 1) * _softplus(-x) - x)
        return dx, dtarget


def _softplus(x: Array) -> Array:
    """``log(1 + exp(x))`` without overflow."""
    return computed("softplus", x, 1.0, np.inf)


@explained
def binary_cross_entropy_with_logits(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: TensorLike | None = None,
) -> Tensor:
    r"""The binary cross-entropy between the sigmoid of scores and target probabilities.

    .. math::
        l = -w \, (p \, t \log \sigma(x) + (1 - t) \log (1 - \sigma(x)))

    Parameters
    ----------
    input : Tensor or ndarray
        Scores (logits), without sigmoid.
    target : Tensor or ndarray
        Probabilities between 0 and 1, in the shape of `input`.
    weight : Tensor or ndarray, optional
        The weights :math:`w` of the losses; must broadcast with `input`.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.
    pos_weight : Tensor or ndarray, optional
        The weights :math:`p` of positive targets; must broadcast with `input`; no gradient.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `input`

    Raises
    ------
    TypeError
        If `input` has no float dtype.
    RuntimeError
        If `target` has no float dtype.
    ValueError
        If the shapes of `input` and `target` differ, a weight does not broadcast, or `reduction` is
        invalid.

    Examples
    --------
    >>> import cnet
    >>> F = cnet.functional
    >>> F.binary_cross_entropy_with_logits(cnet.tensor([0.0, 9.0]), cnet.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    function = "binary_cross_entropy_with_logits"
    reduction = reduction_of(function, reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    require_float(function, input)
    check_same_shape(function, input, target)
    _require_float_target(function, target)
    operation, options = _bce_with_logits, {}
    if pos_weight is not None:
        dtype = result_type(function, input._array, target._array)
        operation, options = WeightedBCE, {"pos_weight": cast(array_of(pos_weight), dtype)}
    if weight is None:
        return loss_of(operation, input, target, reduction=reduction, **options)
    return reduced(operation.apply(input, target, **options) * weight, reduction)


@explained
def soft_margin_loss(
    input: TensorLike,
    target: TensorLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The logistic loss of scores and signs: :math:`l = \log (1 + e^{-t x})`.

    Parameters
    ----------
    input : Tensor or ndarray
        Scores.
    target : Tensor or ndarray
        Signs, 1 or -1, in the shape of `input`.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
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
    >>> cnet.functional.soft_margin_loss(cnet.tensor([0.0, 9.0]), cnet.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    reduction = reduction_of("soft_margin_loss", reduction, size_average, reduce)
    signed = as_tensor(input) * as_tensor(target)
    return loss_of(_bce_with_logits, signed, np.ones_like(array_of(signed)), reduction=reduction)


@explained
def multilabel_soft_margin_loss(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of `binary_cross_entropy_with_logits` over the classes of each item.

    Parameters
    ----------
    input : Tensor or ndarray, shape (..., c)
        Scores (logits), without sigmoid.
    target : Tensor or ndarray
        Whether each class applies, 0 or 1, in the shape of `input`.
    weight : Tensor or ndarray, shape (c,), optional
        A weight for each class.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of items.

    Returns
    -------
    Tensor, shape (), or with reduction "none" shape (...)

    Raises
    ------
    ValueError
        If the shapes of `input` and `target` differ, `weight` does not broadcast, or `reduction` is
        invalid.

    Examples
    --------
    >>> import cnet
    >>> scores, labels = cnet.tensor([[0.0, 9.0]]), cnet.tensor([[1.0, 1.0]])
    >>> cnet.functional.multilabel_soft_margin_loss(scores, labels)
    tensor(0.3466)
    """
    function = "multilabel_soft_margin_loss"
    reduction = reduction_of(function, reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    check_same_shape(function, input, target)
    losses = _bce_with_logits.apply(input, target)
    if weight is not None:
        losses = losses * _broadcast(function, weight, losses)
    return reduced(losses.mean(-1), reduction)
