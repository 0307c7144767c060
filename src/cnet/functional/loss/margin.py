"""Losses with a margin: zero for scores that are on the right side by at least the margin."""

from typing import Any

import numpy as np

from ..._explained import explained
from ...autograd import Array, Context, Operation
from ...operations._promotion import require_float
from ...operations.masks import where
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from ._reduction import reduced, reduction_of

__all__ = [
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
]


@explained
def hinge_embedding_loss(
    input: TensorLike,
    target: TensorLike,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The distances of similar items, and the hinge loss of the distances of dissimilar ones.

    The loss is ``x`` for target 1, and ``max(0, margin - x)`` for target -1.

    Parameters
    ----------
    input : Tensor or ndarray
        Distances of pairs of items.
    target : Tensor or ndarray
        1 for similar and -1 for dissimilar items; must broadcast with `input`.
    margin : float, default 1.0
        The least distance of dissimilar items without a loss.
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
    >>> x, target = cnet.tensor([0.5, 0.25]), cnet.tensor([1.0, -1.0])
    >>> cnet.functional.hinge_embedding_loss(x, target, reduction="none")
    tensor([0.5 , 0.75])
    """
    reduction = reduction_of("hinge_embedding_loss", reduction, size_average, reduce)
    input, target = as_tensor(input), as_tensor(target)
    dissimilar = where(target == 1, 0.0, (margin - input).clamp(min=0))
    return reduced(dissimilar + where(target == -1, 0.0, input), reduction)


@explained
def margin_ranking_loss(
    input1: TensorLike,
    input2: TensorLike,
    target: TensorLike,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The hinge loss of the order of two scores: ``max(0, -target * (x1 - x2) + margin)``.

    Parameters
    ----------
    input1, input2 : Tensor or ndarray
        Scores of pairs of items.
    target : Tensor or ndarray
        1 if the first item should have the higher score, -1 if the second should.
    margin : float, default 0
        The least difference of scores without a loss.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of elements.

    Returns
    -------
    Tensor, shape (), or with reduction "none" the broadcast shape of the arguments

    Raises
    ------
    RuntimeError
        If the arguments differ in their number of dimensions.
    ValueError
        If shapes do not broadcast, or `reduction` is invalid.

    Examples
    --------
    >>> import cnet
    >>> x1, x2 = cnet.tensor([1.0, 2.0]), cnet.tensor([3.0, 0.0])
    >>> cnet.functional.margin_ranking_loss(x1, x2, cnet.tensor([1.0, 1.0]), reduction="none")
    tensor([2., 0.])
    """
    reduction = reduction_of("margin_ranking_loss", reduction, size_average, reduce)
    input1, input2, target = as_tensor(input1), as_tensor(input2), as_tensor(target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss: input1, input2 and target must have the same number of "
            f"dimensions (got shapes {input1.shape}, {input2.shape} and {target.shape})"
        )
    return reduced((margin - target * (input1 - input2)).clamp(min=0), reduction)


class MultiMargin(Operation[Tensor]):
    @staticmethod
    def forward(
        ctx: Context, x: Array, target: Array, *, p: int, margin: float, weight: Array | None
    ) -> Any:
        rows, classes = np.arange(len(x)), x.shape[1]
        excess = np.maximum(x - x[rows, target, np.newaxis] + x.dtype.type(margin), 0)
        excess[rows, target] = 0
        scale = np.full((len(x), 1), 1 / classes, x.dtype)
        if weight is not None:
            scale *= weight[target, np.newaxis]
        ctx.save_for_backward(target, excess, scale)
        ctx.p = p
        return ((excess if p == 1 else excess * excess) * scale).sum(1)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        target, excess, scale = ctx.saved
        dx = (excess > 0) * scale if ctx.p == 1 else 2 * excess * scale
        dx *= grad[:, np.newaxis]
        dx[np.arange(len(dx)), target] = -dx.sum(1)
        return dx, None


@explained
def multi_margin_loss(
    input: TensorLike,
    target: TensorLike,
    p: int = 1,
    margin: float = 1.0,
    weight: TensorLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The hinge loss of the score of the target class against all other classes.

    .. math::
        l = \frac{w_t}{c} \sum_{j \neq t} \max(0, m - x_t + x_j)^p

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c) or (c,)
        A score for each class.
    target : Tensor or ndarray of integers, shape (n,) or ()
        The target classes :math:`t`.
    p : {1, 2}, default 1
        The exponent.
    margin : float, default 1.0
        The margin :math:`m`.
    weight : Tensor or ndarray, shape (c,), optional
        A weight :math:`w` for each class.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of items.

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
    >>> cnet.functional.multi_margin_loss(cnet.tensor([[1.0, 0.5, -2.0]]), cnet.tensor([0]))
    tensor(0.1667)
    """
    function = "multi_margin_loss"
    reduction = reduction_of(function, reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"{function}: p must be 1 or 2 (got {p})")
    input, classes = as_tensor(input), array_of(target)
    rows = _rows(function, input)
    if classes.size != len(rows) or classes.ndim > 1:
        raise ValueError(
            f"{function}: target.shape must be {input.shape[:-1]} (got {classes.shape}, "
            f"input.shape {input.shape})"
        )
    _check_classes(function, classes, 0, rows.shape[1])
    weights = None if weight is None else array_of(weight)
    if weights is not None and weights.shape != rows.shape[1:]:
        raise ValueError(
            f"{function}: weight.shape must equal (input.shape[-1],) "
            f"(got {weights.shape} and {rows.shape[1:]})"
        )
    losses = MultiMargin.apply(
        rows, classes.reshape(-1), p=p, margin=margin, weight=weights
    )  # fmt: skip
    return reduced(losses.reshape(classes.shape), reduction)


class MultiLabelMargin(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, labels: Array) -> Any:
        """Labels of a row end before the first that is -1."""
        counts = np.where((labels < 0).any(1), (labels < 0).argmax(1), labels.shape[1])
        others = np.ones(x.shape, np.bool_)
        for column in range(counts.max(initial=0)):
            rows = np.flatnonzero(counts > column)
            others[rows, labels[rows, column]] = False
        losses, slope = np.zeros(len(x), x.dtype), np.zeros_like(x)
        for column in range(counts.max(initial=0)):
            rows = np.flatnonzero(counts > column)
            classes = labels[rows, column]
            excess = np.maximum(1 - x[rows, classes, np.newaxis] + x[rows], 0) * others[rows]
            losses[rows] += excess.sum(1)
            slope[rows] += excess > 0
            slope[rows, classes] -= (excess > 0).sum(1)
        ctx.save_for_backward(slope / x.shape[1])
        return losses / x.shape[1]

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (slope,) = ctx.saved
        return slope * grad[:, np.newaxis], None


@explained
def multilabel_margin_loss(
    input: TensorLike,
    target: TensorLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The hinge loss of the scores of several target classes against all other classes.

    .. math::
        l = \frac{1}{c} \sum_{t \in T} \sum_{j \notin T} \max(0, 1 - x_t + x_j)

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c) or (c,)
        A score for each class.
    target : Tensor or ndarray of integers
        The target classes :math:`T` of each item, in the shape of `input`; the first -1 of a row
        and all numbers after it are ignored.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of items.

    Returns
    -------
    Tensor, shape (), or with reduction "none" shape (n,) or ()

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not match, a class is out of range, or `reduction` is invalid.

    Examples
    --------
    >>> import cnet
    >>> x, target = cnet.tensor([[0.1, 0.2, 0.4, 0.8]]), cnet.tensor([[3, 0, -1, 1]])
    >>> cnet.functional.multilabel_margin_loss(x, target)
    tensor(0.85)
    """
    function = "multilabel_margin_loss"
    reduction = reduction_of(function, reduction, size_average, reduce)
    input, labels = as_tensor(input), array_of(target)
    rows = _rows(function, input)
    if labels.shape != input.shape:
        raise ValueError(
            f"{function}: target.shape must equal input.shape (got {labels.shape} and "
            f"{input.shape})"
        )
    _check_classes(function, labels, -1, rows.shape[1])
    losses = MultiLabelMargin.apply(rows, labels.reshape(rows.shape))
    return reduced(losses.reshape(input.shape[:-1]), reduction)


def _rows(function: str, input: Tensor) -> Tensor:
    """Reshape (n, c), (c,) or () to scores (m, c)."""
    require_float(function, input)
    if input.ndim > 2 or 0 in input.shape[-1:]:
        raise ValueError(
            f"{function}: input must have at most 2 dimensions, and at least 1 class "
            f"(got shape {input.shape})"
        )
    return input if input.ndim == 2 else input.reshape(1, -1)


def _check_classes(function: str, classes: Array, least: int, end: int) -> None:
    if classes.dtype.kind not in "iu":
        raise TypeError(f"{function}: target.dtype must be an integer dtype (got {classes.dtype})")
    outside = classes[(classes < least) | (classes >= end)]
    if outside.size:
        raise ValueError(
            f"{function}: target must be at least {least} and less than the number of classes "
            f"(got {outside[0]} and {end})"
        )
