"""Maxima and minima.

`amax` and `amin` reduce any number of axes and distribute the gradient evenly over equal extrema.
`max` and `min` with a dimension also return the position of the extremum, which gets the whole
gradient.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..autograd import Array, Context, Operation
from ..autograd.engine import wrap
from ..kernels.reduce import reduce_small
from ..replay import again
from ..tensor import Axis, Tensor, TensorLike, array_of
from ._common import also_dim
from ._dims import dim_of, reduced_axes
from ._extremes import extremum
from ._positions import elements_at, scattered
from .reductions import Axes, kept_shape
from .registry import operation
from .selection import maximum, minimum

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]


class ValuesAndIndices(NamedTuple):
    """Elements along a dimension, and their positions."""

    values: Tensor
    indices: Tensor
    """The positions, int64."""


class _Extremum(Operation[Tensor]):
    ufunc: ClassVar[np.ufunc]

    @classmethod
    def compute(cls, x: Array, *, axes: Axes, keepdims: bool) -> Any:
        return extremum(cls.ufunc, x, axes, keepdims)

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, axes: Axes, keepdims: bool) -> Any:
        y = extremum(cls.ufunc, x, axes, keepdims)
        ctx.save_for_backward(x, y)
        ctx.axes = axes
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, y = ctx.saved
        kept = kept_shape(x.shape, ctx.axes)
        ties = x == y.reshape(kept)
        return ties * (grad.reshape(kept) / ties.sum(ctx.axes, keepdims=True))


class Max(_Extremum):
    ufunc = np.maximum


class Min(_Extremum):
    ufunc = np.minimum


@operation(Max, methods=("amax",))
@also_dim
def amax(
    input: TensorLike, dim: Axis = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The maximum along axes.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to search along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; NaN if an element is NaN. Equal maxima get equal parts of the
        gradient.

    Raises
    ------
    ValueError
        If there are no elements to search, or a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.amax(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([3., 4.])
    """
    axes = _axes("amax", input, dim)
    return Max.apply(input, axes=axes, keepdims=keepdim)


