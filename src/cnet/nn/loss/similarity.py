"""Loss modules of embeddings."""

from collections.abc import Callable
from typing import Any

from ... import functional as F
from ...tensor import Tensor
from ..distance import PairwiseDistance
from ._base import Loss

__all__ = ["CosineEmbeddingLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss"]


class CosineEmbeddingLoss(Loss):
    """A loss of the angle of vectors; see `cnet.functional.cosine_embedding_loss`.

    Parameters
    ----------
    margin : float, default 0
        The cosine up to which dissimilar vectors have no loss.
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
    >>> x1, x2 = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> nn.CosineEmbeddingLoss()(x1, x2, np.array([1])).item()
    1.0
    """

    function = staticmethod(F.cosine_embedding_loss)
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


class TripletMarginLoss(Loss):
    """The hinge loss of distances in triplets; see `cnet.functional.triplet_margin_loss`.

    Parameters
    ----------
    margin : float, default 1
        The margin; must be positive.
    p : float, default 2
        The exponent of the norm.
    eps : float, default 1e-6
        A small number that is added to each difference.
    swap : bool, default False
        Use the distance of the dissimilar from the similar vector, if it is smaller.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch.

    Raises
    ------
    ValueError
        If `margin` is not positive, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> anchor, positive, negative = np.array([[[0.0]], [[1.0]], [[1.5]]])
    >>> round(nn.TripletMarginLoss()(anchor, positive, negative).item(), 4)
    0.5
    """

    function = staticmethod(F.triplet_margin_loss)
    options = ("margin", "p", "eps", "swap")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if not margin > 0:
            raise ValueError(f"{type(self).__name__}: margin must be positive (got {margin})")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        return self.loss(anchor, positive, negative)


class TripletMarginWithDistanceLoss(Loss):
    """The hinge loss of distances in triplets, with any distance.

    See `cnet.functional.triplet_margin_with_distance_loss`.

    Parameters
    ----------
    distance_function : callable, optional
        Computes the distances of two tensors of vectors; `pairwise_distance` by default.
    margin : float, default 1
        The margin; must be positive.
    swap : bool, default False
        Use the distance of the dissimilar from the similar vector, if it is smaller.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch.

    Raises
    ------
    ValueError
        If `margin` is not positive, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> loss = nn.TripletMarginWithDistanceLoss(
    ...     distance_function=lambda x, y: (x - y).abs().sum(-1)
    ... )
    >>> loss(np.array([[0.0]]), np.array([[1.0]]), np.array([[1.5]])).item()
    0.5
    """

    function = staticmethod(F.triplet_margin_with_distance_loss)
    options = ("distance_function", "margin", "swap")

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if not margin > 0:
            raise ValueError(f"{type(self).__name__}: margin must be positive (got {margin})")
        self.distance_function = distance_function or PairwiseDistance()
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        return self.loss(anchor, positive, negative)
