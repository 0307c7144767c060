"""Inverses, determinants, solutions and products, with derivatives."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations import norms
from ..operations._common import unbroadcast
from ..operations._dims import dim_of
from ..operations._promotion import require_float
from ..operations.products import cross as _cross
from ..operations.products import matmul
from ..operations.registry import operation
from ..operations.triangles import diagonal as _diagonal
from ..tensor import Tensor, TensorLike, as_tensor


def _square(function: str, x: TensorLike) -> None:
    require_float(function, x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{function}: matrices must be square (got shape {x.shape})")


def _transposed(x: Array) -> Array:
    return x.swapaxes(-1, -2)


class Inverse(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y = np.linalg.inv(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        y = _transposed(ctx.saved[0])
        return -(y @ grad @ y)


@operation()
def inv(A: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The inverses of square matrices.

    Raises
    ------
    LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.inv(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    _square("linalg.inv", A)
    return Inverse.apply(A)


class Determinant(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y = np.asarray(np.linalg.det(x))
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (x,) = ctx.saved
        if x.size == 0:
            return np.zeros_like(x)
        u, s, vh = np.linalg.svd(x)
        sign = np.linalg.det(u) * np.linalg.det(vh)
        others = np.stack([np.delete(s, i, -1).prod(-1) for i in range(s.shape[-1])], -1)
        return (grad * sign)[..., None, None] * ((u * others[..., None, :]) @ vh)


@operation()
def det(A: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The determinants of square matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.det(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    _square("linalg.det", A)
    return Determinant.apply(A)


class SignAndLogarithm(NamedTuple):
    """The sign and the logarithm of the absolute value of a determinant."""

    sign: Tensor
    logabsdet: Tensor


class LogDeterminant(Operation[tuple[Tensor, Tensor]]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> tuple[Array, Array]:
        sign, logarithm = np.linalg.slogdet(x)
        ctx.save_for_backward(x)
        return np.asarray(sign), np.asarray(logarithm)

    @staticmethod
    def backward(ctx: Context, _: Array, grad: Array) -> Any:
        return grad[..., np.newaxis, np.newaxis] * _transposed(np.linalg.inv(ctx.saved[0]))


@operation()
def slogdet(A: TensorLike, *, out: tuple[Tensor, Tensor] | None = None) -> SignAndLogarithm:
    """The signs of determinants, and the logarithms of their absolute values.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.slogdet(cnet.tensor([[1.0, 0.0], [0.0, -1.0]])).sign
    tensor(-1.)
    """
    _square("linalg.slogdet", A)
    return SignAndLogarithm(*LogDeterminant.apply(A))


class Solve(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        y = np.linalg.solve(a, b)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        a, y = ctx.saved
        db = np.linalg.solve(_transposed(a), grad)
        da = -(db @ _transposed(y))
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(da, ctx.input_shape(0)) if need_a else None,
            unbroadcast(db, ctx.input_shape(1)) if need_b else None,
        )


@operation()
def solve(A: TensorLike, B: TensorLike, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """The solutions ``X`` of ``A @ X = B``, or of ``X @ A = B`` if `left` is false.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., n, n)
    B : Tensor or ndarray of floats, shape (..., n, k) or (n,)
    left : bool, default True
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `B`

    Raises
    ------
    LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.solve(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]), cnet.tensor([2.0, 2.0]))
    tensor([1. , 0.5])
    """
    _square("linalg.solve", A)
    if not left:
        return solve(as_tensor(A).mT, as_tensor(B).mT).mT
    b = as_tensor(B)
    vector = b.ndim == 1 or (b.ndim == A.ndim - 1 and b.shape == A.shape[:-1])
    matrix = b.unsqueeze(-1) if vector else b
    if matrix.shape[-2] != A.shape[-1]:
        raise ValueError(
            f"linalg.solve: A and B must have equally many rows (got {A.shape} and {b.shape})"
        )
    result = Solve.apply(A, matrix)
    return result.squeeze(-1) if vector else result


def require_matrices(function: str, x: TensorLike) -> None:
    require_float(f"linalg.{function}", x)
    if x.ndim < 2:
        raise ValueError(f"linalg.{function}: A must have at least 2 dimensions (got {x.ndim})")


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
    return norms.SingularValues.apply(A)


@operation()
def cond(A: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The ratios of the greatest and the smallest singular values of matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.cond(cnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.)
    """
    values = svdvals(A)
    return values[..., 0] / values[..., -1]


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
    _square("linalg.matrix_power", A)
    base = inv(A) if n < 0 else as_tensor(A)
    identity = Tensor(np.broadcast_to(np.eye(A.shape[-1], dtype=A.dtype), A.shape).copy())
    return reduce(matmul, [base] * abs(n), identity)
