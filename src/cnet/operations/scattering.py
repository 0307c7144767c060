"""Copies of a tensor with other elements at given positions.

If a position is given several times, the last element counts, unless the function adds or reduces.
Each function has a method that writes into the tensor, with a trailing underscore.
"""

from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..autograd import Array, Context, Operation
from ..kernels import plain
from ..tensor import Tensor, TensorLike
from ._dims import dim_of
from ._positions import NUMBERS, elements_at, scattered, scattered_copy
from .gathering import element_positions
from .masks import fill_value
from .registry import operation

__all__ = ["scatter", "scatter_add", "scatter_reduce"]


class Scatter(Operation[Tensor]):
    """Writes the elements of `src` to positions along an axis."""

    title: ClassVar[str] = "scatter"
    operation: ClassVar[str] = "write"

    @classmethod
    def compute(cls, x: Array, src: Any, index: Any, *, axis: int) -> Array:
        y: Array | None = plain.scatter(NUMBERS[cls.operation], x, index, src, axis)
        if y is not None:
            return y
        positions, source = _checked(cls.title, x, axis, index, src)
        return scattered(cls.title, x.copy(), positions, source, axis, cls.operation)

    @classmethod
    def forward(cls, ctx: Context, x: Array, src: Any, index: Any, *, axis: int) -> Array:
        ctx.save_for_backward(element_positions(cls.title, x, axis, index))
        ctx.axis = axis
        return cls.compute(x, src, index, axis=axis)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        need_x, need_src, _ = ctx.needs_input_grad
        dx = scattered("scatter", grad.copy(), index, 0, ctx.axis) if need_x else None
        return dx, _source_gradient(ctx, grad, index) if need_src else None, None


class ScatterAdd(Scatter):
    """Adds the elements of `src` to positions along an axis."""

    title, operation = "scatter_add", "add"

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        (index,) = ctx.saved
        need_x, need_src, _ = ctx.needs_input_grad
        dsrc = _source_gradient(ctx, grad, index) if need_src else None
        return grad if need_x else None, dsrc, None


def _source_gradient(ctx: Context, grad: Array, index: Array) -> Array:
    """The gradient of the elements that were written or added; those not used get 0."""
    return _in_front(elements_at("scatter", grad, index, ctx.axis), ctx.input_shape(1))


def _in_front(x: Array, shape: tuple[int, ...]) -> Array:
    """An array at the beginning of every axis of an array of zeros.

    A single element may have other axes.
    """
    if x.ndim != len(shape):
        return x.reshape(shape)
    if x.shape == shape:
        return x
    y = np.zeros(shape, x.dtype)
    if x.size:
        y[_front(x.shape)] = x
    return y


