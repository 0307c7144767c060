"""Softmax cross-entropy and negative log-likelihood. `g` is (n, classes)."""

import numpy as np

from ..arrays import Array


def cross_entropy(
    logits: Array, target: Array, weight: Array | None, losses: Array, logsumexp: Array,
    g: tuple[int, int], label_smoothing: float, ignore_index: int,
) -> int:  # fmt: skip
    """losses[i] = Σ_j q[i, j] weight[j] (logsumexp[i] - logits[i, j]).

    logsumexp[i] = log Σ_j exp(logits[i, j]) and q is the label distribution below. A term with
    q = 0 is zero even if the logit is infinite. Returns the number of targets that are not a class.
    """
    q, bad = _label_distribution(logits, target, label_smoothing, ignore_index)
    with np.errstate(all="ignore"):  # logits that are infinite or NaN, and no classes at all
        top = logits.max(1, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0)
        rest = np.log(np.exp(logits - top[:, None]).sum(1))
        logsumexp[...] = top + rest
        terms = np.where(q == 0, 0, q * (top[:, None] - logits + rest[:, None]))
    losses[...] = (terms if weight is None else terms * weight).sum(1)
    return bad


def cross_entropy_backward(
    grad_losses: Array, logits: Array, target: Array, logsumexp: Array, weight: Array | None,
    dlogits: Array, g: tuple[int, int], label_smoothing: float, ignore_index: int,
) -> int:  # fmt: skip
    """dlogits[i, k] = grad_losses[i] (s[i] p[i, k] - q[i, k] weight[k]).

    p[i] = exp(logits[i] - logsumexp[i]), divided by its sum, which is 1 but for the rounding of
    logsumexp[i]; s[i] = Σ_j q[i, j] weight[j]. Rows of ignored targets are zero. Returns the number
    of targets that are not a class.
    """
    q, bad = _label_distribution(logits, target, label_smoothing, ignore_index)
    q = q if weight is None else q * weight
    total = q.sum(1, keepdims=True)
    with np.errstate(all="ignore"):
        p = np.exp(logits - logsumexp[:, None])
        dlogits[...] = grad_losses[:, None] * (total * (p / p.sum(1, keepdims=True)) - q)
    dlogits[target == ignore_index] = 0
    return bad


def reduce_losses(
    losses: Array, target: Array, weight: Array | None, loss: Array, divisor: Array,
    g: tuple[int, int], mean: int, ignore_index: int,
) -> None:  # fmt: skip
    """loss = Σ_i losses[i] / divisor; see `cnet.kernels.reduce_losses` for the divisor."""
    counted = target[(target != ignore_index) & (target >= 0) & (target < g[1])]
    ones = np.ones(len(counted)) if weight is None else weight[counted]
    count = ones.sum(dtype=np.float64) if mean else np.float64(1)
    divisor[...] = count
    with np.errstate(all="ignore"):  # no losses
        loss[...] = losses.sum(dtype=np.float64) / count


def reduce_losses_backward(
    grad_loss: Array, divisor: Array, grad_losses: Array, g: tuple[int, int]
) -> None:
    """grad_losses[i] = grad_loss / divisor."""
    with np.errstate(all="ignore"):
        grad_losses[...] = grad_loss / divisor


def nll_loss(
    x: Array, target: Array, weight: Array | None, losses: Array, loss: Array, divisor: Array,
    g: tuple[int, int], mean: int, ignore_index: int,
) -> int:  # fmt: skip
    """losses[i] = -weight[target[i]] x[i, target[i]] and their reduction, as in `reduce_losses`.

    Returns the number of targets that are not a class.
    """
    rows, classes, bad = _counted(target, g[1], ignore_index)
    losses[...] = 0
    losses[rows] = -x[rows, classes] if weight is None else -x[rows, classes] * weight[classes]
    reduce_losses(losses, target, weight, loss, divisor, g, mean, ignore_index)
    return bad


def nll_loss_backward(
    grad_losses: Array, target: Array, weight: Array | None, dx: Array, g: tuple[int, int],
    ignore_index: int,
) -> int:  # fmt: skip
    """dx[i, target[i]] = -weight[target[i]] grad_losses[i], and 0 elsewhere.

    Returns the number of targets that are not a class.
    """
    rows, classes, bad = _counted(target, g[1], ignore_index)
    dx[...] = 0
    dx[rows, classes] = -grad_losses[rows] * (1 if weight is None else weight[classes])
    return bad


def _counted(target: Array, count: int, ignore_index: int) -> tuple[Array, Array, int]:
    """The rows whose targets count, their classes, and the number of invalid targets."""
    (rows,) = ((target != ignore_index) & (target >= 0) & (target < count)).nonzero()
    ignored = np.count_nonzero(target == ignore_index)
    return rows, target[rows], len(target) - len(rows) - int(ignored)


def _label_distribution(
    logits: Array, target: Array, label_smoothing: float, ignore_index: int
) -> tuple[Array, int]:
    """q[i, j] = (1 - ε) [j = target[i]] + ε / classes, and the number of invalid targets.

    Rows of ignored targets are zero.
    """
    n, classes = logits.shape
    counted = target != ignore_index
    bad = counted & ((target < 0) | (target >= classes))
    counted &= ~bad
    q = np.zeros_like(logits)
    q[counted] = label_smoothing / max(classes, 1)
    q[np.arange(n)[counted], target[counted]] += 1 - label_smoothing
    return q, int(np.count_nonzero(bad))
