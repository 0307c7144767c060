"""Methods that tell the shape, memory and place of a tensor."""

from typing import Any

from ..layouts import contiguous_format, is_in_format, memory_format
from ..tensor import Tensor, TensorLike, array_of
from .registry import operation

__all__ = ["numel"]


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
def get_device(self: Tensor) -> int:
    """−1, as for all tensors on the CPU in PyTorch."""
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
def is_complex(self: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


@operation(methods=("is_inference",))
def is_inference(self: Tensor) -> bool:
    """False: results of `inference_mode` are ordinary tensors."""
    return False
