"""Loss modules."""

from typing import Any

from .. import functional as F
from ..functional.loss._reduction import reduction_of
from ..tensor import Tensor
from .module import Module


class _Loss(Module):
    """The common base class; stores the reduction."""

    def __init__(self, size_average: bool | None, reduce: bool | None, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction_of(type(self).__name__, reduction, size_average, reduce)


class CrossEntropyLoss(_Loss):
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

    weight: Tensor | None

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"CrossEntropyLoss: label_smoothing must be between 0 and 1 (got {label_smoothing})"
            )
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_Loss):
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

    weight: Tensor | None

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class MSELoss(_Loss):
    """The mean squared difference; see `cnet.functional.mse_loss`.

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
    >>> nn.MSELoss()(np.zeros(2), np.array([1.0, 3.0])).item()
    5.0
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean absolute difference; see `cnet.functional.l1_loss`.

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
    >>> nn.L1Loss()(np.zeros(2), np.array([1.0, 3.0])).item()
    2.0
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
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

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )
