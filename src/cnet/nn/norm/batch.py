"""Batch normalisation."""

from typing import Any

from ... import functional as F
from ...dtypes import DType
from ...replay import count
from ...tensor import Tensor, array_of
from ._running import ChannelNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BatchNorm(ChannelNorm):
    """The common base class."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias, device, dtype
        )

    def forward(self, input: Any) -> Tensor:
        name = type(self).__name__
        shape = array_of(input).shape
        self.check_dimensions(shape)
        if shape[1] != self.num_features:
            raise ValueError(
                f"{name}: x.shape[1] must equal num_features (got {shape[1]} and "
                f"{self.num_features})"
            )
        tracked = self.num_batches_tracked if self.training else None
        share = self.momentum
        if share is None:
            share = 0.0 if tracked is None else 1 / (tracked.item() + 1)
        y = F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            share,
            self.eps,
        )
        if tracked is not None:
            count(tracked._array)
            tracked.note_change(name)
        return y


class BatchNorm2d(_BatchNorm):
    """Normalise the channels of images.

    In training mode, use the mean and variance of the batch, and update the running statistics with
    them. In evaluation mode, use the running statistics. See `cnet.functional.batch_norm`.

    Parameters
    ----------
    num_features : int
        Number of channels c of the input, shape (n, c, h, w).
    eps : float, default 1e-5
        Added to the variance; must not be negative.
    momentum : float or None, default 0.1
        Weight of a batch in the running statistics; None gives all batches equal weight.
    affine : bool, default True
        Whether each channel is scaled and shifted by trained parameters.
    track_running_stats : bool, default True
        Whether running statistics are kept; without them, evaluation mode also uses the batch.
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
        The number of batches in the running statistics.

    Raises
    ------
    TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> norm = nn.BatchNorm2d(8)
    >>> norm(np.ones((4, 8, 14, 14), np.float32)).shape
    (4, 8, 14, 14)
    >>> norm.num_batches_tracked.item()
    1
    """

    dimensions = (4,)


class BatchNorm1d(_BatchNorm):
    """Normalise the channels of vectors or sequences, shape (n, c) or (n, c, length).

    Parameters, attributes and errors are those of `BatchNorm2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y = nn.BatchNorm1d(2)(np.array([[1, 5], [3, 5]], np.float32))
    >>> y.detach().numpy().round(3)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """

    dimensions = (2, 3)


class BatchNorm3d(_BatchNorm):
    """Normalise the channels of volumes, shape (n, c, d, h, w).

    Parameters, attributes and errors are those of `BatchNorm2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.BatchNorm3d(8)(np.ones((4, 8, 2, 14, 14), np.float32)).shape
    (4, 8, 2, 14, 14)
    """

    dimensions = (5,)
