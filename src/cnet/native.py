"""Functions of networks that PyTorch has at the top level, some with another order of arguments."""

from typing import Any

from . import functional as F
from ._explained import explained
from .functional import (
    adaptive_avg_pool1d,
    alpha_dropout,
    avg_pool1d,
    bilinear,
    celu,
    celu_,
    channel_shuffle,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cosine_similarity,
    dropout,
    feature_alpha_dropout,
    group_norm,
    hardshrink,
    layer_norm,
    log_softmax,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    pairwise_distance,
    pdist,
    pixel_shuffle,
    pixel_unshuffle,
    prelu,
    relu,
    rms_norm,
    rrelu,
    rrelu_,
    selu,
    selu_,
    softmax,
    threshold,
    threshold_,
)
from .tensor import Tensor, TensorLike

__all__ = [
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "alpha_dropout", "avg_pool1d", "batch_norm",
    "bilinear", "celu", "celu_", "channel_shuffle", "constant_pad_nd", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "dropout",
    "embedding", "feature_alpha_dropout", "group_norm", "hardshrink", "instance_norm", "layer_norm",
    "log_softmax", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d",
    "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu", "rms_norm",
    "rrelu", "rrelu_", "selu", "selu_", "softmax", "threshold", "threshold_",
]  # fmt: skip


@explained
def adaptive_max_pool1d(input: TensorLike, output_size: Any) -> tuple[Tensor, Tensor]:
    """The results of `functional.adaptive_max_pool1d`, and their positions.

    Examples
    --------
    >>> import cnet
    >>> cnet.adaptive_max_pool1d(cnet.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    (tensor([[3., 2.]]), tensor([[1, 2]]))
    """
    values, indices = F.adaptive_max_pool1d(input, output_size, return_indices=True)
    return values, indices


@explained
def max_pool1d_with_indices(
    input: TensorLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """The results of `functional.max_pool1d`, and their positions.

    Examples
    --------
    >>> import cnet
    >>> cnet.max_pool1d_with_indices(cnet.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    (tensor([[3., 2.]]), tensor([[1, 2]]))
    """
    values, indices = F.max_pool1d(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True
    )
    return values, indices


@explained
def batch_norm(
    input: TensorLike,
    weight: TensorLike | None,
    bias: TensorLike | None,
    running_mean: TensorLike | None,
    running_var: TensorLike | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Tensor:
    """`functional.batch_norm` with its arguments in another order.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0], [3.0]])
    >>> cnet.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[-1.],
            [ 1.]])
    """
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@explained
def instance_norm(
    input: TensorLike,
    weight: TensorLike | None,
    bias: TensorLike | None,
    running_mean: TensorLike | None,
    running_var: TensorLike | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Tensor:
    """`functional.instance_norm` with its arguments in another order.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[1.0, 3.0]]])
    >>> cnet.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[[-1.,  1.]]])
    """
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


@explained
def embedding(
    weight: TensorLike,
    indices: TensorLike,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """`functional.embedding` with its arguments in another order; -1 is no `padding_idx`.

    Examples
    --------
    >>> import cnet
    >>> cnet.embedding(cnet.tensor([[1.0], [2.0]]), cnet.tensor([1, 0]))
    tensor([[2.],
            [1.]])
    """
    return F.embedding(
        indices,
        weight,
        None if padding_idx == -1 else padding_idx,
        scale_grad_by_freq=scale_grad_by_freq,
        sparse=sparse,
    )


@explained
def constant_pad_nd(input: TensorLike, pad: Any, value: float = 0) -> Tensor:
    """`functional.pad` with a constant.

    Examples
    --------
    >>> import cnet
    >>> cnet.constant_pad_nd(cnet.tensor([1, 2]), (1, 0))
    tensor([0, 1, 2])
    """
    return F.pad(input, pad, value=value)
