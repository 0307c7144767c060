"""The loss module of connectionist temporal classification."""

from typing import Any

from ... import functional as F
from ...tensor import Tensor
from ._base import Loss

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """Connectionist temporal classification; see `cnet.functional.ctc_loss`.

    Parameters
    ----------
    blank : int, default 0
        The class of the blank.
    reduction : {'mean', 'sum', 'none'}, default 'mean'
        The reduction over the batch; the mean divides each loss by the number of its labels first.
    zero_infinity : bool, default False
        Whether infinite losses and their gradients are replaced by 0.

    Raises
    ------
    ValueError
        If `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> loss = nn.CTCLoss()(np.log(np.full((2, 1, 2), 0.5)), np.array([[1]]), [2], [1])
    >>> bool(np.isclose(loss.item(), -np.log(0.75)))
    True
    """

    function = staticmethod(F.ctc_loss)
    options = ("blank", "zero_infinity")

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return self.loss(log_probs, targets, input_lengths, target_lengths)
