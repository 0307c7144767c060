"""Normalisation of each item on its own: of groups of channels, of channels, of trailing axes."""

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any

import numpy as np

from ... import kernels
from ..._explained import explained
from ...autograd import Array, Context, Operation
from ...kernels.norm import group_norm_stats, group_norm_with_stats
from ...operations._promotion import require_float
from ...tensor import Tensor, TensorLike, array_of, as_tensor
from .batch import batch_norm, update_running

__all__ = ["group_norm", "instance_norm", "layer_norm", "rms_norm"]


class GroupNorm(Operation[Tensor]):
    """Normalise groups of channels of `x`, shape (n, c, ...); see `kernels.group_norm`.

    Without `statistics`, mean and variance, they are those of the groups. If `centred` is False,
    there is no mean, and the mean of the squares replaces the variance.
    """

    @staticmethod
    def compute(
        x: Array, weight: Array | None, bias: Array | None, *, groups: int, eps: float,
        statistics: tuple[Array | None, Array] | None = None, centred: bool = True,
    ) -> Array:  # fmt: skip
        if not centred:
            statistics = None, _mean_square(x)
        if statistics is None and x.size:
            return kernels.group_norm(x, None, None, weight, bias, eps, groups)
        mean, var = statistics or group_norm_stats("group_norm", x, groups)
        return kernels.group_norm(x, var, mean, weight, bias, eps)

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, weight: Array | None, bias: Array | None, *, groups: int,
        eps: float, statistics: tuple[Array | None, Array] | None = None, centred: bool = True,
    ) -> Array:  # fmt: skip
        if statistics is None and not any(ctx.edges):
            return cls.compute(x, weight, bias, groups=groups, eps=eps, centred=centred)
        ctx.eps = eps
        if not centred:
            statistics = None, _mean_square(x)
        if statistics is None:
            y, *found = group_norm_with_stats(x, weight, bias, eps, groups)
            ctx.save_for_backward(x, weight, *found)
            return y
        mean, var = statistics
        ctx.save_for_backward(x, weight, mean, var)
        return kernels.group_norm(x, var, mean, weight, bias, eps)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, weight, mean, var = ctx.saved
        return kernels.group_norm_backward(
            grad, x, var, mean, weight, ctx.eps, needs=ctx.needs_input_grad
        )


def _mean_square(x: Array) -> Array:
    """The mean of the squares of each row, shape (n, 1); an infinity makes it infinite."""
    with np.errstate(over="ignore"):
        mean: Array = kernels.reduce(x, "squares", [1]) / max(x.shape[1], 1)
        return mean.astype(x.dtype)


def _parameter(
    function: str, name: str, value: TensorLike | None, input: Tensor, shape: tuple[int, ...]
) -> Tensor | None:
    """Check a weight or a bias, and flatten it."""
    if value is None:
        return None
    value = as_tensor(value)
    array, dtype = value._array, input._array.dtype
    if array.shape != shape or (array.dtype is not dtype and array.dtype != dtype):
        raise ValueError(
            f"{function}: {name} must have shape {shape} and the dtype of input "
            f"(got {value.shape} {value.dtype} and {input.dtype})"
        )
    return value if len(shape) == 1 else value.reshape(-1)


@explained
def layer_norm(
    input: TensorLike,
    normalized_shape: Sequence[int],
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalise the trailing axes to mean 0 and variance 1, then scale and shift each element.

    .. math::
        y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, w + b

    Parameters
    ----------
    input : Tensor or ndarray, shape ``(..., *normalized_shape)``
        Float32 or float64.
    normalized_shape : sequence of int
        The sizes of the axes to normalise together.
    weight, bias : Tensor or ndarray, shape `normalized_shape`, optional
        The scale :math:`w` and the shift :math:`b`, by default 1 and 0.
    eps : float, default 1e-5
        :math:`\epsilon`, added to the variance (ddof 0).

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.layer_norm(cnet.tensor([[1.0, 3.0], [0.0, 4.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.],
            [-1.,  1.]])

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton: Layer normalization, arXiv:1607.06450.
    """
    input = as_tensor(input)
    x, shape = _rows("layer_norm", input, normalized_shape)
    weight = _parameter("layer_norm", "weight", weight, input, shape)
    bias = _parameter("layer_norm", "bias", bias, input, shape)
    y: Tensor = GroupNorm.apply(x, weight, bias, groups=1, eps=eps)
    return y if y.shape == input.shape else y.reshape(input.shape)


@explained
def rms_norm(
    input: TensorLike,
    normalized_shape: Sequence[int],
    weight: TensorLike | None = None,
    eps: float | None = None,
) -> Tensor:
    r"""Divide the trailing axes by the root of their mean square, then scale each element.

    .. math::
        y = \frac{x}{\sqrt{\overline{x^2} + \epsilon}} \, w

    Parameters
    ----------
    input : Tensor or ndarray, shape ``(..., *normalized_shape)``
        Float32 or float64.
    normalized_shape : sequence of int
        The sizes of the axes to normalise together.
    weight : Tensor or ndarray, shape `normalized_shape`, optional
        The scale :math:`w`, by default 1.
    eps : float, optional
        :math:`\epsilon`, by default the machine epsilon of the dtype.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.rms_norm(cnet.tensor([[1.0, 7.0]]), (2,))
    tensor([[0.2, 1.4]])

    References
    ----------
    B. Zhang, R. Sennrich: Root mean square layer normalization, arXiv:1910.07467.
    """
    input = as_tensor(input)
    x, shape = _rows("rms_norm", input, normalized_shape)
    weight = _parameter("rms_norm", "weight", weight, input, shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    y: Tensor = GroupNorm.apply(x, weight, None, groups=1, eps=eps, centred=False)
    return y if y.shape == input.shape else y.reshape(input.shape)


def _rows(
    function: str, input: Tensor, normalized_shape: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """Check the normalised shape, and combine its axes to rows: (..., shape) to (n, c)."""
    require_float(function, input)
    shape, sizes = tuple(map(index, normalized_shape)), input._array.shape
    leading = len(sizes) - len(shape)
    if not shape or leading < 0 or sizes[leading:] != shape:
        raise ValueError(
            f"{function}: normalized_shape must be the sizes of the last axes of input "
            f"(got {shape} and {sizes})"
        )
    if leading == 1 and len(shape) == 1:
        return input, shape
    return input.reshape(prod(sizes[:leading]), prod(shape)), shape


@explained
def group_norm(
    input: TensorLike,
    num_groups: int,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalise groups of channels of each item to mean 0 and variance 1, then scale and shift.

    .. math::
        y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, ...)
        Float32 or float64.
    num_groups : int
        The number of groups of c / num_groups consecutive channels.
    weight, bias : Tensor or ndarray, shape (c,), optional
        The scale :math:`w` and the shift :math:`b` of each channel, by default 1 and 0.
    eps : float, default 1e-5
        :math:`\epsilon`, added to the variance (ddof 0).

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, `num_groups` does not divide the number of channels, or
        `input` is one item with one number per group.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.group_norm(cnet.tensor([[1.0, 3.0, 0.0, 4.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])

    References
    ----------
    Y. Wu, K. He: Group normalization, arXiv:1803.08494.
    """
    input = as_tensor(input)
    require_float("group_norm", input)
    if input.ndim < 2:
        raise ValueError(f"group_norm: input must have at least 2 dimensions (got {input.ndim})")
    channels = input.shape[1]
    if not index(num_groups) > 0 or channels % num_groups:
        raise ValueError(
            f"group_norm: num_groups must be positive and divide the number of channels "
            f"(got {num_groups} and {channels})"
        )
    if input.numel() == num_groups:
        raise ValueError(
            "group_norm: input must have at least 2 values per group to normalise "
            f"(got shape {input.shape} and {num_groups} groups)"
        )
    weight = _parameter("group_norm", "weight", weight, input, (channels,))
    bias = _parameter("group_norm", "bias", bias, input, (channels,))
    return GroupNorm.apply(input, weight, bias, groups=num_groups, eps=eps)


@explained
def instance_norm(
    input: TensorLike,
    running_mean: TensorLike | None = None,
    running_var: TensorLike | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    r"""Normalise each channel of each item to mean 0 and variance 1, then scale and shift it.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, ...)
        Float32 or float64.
    running_mean, running_var : Tensor or ndarray, shape (c,), optional
        The statistics to use if `use_input_stats` is False. If it is True, they are moved towards
        the average of the statistics of the items, as in `batch_norm`.
    weight, bias : Tensor or ndarray, shape (c,), optional
        The scale and the shift of each channel, by default 1 and 0.
    use_input_stats : bool, default True
        Whether to use the mean and the variance (ddof 0) of `input`.
    momentum : float, default 0.1
        The weight of this batch in the update of the running statistics.
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match; if `use_input_stats` is True and `input` has only one
        value per channel of an item; or if it is False and running statistics are missing.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.instance_norm(cnet.tensor([[[1.0, 3.0], [0.0, 4.0]]]), eps=1e-12)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky: Instance normalization: the missing ingredient for fast
    stylization, arXiv:1607.08022.
    """
    input = as_tensor(input)
    require_float("instance_norm", input)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    size = prod(input.shape[2:])
    if size == 1 or input.ndim < 2:
        raise ValueError(
            "instance_norm: input must have more than 1 value per channel of an item to normalise "
            f"(got shape {input.shape})"
        )
    channels = input.shape[1]
    parameters = [
        _parameter("instance_norm", name, value, input, (channels,))
        for name, value in (("weight", weight), ("bias", bias))
    ]
    if channels == 0:
        return input
    running = [None if value is None else array_of(value) for value in (running_mean, running_var)]
    if running_mean is None and running_var is None:
        return GroupNorm.apply(input, *parameters, groups=channels, eps=eps)
    mean, var = group_norm_stats("instance_norm", input._array, channels)
    if input.numel():
        update_running(
            "instance_norm", (running[0], running[1]), (mean, var), size / (size - 1), momentum
        )
    return GroupNorm.apply(input, *parameters, groups=channels, eps=eps, statistics=(mean, var))
