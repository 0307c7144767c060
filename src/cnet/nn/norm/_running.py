"""The base class of layers with running statistics of channels."""

from typing import Any

import numpy as np

from ...autograd.grad_mode import no_grad
from ...dtypes import DType
from ...tensor import Tensor
from .._arguments import integer, parameter_dtype
from ..module import Module
from ..parameter import Parameter


class ChannelNorm(Module):
    """Holds parameters and running statistics; subclasses define the dimensions of the input."""

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
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        device: Any,
        dtype: DType,
    ) -> None:
        super().__init__()
        self.num_features = integer(type(self).__name__, "num_features", num_features)
        if eps < 0:
            raise ValueError(f"{type(self).__name__}: eps must not be negative (got {eps})")
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        dtype = parameter_dtype(type(self).__name__, device, dtype)
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
        with no_grad():
            for parameter, value in ((self.weight, 1), (self.bias, 0)):
                if parameter is not None:
                    parameter.fill_(value)

    def check_dimensions(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless the input has one of the numbers of dimensions."""
        if len(shape) not in self.dimensions:
            raise ValueError(
                f"{type(self).__name__}: x must have {' or '.join(map(str, self.dimensions))} "
                f"dimensions (got {len(shape)})"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )
