"""Matrix products."""

from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike
from ._common import unbroadcast
from ._promotion import promoted
from .arithmetic import mul
from .registry import numpy_function, operation

__all__ = ["matmul"]


class MatMul(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            a, b = promoted("matmul", a, b)
        y = kernels.matmul(a, b)
        need_a, need_b = ctx.needs_input_grad
        rows = a[np.newaxis] if a.ndim == 1 else a
        columns = b[:, np.newaxis] if b.ndim == 1 else b
        ctx.save_for_backward(rows if need_b else None, columns if need_a else None)
        ctx.lost_axes = ([-2] if a.ndim == 1 else []) + ([-1] if b.ndim == 1 else [])
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        rows, columns = ctx.saved
        grad = np.expand_dims(grad, ctx.lost_axes)
        da = db = None
        if columns is not None:
            shape = ctx.input_shape(0)
            da = unbroadcast(kernels.matmul(grad, columns.swapaxes(-1, -2)), shape)
        if rows is not None:
            shape = ctx.input_shape(1)
            if len(shape) <= 2:  # one product sums over the whole batch
                rows, grad = as_matrix(rows), as_matrix(grad)
            db = kernels.matmul(rows.swapaxes(-1, -2), grad)
            db = db[:, 0] if len(shape) == 1 else unbroadcast(db, shape)
        return da, db


def as_matrix(x: Array) -> Array:
    """Combine all axes but the last."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


@operation(
    MatMul, methods=("matmul", "__matmul__"), reflected="__rmatmul__", numpy=(np.matmul,)
)  # fmt: skip
def matmul(input: TensorLike, other: TensorLike) -> Tensor:
    """The matrix product ``input @ other``.

    Parameters
    ----------
    input, other : Tensor or ndarray of a float dtype
        As in `numpy.matmul`: vectors, matrices, or batches of matrices of shapes (..., m, k) and
        (..., k, p) whose leading axes broadcast. Transposed operands are not copied.

    Returns
    -------
    Tensor, shape (..., m, p)
        For a vector operand, the corresponding axis is removed.

    Raises
    ------
    TypeError
        If an operand is not an array of floats.
    ValueError
        If an operand has no dimensions, or the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> a = cnet.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> cnet.matmul(a, a.T)
    tensor([[ 5., 11.],
            [11., 25.]])
    """
    return MatMul.apply(input, other)


@numpy_function(np.dot)
def _numpy_dot(a: TensorLike, b: TensorLike) -> Tensor:
    if max(a.ndim, b.ndim) > 2:
        raise ValueError(
            "np.dot: tensors must have at most 2 dimensions, use matmul for more "
            f"(got {a.ndim} and {b.ndim})"
        )
    return matmul(a, b) if a.ndim and b.ndim else mul(a, b)
