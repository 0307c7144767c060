"""Matrix products."""

from functools import lru_cache, reduce
from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..arrays import FLOAT32, FLOAT64, Shape
from ..autograd import Array, Context, Operation
from ..tensor import Number, Tensor, TensorLike, array_of, as_tensor
from ._common import also_numbers_first, unbroadcast
from ._dims import broadcast, dim_of
from ._promotion import promoted
from .arithmetic import add, mul, sub
from .rearranging import roll
from .reductions import sum
from .registry import numpy_function, operation

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "cross", "dot", "matmul",
    "mm", "mv", "vdot",
]  # fmt: skip


class MatMul(Operation[Tensor]):
    @staticmethod
    def compute(a: Array, b: Array) -> Array:
        return product_of(*_factors(a, b))

    @staticmethod
    def forward(ctx: Context, a: Array, b: Array) -> Array:
        a, b = _factors(a, b)
        y = product_of(a, b)
        from_a, from_b = ctx.edges
        ctx.save_for_backward(a if from_b else None, b if from_a else None)
        ctx.dimensions = a.ndim, b.ndim
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        rows, columns = ctx.saved
        if 1 in ctx.dimensions:  # a vector is a matrix with one row, or with one column
            axes = zip((-2, -1), ctx.dimensions, strict=True)
            grad = np.expand_dims(grad, [axis for axis, ndim in axes if ndim == 1])
            rows = rows[np.newaxis] if rows is not None and rows.ndim == 1 else rows
            columns = (
                columns[:, np.newaxis] if columns is not None and columns.ndim == 1 else columns
            )
        da = db = None
        if columns is not None:
            shape = ctx.input_shape(0)
            da = unbroadcast(product_of(grad, columns.swapaxes(-1, -2)), shape)
        if rows is not None:
            shape = ctx.input_shape(1)
            if len(shape) <= 2:  # one product sums over the whole batch
                rows, grad = as_matrix(rows), as_matrix(grad)
            db = product_of(rows.swapaxes(-1, -2), grad)
            db = db[:, 0] if len(shape) == 1 else unbroadcast(db, shape)
        return da, db


def _factors(a: Any, b: Any) -> tuple[Array, Array]:
    """The operands in one dtype."""
    for operand in (a, b):
        if not isinstance(operand, np.ndarray):
            raise TypeError(
                f"matmul: operands must be tensors or arrays (got {type(operand).__name__})"
            )
    return (a, b) if a.dtype is b.dtype else promoted("matmul", a, b)


def product_of(a: Array, b: Array) -> Array:
    """The matrix product: of float32 and float64 by the kernels, of other numbers by NumPy."""
    dtype = a.dtype
    if dtype is FLOAT32 or dtype is FLOAT64 or (dtype.kind == "f" and a.itemsize >= 4):
        return kernels.matmul(a, b)
    if a.dtype.kind == "b":
        raise TypeError("matmul: operands must be numbers (got dtype bool)")
    try:
        y: Array = np.asarray(np.matmul(a, b))
    except ValueError:
        raise ValueError(
            f"matmul: the shapes of the operands do not match (got {a.shape} and {b.shape})"
        ) from None
    return y


