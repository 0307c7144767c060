"""Losses of classifiers: cross-entropy and negative log-likelihood."""

from math import prod
from typing import Any

import numpy as np

from ... import kernels
from ..._explained import explained
from ...arrays import FLOAT32, FLOAT64
from ...autograd import Array, Context, Operation
from ...kernels.loss import reduced_cross_entropy
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from ._reduction import check_same_shape, reduced, reduction_of

__all__ = ["cross_entropy", "nll_loss"]


def _rows(function: str, input: Tensor, target: Tensor) -> tuple[Tensor, Array]:
    """Reshape (n, c, ...) and (n, ...), or (c,) and (), to scores (m, c) and classes (m,)."""
    classes, shape = target._array, input._array.shape
    if len(shape) == 2 and classes.shape == shape[:1]:
        return input, classes
    if not shape:
        raise ValueError(f"{function}: input must have at least 1 dimension (got 0)")
    expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if classes.shape != expected:
        raise ValueError(
            f"{function}: target.shape must be {expected} for classes (got {classes.shape}, "
            f"input.shape {shape})"
        )
    return Scores.apply(input) if len(shape) > 2 else input.unsqueeze(0), classes.reshape(-1)


class Scores(Operation[Tensor]):
    """The scores (m, c) of all positions of an array (n, c, ...)."""

    owns_result = True

    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        n, c, *sizes = x.shape
        return _transposed(x.reshape(n, c, prod(sizes))).reshape(-1, c)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        n, c, *sizes = ctx.input_shape(0)
        return _transposed(grad.reshape(n, prod(sizes), c)).reshape(n, c, *sizes)


def _transposed(x: Array) -> Array:
    """A copy of an array (n, rows, columns) as (n, columns, rows)."""
    if x.dtype in (FLOAT32, FLOAT64):
        return kernels.transpose(x)
    return np.ascontiguousarray(x.swapaxes(1, 2))


class CrossEntropy(Operation[Tensor]):
    """The losses and their reduction in one node, which is faster than separate Sum and Div."""

    @staticmethod
    def compute(
        logits: Array, target: Array, *, reduction: str, weight: Array | None,
        label_smoothing: float, ignore_index: int,
    ) -> Array:  # fmt: skip
        loss, *_ = _cross_entropy(logits, target, reduction, weight, label_smoothing, ignore_index)
        return loss

    @staticmethod
    def forward(
        ctx: Context, logits: Array, target: Array, *, reduction: str, weight: Array | None,
        label_smoothing: float, ignore_index: int,
    ) -> Array:  # fmt: skip
        ctx.options = weight, label_smoothing, ignore_index
        loss, divisor, lse = _cross_entropy(logits, target, reduction, *ctx.options)
        ctx.save_for_backward(logits, target, lse, divisor)
        return loss

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        logits, target, lse, divisor = ctx.saved
        if divisor is not None:
            grad = kernels.reduce_losses_backward(grad.reshape(1), divisor, target.shape[0])
        return kernels.cross_entropy_backward(grad, logits, target, lse, *ctx.options), None


def _cross_entropy(
    logits: Array, target: Array, reduction: str, *options: Any
) -> tuple[Array, Array | None, Array]:
    """The losses or their reduction, the divisor of that, and logsumexp."""
    if reduction == "none":
        losses, lse = kernels.cross_entropy(logits, target, *options)
        return losses, None, lse
    return reduced_cross_entropy(logits, target, *options, mean=reduction == "mean")


