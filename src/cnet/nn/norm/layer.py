"""Normalisation of trailing axes, and of groups of channels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import functional as F
from ...autograd.grad_mode import no_grad
from ...dtypes import DType
from ...tensor import Tensor
from .._arguments import integer, parameter_dtype
from ..module import Module
from ..parameter import Parameter

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


class _ItemNorm(Module):
    """A layer that scales and shifts; subclasses normalise each item on its own."""

    weight: Parameter | None
    bias: Parameter | None

    def reset_parameters(self) -> None:
        """Set weights to 1 and biases to 0."""
        with no_grad():
            for name, value in (("weight", 1), ("bias", 0)):
                parameter = getattr(self, name, None)
                if parameter is not None:
                    parameter.fill_(value)


def _shape(function: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    sizes = normalized_shape if isinstance(normalized_shape, Sequence) else [normalized_shape]
    return tuple([integer(function, "normalized_shape", size, 0) for size in sizes])


class LayerNorm(_ItemNorm):
    """Normalise the trailing axes; see `cnet.functional.layer_norm`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of the axes to normalise together; the shape of the input is
        ``(..., *normalized_shape)``.
    eps : float, default 1e-5
        Added to the variance.
    elementwise_affine : bool, default True
        Whether each element is scaled and shifted by trained parameters.
    bias : bool, default True
        Whether each element is shifted; has no effect if `elementwise_affine` is False.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight, bias : Parameter, shape `normalized_shape`, or None
        Initially ones and zeros.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> y = nn.LayerNorm(2)(np.array([[1, 3], [0, 4]], np.float32))
    >>> y.detach().numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        dtype = parameter_dtype("LayerNorm", device, dtype)
        shape, affine = self.normalized_shape, elementwise_affine
        self.weight = Parameter(np.empty(shape, dtype)) if affine else None
        self.bias = Parameter(np.empty(shape, dtype)) if affine and bias else None
        self.reset_parameters()

    def forward(self, input: Any) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_ItemNorm):
    """Divide the trailing axes by the root of their mean square; see `cnet.functional.rms_norm`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of the axes to normalise together; the shape of the input is
        ``(..., *normalized_shape)``.
    eps : float, optional
        Added to the mean square, by default the machine epsilon of the dtype.
    elementwise_affine : bool, default True
        Whether each element is scaled by trained parameters.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.

    Attributes
    ----------
    weight : Parameter, shape `normalized_shape`, or None
        Initially ones.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.RMSNorm(2)(np.array([[1, 7]], np.float32)).detach().numpy().round(3)
    array([[0.2, 1.4]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        dtype = parameter_dtype("RMSNorm", device, dtype)
        affine = elementwise_affine
        self.weight = Parameter(np.empty(self.normalized_shape, dtype)) if affine else None
        self.reset_parameters()

    def forward(self, x: Any) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_ItemNorm):
    """Normalise groups of channels of each item; see `cnet.functional.group_norm`.

    Parameters
    ----------
    num_groups : int
        The number of groups, which must divide `num_channels`.
    num_channels : int
        Number of channels c of the input, shape (n, c, ...).
    eps : float, default 1e-5
        Added to the variance.
    affine : bool, default True
        Whether each channel is scaled and shifted by trained parameters.
    device : optional
        Only the CPU is supported.
    dtype : {float32, float64}, default float32
        The dtype of the parameters; the input must have the same dtype.
    bias : bool, default True
        Whether each channel is shifted; has no effect if `affine` is False.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_channels,), or None
        Initially ones and zeros.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If an argument has an invalid type or value.

    References
    ----------
    Y. Wu, K. He, "Group normalization", arXiv:1803.08494.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.GroupNorm(2, 8)(np.ones((4, 8, 14, 14), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = integer("GroupNorm", "num_groups", num_groups)
        self.num_channels = integer("GroupNorm", "num_channels", num_channels, 0)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups must divide num_channels (got {num_groups} and "
                f"{num_channels})"
            )
        self.eps = eps
        self.affine = affine
        dtype = parameter_dtype("GroupNorm", device, dtype)
        self.weight = Parameter(np.empty(num_channels, dtype)) if affine else None
        self.bias = Parameter(np.empty(num_channels, dtype)) if affine and bias else None
        self.reset_parameters()

    def forward(self, input: Any) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
