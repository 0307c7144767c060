"""Loss modules of classifiers."""

from ... import functional as F
from ...tensor import TensorLike
from ._base import WeightedLoss

__all__ = ["CrossEntropyLoss", "NLLLoss", "NLLLoss2d"]


class CrossEntropyLoss(WeightedLoss):
    """Negative log-likelihood of the softmax of logits; see `cnet.functional.cross_entropy`.

    Parameters
    ----------
    weight : Tensor or ndarray of shape (c,), optional
        Weight of each class, in the dtype of the logits.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    ignore_index : int, default -100
        Items with this target have loss 0 and do not count in the mean.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch; the mean is weighted by `weight`.
    label_smoothing : float, default 0
        Probability that is distributed evenly over all classes, between 0 and 1.

    Raises
    ------
    ValueError
        If `reduction` is unknown, or `label_smoothing` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> loss = nn.CrossEntropyLoss()(np.zeros((3, 10)), np.array([1, 5, 9]))
    >>> bool(np.isclose(loss.item(), np.log(10)))
    True
    """

    function = staticmethod(F.cross_entropy)
    options = ("weight", "ignore_index", "label_smoothing")

    def __init__(
        self,
        weight: TensorLike | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"CrossEntropyLoss: label_smoothing must be between 0 and 1 (got {label_smoothing})"
            )
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing


class NLLLoss(WeightedLoss):
    """Negative log-likelihood of the target class; see `cnet.functional.nll_loss`.

    Parameters
    ----------
    weight : Tensor or ndarray of shape (c,), optional
        Weight of each class, in the dtype of the log-probabilities.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    ignore_index : int, default -100
        Items with this target have loss 0 and do not count in the mean.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch; the mean is weighted by `weight`.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.NLLLoss()(np.array([[-0.5, -1.0]]), np.array([1])).item()
    1.0
    """

    function = staticmethod(F.nll_loss)
    options = ("weight", "ignore_index")

    def __init__(
        self,
        weight: TensorLike | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index


class NLLLoss2d(NLLLoss):
    """PyTorch's deprecated name for `NLLLoss`, which also takes images.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.NLLLoss2d()(np.full((1, 2, 3, 3), -0.5), np.ones((1, 3, 3), int)).item()
    0.5
    """
