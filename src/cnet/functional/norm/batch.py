"""Normalisation of channels: over a batch, or of each item."""

from typing import Any

import numpy as np

from ... import kernels
from ..._check import are_channels, fits
from ..._explained import explained
from ...autograd import Array, Context, Operation
from ...autograd.changes import changed
from ...autograd.engine import Edge
from ...kernels.norm import channels
from ...operations.joining import Cat
from ...replay import copied, note_leaves, repeated
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from .._deferred import Chain, deferred, is_private, origin, recorded

__all__ = ["batch_norm"]


class BatchNorm(Operation[Tensor]):
    owns_result = True

    @staticmethod
    def forward(
        ctx: Context,
        x: Array,
        weight: Array | None,
        bias: Array | None,
        *,
        mean: Array,
        var: Array,
        eps: float,
        from_batch: bool,
    ) -> Array:
        ctx.save_for_backward(x, weight, mean, var)
        ctx.options = {"eps": eps, "from_batch": from_batch}
        return kernels.batch_norm(x, mean, var, weight, bias, eps)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, weight, mean, var = ctx.saved
        return kernels.batch_norm_backward(
            grad, x, mean, var, weight, needs=ctx.needs_input_grad, **ctx.options
        )


@explained
def batch_norm(
    input: TensorLike,
    running_mean: TensorLike | None,
    running_var: TensorLike | None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalise each channel to mean 0 and variance 1, then scale and shift it.

    .. math::
        y = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, ...)
        Data with channels in the second axis, float32 or float64.
    running_mean, running_var : Tensor or ndarray, shape (c,), or None
        The statistics to use if `training` is False. If it is True, they are updated in place:
        ``running = (1 - momentum) * running + momentum * batch``, with the unbiased variance
        (ddof 1) of the batch.
    weight, bias : Tensor or ndarray, shape (c,), optional
        The scale :math:`w` and the shift :math:`b`, by default 1 and 0.
    training : bool, default False
        Whether to use the mean and the variance (ddof 0) of `input`. An empty batch gives an empty
        result and does not change the running statistics.
    momentum : float, default 0.1
        The weight of this batch in the update of the running statistics.
    eps : float, default 1e-5
        :math:`\epsilon`; must be positive if `training` is True, and not negative otherwise.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match; if `eps` is out of range; if `training` is True and
        `input` has only one value per channel; or if `training` is False and running statistics
        are missing.

    Examples
    --------
    >>> import cnet, numpy
    >>> x = numpy.array([[1.0], [3.0]])
    >>> cnet.functional.batch_norm(x, None, None, training=True, eps=1e-12)
    tensor([[-1.],
            [ 1.]], dtype=float64)

    References
    ----------
    S. Ioffe, C. Szegedy: Batch normalization, arXiv:1502.03167.
    """
    if input.shape == (0,):
        return as_tensor(input)
    mean = None if running_mean is None else array_of(running_mean)
    var = None if running_var is None else array_of(running_var)
    if training:
        return _with_batch_statistics(input, mean, var, weight, bias, momentum, eps)
    if mean is None or var is None:
        raise ValueError(
            "batch_norm: running_mean and running_var must be given if training is False "
            f"(got {_given(mean)} and {_given(var)})"
        )
    if not eps >= 0:
        raise ValueError(f"batch_norm: eps must not be negative (got {eps})")
    return _normalised(input, weight, bias, mean, var, eps, from_batch=False)


def _normalised(
    x: TensorLike,
    weight: TensorLike | None,
    bias: TensorLike | None,
    mean: Array,
    var: Array,
    eps: float,
    from_batch: bool,
) -> Tensor:
    """Apply `BatchNorm`; the result is deferred if possible."""
    if not is_private(x):
        return BatchNorm.apply(x, weight, bias, mean=mean, var=var, eps=eps, from_batch=from_batch)
    note_leaves(x, weight, bias)
    affine = tuple([None if value is None else array_of(value) for value in (weight, bias)])
    array, mean, var, scales, shifts = channels(
        "batch_norm", array_of(x), mean=mean, var=var, weight=affine[0], bias=affine[1]
    )
    edges = tuple([origin(value) for value in (x, weight, bias)])
    node = recorded(BatchNorm, edges, array.shape, array.dtype)
    node.save_for_backward(array, affine[0], mean, var)
    node.options = {"eps": eps, "from_batch": from_batch}
    if not from_batch:  # running statistics may change before the result is computed
        mean, var = copied(mean), copied(var)
    affine = tuple([None if value is None else copied(value) for value in (scales, shifts)])
    chain = Chain((node,), array, mean, var, *affine, eps=eps, from_batch=from_batch)  # type: ignore[arg-type, misc]
    return deferred(chain._replace(source=_concatenation(edges[0])))


def _concatenation(edge: "Edge | None") -> Context | None:
    """The node of an edge if it concatenates channels of arrays of one dtype."""
    node = None if edge is None else edge[0]
    if isinstance(node, Context) and node.function is Cat and node.axis == 1:
        parts = [part for part in node.edges if part is not None]
        dtypes = {source.outputs[index][1] for source, index in parts}
        if (0,) not in node.shapes and dtypes == {node.outputs[0][1]}:
            return node
    return None


def _given(value: Array | None) -> str:
    return "None" if value is None else f"shape {value.shape}"


def _with_batch_statistics(
    x: TensorLike,
    running_mean: Array | None,
    running_var: Array | None,
    weight: TensorLike | None,
    bias: TensorLike | None,
    momentum: float,
    eps: float,
) -> Tensor:
    if (running_mean is None) != (running_var is None):
        raise ValueError(
            "batch_norm: running_mean and running_var must both be given or both be None "
            f"(got {_given(running_mean)} and {_given(running_var)})"
        )
    if not eps > 0:
        raise ValueError(f"batch_norm: eps must be positive with batch statistics (got {eps})")
    array = array_of(x)
    if not array.size and array.ndim >= 2 and array.shape[1]:
        zeros = np.zeros(x.shape[1], x.dtype)  # an empty batch has no statistics and no result
        return BatchNorm.apply(x, weight, bias, mean=zeros, var=zeros, eps=eps, from_batch=False)
    mean, var = _statistics(array, running_mean, running_var, momentum)
    return _normalised(x, weight, bias, mean, var, eps, from_batch=True)


def _statistics(
    x: Array, running_mean: Array | None, running_var: Array | None, momentum: float
) -> tuple[Array, Array]:
    """Compute the statistics of a batch, and update the running statistics."""
    count = x.size // max(x.shape[1], 1) if x.ndim >= 2 else 0
    if count == 1:
        raise ValueError(
            "batch_norm: input must have at least 2 values per channel to normalise "
            f"(got shape {x.shape})"
        )
    if running_mean is None or running_var is None or not count:
        return kernels.batch_norm_stats(x)
    if not are_channels(x, (running_mean, running_var)) and not (
        fits(running_mean, x.dtype, x.shape[1:2]) and fits(running_var, x.dtype, x.shape[1:2])
    ):
        mean, var = kernels.batch_norm_stats(x)
        running = running_mean, running_var
        update_running("batch_norm", running, (mean, var), count / (count - 1), momentum)
        return mean, var
    statistics = kernels.batch_norm_stats(x, running_mean, running_var, momentum)
    changed(running_mean, "batch_norm")
    changed(running_var, "batch_norm")
    return statistics


def update_running(
    function: str,
    running: tuple[Array | None, Array | None],
    batch: tuple[Array, Array],
    correction: float,
    momentum: float,
) -> None:
    """Move the running mean and variance towards those of a batch, or the mean of those of items.

    The variance of the batch is multiplied by `correction`, so that it is unbiased.

    Raises
    ------
    ValueError
        If the shape or dtype of one of them does not match; then none is changed.
    """
    mean, var = batch
    _check_running(function, running, ((mean.shape[-1:], mean.dtype), (var.shape[-1:], var.dtype)))
    for value, new, factor in zip(running, batch, (1, correction), strict=True):
        if value is not None:
            repeated(function, _move, value, new, factor, momentum)
            changed(value, function)


def _move(value: Array, new: Array, factor: float, momentum: float) -> None:
    if new.ndim > 1:
        new = new.mean(0)
    value *= 1 - momentum  # not a difference, which is NaN for infinite values
    value += momentum * (new * new.dtype.type(factor))


def _check_running(
    function: str, running: tuple[Array | None, Array | None], batch: tuple[Any, Any]
) -> None:
    """Compare the shapes and dtypes of running statistics with those of a batch."""
    for name, value, new in zip(("running_mean", "running_var"), running, batch, strict=True):
        if value is not None and (value.shape, value.dtype) != new:
            raise ValueError(
                f"{function}: {name} must have shape (x.shape[1],) and the dtype of x "
                f"(got {value.shape} {value.dtype} and {new[0]} {new[1]})"
            )
