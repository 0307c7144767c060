"""BatchNorm1d and BatchNorm2d."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import functional as F
from ..grad_mode import no_grad
from ..tensor import Tensor
from ._arguments import float_dtype, integer
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    """The common base class; subclasses define the dimensions of the input."""

    _version = 2

    dimensions: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.num_features = integer(type(self).__name__, "num_features", num_features)
        if eps < 0:
            raise ValueError(f"{type(self).__name__}: eps must not be negative (got {eps})")
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        dtype = float_dtype(type(self).__name__, dtype)
        self.weight = Parameter(np.empty(num_features, dtype)) if affine else None
        self.bias = Parameter(np.empty(num_features, dtype)) if affine and bias else None
        track = track_running_stats
        self.register_buffer("running_mean", np.empty(num_features, dtype) if track else None)
        self.register_buffer("running_var", np.empty(num_features, dtype) if track else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track else None)
        self.reset_parameters()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        """Add the number of batches, which states of version 1 lack."""
        if (local_metadata.get("version") or 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(f"{prefix}num_batches_tracked", np.zeros((), np.int64))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def reset_running_stats(self) -> None:
        """Reset the running statistics: mean 0, variance 1, no batches."""
        for buffer, value in (
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            if buffer is not None:
                buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Set weights to 1 and biases to 0, and reset the running statistics."""
        self.reset_running_stats()
        for parameter, value in ((self.weight, 1), (self.bias, 0)):
            if parameter is not None:
                with no_grad():
                    parameter.fill_(value)

    def forward(self, input: Any) -> Tensor:
        name = type(self).__name__
        shape = np.shape(input)
        if len(shape) not in self.dimensions:
            wanted = " or ".join(map(str, self.dimensions))
            raise ValueError(f"{name}: x must have {wanted} dimensions (got {len(shape)})")
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
            tracked += 1
        return y

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Normalise the channels of vectors or sequences.

    In training mode, use the mean and variance of the batch, and update the running statistics with
    them. In evaluation mode, use the running statistics. See `cnet.functional.batch_norm`.

    Parameters
    ----------
    num_features : int
        Number of channels c of the input, shape (n, c) or (n, c, length).
    eps : float, default 1e-5
        Added to the variance; must not be negative.
    momentum : float or None, default 0.1
        Weight of a batch in the running statistics; None gives all batches equal weight.
    affine : bool, default True
        Whether each channel is scaled and shifted by trained parameters.
    track_running_stats : bool, default True
        Whether running statistics are kept; without them, evaluation mode also uses the batch.
    bias : bool, default True
        Whether each channel is shifted; has no effect if `affine` is False.
    dtype : {float32, float64}, default float32
        The dtype of parameters and statistics; the input must have the same dtype.

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
    >>> y = nn.BatchNorm1d(2)(np.array([[1, 5], [3, 5]], np.float32))
    >>> y.detach().numpy().round(3)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """

    dimensions = (2, 3)


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
    bias : bool, default True
        Whether each channel is shifted; has no effect if `affine` is False.
    dtype : {float32, float64}, default float32
        The dtype of parameters and statistics; the input must have the same dtype.

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