def as_matrix(x: Array) -> Array:
    """Combine all axes but the last."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


@operation(
    MatMul, methods=("matmul", "__matmul__"), reflected="__rmatmul__", numpy=(np.matmul,)
)  # fmt: skip
def matmul(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The matrix product ``input @ other``.

    Parameters
    ----------
    input, other : Tensor or ndarray of integers or floats
        As in `numpy.matmul`: vectors, matrices, or batches of matrices of shapes (..., m, k) and
        (..., k, p) whose leading axes broadcast. Transposed operands are not copied.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, shape (..., m, p)
        For a vector operand, the corresponding axis is removed.

    Raises
    ------
    TypeError
        If an operand is not an array of numbers.
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


def _shaped(
    function: str, a_name: str, a: Any, a_ndim: int, b_name: str, b: Any, b_ndim: int
) -> None:
    """Check the numbers of dimensions, and that the dtypes and shapes match."""
    for name, x in ((a_name, a), (b_name, b)):
        if not isinstance(x, (Tensor, np.ndarray)):
            raise TypeError(f"{function}: {name} must be a tensor (got {type(x).__name__})")
    a, b = array_of(a), array_of(b)
    _check_shapes(function, a_name, a.shape, a_ndim, b_name, b.shape, b_ndim)
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        raise TypeError(
            f"{function}: {a_name} and {b_name} must have the same dtype (got {a.dtype}, {b.dtype})"
        )


@lru_cache(maxsize=1024)
def _check_shapes(
    function: str, a_name: str, a: Shape, a_ndim: int, b_name: str, b: Shape, b_ndim: int
) -> None:
    for name, shape, ndim in ((a_name, a, a_ndim), (b_name, b, b_ndim)):
        if len(shape) != ndim:
            raise ValueError(f"{function}: {name} must have {ndim} dimensions (got {len(shape)})")
    if a[-1] != b[-2 if len(b) > 1 else -1] or a[:-2] != b[:-2]:
        raise ValueError(
            f"{function}: the shapes of {a_name} and {b_name} do not match (got {a} and {b})"
        )


@operation(MatMul, methods=("mm",))
def mm(input: TensorLike, mat2: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices.

    Parameters
    ----------
    input : Tensor or ndarray, shape (m, k)
    mat2 : Tensor or ndarray, shape (k, p)
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor, shape (m, p)

    Raises
    ------
    TypeError
        If the dtypes differ.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.mm(cnet.ones(2, 3), cnet.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    _shaped("mm", "input", input, 2, "mat2", mat2, 2)
    return MatMul.apply(input, mat2)


@operation(MatMul, methods=("bmm",))
def bmm(input: TensorLike, mat2: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The products of pairs of matrices.

    Parameters
    ----------
    input : Tensor or ndarray, shape (b, m, k)
    mat2 : Tensor or ndarray, shape (b, k, p)
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor, shape (b, m, p)

    Raises
    ------
    TypeError
        If the dtypes differ.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.bmm(cnet.ones(4, 2, 3), cnet.ones(4, 3, 1)).shape
    (4, 2, 1)
    """
    _shaped("bmm", "input", input, 3, "mat2", mat2, 3)
    return MatMul.apply(input, mat2)