@explained
def cross_entropy(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    r"""The cross-entropy between the softmax of scores and the target classes.

    .. math::
        l_i = -\sum_j q_{ij} w_j \log \frac{e^{x_{ij}}}{\sum_k e^{x_{ik}}}, \qquad
        q_{ij} = (1 - \epsilon) [j = t_i] + \epsilon / c

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c), (n, c, ...) or (c,)
        A score (logit) for each class, without softmax; float32 or float64.
    target : Tensor or ndarray
        Classes, integers of shape (n,), (n, ...) or (); or probabilities of all classes, floats in
        the shape of `input`.
    weight : Tensor or ndarray, shape (c,), optional
        A weight for each class, in the dtype of `input`.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    ignore_index : int, default -100
        Items with this class have loss 0 and do not count in the mean. If `target` contains
        probabilities, it must be negative and has no effect.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of items. If `target` contains classes and `weight` is given,
        it divides by the sum of the weights of the target classes.
    label_smoothing : float, default 0.0
        The part :math:`\epsilon` of the target that is distributed evenly over all classes.

    Returns
    -------
    Tensor, shape (), or with reduction "none" one loss for each item
        The mean is NaN, with NumPy's warning, if no item counts.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not match, a class is out of range, or an option is invalid.

    Examples
    --------
    >>> import cnet
    >>> scores = cnet.tensor([[2.0, 0.0], [0.0, 0.0]])
    >>> cnet.functional.cross_entropy(scores, cnet.tensor([0, 1]), reduction="none")
    tensor([0.1269, 0.6931])

    References
    ----------
    Label smoothing: C. Szegedy et al.: Rethinking the Inception architecture for computer vision,
    arXiv:1512.00567.
    """
    reduction = reduction_of("cross_entropy", reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    weights = None if weight is None else array_of(weight)
    if target._array.dtype.kind == "f":
        _check_probabilities(ignore_index, label_smoothing)
        losses = _soft_cross_entropy(input, target, weights, label_smoothing)
        return reduced(losses, reduction)
    scores, classes = _rows("cross_entropy", input, target)
    losses = CrossEntropy.apply(
        scores, classes, reduction=reduction, weight=weights, label_smoothing=label_smoothing,
        ignore_index=ignore_index,
    )  # fmt: skip
    return losses.reshape(target.shape) if reduction == "none" else losses


def _check_probabilities(ignore_index: int, label_smoothing: float) -> None:
    if ignore_index >= 0:
        raise ValueError(
            "cross_entropy: ignore_index must be negative if target contains probabilities "
            f"(got {ignore_index})"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing must be between 0 and 1 (got {label_smoothing})"
        )


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Array | None, label_smoothing: float
) -> Tensor:
    check_same_shape("cross_entropy", input, target)
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    target = target * (1 - label_smoothing) + label_smoothing / classes
    if weight is not None:
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight.shape must equal (input.shape[1],) "
                f"(got {weight.shape} and {(classes,)})"
            )
        target = target * weight.reshape(classes, *[1] * (input.ndim - axis - 1))
    losses: Tensor = (target * input.log_softmax(axis)).sum(axis)
    return -losses


class NLL(Operation[Tensor]):
    """The losses and their reduction, as in `CrossEntropy`."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, target: Array, *, reduction: str, weight: Array | None,
        ignore_index: int,
    ) -> Any:  # fmt: skip
        losses, loss, divisor = kernels.nll_loss(
            x, target, weight, mean=reduction == "mean", ignore_index=ignore_index
        )
        if ctx.edges[0] is not None:
            ctx.options = {"classes": x.shape[1], "weight": weight, "ignore_index": ignore_index}
            ctx.save_for_backward(target, None if reduction == "none" else divisor)
        return losses if reduction == "none" else loss.reshape(())

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        target, divisor = ctx.saved
        if divisor is not None:
            grad = kernels.reduce_losses_backward(grad.reshape(1), divisor, target.shape[0])
        return kernels.nll_loss_backward(grad, target, **ctx.options), None


@explained
def nll_loss(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of the target class.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c), (n, c, ...) or (c,)
        Log-probabilities, such as the result of `log_softmax`.
    target : Tensor or ndarray of integers, shape (n,), (n, ...) or ()
        The target classes.
    weight : Tensor or ndarray, shape (c,), optional
        A weight for each class.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    ignore_index : int, default -100
        Items with this class have loss 0 and do not count in the mean.
    reduction : {"mean", "sum", "none"}, default "mean"
        As in `cross_entropy`.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the shape of `target`

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not match, a class is out of range, or an option is invalid.

    Examples
    --------
    >>> import cnet
    >>> logarithms = cnet.tensor([[-0.5, -1.0]])
    >>> cnet.functional.nll_loss(logarithms, cnet.tensor([1]))
    tensor(1.)
    """
    reduction = reduction_of("nll_loss", reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    if target._array.dtype.kind not in "iu":
        raise TypeError(f"nll_loss: target.dtype must be an integer dtype (got {target.dtype})")
    weights = None if weight is None else array_of(weight)
    x, classes = _rows("nll_loss", input, target)
    if weights is not None and weights.shape != x.shape[1:]:
        raise ValueError(
            f"nll_loss: weight.shape must equal (input.shape[1],) "
            f"(got {weights.shape} and {x.shape[1:]})"
        )
    if weights is not None and weights.dtype != x.dtype:
        raise TypeError(
            f"nll_loss: weight.dtype must equal input.dtype (got {weights.dtype} and {x.dtype})"
        )
    losses = NLL.apply(x, classes, reduction=reduction, weight=weights, ignore_index=ignore_index)
    return losses.reshape(target.shape) if reduction == "none" else losses
