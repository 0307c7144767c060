"""Norms and singular values that the normalisations of weights share."""

from typing import Any, TypeAlias

import numpy as np

from ...operations import permute, sqrt
from ...random import default_generator
from ...replay import again, assign
from ...tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]


def norm_except(v: Tensor, dim: int | None) -> Tensor:
    """The norm of `v` over all axes but `dim`, which are kept with length 1; of all for None."""
    if dim is None:
        return sqrt((v * v).sum())
    axes = tuple(axis for axis in range(v.ndim) if axis != dim % v.ndim)
    return sqrt((v * v).sum(axes, keepdim=True)) if axes else sqrt(v * v)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with the axis `dim` first and all others joined."""
    if dim:
        weight = permute(weight, (dim, *(axis for axis in range(weight.ndim) if axis != dim)))
    return weight.reshape(weight.shape[0], -1)


def unit(x: Array, eps: float) -> Array:
    """The vector divided by its norm, or by `eps` if that is larger."""
    return x / max(float(np.linalg.norm(x)), eps)


def random_unit(size: int, dtype: Any, eps: float) -> Array:
    """A random vector of length 1."""
    return unit(default_generator().standard_normal(size).astype(dtype), eps)


def power_iteration(
    matrix: Array, u: Array, v: Array, steps: int, eps: float, right_first: bool
) -> None:
    """Improve the singular vectors of the largest singular value, in place."""
    improved = again("spectral_norm", _iterated, matrix, u, v, steps, eps, right_first)
    for vector, values in zip((u, v), improved, strict=True):
        assign(vector, values)


def _iterated(
    matrix: Array, u: Array, v: Array, steps: int, eps: float, right_first: bool
) -> tuple[Array, Array]:
    for number in range(2 * steps):
        if right_first == (number % 2 == 0):
            v = unit(matrix.T @ u, eps)
        else:
            u = unit(matrix @ v, eps)
    return u, v


def largest_singular_value(matrix: Tensor, u: Array, v: Array) -> Tensor:
    """The singular value that belongs to two singular vectors, as a function of the matrix."""
    outer: Array = again("spectral_norm", np.outer, u, v)
    return (matrix * outer).sum()
