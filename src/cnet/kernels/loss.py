"""Softmax cross-entropy and negative log-likelihood."""

from .. import _check, geometry
from ..arrays import INT64, Array, Shape
from . import _memory
from ._dispatch import call


def cross_entropy(
    logits: Array, target: Array, weight: Array | None = None, label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Array, Array]:  # fmt: skip
    """Softmax cross-entropy of every row.

    ``losses[i] = sum over j of q[i, j] * weight[j] * (logsumexp[i] - logits[i, j])`` with
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
        Share of the target that is distributed over all classes, from 0 to 1.
    ignore_index : int, default -100
        Target of rows whose loss is 0.

    Returns
    -------
    losses : ndarray, shape (n,)
    logsumexp : ndarray, shape (n,)
        ``log(sum(exp(logits[i])))``, for the backward pass.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or a target is not a class.

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7
    (label smoothing).

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> losses, logsumexp = kernels.cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> bool(np.isclose(losses[0], np.log(4)))
    True
    """
    f = "cross_entropy"
    logits, target, weight = _rows(f, logits, target, weight, label_smoothing, ignore_index)
    return _losses(logits, target, weight, label_smoothing, ignore_index)


def cross_entropy_backward(
    grad_losses: Array, logits: Array, target: Array, logsumexp: Array,
    weight: Array | None = None, label_smoothing: float = 0.0, ignore_index: int = -100,
) -> Array:  # fmt: skip
    """Gradient of `cross_entropy` with respect to the logits.

    Parameters
    ----------
    grad_losses : ndarray, shape (n,)
        Gradient with respect to ``losses``.
    logsumexp : ndarray, shape (n,)
        From `cross_entropy`.
    logits, target, weight, label_smoothing, ignore_index
        The arguments of `cross_entropy`.

    Returns
    -------
    ndarray, shape (n, c)

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`, and if `grad_losses` or `logsumexp` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> logits, target = np.zeros((1, 2)), np.array([0])
    >>> losses, logsumexp = kernels.cross_entropy(logits, target)
    >>> kernels.cross_entropy_backward(np.ones(1), logits, target, logsumexp)
    array([[-0.5,  0.5]])
    """
    f = "cross_entropy_backward"
    logits, target, weight = _rows(f, logits, target, weight, label_smoothing, ignore_index)
    of_targets = "logits", logits, target.shape, "target.shape"
    grad_losses = _check.like(f, "grad_losses", grad_losses, *of_targets)
    logsumexp = _check.like(f, "logsumexp", logsumexp, *of_targets)
    dlogits = _memory.empty(logits.shape, logits.dtype)
    if call(
        "cross_entropy_backward", grad_losses, logits, target, logsumexp, weight, dlogits,
        logits.shape, label_smoothing, ignore_index,
    ):  # fmt: skip
        raise _no_class(f, "logits.shape[1]", target, logits.shape[1], ignore_index)
    return dlogits


def reduce_losses(
    losses: Array, target: Array, weight: Array | None = None, *, classes: int, mean: bool = True,
    ignore_index: int = -100,
) -> tuple[Array, Array]:  # fmt: skip
    """The mean or the sum of the losses of `cross_entropy`.

    Parameters
    ----------
    losses : ndarray, shape (n,)
        Float32 or float64.
    target : integer ndarray, shape (n,)
        Classes from 0 to `classes` - 1.
    weight : ndarray, shape (classes,), optional
        Weights of the classes; ones by default.
    classes : int
        Number of classes.
    mean : bool, default True
        Divide the sum by the number of targets that are not ignored, or by the sum of the weights
        of these classes.
    ignore_index : int, default -100
        Target that does not count.

    Returns
    -------
    loss : ndarray, shape (1,)
        Computed in float64; NaN for a mean of no losses.
    divisor : ndarray, shape (1,)
        1 for a sum.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.reduce_losses(np.array([1.0, 0.0, 2.0]), np.array([0, -100, 1]), classes=2)
    (array([1.5]), array([2.]))
    """
    f = "reduce_losses"
    losses = _check.array(f, "losses", losses, 1)
    target = _check.integers(f, "target", target, 1, INT64)
    _check.same_shape(f, "target", target.shape, "losses.shape", losses.shape)
    _check.int64(f, "classes", classes)
    if weight is not None:
        weight = _check.array(f, "weight", weight, 1)
        _check.same_shape(f, "weight", weight.shape, "(classes,)", (classes,))
        _check.same_dtype(f, losses=losses, weight=weight)
    _check.int64(f, "ignore_index", ignore_index)
    shape = losses.shape[0], classes
    loss, divisor = _reduced(losses, target, weight, shape, bool(mean), ignore_index)
    return loss.reshape(1), divisor


