"""Inverses, determinants and solutions of linear equations, with derivatives."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd import Array, Context, Operation
from ..operations._common import unbroadcast
from ..operations.registry import operation
from ..operations.triangles import tril, triu
from ..tensor import Tensor, TensorLike, array_of, as_tensor
from ._matrices import require_square, transposed


class Inverse(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array) -> Array:
        y = np.linalg.inv(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        y = transposed(ctx.saved[0])
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
    require_square("linalg.inv", A)
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
    require_square("linalg.det", A)
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
        return grad[..., np.newaxis, np.newaxis] * transposed(np.linalg.inv(ctx.saved[0]))


@operation()
def slogdet(A: TensorLike, *, out: tuple[Tensor, Tensor] | None = None) -> SignAndLogarithm:
    """The signs of determinants, and the logarithms of their absolute values.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.slogdet(cnet.tensor([[1.0, 0.0], [0.0, -1.0]])).sign
    tensor(-1.)
    """
    require_square("linalg.slogdet", A)
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
        db = np.linalg.solve(transposed(a), grad)
        da = -(db @ transposed(y))
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
    require_square("linalg.solve", A)
    if not left:
        return solve(as_tensor(A).mT, as_tensor(B).mT).mT
    b = as_tensor(B)
    if b.ndim == 0:
        raise ValueError("linalg.solve: B must have at least 1 dimension (got 0)")
    vector = b.ndim == 1 or (b.ndim == A.ndim - 1 and b.shape == A.shape[:-1])
    matrix = b.unsqueeze(-1) if vector else b
    if matrix.shape[-2] != A.shape[-1]:
        raise ValueError(
            f"linalg.solve: A and B must have equally many rows (got {A.shape} and {b.shape})"
        )
    result = Solve.apply(A, matrix)
    return result.squeeze(-1) if vector else result


@operation()
def solve_triangular(
    A: TensorLike,
    B: TensorLike,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The solutions ``X`` of ``A @ X = B`` for triangles, or of ``X @ A = B`` if `left` is false.

    Parameters
    ----------
    A : Tensor or ndarray of floats, shape (..., n, n)
        Only the triangle is read.
    B : Tensor or ndarray of floats, shape (..., n, k), or (..., k, n) if `left` is false
    upper : bool
        Whether the upper triangle is read, and not the lower one.
    left : bool, default True
    unitriangular : bool, default False
        Whether the diagonal is 1, and not read.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `B`

    Examples
    --------
    >>> import cnet
    >>> a, b = cnet.tensor([[2.0, 0.0], [2.0, 4.0]]), cnet.tensor([[2.0], [6.0]])
    >>> cnet.linalg.solve_triangular(a, b, upper=False)
    tensor([[1.],
            [1.]])
    """
    require_square("linalg.solve_triangular", A)
    if np.ndim(array_of(B)) < 2:
        raise ValueError("linalg.solve_triangular: B must have at least 2 dimensions")
    cut, offset = (triu, int(unitriangular)) if upper else (tril, -int(unitriangular))
    triangle = cut(A, offset)
    if unitriangular:
        triangle = triangle + np.eye(A.shape[-1], dtype=A.dtype)
    return solve(triangle, B, left=left)


@operation()
def tensorsolve(
    A: TensorLike, B: TensorLike, dims: Sequence[int] | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The solution ``X`` of ``tensordot(A, X, X.ndim) = B``.

    Parameters
    ----------
    A : Tensor or ndarray of floats
        The first dimensions are those of `B`; the others are those of the result, with as many
        elements.
    B : Tensor or ndarray of floats
    dims : sequence of int, optional
        Dimensions of `A` that are moved to the end first.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the numbers of elements differ.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.tensorsolve(cnet.eye(4).reshape(2, 2, 4), cnet.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    a, b = as_tensor(A), as_tensor(B)
    if dims is not None:
        a = a.movedim(tuple(dims), tuple(range(-len(dims), 0)))
    shape = a.shape[b.ndim :]
    if math.prod(shape) != b.numel() or a.numel() != b.numel() ** 2:
        raise ValueError(
            f"linalg.tensorsolve: A must have as many elements as a square matrix for B "
            f"(got {a.shape} and {b.shape})"
        )
    return solve(a.reshape(b.numel(), b.numel()), b.reshape(-1)).reshape(shape)


@operation()
def tensorinv(A: TensorLike, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse for `tensordot`: ``tensordot(tensorinv(A, ind), B, ind)`` solves `tensorsolve`.

    Parameters
    ----------
    A : Tensor or ndarray of floats
        The first `ind` dimensions together have as many elements as the others together.
    ind : int, default 2
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, with the other dimensions of `A` first

    Raises
    ------
    ValueError
        If `ind` is not positive, or the numbers of elements differ.

    Examples
    --------
    >>> import cnet
    >>> cnet.linalg.tensorinv(cnet.eye(4).reshape(2, 2, 4)).shape
    (4, 2, 2)
    """
    a = as_tensor(A)
    rows, columns = a.shape[:ind], a.shape[ind:]
    if ind < 1 or math.prod(rows) != math.prod(columns):
        raise ValueError(
            "linalg.tensorinv: ind must be positive and divide A into as many rows as columns "
            f"(got {ind} and {a.shape})"
        )
    matrix = a.reshape(math.prod(rows), math.prod(columns))
    return inv(matrix).reshape((*columns, *rows))
