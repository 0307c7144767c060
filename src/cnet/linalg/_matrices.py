"""Checks of matrices, and their transposition."""

from ..autograd import Array
from ..operations._promotion import require_float
from ..tensor import TensorLike


def require_matrices(function: str, x: TensorLike) -> None:
    """Check that `x` consists of matrices of floats."""
    require_float(f"linalg.{function}", x)
    if x.ndim < 2:
        raise ValueError(f"linalg.{function}: A must have at least 2 dimensions (got {x.ndim})")


def require_square(function: str, x: TensorLike) -> None:
    """Check that `x` consists of square matrices of floats."""
    require_float(function, x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{function}: matrices must be square (got shape {x.shape})")


def transposed(x: Array) -> Array:
    """The transposed matrices, as a view."""
    return x.swapaxes(-1, -2)
