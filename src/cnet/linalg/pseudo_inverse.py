"""Pseudo-inverses, least squares, and the ranks and conditions of matrices."""

from typing import Any, Literal, NamedTuple

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, Operation
from ..operations.registry import operation
from ..replay import again, values_of
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._matrices import require_matrices, require_square, transposed
from .decompositions import svdvals
from .norms import matrix_norm
from .solutions import inv

Tolerance = TensorLike | float | None


def _limits(sizes: Array, shape: tuple[int, ...], atol: Tolerance, rtol: Tolerance) -> Any:
    """Singular values up to this limit count as 0; `sizes` are their absolute values."""
    if rtol is None:
        eps = float(np.finfo(sizes.dtype).eps)
        relative: Any = max(shape[-2:]) * eps if atol is None else 0.0
        if atol is not None:
            relative = np.where(np.asarray(array_of(atol)) > 0, 0.0, max(shape[-2:]) * eps)
    else:
        relative = np.asarray(array_of(rtol))
    absolute = np.asarray(0.0 if atol is None else array_of(atol))
    return np.maximum(absolute, relative * sizes.max(-1, initial=0))[..., np.newaxis]


class PseudoInverse(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, *, atol: Any, rtol: Any) -> Array:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        kept = s > _limits(s, a.shape, atol, rtol)
        inverse = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(s.dtype)
        y: Array = transposed(vh) @ (inverse[..., np.newaxis] * transposed(u))
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, y = ctx.saved
        grad, squared = transposed(grad), y @ transposed(y)
        inner = grad - a @ (y @ grad)
        outer = grad - (grad @ y) @ a
        own = -transposed(y @ grad @ y)
        return own + inner @ squared + transposed(y) @ (y @ outer)


@operation()
def pinv(
    A: TensorLike,
    rcond: Tolerance = None,
    hermitian: bool = False,
    *,
    atol: Tolerance = None,
    rtol: Tolerance = None,
    out: Tensor | None = None,
) -> Tensor:
    """The pseudo-inverses of matrices.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
    rcond : float or Tensor, optional
        NumPy's name of `rtol`.
    hermitian : bool, default False
        Whether the matrices are symmetric; the lower triangle is not preferred.
    atol, rtol : float or Tensor, optional
        Singular values up to ``max(atol, rtol * greatest)`` count as 0. The default of `rtol` is
        ``max(m, n) * eps`` if `atol` is not given, and otherwise 0.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, shape (..., n, m)

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.pinv(cnet.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]])
    """
    require_matrices("pinv", A)
    if hermitian:
        require_square("linalg.pinv", A)
    return PseudoInverse.apply(A, atol=atol, rtol=rcond if rtol is None else rtol)


class LeastSquares(NamedTuple):
    """The solutions, and what describes the matrices."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


@explained
def lstsq(
    A: TensorLike, B: TensorLike, rcond: float | None = None, *, driver: str | None = None
) -> LeastSquares:
    """The solutions ``X`` of the least-squares problems ``A @ X ≈ B``.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
    B : Tensor or ndarray of floats, shape (..., m, k) or (..., m)
        Vectors if `A` has one dimension more.
    rcond : float, optional
        Singular values up to this number times the greatest count as 0; by default
        ``max(m, n) * eps``.
    driver : {"gelsy", "gels", "gelsd", "gelss"}, default "gelsy"
        The method of LAPACK in PyTorch. All use singular values here, which are returned for
        "gelsd" and "gelss"; the rank is not returned for "gels", and no residuals for "gelsy".

    Returns
    -------
    (solution, residuals, rank, singular_values)
        A named tuple. The residuals are sums of squares, shape (..., k), and empty unless m > n and
        all matrices have rank n.

    Raises
    ------
    ValueError
        If the shapes do not fit, or `driver` is unknown.

    Examples
    --------
    >>> import cnet
    >>> a, b = cnet.tensor([[1.0], [1.0]]), cnet.tensor([[1.0], [3.0]])
    >>> cnet.linalg.lstsq(a, b).solution
    tensor([[2.]])
    """
    require_matrices("lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ValueError(f"linalg.lstsq: unknown driver {driver!r}")
    a, b = as_tensor(A), as_tensor(B)
    vectors = b.ndim == a.ndim - 1
    b = b.unsqueeze(-1) if vectors else b
    if b.ndim < 2 or a.shape[-2] != b.shape[-2]:
        raise ValueError(
            f"linalg.lstsq: A and B must have equally many rows (got {a.shape} and {b.shape})"
        )
    x = PseudoInverse.apply(a, atol=None, rtol=rcond) @ b
    values = np.linalg.svd(values_of("lstsq", a._array), compute_uv=False)
    rank = (values > _limits(values, a.shape, None, rcond)).sum(-1)
    m, n = a.shape[-2:]
    residuals = Tensor(np.empty(0, a.dtype))
    if m > n and (rank == n).all() and driver not in (None, "gelsy"):
        residuals = ((a @ x - b) ** 2).sum(-2)
    return LeastSquares(
        x.squeeze(-1) if vectors else x,
        residuals,
        Tensor(np.empty(0, np.int64) if driver == "gels" else np.asarray(rank, np.int64)),
        Tensor(values if driver in ("gelsd", "gelss") else np.empty(0, a.dtype)),
    )


@operation()
def matrix_rank(
    A: TensorLike,
    tol: Tolerance = None,
    hermitian: bool = False,
    *,
    atol: Tolerance = None,
    rtol: Tolerance = None,
    out: Tensor | None = None,
) -> Tensor:
    """The ranks of matrices.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
    tol : float or Tensor, optional
        NumPy's name of `atol`; the default of `rtol` is 0 then.
    hermitian : bool, default False
        Whether the matrices are symmetric, so that their eigenvalues are counted.
    atol, rtol : float or Tensor, optional
        As in `pinv`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor of int64, shape (...)

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.matrix_rank(cnet.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    require_matrices("matrix_rank", A)
    if hermitian:
        require_square("linalg.matrix_rank", A)
    return Tensor(again("matrix_rank", _rank, array_of(A), atol, rtol, tol, hermitian))


def _rank(array: Array, atol: Tolerance, rtol: Tolerance, tol: Any, hermitian: bool) -> Array:
    if hermitian:
        values = np.abs(np.linalg.eigvalsh(array))
    else:
        values = np.linalg.svd(array, compute_uv=False)
    limits = _limits(values, array.shape, atol, rtol)
    if tol is not None:
        limits = np.asarray(array_of(tol))[..., np.newaxis]
    return np.asarray((values > limits).sum(-1), np.int64)


@operation()
def cond(
    A: TensorLike, p: float | Literal["fro", "nuc"] | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The condition numbers of matrices.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
    p : {None, "fro", "nuc", inf, -inf, 1, -1, 2, -2}, optional
        The norm: the result is that of the matrix times that of its inverse. None and 2 are the
        ratio of the greatest and the smallest singular value, -2 is the inverse of that.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.cond(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.)
    """
    if p is None or (isinstance(p, (int, float)) and p in (2, -2)):
        values = svdvals(A)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    return matrix_norm(A, p) * matrix_norm(inv(A), p)
