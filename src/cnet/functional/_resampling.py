"""Products with sparse matrices along axes: the computation of resizing and adaptive averages."""

from functools import cached_property, lru_cache

import numpy as np

from .. import _check
from ..autograd import Array, Context, Operation
from ..kernels.resample import multiplied, uniform
from ..tensor import Tensor


class Matrix:
    """A sparse matrix, whose rows are the weighted sums that `kernels.resample` computes.

    Parameters
    ----------
    counts : ndarray of int, shape (outputs,)
        The number of terms of each row.
    cells, weights : ndarray, shape (terms,)
        The column and the value of each term.
    size : int
        The number of columns.
    """

    def __init__(self, counts: Array, cells: Array, weights: Array, size: int) -> None:
        self.counts, self.size = counts, size
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.cells, self.weights = cells.astype(np.int32), weights

    @property
    def outputs(self) -> int:
        return self.counts.size

    @cached_property
    def transposed(self) -> "Matrix":
        order = np.argsort(self.cells, kind="stable")
        rows = np.repeat(np.arange(self.outputs), self.counts)[order]
        counts = np.bincount(self.cells, minlength=self.size)
        return Matrix(counts, rows, self.weights[order], self.outputs)

    @cached_property
    def terms(self) -> int:
        """The number of terms of each row, if all rows have as many; else 0."""
        return uniform(self.counts)

    def multiply(self, x: Array, axis: int) -> Array:
        """The products with all lines of x, in the dtype of the weights, along an axis."""
        x = _check.array("resample", "x", x)
        if x.dtype is not self.weights.dtype:
            _check.same_dtype("resample", x=x, weights=self.weights)
        return multiplied(x, self.starts, self.cells, self.weights, axis, self.terms)


@lru_cache(maxsize=256)
def order(ndim: int, matrices: tuple[Matrix, ...]) -> list[tuple[int, Matrix]]:
    """The last of `ndim` axes with their matrices, in the order that is fastest.

    The last axis, whose cells are not runs of memory, takes the longest. It comes after the axes
    that become shorter and before those that become longer.
    """
    first, last = ndim - len(matrices), ndim - 1
    steps = [(first + number, matrix) for number, matrix in enumerate(matrices)]
    steps.sort(key=lambda step: 1 if step[0] == last else step[1].outputs / step[1].size)
    return steps


class Resample(Operation[Tensor]):
    """Multiplies the lines along each of the last axes by a matrix."""

    @staticmethod
    def forward(ctx: Context, x: Array, *, matrices: tuple[Matrix, ...]) -> Array:
        ctx.steps = order(x.ndim, matrices)
        for axis, matrix in ctx.steps:
            x = matrix.multiply(x, axis)
        return x

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Array:
        for axis, matrix in reversed(ctx.steps):
            grad = matrix.transposed.multiply(grad, axis)
        return grad


def resampled(x: Tensor, matrices: tuple[Matrix, ...]) -> Tensor:
    """The product with a matrix along each of the last axes."""
    return Resample.apply(x, matrices=matrices)