def _front(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The index of a part of this shape at the beginning of every axis."""
    return tuple(map(slice, shape))


def _checked(function: str, x: Array, axis: int, index: Any, src: Any) -> tuple[Array, Any]:
    """Check the arguments of a scatter; return positions and source."""
    positions = element_positions(function, x, axis, index)
    if not isinstance(src, np.ndarray):
        return positions, src
    if src.dtype != x.dtype:
        raise TypeError(
            f"{function}: src must have the dtype of input (got {src.dtype} and {x.dtype})"
        )
    source = src if src.ndim == positions.ndim else src.reshape(positions.shape)
    larger = positions.shape != source.shape and any(
        n > m for n, m in zip(positions.shape, source.shape, strict=True)
    )
    if larger and positions.size:
        raise ValueError(
            f"{function}: index must not be larger than src "
            f"(got {positions.shape} and {source.shape})"
        )
    return positions, source


@operation(Scatter, methods=("scatter",), written=("scatter_",))
def scatter(
    input: TensorLike,
    dim: int,
    index: TensorLike,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which elements of `src` are written to positions along a dimension.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
    index : Tensor of integers
        A position for each element that is written. It must have as many dimensions as `input`, and
        must not be larger than `input` except along `dim`, nor larger than `src`.
    src : Tensor or number
        The elements to write, in the dtype of `input`.
    value : number, optional
        Another name of `src`.
    reduce : {"add", "multiply"}, optional
        Add to the elements of `input`, or multiply them, in place of replacing them.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape and dtype of `input`

    Raises
    ------
    IndexError
        If the dimension or a position is out of range.
    TypeError
        If `index` does not contain integers, or the dtypes differ.
    ValueError
        If the shapes do not match, or `reduce` is unknown.

    Examples
    --------
    >>> import cnet
    >>> cnet.scatter(cnet.zeros(2, 3), 1, cnet.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    if (src is None) == (value is None):
        raise TypeError("scatter: either src or value must be given")
    source = value if src is None else src
    if reduce is not None:
        names = {"add": "sum", "multiply": "prod"}
        if reduce not in names:
            raise ValueError(f"scatter: reduce must be 'add' or 'multiply' (got {reduce!r})")
        if not isinstance(source, (Tensor, np.ndarray)):
            source = np.full(index.shape, source, input.dtype)
        return scatter_reduce(input, dim, index, source, names[reduce])
    if not isinstance(source, (Tensor, np.ndarray)):
        source = fill_value("scatter", input, source)
    return Scatter.apply(input, source, index, axis=dim_of("scatter", dim, input.ndim))


@operation(ScatterAdd, methods=("scatter_add",), written=("scatter_add_",))
def scatter_add(
    input: TensorLike, dim: int, index: TensorLike, src: TensorLike, *, out: Tensor | None = None
) -> Tensor:
    """A copy in which elements of `src` are added to positions along a dimension.

    Parameters
    ----------
    input, dim, index, src
        As in `scatter`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape and dtype of `input`

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `scatter`.

    Examples
    --------
    >>> import cnet
    >>> cnet.scatter_add(cnet.zeros(3), 0, cnet.tensor([2, 2]), cnet.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    if not isinstance(src, (Tensor, np.ndarray)):
        raise TypeError(f"scatter_add: src must be a tensor (got {type(src).__name__})")
    return ScatterAdd.apply(input, src, index, axis=dim_of("scatter_add", dim, input.ndim))


_OPERATIONS = {
    "sum": "add", "mean": "add", "prod": "multiply", "amax": "maximum", "amin": "minimum",
}  # fmt: skip


class ScatterReduce(Operation[Tensor]):
    """Reduces elements of `x` and `src` that have the same position along an axis."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, src: Any, index: Any, *, axis: int, reduce: str, include_self: bool
    ) -> Array:
        function = "scatter_reduce"
        ctx.src_shape = np.shape(src)
        index, src = _checked(function, x, axis, index, src)
        y, count = x, None
        if not include_self:
            neutral = {"prod": 1, "amax": _least(x.dtype), "amin": _greatest(x.dtype)}
            y = scattered_copy(function, y, index, neutral.get(reduce, 0), axis)
        y = scattered_copy(function, y, index, src, axis, _OPERATIONS[reduce])
        if reduce == "mean":
            count = np.full(x.shape, float(include_self))
            count = np.maximum(scattered(function, count, index, 1.0, axis, "add"), 1)
            y = (y // count if x.dtype.kind in "iu" else y / count).astype(x.dtype)
        ctx.save_for_backward(x, src, index, y, count)
        ctx.axis, ctx.reduce, ctx.include_self = axis, reduce, include_self
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, src, index, y, count = ctx.saved
        at = partial(elements_at, "scatter_reduce", index=index, axis=ctx.axis)
        source = src[_front(index.shape)]
        if ctx.reduce in ("sum", "mean"):
            dx = grad if count is None else (grad / count).astype(grad.dtype)
            part = at(dx)
        elif ctx.reduce == "prod":
            dx, part = _product_gradients(ctx, grad)
        else:
            own = x == y if ctx.include_self else np.zeros(x.shape, bool)
            extreme = (source == at(y)).astype(grad.dtype)
            ties = own.astype(grad.dtype)
            scattered("scatter_reduce", ties, index, extreme, ctx.axis, "add")
            each = grad / np.maximum(ties, 1)
            dx, part = own * each, extreme * at(each)
        if not ctx.include_self:
            written = scattered("scatter_reduce", np.zeros(x.shape, bool), index, 1, ctx.axis)
            dx = np.where(written, 0, grad)
        return dx, _in_front(part, ctx.src_shape), None


def _product_gradients(ctx: Context, grad: Array) -> tuple[Array, Array]:
    """Gradients of products, also if some factors are zero."""
    x, src, index, _, _ = ctx.saved
    at = partial(elements_at, "scatter_reduce", index=index, axis=ctx.axis)
    source = src[_front(index.shape)]
    start = x if ctx.include_self else np.ones_like(x)
    zeros, others = (start == 0).astype(grad.dtype), np.where(start == 0, 1, start)
    is_zero = source == 0
    for y, factors, name in (
        (zeros, is_zero.astype(grad.dtype), "add"),
        (others, np.where(is_zero, 1, source), "multiply"),
    ):
        scattered("scatter_reduce", y, index, factors, ctx.axis, name)
    dx = _without_factor(start, zeros, others)
    return grad * dx, at(grad) * _without_factor(source, at(zeros), at(others))


def _without_factor(factor: Array, zeros: Array, others: Array) -> Array:
    """Products without one factor, from the number of zeros and the product of other factors."""
    quotient = others / np.where(factor == 0, 1, factor)
    return np.where(zeros == (factor == 0), quotient, 0)


def _least(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else (np.iinfo(dtype).min if dtype.kind != "b" else False)


def _greatest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind == "f" else (np.iinfo(dtype).max if dtype.kind != "b" else True)


@operation(ScatterReduce, methods=("scatter_reduce",), written=("scatter_reduce_",))
def scatter_reduce(
    input: TensorLike,
    dim: int,
    index: TensorLike,
    src: TensorLike,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which elements of `src` are combined at positions along a dimension.

    Parameters
    ----------
    input, dim, index, src
        As in `scatter`.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
    include_self : bool, default True
        Whether the elements of `input` are combined, too, or replaced.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor, in the shape and dtype of `input`

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `scatter`.

    Examples
    --------
    >>> import cnet
    >>> x, index = cnet.zeros(2), cnet.tensor([0, 0])
    >>> cnet.scatter_reduce(x, 0, index, cnet.tensor([1.0, 5.0]), "amax")
    tensor([5., 0.])
    """
    if reduce not in _OPERATIONS:
        raise ValueError(
            f"scatter_reduce: reduce must be one of {', '.join(_OPERATIONS)} (got {reduce!r})"
        )
    if not isinstance(src, (Tensor, np.ndarray)):
        src = fill_value("scatter_reduce", input, src)
    axis = dim_of("scatter_reduce", dim, input.ndim)
    return ScatterReduce.apply(
        input, src, index, axis=axis, reduce=reduce, include_self=include_self
    )
