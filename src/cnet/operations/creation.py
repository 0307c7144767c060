"""Functions that create tensors from sizes and numbers.

The functions share keyword arguments, which `zeros` documents.
"""

from typing import Any, Unpack

import numpy as np

from .._explained import explained
from ..autograd import Array
from ..construction import constructed
from ..devices import Place, require_cpu
from ..dtypes import get_default_dtype
from ..kernels.strided import filled
from ..tensor import Number, Tensor, TensorLike, tensor
from ._options import (
    LikeOptions,
    Options,
    OutOptions,
    Size,
    chosen_dtype,
    created,
    dtype_of,
    like,
    number_of,
    sizes,
)
from .registry import operation

__all__ = [
    "empty", "empty_like", "empty_strided", "full", "full_like", "ones", "ones_like",
    "scalar_tensor", "zeros", "zeros_like",
]  # fmt: skip


@explained
def zeros(*size: Size, **options: Unpack[OutOptions]) -> Tensor:
    """A tensor of zeros.

    Parameters
    ----------
    *size : int, or one sequence of int
        The shape.
    dtype : dtype, optional
        The dtype; by default that of `out`, or the default dtype.
    device : device or str, optional
        Must be the CPU.
    requires_grad : bool, default False
        Whether `backward` computes the gradient of the tensor; for float dtypes only.
    out : Tensor, optional
        Takes the elements; it must have the shape of the result or no elements.
    layout, pin_memory : optional
        Accepted for compatibility.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If a size is not an integer, or the dtype is not supported.
    ValueError
        If a size is negative.
    RuntimeError
        If `device` is not the CPU.

    Examples
    --------
    >>> import cnet
    >>> cnet.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _of_size("zeros", np.zeros, size, options)


@explained
def ones(*size: Size, **options: Unpack[OutOptions]) -> Tensor:
    """A tensor of ones; arguments and errors are those of `zeros`.

    Examples
    --------
    >>> import cnet
    >>> cnet.ones(3, dtype=cnet.int64)
    tensor([1, 1, 1])
    """
    return _of_size("ones", _ones, size, options)


@explained
def empty(*size: Size, **options: Unpack[OutOptions]) -> Tensor:
    """A tensor with arbitrary elements; arguments and errors are those of `zeros`.

    Examples
    --------
    >>> import cnet
    >>> cnet.empty(2, 3).shape
    (2, 3)
    """
    return _of_size("empty", np.empty, size, options)


def _ones(shape: tuple[int, ...], dtype: Any) -> Array:
    return filled(shape, dtype, 1)


def _of_size(function: str, make: Any, size: Any, options: Any) -> Tensor:
    shape = sizes(function, size, options)
    dtype = chosen_dtype(function, options, get_default_dtype())
    return created(function, make(shape, dtype), options)


@explained
def empty_strided(size: Size, stride: Size, **options: Unpack[Options]) -> Tensor:
    """A tensor with arbitrary elements and given strides, counted in elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, steps = sizes("empty_strided", (size,)), sizes("empty_strided", (stride,))
    if len(shape) != len(steps):
        raise ValueError(
            "empty_strided: stride must have one number for each size "
            f"(got {len(steps)} and {len(shape)})"
        )
    dtype = chosen_dtype("empty_strided", options, get_default_dtype())
    last = sum((number - 1) * step for number, step in zip(shape, steps, strict=True))
    memory = np.empty(last + 1 if 0 not in shape else 0, dtype)
    array = np.lib.stride_tricks.as_strided(memory, shape, [s * dtype.itemsize for s in steps])
    return created("empty_strided", array, options)


@explained
def full(size: Size, fill_value: Any, **options: Unpack[OutOptions]) -> Tensor:
    """A tensor in which all elements are equal.

    Parameters
    ----------
    size : sequence of int
        The shape.
    fill_value : number
        The elements. Its type determines the dtype: bool, int64, or the default dtype for floats.
    **options
        Those of `zeros`.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.full((2, 2), 3.5)
    tensor([[3.5, 3.5],
            [3.5, 3.5]])
    """
    shape = sizes("full", (size,))
    value = number_of("full", "fill_value", fill_value)
    dtype = chosen_dtype("full", options, dtype_of(value))
    return created("full", filled(shape, dtype, value), options)


