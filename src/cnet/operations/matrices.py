"""Matrices: determinants, inverses and decompositions, which `cnet.linalg` computes."""

from importlib import import_module
from typing import Any

from ..tensor import Tensor, TensorLike, as_tensor
from .registry import operation

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "inverse", "logdet", "matrix_exp",
    "matrix_power", "pinverse", "qr", "slogdet", "svd",
]  # fmt: skip


def _linalg() -> Any:
    """The package, which is imported when it is used."""
    return import_module("cnet.linalg")


@operation(methods=("cholesky",))
def cholesky(input: TensorLike, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The same as `linalg.cholesky`.

    Examples
    --------
    >>> import cnet
    >>> cnet.cholesky(cnet.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    result: Tensor = _linalg().cholesky(input, upper=upper)
    return result


@operation(methods=("cholesky_solve",))
def cholesky_solve(
    B: TensorLike, L: TensorLike, upper: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The solutions ``X`` of ``A @ X = B``, given the triangle that `cholesky` computed of ``A``.

    Parameters
    ----------
    B : Tensor or ndarray of floats, shape (..., n, k)
    L : Tensor or ndarray of floats, shape (..., n, n)
    upper : bool, default False
        Whether `L` is the upper triangle.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `B`

    Examples
    --------
    >>> import cnet
    >>> b, triangle = cnet.tensor([[8.0], [9.0]]), cnet.tensor([[2.0, 0.0], [0.0, 3.0]])
    >>> cnet.cholesky_solve(b, triangle)
    tensor([[2.],
            [1.]])
    """
    solve, triangle = _linalg().solve_triangular, as_tensor(L)
    lower = triangle.mT if upper else triangle
    result: Tensor = solve(lower.mT, solve(lower, B, upper=False), upper=True)
    return result


@operation(methods=("cholesky_inverse",))
def cholesky_inverse(L: TensorLike, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverses of matrices, given the triangles that `cholesky` computed of them.

    Examples
    --------
    >>> import cnet
    >>> cnet.cholesky_inverse(cnet.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.25, 0.  ],
            [0.  , 1.  ]])
    """
    triangle = as_tensor(L)
    lower = triangle.tril() if not upper else triangle.triu().mT
    inverse = _linalg().inv(lower)
    result: Tensor = inverse.mT @ inverse
    return result


@operation(methods=("det",))
def det(input: TensorLike) -> Tensor:
    """The same as `linalg.det`.

    Examples
    --------
    >>> import cnet
    >>> cnet.det(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    result: Tensor = _linalg().det(input)
    return result


@operation(methods=("inverse",))
def inverse(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The same as `linalg.inv`.

    Examples
    --------
    >>> import cnet
    >>> cnet.inverse(cnet.tensor([[2.0]]))
    tensor([[0.5]])
    """
    result: Tensor = _linalg().inv(input)
    return result


@operation(methods=("logdet",))
def logdet(input: TensorLike) -> Tensor:
    """The logarithms of determinants: -inf for 0, and NaN for negative ones.

    Examples
    --------
    >>> import cnet
    >>> cnet.logdet(cnet.tensor([[1.0, 0.0], [0.0, 1.0]]))
    tensor(0.)
    """
    sign, logarithm = _linalg().slogdet(input)
    result: Tensor = logarithm.masked_fill(sign < 0, float("nan"))
    return result


@operation(methods=("matrix_exp",))
def matrix_exp(input: TensorLike) -> Tensor:
    """The same as `linalg.matrix_exp`.

    Examples
    --------
    >>> import cnet
    >>> cnet.matrix_exp(cnet.zeros(1, 1))
    tensor([[1.]])
    """
    result: Tensor = _linalg().matrix_exp(input)
    return result


@operation(methods=("matrix_power",))
def matrix_power(input: TensorLike, n: int, *, out: Tensor | None = None) -> Tensor:
    """The same as `linalg.matrix_power`.

    Examples
    --------
    >>> import cnet
    >>> cnet.matrix_power(cnet.tensor([[2.0]]), 3)
    tensor([[8.]])
    """
    result: Tensor = _linalg().matrix_power(input, n)
    return result


@operation(methods=("pinverse",))
def pinverse(input: TensorLike, rcond: float = 1e-15) -> Tensor:
    """The same as `linalg.pinv`, with a tolerance relative to the greatest singular value.

    Examples
    --------
    >>> import cnet
    >>> cnet.pinverse(cnet.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]])
    """
    result: Tensor = _linalg().pinv(input, rtol=rcond)
    return result


@operation(methods=("qr",))
def qr(input: TensorLike, some: bool = True, *, out: tuple[Tensor, Tensor] | None = None) -> Any:
    """The same as `linalg.qr`, with mode "complete" if `some` is false.

    Examples
    --------
    >>> import cnet
    >>> cnet.qr(cnet.ones(3, 2))[0].shape
    (3, 2)
    """
    return _linalg().qr(input, "reduced" if some else "complete")


@operation(methods=("slogdet",))
def slogdet(input: TensorLike) -> Any:
    """The same as `linalg.slogdet`.

    Examples
    --------
    >>> import cnet
    >>> cnet.slogdet(cnet.tensor([[-1.0]])).sign
    tensor(-1.)
    """
    return _linalg().slogdet(input)


@operation(methods=("svd",))
def svd(
    input: TensorLike,
    some: bool = True,
    compute_uv: bool = True,
    *,
    out: tuple[Tensor, Tensor, Tensor] | None = None,
) -> Any:
    """The singular value decomposition ``input = U @ diag(S) @ V.mT``.

    Parameters
    ----------
    input : Tensor or ndarray of floats, shape (..., m, n)
    some : bool, default True
        Whether `U` and `V` have min(m, n) columns, and not m and n.
    compute_uv : bool, default True
        Whether `U` and `V` are computed; otherwise they are 0.
    out : tuple of Tensor, optional
        Tensors that the results are written into; they are not part of the graph.

    Returns
    -------
    (U, S, V)
        A named tuple; `V` is transposed, other than in `linalg.svd`.

    Examples
    --------
    >>> import cnet
    >>> cnet.svd(cnet.tensor([[2.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 2.])
    """
    decompositions = import_module("cnet.linalg.decompositions")
    return decompositions.svd_with_columns(input, some, compute_uv)
