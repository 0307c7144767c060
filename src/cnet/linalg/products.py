"""Products and powers of matrices."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, Operation
from ..operations._dims import dim_of, integer
from ..operations.joining import stack
from ..operations.products import cross as _cross
from ..operations.products import matmul
from ..operations.registry import operation
from ..operations.triangles import diagonal as _diagonal
from ..tensor import Tensor, TensorLike, as_tensor
from ._matrices import require_matrices, require_square, transposed
from .solutions import inv

TERMS = 18
"""Terms of the series of the exponential: for a norm of at most 1/2, its error is below eps."""


@operation()
def vecdot(x: TensorLike, y: TensorLike, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Sums of products along a dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.vecdot(cnet.tensor([1.0, 2.0]), cnet.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return (as_tensor(x) * y).sum(dim)


@operation()
def cross(
    input: TensorLike, other: TensorLike, *, dim: int = -1, out: Tensor | None = None
) -> Tensor:
    """The cross products of vectors with 3 elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.cross(cnet.tensor([1.0, 0.0, 0.0]), cnet.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    return _cross(input, other, dim_of("linalg.cross", dim, input.ndim))


def diagonal(A: TensorLike, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of the matrices that two dimensions form, by default the last two.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.diagonal(cnet.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return _diagonal(A, offset, dim1, dim2)


@operation()
def multi_dot(tensors: Sequence[TensorLike], *, out: Tensor | None = None) -> Tensor:
    """The product of several matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.multi_dot([cnet.ones(2, 3), cnet.ones(3, 4), cnet.ones(4, 1)]).shape
    (2, 1)
    """
    return reduce(matmul, tensors[1:], as_tensor(tensors[0]))


@operation()
def matrix_power(A: TensorLike, n: int, *, out: Tensor | None = None) -> Tensor:
    """The n-th power of square matrices; of their inverses for negative `n`.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.matrix_power(cnet.tensor([[2.0, 0.0], [0.0, 3.0]]), 2)
    tensor([[4., 0.],
            [0., 9.]])
    """
    require_square("linalg.matrix_power", A)
    base = inv(A) if n < 0 else as_tensor(A)
    identity = Tensor(np.broadcast_to(np.eye(A.shape[-1], dtype=A.dtype), A.shape).copy())
    if n == 0:
        return base.clone().copy_(identity)
    return reduce(matmul, [base] * abs(n))


def _exponential(a: Array) -> Array:
    """The exponential of matrices, by scaling, a Taylor series, and squaring."""
    norm = float(np.abs(a).sum(-2).max(initial=0))
    squarings = max(0, int(np.ceil(np.log2(norm))) + 1) if norm > 0 else 0
    scaled = a / 2**squarings
    term = result = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    for k in range(1, TERMS):
        term = term @ scaled / k
        result = result + term
    for _ in range(squarings):
        result = result @ result
    return result.astype(a.dtype)


class MatrixExp(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array) -> Array:
        ctx.save_for_backward(a)
        return _exponential(a)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        """The derivative is a block of the exponential of a block matrix."""
        (a,) = ctx.saved
        n = a.shape[-1]
        block = np.zeros((*a.shape[:-2], 2 * n, 2 * n), a.dtype)
        block[..., :n, :n] = block[..., n:, n:] = transposed(a)
        block[..., :n, n:] = grad
        return _exponential(block)[..., :n, n:]


def matrix_exp(A: TensorLike) -> Tensor:
    """The exponential of square matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.matrix_exp(cnet.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    require_square("linalg.matrix_exp", A)
    return MatrixExp.apply(A)


@operation()
def householder_product(A: TensorLike, tau: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The product of the reflections ``1 - tau v vᵀ``, as its first columns.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., m, n)
        The vectors v are the columns below the diagonal, with 1 on the diagonal.
    tau : Tensor or ndarray of floats, shape (..., k)
        The factors, at most n of them.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `A`

    Raises
    ------
    ValueError
        If n > m or k > n.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.householder_product(cnet.tensor([[0.0], [1.0]]), cnet.tensor([1.0]))
    tensor([[ 0.],
            [-1.]])
    """
    require_matrices("householder_product", A)
    a, factors = as_tensor(A), as_tensor(tau)
    if factors.ndim == 0:
        raise ValueError("linalg.householder_product: tau must have at least 1 dimension (got 0)")
    m, n = a.shape[-2:]
    if factors.shape[-1] > n or n > m:
        raise ValueError(
            "linalg.householder_product: A must have at least as many rows as columns, and as many "
            f"columns as tau has elements (got shapes {a.shape} and {factors.shape})"
        )
    identity = np.eye(m, n, dtype=a.dtype)
    below = np.tril(np.ones((m, n), a.dtype), -1)
    vectors = a * below + identity
    q: Any = Tensor(np.broadcast_to(identity, a.shape))
    for i in reversed(range(factors.shape[-1])):
        v = vectors[..., i : i + 1]
        q = q - factors[..., i : i + 1].unsqueeze(-1) * matmul(v, matmul(v.mT, q))
    return q  # type: ignore[no-any-return]


@explained
def vander(x: TensorLike, N: int | None = None) -> Tensor:
    """Matrices of the powers ``x ** 0``, ``x ** 1``, and so on, which are the columns.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., n)
    N : int, optional
        The number of powers, by default n.

    Returns
    -------
    Tensor, shape (..., n, N)

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.vander(cnet.tensor([2, 3]), 3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    base = as_tensor(x)
    base = base if base.ndim else base.reshape(1)
    base = base if base.dtype.kind == "f" else base.long()
    count = base.shape[-1] if N is None else integer("linalg.vander", "N", N)
    return stack([base**k for k in range(count)], -1)
