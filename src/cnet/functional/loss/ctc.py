"""Connectionist temporal classification: the loss of all alignments of a sequence of labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...autograd import Array, Context, Operation
from ...operations._elementwise import by_kernel
from ...operations._promotion import require_float
from ...operations.selection import where
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from ._reduction import reduced, reduction_of

__all__ = ["ctc_loss"]


class Paths:
    """The states of all alignments: blanks before, between and after the labels of each item.

    Attributes
    ----------
    states : ndarray, shape (2 * s + 1, n)
        The class of each state.
    barred : ndarray, shape (2 * s - 1, n)
        0 if a path may enter a state from two states before, over a blank between different
        labels; else minus infinity. The first two states have no such transition.
    inputs, labels : ndarray, shape (n,)
        The numbers of steps and of labels of each item.
    """

    def __init__(self, states: Array, barred: Array, inputs: Array, labels: Array) -> None:
        self.states = states
        self.barred = barred
        self.inputs = inputs
        self.labels = labels


class CTC(Operation[Tensor]):
    """The forward-backward algorithm with logarithms of probabilities, for all items at once.

    Arrays of states have shape (states, n) for each step, so that transitions are sums of rows.
    """

    @staticmethod
    def forward(ctx: Context, log_probs: Array, *, paths: Paths) -> Any:
        emitted = _emitted(log_probs, paths)
        alpha = np.full(emitted.shape, -np.inf, log_probs.dtype)
        if len(alpha):
            alpha[0, :2] = emitted[0, :2]
        for t in range(1, len(alpha)):
            _enter(alpha[t], alpha[t - 1], paths.barred)
            alpha[t] += emitted[t]
        items = np.arange(len(paths.inputs))
        last, end = np.maximum(paths.inputs - 1, 0), 2 * paths.labels
        if len(alpha):
            finished = alpha[last, end, items]
            before = np.where(end > 0, alpha[last, np.maximum(end - 1, 0), items], -np.inf)
            losses = -np.logaddexp(finished, before)
        else:
            losses = np.empty(len(items), log_probs.dtype)
        losses[paths.inputs == 0] = np.where(paths.labels > 0, np.inf, 0)[paths.inputs == 0]
        ctx.save_for_backward(log_probs, alpha, losses)
        ctx.paths = paths
        return losses.astype(log_probs.dtype, copy=False)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        """As in PyTorch, the gradient assumes that the probabilities add up to 1.

        Only its product with the derivative of `log_softmax` is the derivative of the loss.
        """
        log_probs, alpha, losses = ctx.saved
        paths = ctx.paths
        steps, items, classes = log_probs.shape
        emitted = _emitted(log_probs, paths)
        with np.errstate(invalid="ignore"):  # an infinite loss has no derivative
            share = _beta(emitted, paths)
            share += alpha
            share -= emitted
            share += losses
            np.exp(share, out=share)
        places = np.arange(steps)[:, None, None] * (items * classes) + _places(paths, classes)
        expected = np.bincount(places.ravel(), share.ravel(), log_probs.size)
        dx = np.exp(log_probs)
        dx -= expected.reshape(log_probs.shape)
        dx *= grad[:, np.newaxis]
        within = np.arange(steps)[:, np.newaxis] < paths.inputs
        dx[~(within & (grad != 0))] = 0
        return dx


def _places(paths: Paths, classes: int) -> Array:
    """The positions of the states in the row of all items and classes of a step."""
    return np.arange(len(paths.inputs)) * classes + paths.states


def _emitted(log_probs: Array, paths: Paths) -> Array:
    """The logarithm of the probability of the class of each state at each step."""
    steps, items, classes = log_probs.shape
    return log_probs.reshape(steps, items * classes).take(_places(paths, classes), 1)


@by_kernel("logaddexp")
def _either(a: Array, b: Array) -> Any:
    return np.logaddexp(a, b)


def _enter(y: Array, before: Array, barred: Array) -> None:
    """Overwrite y with the logarithm of the probability of all transitions into each state."""
    y[0] = before[0]
    _either(before[1:], before[:-1], out=y[1:])
    _either(y[2:], before[:-2] + barred, out=y[2:])


def _beta(emitted: Array, paths: Paths) -> Array:
    """The logarithm of the probability of the rest of a path from each state, with that state."""
    # Leaving a state is entering it in the reversed order, in which beta is computed.
    emitted, barred = (np.ascontiguousarray(np.flip(x, -2)) for x in (emitted, paths.barred))
    beta = np.empty(emitted.shape, emitted.dtype)
    state, end = np.arange(emitted.shape[1])[::-1, np.newaxis], 2 * paths.labels
    ends = np.where((state == end) | (state == end - 1), 0, -np.inf).astype(emitted.dtype)
    for t in range(len(emitted) - 1, -1, -1):
        last, after = paths.inputs == t + 1, paths.inputs <= t
        if t + 1 < len(emitted):
            _enter(beta[t], beta[t + 1], barred)
        if last.any():
            np.copyto(beta[t], ends, where=last)
        if after.any():
            np.copyto(beta[t], -np.inf, where=after)
        beta[t] += emitted[t]
    return np.ascontiguousarray(beta[:, ::-1])


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
    steps, items, classes = batch.shape
    if not 0 <= blank < classes:
        raise ValueError(
            f"ctc_loss: blank must be at least 0 and less than the number of classes "
            f"(got {blank} and {classes})"
        )
    inputs = _lengths("input_lengths", input_lengths, items, steps)
    labels = _lengths("target_lengths", target_lengths, items)
    paths = _paths(_integers("targets", targets), inputs, labels, blank, classes, batch.dtype)
    losses = CTC.apply(batch, paths=paths)
    if zero_infinity:
        losses = where(losses._array == np.inf, 0.0, losses)
    if reduction == "mean":
        return (losses / np.maximum(labels, 1).astype(losses.dtype)).mean()
    return reduced(losses if log_probs.ndim == 3 else losses.squeeze(0), reduction)


def _integers(name: str, values: Any) -> Array:
    array: Array = array_of(values)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"ctc_loss: {name} must have an integer dtype (got {array.dtype})")
    return array.astype(np.int64, copy=False)


def _lengths(name: str, values: Any, items: int, most: int | None = None) -> Array:
    lengths = _integers(name, values).reshape(-1)
    if lengths.shape != (items,):
        raise ValueError(
            f"ctc_loss: {name} must have one number for each item (got {lengths.size} and {items})"
        )
    if (lengths < 0).any() or (most is not None and (lengths > most).any()):
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(f"ctc_loss: {name} must be at least 0{upper} (got {lengths.tolist()})")
    return lengths


def _paths(
    targets: Array, inputs: Array, labels: Array, blank: int, classes: int, dtype: np.dtype[Any]
) -> Paths:
    used = np.arange(labels.max(initial=0)) < labels[:, np.newaxis]
    padded = np.full(used.shape, blank)
    if targets.ndim == 2 and len(targets) == len(labels) and targets.shape[1] >= used.shape[1]:
        padded[used] = targets[:, : used.shape[1]][used]
    elif targets.ndim == 1 and targets.size == labels.sum():
        padded[used] = targets
    else:
        raise ValueError(
            "ctc_loss: targets.shape must be (n, s) with at least max(target_lengths) labels, or "
            f"(sum(target_lengths),) (got {targets.shape}, n {len(labels)} and target_lengths "
            f"{labels.tolist()})"
        )
    outside = padded[(padded < 0) | (padded >= classes)]
    if outside.size:
        raise ValueError(
            f"ctc_loss: targets must be at least 0 and less than the number of classes "
            f"(got {outside[0]} and {classes})"
        )
    states = np.full((2 * used.shape[1] + 1, len(labels)), blank)
    states[1::2] = padded.T
    barred = np.full((max(len(states) - 2, 0), len(labels)), -np.inf, dtype)
    barred[1::2][(padded[:, 1:] != padded[:, :-1]).T] = 0
    return Paths(states, barred, inputs, labels)
