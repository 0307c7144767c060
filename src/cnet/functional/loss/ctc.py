"""Connectionist temporal classification: the loss of all alignments of a sequence of labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import kernels
from ..._explained import explained
from ...autograd import Array, Context, Operation
from ...operations._promotion import require_float
from ...operations.masks import where
from ...replay import again, values_of
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from ._reduction import reduced, reduction_of

__all__ = ["ctc_loss"]


class CTC(Operation[Tensor]):
    """The losses of all sequences.

    As in PyTorch, the gradient assumes that the probabilities add up to 1. Only its product with
    the derivative of `log_softmax` is the derivative of the losses.
    """

    @staticmethod
    def forward(ctx: Context, log_probs: Array, *labels: Array, blank: int) -> Any:
        losses, alpha = kernels.ctc_loss(log_probs, *labels, blank=blank)
        ctx.save_for_backward(log_probs, *labels, losses, alpha)
        ctx.blank = blank
        return losses

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        dx = kernels.ctc_loss_backward(grad, *ctx.saved, blank=ctx.blank)
        return dx, None, None, None


@explained
def ctc_loss(
    log_probs: TensorLike,
    targets: TensorLike,
    input_lengths: TensorLike | Sequence[int],
    target_lengths: TensorLike | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The connectionist temporal classification loss.

    It is the negative logarithm of the probability of all sequences of classes that give the target
    if repeated classes are joined and blanks are removed.

    Parameters
    ----------
    log_probs : Tensor or ndarray of floats, shape (t, n, c) or (t, c)
        The logarithms of the probabilities of the classes at each step, such as the result of
        `log_softmax`. The gradient is only correct for such a result.
    targets : Tensor or ndarray of integers, shape (n, s) or (sum of target_lengths,)
        The labels of each item, padded to equal lengths or one after the other. They must not
        contain the blank.
    input_lengths, target_lengths : Tensor, ndarray or sequence of int, shape (n,) or ()
        The number of steps and of labels of each item.
    blank : int, default 0
        The class of the blank.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean of the losses, each divided by the number of its labels.
    zero_infinity : bool, default False
        Whether losses that are infinite, because an item has more labels than steps, and their
        gradients are replaced by 0.

    Returns
    -------
    Tensor, shape (), or with reduction "none" shape (n,) or ()

    Raises
    ------
    TypeError
        If `log_probs` has no float dtype, or other arguments no integer dtype.
    ValueError
        If shapes or lengths do not match, a label is out of range, or an option is invalid.

    Examples
    --------
    >>> import cnet
    >>> log_probs = cnet.tensor([[[0.5, 0.5]], [[0.5, 0.5]]]).log()
    >>> cnet.functional.ctc_loss(log_probs, cnet.tensor([[1]]), [2], [1])
    tensor(0.2877)

    References
    ----------
    A. Graves et al.: Connectionist temporal classification: labelling unsegmented sequence data
    with recurrent neural networks, ICML 2006.
    """
    reduction = reduction_of("ctc_loss", reduction)
    log_probs = as_tensor(log_probs)
    require_float("ctc_loss", log_probs)
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs must have 2 or 3 dimensions (got {log_probs.ndim})")
    batch = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    inputs, labels = (
        _integers(name, values).reshape(-1)
        for name, values in (("input_lengths", input_lengths), ("target_lengths", target_lengths))
    )
    rows = _rows(_integers("targets", targets), labels)
    losses = CTC.apply(batch, rows, inputs, labels, blank=blank)
    if zero_infinity:
        losses = where(again("ctc_loss", _is_infinite, losses._array), 0.0, losses)
    if reduction == "mean":
        divisors = again("ctc_loss", _divisors, labels, losses.dtype)
        mean: Tensor = (losses / divisors).mean()
        return mean
    return reduced(losses if log_probs.ndim == 3 else losses.squeeze(0), reduction)


def _divisors(lengths: Array, dtype: Any) -> Array:
    return np.maximum(lengths, 1).astype(dtype)


def _is_infinite(losses: Array) -> Any:
    return losses == np.inf


def _integers(name: str, values: Any) -> Array:
    array: Array = array_of(values)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"ctc_loss: {name} must have an integer dtype (got {array.dtype})")
    return array if array.dtype == np.int64 else again("ctc_loss", _as_int64, array)


def _as_int64(array: Array) -> Array:
    return array.astype(np.int64)


def _rows(targets: Array, lengths: Array) -> Array:
    """The labels of each item in a row, also of targets that are one after the other."""
    if targets.ndim == 2:
        return targets
    values_of("ctc_loss", lengths)
    used = np.arange(lengths.max(initial=0)) < lengths[:, np.newaxis]
    if targets.ndim != 1 or targets.size != np.count_nonzero(used):
        raise ValueError(
            f"ctc_loss: targets.shape must be (n, s) or (sum(target_lengths),) "
            f"(got {targets.shape} and target_lengths {lengths.tolist()})"
        )
    rows = np.zeros(used.shape, np.int64)
    rows[used] = targets
    return rows