@operation(Min, methods=("amin",))
@also_dim
def amin(
    input: TensorLike, dim: Axis = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The minimum along axes.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        Dimensions to search along; all by default. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep these dimensions with size 1. NumPy's name is `keepdims`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor
        In the dtype of `input`; NaN if an element is NaN. Equal minima get equal parts of the
        gradient.

    Raises
    ------
    ValueError
        If there are no elements to search, or a dimension is out of range or given twice.

    Examples
    --------
    >>> import cnet
    >>> cnet.amin(cnet.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([1., 2.])
    """
    axes = _axes("amin", input, dim)
    return Min.apply(input, axes=axes, keepdims=keepdim)


paired: Callable[[tuple[Tensor, Tensor]], ValuesAndIndices]
paired = partial(tuple.__new__, ValuesAndIndices)  # a call of the class takes longer


def _axes(function: str, x: TensorLike, axis: Axis) -> Axes:
    axes = reduced_axes(function, x, axis)
    shape = x.shape
    if 0 in shape:
        for number in axes:
            if shape[number] == 0:
                raise ValueError(_nothing(function, shape, number))
    return axes


def _nothing(function: str, shape: tuple[int, ...], axis: int) -> str:
    return f"{function}: input must have elements to search (got shape {shape}, axis {axis})"


class MinAndMax(NamedTuple):
    """Minima and maxima."""

    min: Tensor
    max: Tensor


@operation(methods=("aminmax",))
def aminmax(
    input: TensorLike,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    out: tuple[Tensor, Tensor] | None = None,
) -> MinAndMax:
    """The minimum and the maximum; arguments and errors are those of `amin`.

    Examples
    --------
    >>> import cnet
    >>> cnet.aminmax(cnet.tensor([2.0, 1.0, 3.0]))
    MinAndMax(min=tensor(1.), max=tensor(3.))
    """
    return MinAndMax(amin(input, dim, keepdim), amax(input, dim, keepdim))


def gradient_of_taken(ctx: Context, grad: Array) -> Array:
    """The gradient of the elements at the saved positions along `ctx.axis`."""
    (indices,) = ctx.saved
    dx = np.zeros(ctx.input_shape(0), grad.dtype)
    return scattered("take", dx, indices, grad.reshape(indices.shape), ctx.axis)


class Taken(Operation[tuple[Tensor, Tensor]]):
    """One element along an axis, and its position: what `compute` of a subclass returns."""

    @classmethod
    def forward(cls, ctx: Context, x: Array, *, axis: int, **options: Any) -> tuple[Array, Array]:
        values, indices = cls.compute(x, axis=axis, **options)
        ctx.save_for_backward(indices.reshape(kept_shape(x.shape, (axis,))))
        ctx.axis = axis
        return values, indices

    @staticmethod
    def backward(ctx: Context, grad: Array, _: None) -> Any:
        return gradient_of_taken(ctx, grad)


class MaxAt(Taken):
    """The maxima along an axis, and the positions of the first of them."""

    title: ClassVar[str] = "maximum"
    positions: ClassVar[Any] = np.ndarray.argmax

    @classmethod
    def compute(cls, x: Array, *, axis: int, keepdims: bool) -> tuple[Array, Array]:
        found = reduce_small(x, cls.title, (axis,), keepdims)
        if found is not None:
            return found
        indices = cls.positions(x, axis, keepdims=True)
        values = elements_at("take", x, indices, axis)
        return (values, indices) if keepdims else (values.squeeze(axis), indices.squeeze(axis))


class MinAt(MaxAt):
    """The minima along an axis, and the positions of the first of them."""

    title, positions = "minimum", np.ndarray.argmin


class Take(Operation[tuple[Tensor, Tensor]]):
    """Elements along an axis at given positions, none of which may repeat within a row."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, indices: Array, *, axis: int, keepdims: bool
    ) -> tuple[Array, Array]:
        ctx.save_for_backward(indices)
        ctx.axis = axis
        values = elements_at("take", x, indices, axis)
        return (values, indices) if keepdims else (values.squeeze(axis), indices.squeeze(axis))

    @staticmethod
    def backward(ctx: Context, grad: Array, _: None) -> Any:
        return gradient_of_taken(ctx, grad), None


def take(
    x: TensorLike, indices: Array, axis: int, keepdims: bool = True, *, out: Tensor | None = None
) -> ValuesAndIndices:
    """The elements along an axis at given positions, and the positions.

    If `keepdims` is false, there is one position in each row, and the axis is removed.
    """
    return paired(Take.apply(x, indices, axis=axis, keepdims=keepdims))


def _with_indices(
    function: str, operation: type[MaxAt], x: TensorLike, dim: Any, keepdim: bool
) -> ValuesAndIndices:
    if not hasattr(dim, "__index__"):
        raise TypeError(
            f"{function}: dim must be an int or a tensor (got {dim!r}); for several axes use "
            f"a{function}"
        )
    shape = x.shape
    axis = dim_of(function, dim, len(shape))
    if not shape:
        indices = np.zeros((), np.int64)
        return ValuesAndIndices(Max.apply(x, axes=(), keepdims=False), Tensor(indices))
    if shape[axis] == 0:
        raise ValueError(_nothing(function, shape, axis))
    return paired(operation.apply(x, axis=axis, keepdims=keepdim))


def _extremum(
    function: str, elementwise: Any, reduction: Any, whole: type[_Extremum], along: type[MaxAt],
    x: TensorLike, dim: Any, keepdim: bool, options: dict[str, Any],
) -> Any:  # fmt: skip
    """Implements `max` and `min`, depending on the kinds of arguments."""
    if not isinstance(x, (Tensor, np.ndarray)):
        raise TypeError(f"{function}: input must be a tensor (got {type(x).__name__})")
    if not options:
        if type(dim) is int:
            return _with_indices(function, along, x, dim, keepdim)
        if dim is None and not keepdim:
            return whole.apply(x, axes=_axes(function, x, None), keepdims=False)
    if "other" in options:
        dim = options.pop("other")
    if isinstance(dim, Tensor) or (isinstance(dim, np.ndarray) and dim.ndim):
        return elementwise(x, dim)
    numpys = {"axis", "keepdims", "out", "initial", "where"} & set(options)
    if options.get("out") is None:
        options.pop("out", None)
    unknown = sorted(set(options) - {"axis", "keepdims"})
    if unknown:
        raise TypeError(f"{function}: {unknown[0]} is not supported")
    if dim is not None:
        if numpys:
            raise TypeError(f"{function}: axis and dim are the same argument")
        return _with_indices(function, along, x, dim, keepdim)
    if keepdim:
        raise TypeError(f"{function}: keepdim requires dim")
    return reduction(x, **options)


@operation(methods=("max",), numpy=(np.max, np.amax))
def max(
    input: TensorLike, dim: Any = None, keepdim: bool = False, *, out: Any = None, **options: Any
) -> Any:
    """The maximum of all elements, along a dimension, or of two tensors element by element.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, Tensor or ndarray, optional
        The dimension to search along. If it is a tensor, or a tensor is given as `other`, the
        result is that of `maximum`.
    keepdim : bool, default False
        Whether to keep the dimension with length 1.
    out : Tensor or pair of Tensor, optional
        The result is written into it; it is not part of the graph.
    axis, keepdims
        NumPy's names, with NumPy's result: only the values, along any number of axes, as in `amax`.

    Returns
    -------
    Tensor, or (values, indices)
        With an integer `dim`, a named tuple: the maxima, and the positions of the first of equal
        maxima as int64. NaN counts as greater than any number. The gradient goes to the element at
        this position; without `dim`, equal maxima get equal parts of it.

    Raises
    ------
    TypeError
        If `dim` is neither an int nor a tensor, or names of NumPy and PyTorch are mixed.
    ValueError
        If there are no elements to search, or the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0], [4.0, 3.0]])
    >>> values, indices = cnet.max(x, 1)
    >>> values, indices
    (tensor([2., 4.]), tensor([1, 0]))
    >>> cnet.max(x), cnet.max(x, axis=0)
    (tensor(4.), tensor([4., 3.]))
    """
    return _extremum("max", maximum, amax, Max, MaxAt, input, dim, keepdim, options)


@operation(methods=("min",), numpy=(np.min, np.amin))
def min(
    input: TensorLike, dim: Any = None, keepdim: bool = False, *, out: Any = None, **options: Any
) -> Any:
    """The minimum of all elements, along a dimension, or of two tensors element by element.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, Tensor or ndarray, optional
        The dimension to search along. If it is a tensor, or a tensor is given as `other`, the
        result is that of `minimum`.
    keepdim : bool, default False
        Whether to keep the dimension with length 1.
    out : Tensor or pair of Tensor, optional
        The result is written into it; it is not part of the graph.
    axis, keepdims
        NumPy's names, with NumPy's result: only the values, along any number of axes, as in `amin`.

    Returns
    -------
    Tensor, or (values, indices)
        With an integer `dim`, a named tuple: the minima, and the positions of the first of equal
        minima as int64. NaN counts as smaller than any number. The gradient goes to the element at
        this position; without `dim`, equal minima get equal parts of it.

    Raises
    ------
    TypeError
        If `dim` is neither an int nor a tensor, or names of NumPy and PyTorch are mixed.
    ValueError
        If there are no elements to search, or the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1.0, 2.0], [4.0, 3.0]])
    >>> cnet.min(x, 0).indices
    tensor([0, 0])
    >>> cnet.min(x, cnet.tensor([1.5, 2.5]))
    tensor([[1. , 2. ],
            [1.5, 2.5]])
    """
    return _extremum("min", minimum, amin, Min, MinAt, input, dim, keepdim, options)


@operation(methods=("argmax",), numpy=(np.argmax,))
@also_dim
def argmax(
    input: TensorLike, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The positions of the maxima, of equal maxima the first; not part of the graph.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, optional
        The dimension to search along; by default the result is the position in the flattened
        tensor. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep the dimension with size 1. NumPy's name is `keepdims`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor of int64

    Raises
    ------
    ValueError
        If there are no elements to search, or the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.argmax(cnet.tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    tensor([1, 0])
    """
    return _positions("argmax", np.ndarray.argmax, input, dim, keepdim)


@operation(methods=("argmin",), numpy=(np.argmin,))
@also_dim
def argmin(
    input: TensorLike, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The positions of the minima, of equal minima the first; not part of the graph.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int, optional
        The dimension to search along; by default the result is the position in the flattened
        tensor. NumPy's name is `axis`.
    keepdim : bool, default False
        Whether to keep the dimension with size 1. NumPy's name is `keepdims`.
    out : Tensor, optional
        A tensor that the result is written into; it is not part of the graph.

    Returns
    -------
    Tensor of int64

    Raises
    ------
    ValueError
        If there are no elements to search, or the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.argmin(cnet.tensor([[1.0, 2.0], [4.0, 3.0]]), axis=1)
    tensor([0, 1])
    """
    return _positions("argmin", np.ndarray.argmin, input, dim, keepdim)


def _positions(
    function: str, positions: Any, x: TensorLike, axis: int | None, keepdims: bool
) -> Tensor:
    axes = _axes(function, x, axis)
    if x.ndim == 0:
        return Tensor(np.zeros((), np.int64))
    place = None if axis is None else axes[0]
    found = again(function, _found, positions, array_of(x), place, keepdims)
    return wrap(found)  # type: ignore[return-value]


def _found(positions: Any, x: Array, axis: int | None, keepdims: bool) -> Any:
    return np.asarray(positions(x, axis, keepdims=keepdims))
