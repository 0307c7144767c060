"""Softmax cross-entropy."""

from .. import _check
from .._check import Array
from . import _memory
from ._dispatch import KERNELS, kernel, run


@kernel
def cross_entropy(
    logits: Array, target: Array, weight: Array | None = None, label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Array, Array]:  # fmt: skip
    """Softmax cross-entropy of every row.

    ``losses[i] = sum over j of q[i, j] * weight[j] * (lse[i] - logits[i, j])`` with
    ``q[i, j] = (1 - label_smoothing) * [j == target[i]] + label_smoothing / c``.

    Parameters
    ----------
    logits : ndarray, shape (n, c)
        Unnormalised log-probabilities, float32 or float64.
    target : integer ndarray, shape (n,)
        Classes from 0 to c - 1.
    weight : ndarray, shape (c,), optional
        Weights of the classes; ones by default.
    label_smoothing : float, default 0
        Share of the target spread over all classes, from 0 to 1.
    ignore_index : int, default -100
        Target of rows whose loss is 0.

    Returns
    -------
    losses : ndarray, shape (n,)
    lse : ndarray, shape (n,)
        ``log(sum(exp(logits[i])))``, for the backward pass.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or a target is no class.

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7
    (label smoothing).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> losses, lse = kernels.cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> bool(np.isclose(losses[0], np.log(4)))
    True
    """
    logits, target, weight = _check.cross_entropy(
        "cross_entropy", logits, target, weight, label_smoothing, ignore_index
    )
    losses, lse = (_memory.empty(target.shape, logits.dtype) for _ in range(2))
    if run(
        KERNELS["cross_entropy"],
        logits,
        target,
        weight,
        losses,
        lse,
        logits.shape,
        label_smoothing,
        ignore_index,
    ):
        raise _check.targets("cross_entropy", target, logits.shape[1], ignore_index)
    return losses, lse


@kernel
def cross_entropy_backward(
    grad_losses: Array, logits: Array, target: Array, lse: Array, weight: Array | None = None,
    label_smoothing: float = 0.0, ignore_index: int = -100,
) -> Array:  # fmt: skip
    """Gradient of `cross_entropy` with respect to the logits.

    Parameters
    ----------
    grad_losses : ndarray, shape (n,)
        Gradient with respect to ``losses``.
    lse : ndarray, shape (n,)
        From `cross_entropy`.
    logits, target, weight, label_smoothing, ignore_index
        What `cross_entropy` was called with.

    Returns
    -------
    ndarray, shape (n, c)

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`, and if `grad_losses` or `lse` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> logits, target = np.zeros((1, 2)), np.array([0])
    >>> losses, lse = kernels.cross_entropy(logits, target)
    >>> kernels.cross_entropy_backward(np.ones(1), logits, target, lse)
    array([[-0.5,  0.5]])
    """
    grad_losses, logits, target, lse, weight = _check.cross_entropy_backward(
        grad_losses, logits, target, lse, weight, label_smoothing, ignore_index
    )
    dlogits = _memory.empty(logits.shape, logits.dtype)
    if run(
        KERNELS["cross_entropy_backward"],
        grad_losses,
        logits,
        target,
        lse,
        weight,
        dlogits,
        logits.shape,
        label_smoothing,
        ignore_index,
    ):
        raise _check.targets("cross_entropy_backward", target, logits.shape[1], ignore_index)
    return dlogits
