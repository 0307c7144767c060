"""Operations that change the shape. Results share memory with the input where possible."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .._explained import explained
from ..autograd import Array, Context, ViewOperation, changes
from ..dtypes import as_dtype
from ..tensor import Axis, Tensor, TensorLike, array_of
from ._common import also_dim, unbroadcast
from ._dims import broadcast, dim_of, dims_of, integers, variadic
from .registry import numpy_function, operation

__all__ = [
    "broadcast_shapes", "broadcast_tensors", "broadcast_to", "flatten", "ravel", "reshape",
    "squeeze", "unflatten", "unsqueeze",
]  # fmt: skip


class Reshape(ViewOperation[Tensor]):
    @staticmethod
    def compute(x: Array, *, shape: tuple[int, ...]) -> Array:
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad.reshape(ctx.input_shape(0))


def _reshaped(function: str, x: TensorLike, shape: tuple[int, ...]) -> Tensor:
    try:
        return Reshape.apply(x, shape=shape)
    except ValueError:
        raise ValueError(
            f"{function}: shape must have as many elements as input (got {shape} and {x.shape})"
        ) from None


@operation(Reshape, methods=("reshape",))
@variadic("shape")
def reshape(input: TensorLike, *shape: int | Sequence[int]) -> Tensor:
    """Give a tensor another shape; the elements keep their row-major order.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    *shape : int, or one sequence of int
        The new shape. One of the sizes may be −1 and is then inferred.

    Returns
    -------
    Tensor
        A view if possible, otherwise a copy.

    Raises
    ------
    ValueError
        If the number of elements does not match.

    Examples
    --------
    >>> import cnet
    >>> cnet.reshape(cnet.tensor([1, 2, 3, 4]), 2, -1)
    tensor([[1, 2],
            [3, 4]])
    """
    return _reshaped("reshape", input, shape)  # type: ignore[arg-type]


@operation(Reshape, methods=("view",))
def view(self: Tensor, *shape: Any, **names: Any) -> Tensor:
    """Like `reshape`, but the result always shares the memory.

    Parameters
    ----------
    *shape : int, one sequence of int, or a dtype
        The new shape. One of the sizes may be −1 and is then inferred. With a dtype, the bytes of
        the elements are read as numbers of this dtype.

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the memory layout does not allow a view of this shape.
    ValueError
        If the number of elements does not match.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[1, 2], [3, 4]])
    >>> y = x.view(-1)
    >>> y[0] = 5
    >>> x
    tensor([[5, 2],
            [3, 4]])
    """
    given = shape or tuple(names.values())
    if len(given) == 1 and isinstance(given[0], (np.dtype, type)):
        return _bytes_as(self, as_dtype("view", given[0]))
    result = _reshaped("view", self, integers("view", "size", given))
    if changes.owner(result._array) is not changes.owner(self._array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return result


def _bytes_as(x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    if dtype == x.dtype:
        return _reshaped("view", x, x.shape)
    if x.requires_grad:
        raise RuntimeError("view: a tensor that requires grad cannot be viewed as another dtype")
    try:
        return Tensor(x._array.view(dtype))
    except ValueError:
        raise RuntimeError(
            f"view: the last dimension must be contiguous and fit {dtype} "
            f"(got shape {x.shape}, {x.dtype})"
        ) from None


@operation(Reshape, methods=("view_as",))
def view_as(self: Tensor, other: TensorLike) -> Tensor:
    """Like `view`, in the shape of another tensor."""
    return view(self, *other.shape) if other.shape else view(self, ())


@operation(Reshape, methods=("reshape_as",))
def reshape_as(self: Tensor, other: TensorLike) -> Tensor:
    """Like `reshape`, in the shape of another tensor."""
    return _reshaped("reshape_as", self, other.shape)


@operation(Reshape, methods=("flatten",))
def flatten(input: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Combine several adjacent dimensions into one.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    start_dim, end_dim : int, default 0 and -1
        The first and the last of these dimensions.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.
    ValueError
        If `start_dim` comes after `end_dim`.

    Examples
    --------
    >>> import cnet
    >>> cnet.flatten(cnet.zeros(2, 3, 4, 5), 1).shape
    (2, 60)
    """
    shape = input.shape or (1,)
    start = dim_of("flatten", start_dim, input.ndim, "start_dim")
    end = dim_of("flatten", end_dim, input.ndim, "end_dim")
    if start > end:
        raise ValueError(
            f"flatten: start_dim must not come after end_dim (got {start_dim} and {end_dim})"
        )
    joined = prod(shape[start : end + 1])
    return Reshape.apply(input, shape=(*shape[:start], joined, *shape[end + 1 :]))


