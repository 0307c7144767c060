"""Connectionist temporal classification: the loss of all alignments of a sequence of labels."""

import numpy as np

from .. import _check, geometry
from ..arrays import INT64, Array
from . import _memory
from ._dispatch import call


def ctc_loss(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, *,
    blank: int = 0,
) -> tuple[Array, Array]:  # fmt: skip
    """The negative logarithm of the probability of all alignments of labels with steps.

    Parameters
    ----------
    log_probs : ndarray, shape (t, n, c)
        The logarithms of the probabilities of the classes at each step, float32 or float64.
    targets : integer ndarray, shape (n, s)
        The labels of each sequence, from 0 to c - 1. Those after its target length are not read.
    input_lengths, target_lengths : integer ndarray, shape (n,)
        The numbers of steps and of labels of each sequence, at most t and s.
    blank : int, default 0
        The class of the blank.

    Returns
    -------
    losses : ndarray, shape (n,)
        Infinite for a sequence that has too few steps for its labels.
    alpha : ndarray, shape (n, t, 2 * s + 1)
        The logarithms of the probabilities of all paths to a blank or a label, for the backward
        pass.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, shape or dtype, or a length, a label or the blank is
        out of range.

    References
    ----------
    Graves et al. (2006), "Connectionist temporal classification: labelling unsegmented sequence
    data with recurrent neural networks", section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> log_probs = np.log([[[0.5, 0.5]], [[0.25, 0.75]]])
    >>> losses, _ = kernels.ctc_loss(log_probs, np.array([[1]]), np.array([2]), np.array([1]))
    >>> np.exp(-losses)
    array([0.875])
    """
    f = "ctc_loss"
    log_probs, labels, g = _sequences(f, log_probs, targets, input_lengths, target_lengths, blank)
    losses = _memory.empty((g[0],), log_probs.dtype)
    alpha = _memory.empty(_shape_of_alpha(f, g), log_probs.dtype)
    if call("ctc_loss", log_probs, *labels, losses, alpha, g, blank):
        raise _outside(f, *labels, g)
    return losses, alpha


def ctc_loss_backward(
    grad_losses: Array, log_probs: Array, targets: Array, input_lengths: Array,
    target_lengths: Array, losses: Array, alpha: Array, *, blank: int = 0,
) -> Array:  # fmt: skip
    """Gradient of the losses of `ctc_loss` with respect to the scores.

    These are any scores with ``log_probs = log_softmax(scores)``. The gradient is also correct as
    that of `log_probs` if it is passed on to the derivative of `log_softmax`.

    Parameters
    ----------
    grad_losses : ndarray, shape (n,)
        Gradient with respect to ``losses``. Where it is 0, the result is 0.
    log_probs, targets, input_lengths, target_lengths, blank
        The arguments of `ctc_loss`.
    losses, alpha
        Its results.

    Returns
    -------
    ndarray, shape (t, n, c)
        NaN for a sequence with an infinite loss.

    Raises
    ------
    TypeError, ValueError
        As `ctc_loss`, and if `grad_losses`, `losses` or `alpha` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> log_probs, lengths = np.log([[[0.5, 0.5]], [[0.25, 0.75]]]), np.array([2])
    >>> arguments = log_probs, np.array([[1]]), lengths, np.array([1])
    >>> dx = kernels.ctc_loss_backward(np.ones(1), *arguments, *kernels.ctc_loss(*arguments))
    >>> dx[:, 0].round(3)
    array([[ 0.071, -0.071],
           [ 0.107, -0.107]])
    """
    f = "ctc_loss_backward"
    log_probs, labels, g = _sequences(f, log_probs, targets, input_lengths, target_lengths, blank)
    one_each = g[:1], "(n,)"
    grad_losses = _check.like(f, "grad_losses", grad_losses, "log_probs", log_probs, *one_each)
    losses = _check.like(f, "losses", losses, "log_probs", log_probs, *one_each)
    alpha = _check.like(
        f, "alpha", alpha, "log_probs", log_probs, _shape_of_alpha(f, g), "(n, t, 2 * s + 1)"
    )
    dx = _memory.empty(log_probs.shape, log_probs.dtype)
    if call("ctc_loss_backward", grad_losses, log_probs, *labels, losses, alpha, dx, g, blank):
        raise _outside(f, *labels, g)
    return dx


Sizes = tuple[int, int, int, int]


def _sequences(
    f: str, log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array,
    blank: int,
) -> tuple[Array, tuple[Array, Array, Array], Sizes]:  # fmt: skip
    """The arguments as the kernels take them, with the fields of ``cnet_labels``."""
    log_probs = _check.array(f, "log_probs", log_probs, 3)
    targets = _check.integers(f, "targets", targets, 2, INT64)
    input_lengths = _check.integers(f, "input_lengths", input_lengths, 1, INT64)
    target_lengths = _check.integers(f, "target_lengths", target_lengths, 1, INT64)
    (t, n, c), s = log_probs.shape, targets.shape[1]
    _check.same_shape(f, "targets", targets.shape, "(n, s)", (n, s))
    one_each = "(n,)", (n,)
    _check.same_shape(f, "input_lengths", input_lengths.shape, *one_each)
    _check.same_shape(f, "target_lengths", target_lengths.shape, *one_each)
    _check.int64(f, "blank", blank)
    if not 0 <= blank < c:
        raise ValueError(
            f"{f}: blank must be at least 0 and less than the number of classes "
            f"(got {blank} and {c})"
        )
    return log_probs, (targets, input_lengths, target_lengths), (n, t, s, c)


def _shape_of_alpha(f: str, g: Sizes) -> tuple[int, int, int]:
    n, t, s, _ = g
    shape = n, t, 2 * s + 1
    geometry.check_size(f, "alpha", shape)
    return shape


def _outside(
    f: str, targets: Array, input_lengths: Array, target_lengths: Array, g: Sizes
) -> ValueError:
    """The error for a length or a label that is out of range."""
    _, t, s, c = g
    for name, lengths, bound, most in (
        ("input_lengths", input_lengths, "log_probs.shape[0]", t),
        ("target_lengths", target_lengths, "targets.shape[1]", s),
    ):
        bad = lengths[(lengths < 0) | (lengths > most)]
        if bad.size:
            return ValueError(
                f"{f}: {name} must be at least 0 and at most {bound} (got {bad[0]} and {most})"
            )
    labels = targets[np.arange(s) < target_lengths[:, np.newaxis]]
    bad = labels[(labels < 0) | (labels >= c)]
    return ValueError(
        f"{f}: targets must be at least 0 and less than the number of classes "
        f"(got {bad[0]} and {c})"
    )
