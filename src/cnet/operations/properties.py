"""Methods that tell the shape, memory and place of a tensor."""

from typing import Any

import numpy as np

from .._explained import explained
from ..dtypes import DType, as_dtype
from ..layouts import contiguous_format, is_in_format, memory_format
from ..tensor import Operand, Tensor, TensorLike, array_of
from . import _promotion
from ._common import weak
from .registry import operation

__all__ = [
    "can_cast", "get_device", "is_complex", "is_inference", "is_nonzero", "is_same_size",
    "is_signed", "numel", "promote_types", "result_type",
]  # fmt: skip


@operation(methods=("numel", "nelement"))
def numel(input: TensorLike) -> int:
    """The number of elements.

    Examples
    --------
    >>> import cnet
    >>> cnet.numel(cnet.zeros(2, 3))
    6
    """
    return int(array_of(input).size)


@operation(methods=("dim", "ndimension"))
def dim(self: Tensor) -> int:
    """The number of dimensions; the same as `ndim`."""
    return self._array.ndim


@operation(methods=("stride",))
def stride(self: Tensor, dim: int | None = None) -> Any:
    """The distance of neighbours in memory along one or all dimensions, counted in elements."""
    array = self._array
    strides = tuple([step // array.itemsize for step in array.strides])
    return strides if dim is None else strides[dim]


@operation(methods=("storage_offset",))
def storage_offset(self: Tensor) -> int:
    """The distance of the first element from the beginning of the memory, counted in elements."""
    array = self._array
    base = array if array.base is None else array.base
    start = base.__array_interface__["data"][0] if hasattr(base, "__array_interface__") else None
    return 0 if start is None else (array.ctypes.data - start) // array.itemsize


@operation(methods=("is_contiguous",))
def is_contiguous(self: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """Whether the elements are contiguous in memory, in a memory format."""
    return is_in_format("is_contiguous", self._array, memory_format)


@operation(methods=("element_size",))
def element_size(self: Tensor) -> int:
    """The number of bytes of an element."""
    return self._array.itemsize


@operation(properties=("itemsize",))
def _itemsize(self: Tensor) -> int:
    """The number of bytes of an element."""
    return self._array.itemsize


@operation(properties=("nbytes",))
def _nbytes(self: Tensor) -> int:
    """The number of bytes of all elements."""
    return self._array.nbytes


@operation(methods=("data_ptr",))
def data_ptr(self: Tensor) -> int:
    """The address of the first element."""
    return int(self._array.ctypes.data)


@operation(methods=("get_device",))
def get_device(input: Tensor) -> int:
    """−1, as for all tensors on the CPU in PyTorch.

    Examples
    --------
    >>> import cnet
    >>> cnet.get_device(cnet.zeros(2))
    -1
    """
    return -1


@operation(methods=("is_pinned",))
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False: there is no pinned memory."""
    return False


@operation(methods=("is_shared",))
def is_shared(self: Tensor) -> bool:
    """False: the memory of tensors belongs to one process."""
    return False


@operation(methods=("is_complex",))
def is_complex(input: Tensor) -> bool:
    """False: there are no complex tensors.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_complex(cnet.zeros(2))
    False
    """
    return False


@operation(methods=("is_inference",))
def is_inference(input: Tensor) -> bool:
    """False: results of `inference_mode` are ordinary tensors.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_inference(cnet.zeros(2))
    False
    """
    return False


@operation(methods=("is_signed",))
def is_signed(input: TensorLike) -> bool:
    """Whether the dtype has negative numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_signed(cnet.tensor([1, 2], dtype=cnet.uint8))
    False
    """
    return input.dtype.kind in "if"


@operation(methods=("is_same_size",))
def is_same_size(input: TensorLike, other: TensorLike) -> bool:
    """Whether two tensors have the same shape.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_same_size(cnet.zeros(2), cnet.zeros(3))
    False
    """
    return input.shape == other.shape


@operation(methods=("is_nonzero",))
def is_nonzero(input: TensorLike) -> bool:
    """Whether the only element is not zero.

    Raises
    ------
    ValueError
        If the tensor does not have one element.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_nonzero(cnet.tensor([0.5]))
    True
    """
    array = array_of(input)
    if array.size != 1:
        raise ValueError(f"is_nonzero: input must have one element (got shape {array.shape})")
    return bool(array.item())


@operation(properties=("is_cpu",))
def _is_cpu(self: Tensor) -> bool:
    """True: all tensors are on the CPU."""
    return True


@explained
def result_type(tensor1: Operand, tensor2: Operand) -> np.dtype[Any]:
    """The dtype of the result of an operation on two tensors or numbers.

    Examples
    --------
    >>> import cnet
    >>> cnet.result_type(cnet.tensor([1, 2]), 1.5)
    dtype('float32')
    """
    operands = [x._array if isinstance(x, Tensor) else weak(x) for x in (tensor1, tensor2)]
    return _promotion.result_type("result_type", *operands)


def promote_types(type1: DType, type2: DType) -> np.dtype[Any]:
    """The dtype that holds the numbers of two dtypes.

    Examples
    --------
    >>> import cnet
    >>> cnet.promote_types(cnet.int64, cnet.float32)
    dtype('float32')
    """
    arrays = [np.empty(0, as_dtype("promote_types", dtype)) for dtype in (type1, type2)]
    return _promotion.result_type("promote_types", *arrays)


def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result of one dtype can be written to a tensor of another.

    Examples
    --------
    >>> import cnet
    >>> cnet.can_cast(cnet.float32, cnet.int64)
    False
    """
    kinds = [as_dtype("can_cast", dtype).kind.replace("u", "i") for dtype in (from_, to)]
    return "bif".index(kinds[0]) <= "bif".index(kinds[1])