@explained
def scalar_tensor(s: Number, **options: Unpack[Options]) -> Tensor:
    """A tensor without dimensions, in the default dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.scalar_tensor(2)
    tensor(2.)
    """
    dtype = chosen_dtype("scalar_tensor", options, get_default_dtype())
    return created("scalar_tensor", np.array(number_of("scalar_tensor", "s", s), dtype), options)


@explained
def zeros_like(input: TensorLike, **options: Unpack[LikeOptions]) -> Tensor:
    """A tensor of zeros in the shape of another.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    memory_format : memory_format, optional
        The order of the axes in memory; by default that of `input`.
    **options
        Those of `zeros`; the dtype is by default that of `input`.

    Returns
    -------
    Tensor, in the shape of `input`

    Examples
    --------
    >>> import cnet
    >>> cnet.zeros_like(cnet.tensor([1, 2]))
    tensor([0, 0])
    """
    return like("zeros_like", input, options, np.zeros)


@explained
def ones_like(input: TensorLike, **options: Unpack[LikeOptions]) -> Tensor:
    """A tensor of ones in the shape of another; arguments and errors are those of `zeros_like`.

    Examples
    --------
    >>> import cnet
    >>> cnet.ones_like(cnet.tensor([1.5, 2.5]))
    tensor([1., 1.])
    """
    return like("ones_like", input, options, _ones)


@explained
def empty_like(input: TensorLike, **options: Unpack[LikeOptions]) -> Tensor:
    """A tensor with arbitrary elements; arguments and errors are those of `zeros_like`.

    Examples
    --------
    >>> import cnet
    >>> cnet.empty_like(cnet.zeros(2, 3)).shape
    (2, 3)
    """
    return like("empty_like", input, options, np.empty)


@explained
def full_like(input: TensorLike, fill_value: Any, **options: Unpack[LikeOptions]) -> Tensor:
    """A tensor of equal elements; the other arguments and errors are those of `zeros_like`.

    Examples
    --------
    >>> import cnet
    >>> cnet.full_like(cnet.zeros(2), 7)
    tensor([7., 7.])
    """
    value = number_of("full_like", "fill_value", fill_value)
    return like(
        "full_like", input, options,
        lambda shape, dtype: filled(shape, dtype, np.array(value).astype(dtype)),
    )  # fmt: skip


# Methods that create a tensor with the dtype of another


@operation(methods=("new_zeros",))
def new_zeros(self: Tensor, *size: Size, **options: Unpack[OutOptions]) -> Tensor:
    """Like `zeros`, by default with the dtype of this tensor."""
    return _of_size("new_zeros", np.zeros, size, {"dtype": self.dtype, **options})


@operation(methods=("new_ones",))
def new_ones(self: Tensor, *size: Size, **options: Unpack[OutOptions]) -> Tensor:
    """Like `ones`, by default with the dtype of this tensor."""
    return _of_size("new_ones", _ones, size, {"dtype": self.dtype, **options})


@operation(methods=("new_empty",))
def new_empty(self: Tensor, *size: Size, **options: Unpack[OutOptions]) -> Tensor:
    """Like `empty`, by default with the dtype of this tensor."""
    return _of_size("new_empty", np.empty, size, {"dtype": self.dtype, **options})


@operation(methods=("new_full",))
def new_full(self: Tensor, size: Size, fill_value: Any, **options: Unpack[OutOptions]) -> Tensor:
    """Like `full`, by default with the dtype of this tensor."""
    options.setdefault("dtype", self.dtype)
    return full(size, fill_value, **options)


@operation(methods=("new_tensor",))
def new_tensor(self: Tensor, data: Any, **options: Unpack[Options]) -> Tensor:
    """Like `tensor`, by default with the dtype of this tensor."""
    dtype = chosen_dtype("new_tensor", options, self.dtype)
    return tensor(data, dtype, options.get("requires_grad", False))


@operation(methods=("new",))
def new(self: Tensor, *data: Any, device: Place = None) -> Tensor:
    """A tensor with the dtype of this tensor, from sizes or from data, as in `Tensor`."""
    require_cpu("new", device)
    return Tensor(constructed(data, self.dtype))