@operation(MatMul, methods=("mv",))
def mv(input: TensorLike, vec: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The product of a matrix, shape (m, k), and a vector, shape (k,).

    Examples
    --------
    >>> import cnet
    >>> cnet.mv(cnet.ones(2, 3), cnet.ones(3))
    tensor([3., 3.])
    """
    _shaped("mv", "input", input, 2, "vec", vec, 1)
    return MatMul.apply(input, vec)


@operation(MatMul, methods=("dot", "vdot"))
def dot(input: TensorLike, tensor: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The sum of the products of the elements of two vectors.

    Parameters
    ----------
    input, tensor : Tensor or ndarray, shape (n,)
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor without dimensions

    Raises
    ------
    TypeError
        If the dtypes differ.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.dot(cnet.tensor([1.0, 2.0]), cnet.tensor([3.0, 4.0]))
    tensor(11.)
    """
    _shaped("dot", "input", input, 1, "tensor", tensor, 1)
    return MatMul.apply(input, tensor)


vdot = dot


@operation()
def chain_matmul(*matrices: TensorLike, out: Tensor | None = None) -> Tensor:
    """The product of several matrices, from left to right; deprecated by PyTorch.

    Examples
    --------
    >>> import cnet
    >>> cnet.chain_matmul(cnet.ones(2, 3), cnet.ones(3, 4), cnet.ones(4, 1)).shape
    (2, 1)
    """
    return reduce(mm, matrices[1:], as_tensor(matrices[0]))


def _weighted_sum(
    function: str, input: TensorLike, product: Tensor, beta: Number, alpha: Number
) -> Tensor:
    """``beta * input + alpha * product``, where `input` broadcasts and is ignored if beta is 0."""
    if product.dtype.kind != "f" and (isinstance(beta, float) or isinstance(alpha, float)):
        raise TypeError(f"{function}: alpha and beta must be integers (got {alpha} and {beta})")
    shape = broadcast(function, input.shape, product.shape)
    if shape != product.shape:
        raise ValueError(
            f"{function}: input must broadcast to the shape of the product "
            f"(got {input.shape} and {product.shape})"
        )
    scaled = product if alpha == 1 else mul(product, alpha)
    if beta == 0:
        return scaled
    return add(input if beta == 1 else mul(input, beta), scaled)


@operation(methods=("addmm",), written=("addmm_",))
@also_numbers_first("beta", "alpha")
def addmm(
    input: TensorLike, mat1: TensorLike, mat2: TensorLike, *, beta: Number = 1, alpha: Number = 1,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``beta * input + alpha * (mat1 @ mat2)``.

    Parameters
    ----------
    input : Tensor or ndarray
        Broadcasts to the shape of the product.
    mat1 : Tensor or ndarray, shape (m, k)
    mat2 : Tensor or ndarray, shape (k, p)
    beta, alpha : number, default 1
        The factors. If `beta` is 0, `input` is ignored, even NaN.
    out : Tensor, optional
        Takes the result.

    Returns
    -------
    Tensor, shape (m, p)

    Raises
    ------
    TypeError
        If the dtypes differ, or a factor is not an integer for integers.
    ValueError
        If the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.addmm(cnet.ones(2), cnet.ones(2, 3), cnet.ones(3, 2))
    tensor([[4., 4.],
            [4., 4.]])
    """
    _shaped("addmm", "mat1", mat1, 2, "mat2", mat2, 2)
    return _weighted_sum("addmm", input, matmul(mat1, mat2), beta, alpha)


@operation(methods=("addmv",), written=("addmv_",))
@also_numbers_first("beta", "alpha")
def addmv(
    input: TensorLike,
    mat: TensorLike,
    vec: TensorLike,
    *,
    beta: Number = 1,
    alpha: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``; as `addmm`, for a matrix and a vector.

    Examples
    --------
    >>> import cnet
    >>> cnet.addmv(cnet.ones(2), cnet.ones(2, 3), cnet.ones(3))
    tensor([4., 4.])
    """
    _shaped("addmv", "mat", mat, 2, "vec", vec, 1)
    return _weighted_sum("addmv", input, matmul(mat, vec), beta, alpha)


@operation(methods=("addr",), written=("addr_",))
@also_numbers_first("beta", "alpha")
def addr(
    input: TensorLike,
    vec1: TensorLike,
    vec2: TensorLike,
    *,
    beta: Number = 1,
    alpha: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``; as `addmm`, for two vectors.

    Examples
    --------
    >>> import cnet
    >>> cnet.addr(cnet.ones(2, 2), cnet.ones(2), cnet.ones(2))
    tensor([[2., 2.],
            [2., 2.]])
    """
    column, row = as_tensor(vec1).unsqueeze(-1), as_tensor(vec2).unsqueeze(0)
    _shaped("addr", "vec1", column, 2, "vec2", row, 2)
    return _weighted_sum("addr", input, mul(column, row), beta, alpha)


@operation(methods=("baddbmm",), written=("baddbmm_",))
@also_numbers_first("beta", "alpha")
def baddbmm(
    input: TensorLike, batch1: TensorLike, batch2: TensorLike, *, beta: Number = 1,
    alpha: Number = 1, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``beta * input + alpha * (batch1 @ batch2)``; as `addmm`, for batches of matrices.

    Examples
    --------
    >>> import cnet
    >>> cnet.baddbmm(cnet.ones(1), cnet.ones(4, 2, 3), cnet.ones(4, 3, 1)).shape
    (4, 2, 1)
    """
    _shaped("baddbmm", "batch1", batch1, 3, "batch2", batch2, 3)
    return _weighted_sum("baddbmm", input, matmul(batch1, batch2), beta, alpha)


@operation(methods=("addbmm",), written=("addbmm_",))
@also_numbers_first("beta", "alpha")
def addbmm(
    input: TensorLike,
    batch1: TensorLike,
    batch2: TensorLike,
    *,
    beta: Number = 1,
    alpha: Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2).sum(0)``; as `addmm`, summed over a batch.

    Examples
    --------
    >>> import cnet
    >>> cnet.addbmm(cnet.ones(1), cnet.ones(4, 2, 3), cnet.ones(4, 3, 1))
    tensor([[13.],
            [13.]])
    """
    _shaped("addbmm", "batch1", batch1, 3, "batch2", batch2, 3)
    return _weighted_sum("addbmm", input, sum(matmul(batch1, batch2), 0), beta, alpha)


@operation(methods=("cross",), numpy=(np.cross,))
def cross(
    input: TensorLike, other: TensorLike, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The cross products of vectors with 3 elements.

    Parameters
    ----------
    input, other : Tensor or ndarray
        The same number of dimensions; their shapes broadcast.
    dim : int, optional
        The dimension of the vectors; by default the first of size 3.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If the dimension does not have size 3, or the shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.cross(cnet.tensor([1.0, 0.0, 0.0]), cnet.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise ValueError(
            "cross: input and other must have the same number of dimensions "
            f"(got {input.ndim} and {other.ndim})"
        )
    if dim is None and 3 not in input.shape:
        raise ValueError(f"cross: input must have a dimension of size 3 (got {input.shape})")
    axis = input.shape.index(3) if dim is None else dim_of("cross", dim, input.ndim)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise ValueError(
            f"cross: dim {axis} must have size 3 (got {input.shape} and {other.shape})"
        )
    broadcast("cross", input.shape, other.shape)
    (a1, a2), (b1, b2) = ((roll(x, -1, axis), roll(x, -2, axis)) for x in (input, other))
    return sub(mul(a1, b2), mul(a2, b1))
