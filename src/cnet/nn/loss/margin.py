"""Loss modules with a margin."""

from typing import Any

from ... import functional as F
from ...tensor import Tensor, TensorLike
from ._base import Loss, TargetLoss, WeightedLoss

__all__ = ["HingeEmbeddingLoss", "MarginRankingLoss", "MultiLabelMarginLoss", "MultiMarginLoss"]


class HingeEmbeddingLoss(TargetLoss):
    """The hinge loss of distances; see `cnet.functional.hinge_embedding_loss`.

    Parameters
    ----------
    margin : float, default 1
        The least distance of dissimilar items without a loss.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.HingeEmbeddingLoss()(np.array([0.5, 0.5]), np.array([1, -1])).item()
    0.5
    """

    function = staticmethod(F.hinge_embedding_loss)
    options = ("margin",)

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MarginRankingLoss(Loss):
    """The hinge loss of the order of scores; see `cnet.functional.margin_ranking_loss`.

    Parameters
    ----------
    margin : float, default 0
        The least difference of scores without a loss.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MarginRankingLoss()(np.array([1.0]), np.array([3.0]), np.array([1])).item()
    2.0
    """

    function = staticmethod(F.margin_ranking_loss)
    options = ("margin",)

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Tensor:
        return self.loss(input1, input2, target)


class MultiLabelMarginLoss(TargetLoss):
    """The hinge loss of several classes per item.

    See `cnet.functional.multilabel_margin_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MultiLabelMarginLoss()(np.array([0.5, 0.0]), np.array([0, -1])).item()
    0.25
    """

    function = staticmethod(F.multilabel_margin_loss)


class MultiMarginLoss(WeightedLoss):
    """The hinge loss of classes; see `cnet.functional.multi_margin_loss`.

    Parameters
    ----------
    p : {1, 2}, default 1
        The exponent.
    margin : float, default 1
        The least difference to the score of another class without a loss.
    weight : Tensor or ndarray of shape (c,), optional
        Weight of each class.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch.

    Raises
    ------
    ValueError
        If `p` is neither 1 nor 2, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.MultiMarginLoss()(np.array([[0.5, 0.0]]), np.array([0])).item()
    0.25
    """

    function = staticmethod(F.multi_margin_loss)
    options = ("p", "margin", "weight")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: TensorLike | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p must be 1 or 2 (got {p})")
        self.p = p
        self.margin = margin
