"""Inputs with or without a batch axis."""

from ..tensor import Tensor, TensorLike, as_tensor

_IMAGES = {1: "sequence", 2: "image", 3: "volume"}


def as_batch(function: str, x: TensorLike, axes: int) -> tuple[Tensor, bool]:
    """Add a missing batch axis to an input with spatial axes, and return whether it was missing."""
    batch = as_tensor(x)
    ndim = batch._array.ndim
    if ndim == axes + 2:
        return batch, False
    if ndim == axes + 1:
        return batch.unsqueeze(0), True
    raise ValueError(
        f"{function}: input must have {axes + 2} dimensions, or {axes + 1} for one "
        f"{_IMAGES[axes]} (got {ndim}, shape {batch.shape})"
    )