@operation(Reshape, methods=("ravel",))
def ravel(input: TensorLike) -> Tensor:
    """Combine all dimensions into one; a view if possible.

    Examples
    --------
    >>> import cnet
    >>> cnet.ravel(cnet.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return Reshape.apply(input, shape=(-1,))


@operation(Reshape, methods=("unflatten",))
def unflatten(input: TensorLike, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split a dimension into several.

    Parameters
    ----------
    input : Tensor or ndarray, at least 1 dimension
    dim : int
        The dimension to split.
    sizes : sequence of int
        The sizes of the new dimensions. One of them may be −1 and is then inferred.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.
    ValueError
        If the product of the sizes is not the size of the dimension.

    Examples
    --------
    >>> import cnet
    >>> cnet.unflatten(cnet.zeros(2, 6), 1, (3, -1)).shape
    (2, 3, 2)
    """
    axis = dim_of("unflatten", dim, input.ndim)
    parts = integers("unflatten", "sizes", (sizes,))
    size = input.shape[axis] if input.ndim else 1
    known = prod([part for part in parts if part != -1])
    inferred = [size // known if part == -1 and known else part for part in parts]
    if not parts or parts.count(-1) > 1 or min(inferred) < 0 or prod(inferred) != size:
        raise ValueError(
            f"unflatten: the product of sizes must be the size of dim (got {parts} and {size})"
        )
    return Reshape.apply(input, shape=(*input.shape[:axis], *inferred, *input.shape[axis + 1 :]))


@operation(Reshape, methods=("squeeze",), numpy=(np.squeeze,))
@also_dim
def squeeze(input: TensorLike, dim: Axis = None) -> Tensor:
    """Remove dimensions of size 1.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int or sequence of int, optional
        The dimensions to remove, if they have size 1; all by default. NumPy's name is `axis`.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If a dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.squeeze(cnet.zeros(2, 1, 3, 1)).shape
    (2, 3)
    """
    if dim is None:
        return Reshape.apply(input, shape=tuple([size for size in input.shape if size != 1]))
    dims = (dim,) if type(dim) is int or not isinstance(dim, Sequence) else dim
    chosen = dims_of("squeeze", dims, input.ndim, "dim")
    kept = [size for axis, size in enumerate(input.shape) if size != 1 or axis not in chosen]
    return Reshape.apply(input, shape=tuple(kept))


@operation(Reshape, methods=("unsqueeze",), numpy=(np.expand_dims,))
@also_dim
def unsqueeze(input: TensorLike, dim: int) -> Tensor:
    """Insert a dimension of size 1.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    dim : int
        The position of the dimension in the result. NumPy's name is `axis`.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If the dimension is out of range.

    Examples
    --------
    >>> import cnet
    >>> cnet.unsqueeze(cnet.zeros(2, 3), 1).shape
    (2, 1, 3)
    """
    axis = dim_of("unsqueeze", dim, input.ndim + 1)
    return Reshape.apply(input, shape=(*input.shape[:axis], 1, *input.shape[axis:]))


class BroadcastTo(ViewOperation[Tensor]):
    @staticmethod
    def compute(x: Array, *, shape: tuple[int, ...]) -> Array:
        return np.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return unbroadcast(grad, ctx.input_shape(0))


def expanded(function: str, x: TensorLike, shape: tuple[int, ...]) -> Tensor:
    """Repeat a tensor to a shape; −1 means the size of the corresponding dimension."""
    x = x if isinstance(x, Tensor) else array_of(x)
    if -1 in shape:
        added = len(shape) - x.ndim
        shape = tuple([
            x.shape[axis - added] if size == -1 and axis >= added >= 0 else size
            for axis, size in enumerate(shape)
        ])  # fmt: skip
    try:
        return BroadcastTo.apply(x, shape=shape)
    except ValueError:
        raise ValueError(
            f"{function}: shapes {x.shape} and {shape} do not broadcast to the latter"
        ) from None


@operation(BroadcastTo, methods=("broadcast_to",))
def broadcast_to(input: TensorLike, size: Sequence[int]) -> Tensor:
    """Repeat a tensor along dimensions of size 1 and new leading dimensions, without a copy.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    size : sequence of int
        The new shape, to which the shape of `input` must broadcast; −1 means the size of the
        corresponding dimension of `input`.

    Returns
    -------
    Tensor
        A read-only view.

    Raises
    ------
    ValueError
        If the shape of `input` does not broadcast to `size`.

    Examples
    --------
    >>> import cnet
    >>> cnet.broadcast_to(cnet.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    return expanded("broadcast_to", input, integers("broadcast_to", "size", (size,)))


@operation(BroadcastTo, methods=("expand",))
@variadic("size")
def expand(self: TensorLike, *size: int | Sequence[int]) -> Tensor:
    """Like `broadcast_to`, with the sizes also as separate arguments."""
    return expanded("expand", self, size)  # type: ignore[arg-type]


@operation(BroadcastTo, methods=("expand_as",))
def expand_as(self: TensorLike, other: TensorLike) -> Tensor:
    """Like `broadcast_to`, to the shape of another tensor."""
    return expanded("expand_as", self, other.shape)


@explained
def broadcast_tensors(*tensors: TensorLike) -> tuple[Tensor, ...]:
    """Repeat tensors to their common shape, without a copy.

    Parameters
    ----------
    *tensors : Tensor or ndarray
        Their shapes must broadcast.

    Returns
    -------
    tuple of Tensor
        Read-only views.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import cnet
    >>> a, b = cnet.broadcast_tensors(cnet.zeros(3, 1), cnet.zeros(2))
    >>> a.shape, b.shape
    ((3, 2), (3, 2))
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape = broadcast("broadcast_tensors", *[x.shape for x in tensors])
    return tuple([expanded("broadcast_tensors", x, shape) for x in tensors])


@explained
def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape to which several shapes broadcast.

    Examples
    --------
    >>> import cnet
    >>> cnet.broadcast_shapes((3, 1), (2,))
    (3, 2)
    """
    listed = [integers("broadcast_shapes", "shapes", (shape,)) for shape in shapes]
    return broadcast("broadcast_shapes", *listed)


@numpy_function(np.reshape)
def _numpy_reshape(x: Any, shape: Any, order: str = "C") -> Tensor:
    if order != "C":
        raise ValueError(f"np.reshape: order must be 'C' for tensors (got {order!r})")
    return reshape(x, shape)


@numpy_function(np.ravel)
def _numpy_ravel(x: Any, order: str = "C") -> Tensor:
    return _numpy_reshape(x, -1, order)


@numpy_function(np.broadcast_to)
def _numpy_broadcast_to(x: Any, shape: Any, subok: bool = False) -> Tensor:
    return broadcast_to(x, shape)
