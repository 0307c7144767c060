"""Loss modules of binary classifiers."""

from ... import functional as F
from ...tensor import Tensor, TensorLike
from ._base import TargetLoss, WeightedLoss

__all__ = ["BCELoss", "BCEWithLogitsLoss", "MultiLabelSoftMarginLoss", "SoftMarginLoss"]


class BCELoss(WeightedLoss):
    """Binary cross-entropy of probabilities; see `cnet.functional.binary_cross_entropy`.

    Parameters
    ----------
    weight : Tensor or ndarray, optional
        Weight of each loss; must broadcast to the input.
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
    >>> loss = nn.BCELoss()(np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    >>> bool(np.isclose(loss.item(), np.log(2)))
    True
    """

    function = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(WeightedLoss):
    """Binary cross-entropy of logits; see `cnet.functional.binary_cross_entropy_with_logits`.

    Parameters
    ----------
    weight : Tensor or ndarray, optional
        Weight of each loss; must broadcast with the input.
    size_average, reduce : bool, optional
        PyTorch's deprecated names for `reduction`.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over all elements.
    pos_weight : Tensor or ndarray, optional
        Weight of the positive class; must broadcast with the input.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> loss = nn.BCEWithLogitsLoss()(np.zeros(2), np.array([0.0, 1.0]))
    >>> bool(np.isclose(loss.item(), np.log(2)))
    True
    """

    function = staticmethod(F.binary_cross_entropy_with_logits)
    options = ("weight", "pos_weight")
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: TensorLike | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: TensorLike | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)


class SoftMarginLoss(TargetLoss):
    """The logistic loss of scores and signs; see `cnet.functional.soft_margin_loss`.

    Parameters
    ----------
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
    >>> loss = nn.SoftMarginLoss()(np.zeros(2), np.array([-1.0, 1.0]))
    >>> bool(np.isclose(loss.item(), np.log(2)))
    True
    """

    function = staticmethod(F.soft_margin_loss)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """Mean binary cross-entropy over the classes.

    See `cnet.functional.multilabel_soft_margin_loss`.

    Parameters
    ----------
    weight : Tensor or ndarray of shape (c,), optional
        Weight of each class.
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
    >>> loss = nn.MultiLabelSoftMarginLoss()(np.zeros((1, 2)), np.array([[0.0, 1.0]]))
    >>> bool(np.isclose(loss.item(), np.log(2)))
    True
    """

    function = staticmethod(F.multilabel_soft_margin_loss)
