"""Diagonals and triangles of matrices."""

from functools import lru_cache
from typing import Any, Unpack

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, Operation, ViewOperation
from ..dtypes import int64
from ..kernels import plain
from ..kernels._memory import empty
from ..tensor import Tensor, TensorLike, array_of
from ._dims import dim_of, dims_of, integer
from ._options import OutOptions, chosen_dtype, created, sizes
from ._positions import NUMBERS
from ._sums import SMALL
from .registry import operation

__all__ = [
    "diag", "diag_embed", "diagflat", "diagonal", "trace", "tril", "tril_indices", "triu",
    "triu_indices",
]  # fmt: skip


class Diagonal(ViewOperation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, offset: int, axes: tuple[int, int]) -> Array:
        ctx.offset, ctx.axes = offset, axes
        return _diagonal(x, offset, axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        dx = np.zeros(ctx.input_shape(0), grad.dtype)
        _diagonal(dx, ctx.offset, ctx.axes)[...] = grad
        return dx


def _diagonal(x: Array, offset: int, axes: tuple[int, int]) -> Array:
    y = np.diagonal(x, offset, *axes)
    if x.flags.writeable:
        y.flags.writeable = True
    return y


@operation(Diagonal, methods=("diagonal",))
def diagonal(input: TensorLike, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the matrices that two dimensions form.

    Parameters
    ----------
    input : Tensor or ndarray, at least 2 dimensions
    offset : int, default 0
        The diagonal; positive above the main diagonal.
    dim1, dim2 : int, default 0 and 1
        The dimensions, which the result does not have.

    Returns
    -------
    Tensor
        A view; the elements of the diagonal form the last dimension.

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If the dimensions are equal.

    Examples
    --------
    >>> import cnet
    >>> cnet.diagonal(cnet.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    first = dim_of("diagonal", dim1, input.ndim, "dim1")
    second = dim_of("diagonal", dim2, input.ndim, "dim2")
    if first == second:
        raise ValueError(f"diagonal: dim1 and dim2 must differ (got {dim1} and {dim2})")
    number = integer("diagonal", "offset", offset)
    return Diagonal.apply(input, offset=number, axes=(first, second))


class DiagEmbed(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, offset: int, axes: tuple[int, int]) -> Array:
        ctx.offset, ctx.axes = offset, axes
        size = x.shape[-1] + abs(offset)
        shape = list(x.shape[:-1])
        for axis in sorted(axes):
            shape.insert(axis, size)
        y = np.zeros(shape, x.dtype)
        _diagonal(y, offset, axes)[...] = x
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return _diagonal(grad, ctx.offset, ctx.axes)


@operation(DiagEmbed, methods=("diag_embed",))
def diag_embed(input: TensorLike, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with given diagonals and zeros elsewhere.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
        The last dimension contains the diagonals.
    offset : int, default 0
        The diagonal; positive above the main diagonal.
    dim1, dim2 : int, default -2 and -1
        The dimensions of the matrices in the result.

    Returns
    -------
    Tensor
        With one dimension more than `input`.

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If the dimensions are equal.

    Examples
    --------
    >>> import cnet
    >>> cnet.diag_embed(cnet.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 0:
        raise ValueError("diag_embed: input must have at least 1 dimension (got 0)")
    axes = dims_of("diag_embed", (dim1, dim2), input.ndim + 1, "dim1, dim2")
    return DiagEmbed.apply(input, offset=integer("diag_embed", "offset", offset), axes=axes)


@operation(Diagonal, methods=("diag",))
def diag(input: TensorLike, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The diagonal of a matrix, or the matrix with a given diagonal.

    Parameters
    ----------
    input : Tensor or ndarray, 1 or 2 dimensions
    diagonal : int, default 0
        Which diagonal; positive above the main diagonal.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        A copy.

    Raises
    ------
    ValueError
        If `input` has another number of dimensions, or there is no such diagonal.

    Examples
    --------
    >>> import cnet
    >>> cnet.diag(cnet.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    offset = integer("diag", "diagonal", diagonal)
    if input.ndim == 1:
        return DiagEmbed.apply(input, offset=offset, axes=(0, 1))
    if input.ndim != 2:
        raise ValueError(f"diag: input must have 1 or 2 dimensions (got {input.ndim})")
    result: Tensor = Diagonal.apply(input, offset=offset, axes=(0, 1)).clone()
    return result


@operation(DiagEmbed, methods=("diagflat",))
def diagflat(input: TensorLike, offset: int = 0) -> Tensor:
    """The matrix whose diagonal contains all elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.diagflat(cnet.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag(input.reshape(-1), offset)


class Triangle(Operation[Tensor]):
    @staticmethod
    def compute(x: Array, *, diagonal: int, upper: bool) -> Array:
        return _triangle(x, diagonal, upper)

    @staticmethod
    def forward(ctx: Context, x: Array, *, diagonal: int, upper: bool) -> Array:
        ctx.parameters = diagonal, upper
        return _triangle(x, diagonal, upper)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return _triangle(grad, *ctx.parameters)


def _triangle(x: Array, diagonal: int, upper: bool) -> Array:
    if x.size <= SMALL:
        y = plain.scatter(NUMBERS["write"], x, _outside(x.shape, diagonal, upper), 0, None)
        if y is not None:
            return y
    rows, columns = x.shape[-2:]
    y = empty(x.shape, x.dtype)
    y[...] = x
    shift = diagonal + (not upper)  # from the row to the column of its edge
    for top in range(0, rows, _BAND):
        bottom = min(top + _BAND, rows)
        # The edges of the rows are columns from `first` to `last`.
        first = min(max(top + shift, 0), columns)
        last = min(max(bottom - 1 + shift, 0), columns)
        band = y[..., top:bottom, :]
        if upper:
            band[..., :first] = 0
        else:
            band[..., last:] = 0
        if first < last:
            edges = np.arange(top + shift, bottom + shift)[:, np.newaxis]
            between = np.arange(first, last)
            outside = between < edges if upper else between >= edges
            np.copyto(band[..., first:last], x.dtype.type(0), where=outside)
    return y


@lru_cache(maxsize=64)
def _outside(shape: tuple[int, ...], diagonal: int, upper: bool) -> Array:
    """The positions in the flattened array of the elements outside of a triangle."""
    rows, columns = shape[-2:]
    below = np.tri(rows, columns, diagonal - upper, bool)
    return np.broadcast_to(below if upper else ~below, shape).reshape(-1).nonzero()[0]


_BAND = 64
"""Rows whose zeros are written together."""


def _triangle_of(function: str, x: TensorLike, diagonal: int) -> Tensor:
    if x.ndim < 2:
        raise ValueError(f"{function}: input must have at least 2 dimensions (got {x.ndim})")
    number = integer(function, "diagonal", diagonal)
    return Triangle.apply(x, diagonal=number, upper=function == "triu")


@operation(Triangle, methods=("tril",), written=("tril_",))
def tril(input: TensorLike, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of matrices, with zeros above.

    Parameters
    ----------
    input : Tensor or ndarray, at least 2 dimensions
        The last two dimensions form the matrices.
    diagonal : int, default 0
        The last diagonal that is kept; positive above the main diagonal.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    ValueError
        If `input` has less than 2 dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.tril(cnet.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle_of("tril", input, diagonal)


@operation(Triangle, methods=("triu",), written=("triu_",))
def triu(input: TensorLike, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of matrices, with zeros below.

    Parameters
    ----------
    input : Tensor or ndarray, at least 2 dimensions
        The last two dimensions form the matrices.
    diagonal : int, default 0
        The first diagonal that is kept; positive above the main diagonal.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape of `input`

    Raises
    ------
    ValueError
        If `input` has less than 2 dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.triu(cnet.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return _triangle_of("triu", input, diagonal)


@explained
def tril_indices(row: int, col: int, offset: int = 0, **options: Unpack[OutOptions]) -> Tensor:
    """The positions of the lower triangle of a matrix: rows and columns, in row-major order.

    Examples
    --------
    >>> import cnet
    >>> cnet.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", np.tril_indices, row, col, offset, options)


@explained
def triu_indices(row: int, col: int, offset: int = 0, **options: Unpack[OutOptions]) -> Tensor:
    """The positions of the upper triangle of a matrix: rows and columns, in row-major order.

    Examples
    --------
    >>> import cnet
    >>> cnet.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices("triu_indices", np.triu_indices, row, col, offset, options)


def _indices(function: str, make: Any, row: int, col: int, offset: int, options: Any) -> Tensor:
    rows, columns = sizes(function, (row, col))
    dtype = chosen_dtype(function, options, int64)
    return created(function, np.array(make(rows, offset, columns), dtype), options)


@operation(methods=("trace",), numpy=(np.trace,))
def trace(input: TensorLike) -> Tensor:
    """The sum of the diagonal of a matrix.

    Parameters
    ----------
    input : Tensor or ndarray, 2 dimensions

    Returns
    -------
    Tensor without dimensions

    Raises
    ------
    ValueError
        If `input` does not have 2 dimensions.

    Examples
    --------
    >>> import cnet
    >>> cnet.trace(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if array_of(input).ndim != 2:
        raise ValueError(f"trace: input must have 2 dimensions (got {array_of(input).ndim})")
    result: Tensor = Diagonal.apply(input, offset=0, axes=(0, 1)).sum()
    return result
