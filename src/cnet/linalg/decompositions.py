"""Decompositions and eigenvalues, computed by NumPy, with derivatives.

The derivatives of vectors exist if the singular values, or the eigenvalues, are different.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations.norms import SingularValues
from ..operations.registry import operation
from ..tensor import Tensor, TensorLike
from ._matrices import require_matrices, require_square, transposed


class SVD(NamedTuple):
    """A singular value decomposition."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class SVDColumns(NamedTuple):
    """A singular value decomposition whose right vectors are columns."""

    U: Tensor
    S: Tensor
    V: Tensor


class QR(NamedTuple):
    """An orthogonal matrix and an upper triangle."""

    Q: Tensor
    R: Tensor


class Eigen(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _differences(x: Array) -> Array:
    """The differences ``x[j] - x[i]`` of all pairs, and 1 on the diagonal."""
    n = x.shape[-1]
    result: Array = x[..., np.newaxis, :] - x[..., np.newaxis]
    result[..., range(n), range(n)] = 1
    return result


class SingularValueDecomposition(Operation[tuple[Tensor, Tensor, Tensor]]):
    @staticmethod
    def forward(ctx: Context, a: Array, *, full: bool) -> tuple[Array, Array, Array]:
        u, s, vh = np.linalg.svd(a, full)
        ctx.save_for_backward(u, s, vh)
        ctx.set_materialize_grads(False)
        ctx.full = full and a.shape[-1] != a.shape[-2]
        return u, s, vh

    @staticmethod
    def backward(ctx: Context, du: Any, ds: Any, dvh: Any) -> Any:
        u, s, vh = ctx.saved
        if ctx.full and not (du is None and dvh is None):
            raise RuntimeError("linalg.svd: with full_matrices, only S has a derivative")
        k = s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        column, row, v = s[..., np.newaxis], s[..., np.newaxis, :], transposed(vh)
        core = np.zeros((*s.shape, k), s.dtype)
        if ds is not None:
            core[..., range(k), range(k)] = ds
        gaps, outside = _differences(s * s), np.zeros((), s.dtype)
        if du is not None:
            inner = transposed(u) @ du
            core += (inner - transposed(inner)) / gaps * row
            outside = outside + ((du - u @ inner) / row) @ vh
        if dvh is not None:
            inner = dvh @ v
            core += (transposed(inner) - inner) / gaps * column
            outside = outside + (u / row) @ (dvh - inner @ vh)
        return u @ core @ vh + outside


@operation()
def svd(
    A: TensorLike, full_matrices: bool = True, *, out: tuple[Tensor, Tensor, Tensor] | None = None
) -> SVD:
    """The singular value decomposition ``A = U @ diag(S) @ Vh``.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
    full_matrices : bool, default True
        Whether `U` and `Vh` are square; if they are and `A` is not, only `S` has a derivative.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (U, S, Vh)
        A named tuple; the singular values are in descending order.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.svd(cnet.tensor([[2.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 2.])
    """
    require_matrices("svd", A)
    return SVD(*SingularValueDecomposition.apply(A, full=full_matrices))


def svd_with_columns(A: TensorLike, some: bool, compute_uv: bool) -> SVDColumns:
    """The decomposition in the form of `cnet.svd`."""
    if compute_uv:
        u, s, vh = svd(A, not some)
        return SVDColumns(u, s, vh.mT)
    s = svdvals(A)
    (m, n), batch = A.shape[-2:], A.shape[:-2]
    u, v = (Tensor(np.zeros((*batch, size, size), A.dtype)) for size in (m, n))
    return SVDColumns(u, s, v)


@operation()
def svdvals(A: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The singular values of matrices, in descending order.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.svdvals(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([4., 2.])
    """
    require_matrices("svdvals", A)
    return SingularValues.apply(A)


class QRDecomposition(Operation[tuple[Tensor, Tensor]]):
    @staticmethod
    def forward(ctx: Context, a: Array, *, mode: Any) -> tuple[Array, Array]:
        if mode == "r":
            triangle: Any = np.linalg.qr(a, "r")
            return np.empty(0, a.dtype), triangle
        q, r = np.linalg.qr(a, mode)
        ctx.save_for_backward(a, q, r)
        return q, r

    @staticmethod
    def backward(ctx: Context, dq: Array, dr: Array) -> Any:
        if not ctx.saved:
            raise RuntimeError("linalg.qr: there is no derivative with mode 'r'")
        a, q, r = ctx.saved
        m, n = a.shape[-2:]
        if q.shape[-1] > n:
            raise RuntimeError("linalg.qr: there is no derivative with mode 'complete' and m > n")
        if m >= n:
            return _qr_gradient(q, r, dq, dr)
        # The other columns of R are the product of the transposed Q and columns of A.
        square, rest = r[..., :m], dr[..., m:]
        dq = dq + a[..., m:] @ transposed(rest)
        return np.concatenate([_qr_gradient(q, square, dq, dr[..., :m]), q @ rest], -1)


def _qr_gradient(q: Array, r: Array, dq: Array, dr: Array) -> Array:
    """The gradient of a matrix with at least as many rows as columns."""
    product = r @ transposed(dr) - transposed(dq) @ q
    lower = np.tril(product, -1)
    diagonal = product - lower - np.triu(product, 1)
    rows = dq + q @ (lower + transposed(lower) + diagonal)
    gradient: Array = transposed(np.linalg.solve(r, transposed(rows)))
    return gradient


@operation()
def qr(A: TensorLike, mode: str = "reduced", *, out: tuple[Tensor, Tensor] | None = None) -> QR:
    """The decomposition ``A = Q @ R`` into an orthogonal matrix and an upper triangle.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
    mode : {"reduced", "complete", "r"}, default "reduced"
        Whether `Q` has min(m, n) columns, or is square, or is an empty tensor.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (Q, R)
        A named tuple. The derivative exists if the first min(m, n) columns of `A` are independent,
        except with "r", and with "complete" if m > n.

    Raises
    ------
    ValueError
        If `mode` is unknown.

    Examples
    --------
    >>> import cnet
    >>> q, r = cnet.linalg.qr(cnet.tensor([[3.0, 0.0], [0.0, 4.0]]))
    >>> (q @ r).tolist()
    [[3.0, 0.0], [0.0, 4.0]]
    """
    require_matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r' (got {mode!r})")
    return QR(*QRDecomposition.apply(A, mode=mode))


class Cholesky(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array) -> Array:
        y = np.linalg.cholesky(a)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (y,) = ctx.saved
        product = transposed(y) @ grad
        symmetric = (np.tril(product) + transposed(np.tril(product, -1))) / 2
        upper = transposed(y)
        return transposed(np.linalg.solve(upper, transposed(np.linalg.solve(upper, symmetric))))


@operation()
def cholesky(A: TensorLike, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangle ``L`` of ``A = L @ L.mT``, for symmetric positive definite matrices.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., n, n)
        Only the lower triangle is read.
    upper : bool, default False
        Whether to return the transposed matrix.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `A`

    Raises
    ------
    LinAlgError
        If a matrix is not positive definite.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.cholesky(cnet.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    require_square("linalg.cholesky", A)
    lower = Cholesky.apply(A)
    return lower.mT if upper else lower


class SymmetricEigen(Operation[tuple[Tensor, Tensor]]):
    @staticmethod
    def forward(ctx: Context, a: Array, *, triangle: Any) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(a, triangle)
        ctx.save_for_backward(values, vectors)
        ctx.set_materialize_grads(False)
        return values, vectors

    @staticmethod
    def backward(ctx: Context, dvalues: Any, dvectors: Any) -> Any:
        values, v = ctx.saved
        n = values.shape[-1]
        core = np.zeros_like(v)
        if dvectors is not None:
            core += transposed(v) @ dvectors / _differences(values)
        core[..., range(n), range(n)] = 0 if dvalues is None else dvalues
        return v @ core @ transposed(v)


@operation()
def eigh(
    A: TensorLike,
    UPLO: Literal["L", "U", "l", "u"] = "L",
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> Eigen:
    """The eigenvalues, in ascending order, and eigenvectors of symmetric matrices.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., n, n)
    UPLO : {"L", "U"}, default "L"
        The triangle that is read.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (eigenvalues, eigenvectors)
        A named tuple; the eigenvectors are columns.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.eigh(cnet.tensor([[2.0, 0.0], [0.0, 4.0]])).eigenvalues
    tensor([2., 4.])
    """
    require_square("linalg.eigh", A)
    return Eigen(*SymmetricEigen.apply(A, triangle=UPLO))


@operation()
def eigvalsh(
    A: TensorLike, UPLO: Literal["L", "U", "l", "u"] = "L", *, out: Tensor | None = None
) -> Tensor:
    """The eigenvalues of symmetric matrices, in ascending order.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.eigvalsh(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([2., 4.])
    """
    require_square("linalg.eigvalsh", A)
    return SymmetricEigen.apply(A, triangle=UPLO)[0]