def reduced_cross_entropy(
    logits: Array, target: Array, weight: Array | None = None, label_smoothing: float = 0.0,
    ignore_index: int = -100, *, mean: bool = True,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """The results of `reduce_losses` for `cross_entropy`, and ``logsumexp``.

    The loss has no axes.
    """
    f = "cross_entropy"
    logits, target, weight = _rows(f, logits, target, weight, label_smoothing, ignore_index)
    losses, logsumexp = _losses(logits, target, weight, label_smoothing, ignore_index)
    loss, divisor = _reduced(losses, target, weight, logits.shape, mean, ignore_index)
    return loss, divisor, logsumexp


def _losses(
    logits: Array, target: Array, weight: Array | None, label_smoothing: float, ignore_index: int
) -> tuple[Array, Array]:
    """`cross_entropy` of checked arrays."""
    shape, dtype = logits.shape, logits.dtype
    losses, logsumexp = _memory.empty(shape[:1], dtype), _memory.empty(shape[:1], dtype)
    if call(
        "cross_entropy", logits, target, weight, losses, logsumexp, shape, label_smoothing,
        ignore_index,
    ):  # fmt: skip
        raise _no_class("cross_entropy", "logits.shape[1]", target, shape[1], ignore_index)
    return losses, logsumexp


def _reduced(
    losses: Array, target: Array, weight: Array | None, shape: Shape, mean: bool, ignore_index: int
) -> tuple[Array, Array]:
    """`reduce_losses` of checked arrays, a loss without axes; `shape` is (n, classes)."""
    loss, divisor = _memory.empty((), losses.dtype), _memory.empty((1,), losses.dtype)
    call("reduce_losses", losses, target, weight, loss, divisor, shape, mean, ignore_index)
    return loss, divisor


def reduce_losses_backward(grad_loss: Array, divisor: Array, n: int) -> Array:
    """Gradient of `reduce_losses` with respect to the losses: ``grad_loss / divisor`` for each.

    Parameters
    ----------
    grad_loss, divisor : ndarray, shape (1,)
        The gradient with respect to ``loss``, and the divisor from `reduce_losses`.
    n : int
        The number of losses.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank or dtype, or `n` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.reduce_losses_backward(np.array([1.0]), np.array([4.0]), 2)
    array([0.25, 0.25])
    """
    f = "reduce_losses_backward"
    grad_loss = _check.array(f, "grad_loss", grad_loss, 1)
    _check.same_shape(f, "grad_loss", grad_loss.shape, "(1,)", (1,))
    divisor = _check.like(f, "divisor", divisor, "grad_loss", grad_loss, (1,), "(1,)")
    _check.int64(f, "n", n)
    if n < 0:
        raise ValueError(f"{f}: n must not be negative (got {n})")
    grad_losses = _memory.empty((n,), grad_loss.dtype)
    call("reduce_losses_backward", grad_loss, divisor, grad_losses, (n, 1))
    return grad_losses


def nll_loss(
    x: Array, target: Array, weight: Array | None = None, *, mean: bool = True,
    ignore_index: int = -100,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """The negative log-likelihood of the target classes, and its mean or sum.

    ``losses[i] = -weight[target[i]] * x[i, target[i]]``.

    Parameters
    ----------
    x : ndarray, shape (n, c)
        Log-probabilities, float32 or float64.
    target : integer ndarray, shape (n,)
        Classes from 0 to c - 1.
    weight : ndarray, shape (c,), optional
        Weights of the classes; ones by default.
    mean : bool, default True
        Divide the sum as `reduce_losses` does.
    ignore_index : int, default -100
        Target of rows whose loss is 0 and does not count.

    Returns
    -------
    losses : ndarray, shape (n,)
    loss, divisor : ndarray, shape (1,)
        As from `reduce_losses`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or range, or a target is not a class.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.nll_loss(np.array([[-0.5, -1.0], [-2.0, -0.1]]), np.array([1, 0]))
    (array([1., 2.]), array([1.5]), array([2.]))
    """
    f = "nll_loss"
    x = _check.array(f, "x", x, 2)
    target, weight = _classes(f, "x", x, target, weight, ignore_index)
    losses = _memory.empty(target.shape, x.dtype)
    loss, divisor = _memory.empty((1,), x.dtype), _memory.empty((1,), x.dtype)
    if call(
        "nll_loss", x, target, weight, losses, loss, divisor, x.shape, int(bool(mean)),
        ignore_index,
    ):  # fmt: skip
        raise _no_class(f, "x.shape[1]", target, x.shape[1], ignore_index)
    return losses, loss, divisor


def nll_loss_backward(
    grad_losses: Array, target: Array, weight: Array | None = None, *, classes: int,
    ignore_index: int = -100,
) -> Array:  # fmt: skip
    """Gradient of the losses of `nll_loss` with respect to x.

    Parameters
    ----------
    grad_losses : ndarray, shape (n,)
        Gradient with respect to ``losses``.
    classes : int
        Number of classes, c.
    target, weight, ignore_index
        The arguments of `nll_loss`.

    Returns
    -------
    ndarray, shape (n, c)

    Raises
    ------
    TypeError, ValueError
        As `nll_loss`, and if `grad_losses` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> kernels.nll_loss_backward(np.array([0.5]), np.array([1]), classes=3)
    array([[ 0. , -0.5,  0. ]])
    """
    f = "nll_loss_backward"
    grad_losses = _check.array(f, "grad_losses", grad_losses, 1)
    _check.int64(f, "classes", classes)
    target = _check.integers(f, "target", target, 1, INT64)
    _check.same_shape(f, "target", target.shape, "grad_losses.shape", grad_losses.shape)
    if weight is not None:
        weight = _check.array(f, "weight", weight, 1)
        _check.same_shape(f, "weight", weight.shape, "(classes,)", (classes,))
    _check.same_dtype(f, grad_losses=grad_losses, weight=weight)
    _check.int64(f, "ignore_index", ignore_index)
    shape = *grad_losses.shape, classes
    geometry.check_size(f, "the result", shape)
    dx = _memory.empty(shape, grad_losses.dtype)
    if call("nll_loss_backward", grad_losses, target, weight, dx, shape, ignore_index):
        raise _no_class(f, "classes", target, classes, ignore_index)
    return dx


def _classes(
    f: str, name: str, scores: Array, target: Array, weight: Array | None, ignore_index: int
) -> tuple[Array, Array | None]:
    """Targets and weights as the kernels take them; `name` is that of the scores, shape (n, c)."""
    target = _check.integers(f, "target", target, 1, INT64)
    if len(target) != len(scores):  # its message takes time
        _check.same_shape(f, "target", target.shape, f"({name}.shape[0],)", scores.shape[:1])
    if weight is not None:
        weight = _check.array(f, "weight", weight, 1)
        _check.same_shape(f, "weight", weight.shape, f"({name}.shape[1],)", scores.shape[1:])
        _check.same_dtype(f, **{name: scores, "weight": weight})
    _check.int64(f, "ignore_index", ignore_index)
    return target, weight


def _rows(
    f: str, logits: Array, target: Array, weight: Array | None, label_smoothing: float,
    ignore_index: int,
) -> tuple[Array, Array, Array | None]:  # fmt: skip
    """Logits, targets and weights as the kernels take them."""
    logits = _check.array(f, "logits", logits, 2)
    target, weight = _classes(f, "logits", logits, target, weight, ignore_index)
    _check.number(f, "label_smoothing", label_smoothing)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"{f}: label_smoothing must be between 0 and 1 (got {label_smoothing})")
    return logits, target, weight


def _no_class(f: str, name: str, target: Array, classes: int, ignore_index: int) -> ValueError:
    """The error for a target outside of the classes."""
    bad = target[(target != ignore_index) & ((target < 0) | (target >= classes))]
    return ValueError(
        f"{f}: target must be at least 0 and less than {name} (got {bad[0]} and {classes})"
    )
