"""Instance normalisation."""

from typing import Any

from ... import functional as F
from ..._warning import warn
from ...dtypes import DType
from ...tensor import Tensor, as_tensor
from ._running import ChannelNorm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(ChannelNorm):
    """The common base class."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias, device, dtype
        )

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        self.check_dimensions(input.shape)
        single = input.ndim == min(self.dimensions)
        self._check_channels(input.shape[0 if single else 1])
        y = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y.squeeze(0) if single else y

    def _check_channels(self, channels: int) -> None:
        if channels == self.num_features:
            return
        text = (
            f"{type(self).__name__}: the number of channels of x must equal num_features "
            f"(got {channels} and {self.num_features})"
        )
        if self.affine or self.track_running_stats:
            raise ValueError(text)
        warn(f"{text}; it has no effect if affine is False")


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image.

    Use the mean and variance of the channel or, in evaluation mode with `track_running_stats`, the
    running statistics. See `cnet.functional.instance_norm`.

    Parameters
    ----------
    num_features : int
        Number of channels c of the input, shape (n, c, h, w) or (c, h, w).
    eps : float, default 1e-5
        Added to the variance; must not be negative.
    momentum : float, default 0.1
        Weight of a batch in the running statistics.
    affine : bool, default False
        Whether each channel is scaled and shifted by trained parameters.
    track_running_stats : bool, default False
        Whether running statistics are kept, and used in evaluation mode.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of parameters and statistics; the input must have the same dtype.
    bias : bool, default True
        Whether each channel is shifted; has no effect if `affine` is False.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,), or None
        Initially ones and zeros.
    running_mean, running_var : Tensor, shape (num_features,), or None
        Initially zeros and ones.
    num_batches_tracked : Tensor of int64, shape (), or None
        Always 0, as in PyTorch.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", arXiv:1607.08022.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.InstanceNorm2d(8)(np.ones((4, 8, 14, 14), np.float32)).shape
    (4, 8, 14, 14)
    """

    dimensions = (3, 4)


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each sequence, shape (n, c, length) or (c, length).

    Parameters, attributes and errors are those of `InstanceNorm2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y = nn.InstanceNorm1d(1)(np.array([[1, 3]], np.float32))
    >>> y.numpy().round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    dimensions = (2, 3)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume, shape (n, c, d, h, w) or (c, d, h, w).

    Parameters, attributes and errors are those of `InstanceNorm2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.InstanceNorm3d(8)(np.ones((4, 8, 2, 14, 14), np.float32)).shape
    (4, 8, 2, 14, 14)
    """

    dimensions = (4, 5)
