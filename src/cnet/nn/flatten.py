"""Flatten and Unflatten."""

from collections.abc import Sequence
from typing import Any

from ..operations.shape import flatten, unflatten
from ..tensor import Tensor, as_tensor
from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Combine several adjacent axes into one; see `cnet.flatten`.

    Parameters
    ----------
    start_dim, end_dim : int, default 1 and -1
        The first and the last of these axes; by default all axes except the first, the batch axis.

    Raises
    ------
    ValueError
        In the call: if an axis is out of range, or `start_dim` comes after `end_dim`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Flatten()(np.zeros((4, 16, 7, 7))).shape
    (4, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split one axis into several.

    Parameters
    ----------
    dim : int
        The axis to split.
    unflattened_size : tuple or list of int
        The sizes of the new axes, whose product is the size of the axis; one size may be -1 and is
        then inferred.

    Raises
    ------
    TypeError
        If `unflattened_size` is not a tuple or a list.
    ValueError
        In the call: if `dim` is out of range, or the sizes do not match the axis.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> nn.Unflatten(1, (16, 7, 7))(np.zeros((4, 784))).shape
    (4, 16, 7, 7)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"Unflatten: unflattened_size must be a tuple or a list (got {unflattened_size!r})"
            )
        self.unflattened_size = unflattened_size

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        if not -input.ndim <= self.dim < input.ndim:
            raise ValueError(
                f"Unflatten: dim must be an axis of input (got {self.dim} and {input.shape})"
            )
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
