"""Operations on square matrices that orthogonal parametrizations need."""

from typing import Any, TypeAlias

import numpy as np

from ...autograd import Context, Operation
from ...operations import matmul
from ...tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]

TERMS = 18
"""Terms of the series of the exponential: for a norm of at most 1/2, its error is below eps."""


def exponential(a: Array) -> Array:
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
    """The exponential of square matrices."""

    @staticmethod
    def forward(ctx: Context, a: Array) -> Array:
        ctx.save_for_backward(a)
        return exponential(a)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        """The derivative is a block of the exponential of a block matrix."""
        (a,) = ctx.saved
        n = a.shape[-1]
        transposed = np.swapaxes(a, -1, -2)
        block = np.zeros((*a.shape[:-2], 2 * n, 2 * n), a.dtype)
        block[..., :n, :n] = block[..., n:, n:] = transposed
        block[..., :n, n:] = grad
        return exponential(block)[..., :n, n:]


class Solve(Operation[Tensor]):
    """The solution x of a x = b."""

    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        x = np.linalg.solve(a, b)
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: Context, grad: Array) -> tuple[Array, Array]:
        a, x = ctx.saved
        db = np.linalg.solve(np.swapaxes(a, -1, -2), grad)
        return -db @ np.swapaxes(x, -1, -2), db


def matrix_exp(a: Tensor) -> Tensor:
    """The exponential of square matrices of shape (..., n, n)."""
    return MatrixExp.apply(a)


def solve(a: Tensor, b: Tensor) -> Tensor:
    """The solution x of a x = b, for matrices of shape (..., n, n)."""
    return Solve.apply(a, b)


def householder_product(a: Tensor, tau: Tensor) -> Tensor:
    """The product of the reflections ``1 - tau v vᵀ``, as its first columns.

    The vectors v are the columns of `a` below the diagonal, with 1 on the diagonal.
    """
    n, k = a.shape[-2:]
    identity = np.eye(n, k, dtype=a.dtype)
    below = np.tril(np.ones((n, k), a.dtype), -1)
    vectors = a * below + identity
    q: Any = np.broadcast_to(identity, a.shape)
    for i in reversed(range(k)):
        v = vectors[..., i : i + 1]
        q = q - tau[..., i : i + 1].unsqueeze(-1) * matmul(v, matmul(v.transpose(-1, -2), q))
    return q  # type: ignore[no-any-return]
