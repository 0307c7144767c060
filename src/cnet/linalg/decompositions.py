"""Decompositions and eigenvalues, computed by NumPy.

They are not part of the graph, and raise RuntimeError for a tensor that requires grad.
"""

from typing import Any, NamedTuple

import numpy as np

from ..autograd import Array
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike, array_of
from .solutions import require_matrices


class SVD(NamedTuple):
    """A singular value decomposition."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class QR(NamedTuple):
    """An orthogonal matrix and an upper triangle."""

    Q: Tensor
    R: Tensor


class Eigen(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _plain(function: str, x: TensorLike) -> Array:
    if isinstance(x, Tensor) and x.requires_grad:
        raise RuntimeError(f"linalg.{function}: there is no derivative; use tensor.detach()")
    require_matrices(function, x)
    array: Array = array_of(x)
    return array


@operation()
def svd(
    A: TensorLike, full_matrices: bool = True, *, out: tuple[Tensor, Tensor, Tensor] | None = None
) -> SVD:
    """The singular value decomposition ``A = U @ diag(S) @ Vh``.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.svd(cnet.tensor([[2.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 2.])
    """
    return SVD(*map(Tensor, np.linalg.svd(_plain("svd", A), full_matrices)))


@operation()
def qr(A: TensorLike, mode: str = "reduced", *, out: tuple[Tensor, Tensor] | None = None) -> QR:
    """The decomposition ``A = Q @ R`` into an orthogonal matrix and an upper triangle.

    Examples
    --------
    >>> import cnet
    >>> q, r = cnet.linalg.qr(cnet.tensor([[3.0, 0.0], [0.0, 4.0]]))
    >>> (q @ r).tolist()
    [[3.0, 0.0], [0.0, 4.0]]
    """
    array = _plain("qr", A)
    if mode == "r":
        return QR(Tensor(np.empty(0, array.dtype)), Tensor(np.linalg.qr(array, "r")))
    if mode not in ("reduced", "complete"):
        raise ValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r' (got {mode!r})")
    return QR(*map(Tensor, np.linalg.qr(array, mode)))  # type: ignore[call-overload]


@operation()
def cholesky(A: TensorLike, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangle ``L`` of ``A = L @ L.mT``, for symmetric positive definite matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.cholesky(cnet.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    lower = np.linalg.cholesky(_plain("cholesky", A))
    return Tensor(lower.swapaxes(-1, -2) if upper else lower)


@operation()
def eigh(A: TensorLike, UPLO: Any = "L", *, out: tuple[Tensor, Tensor] | None = None) -> Eigen:
    """The eigenvalues, in ascending order, and eigenvectors of symmetric matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.eigh(cnet.tensor([[2.0, 0.0], [0.0, 4.0]])).eigenvalues
    tensor([2., 4.])
    """
    return Eigen(*map(Tensor, np.linalg.eigh(_plain("eigh", A), UPLO)))


@operation()
def eigvalsh(A: TensorLike, UPLO: Any = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.eigvalsh(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([2., 4.])
    """
    return Tensor(np.linalg.eigvalsh(_plain("eigvalsh", A), UPLO))


@operation()
def pinv(A: TensorLike, rtol: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """The pseudo-inverses of matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.pinv(cnet.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]])
    """
    array = _plain("pinv", A)
    limit = max(array.shape[-2:]) * np.finfo(array.dtype).eps if rtol is None else rtol
    return Tensor(np.linalg.pinv(array, limit))


@operation()
def matrix_rank(A: TensorLike, tol: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """The ranks of matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.matrix_rank(cnet.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    return Tensor(np.asarray(np.linalg.matrix_rank(_plain("matrix_rank", A), tol), np.int64))
