"""Conversions to another dtype, device or order in memory, and copies."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import dtypes
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..construction import to_array
from ..devices import Place, device, require_cpu
from ..dtypes import DType, as_dtype
from ..layouts import contiguous_format, is_in_format, memory_format, preserve_format
from ..tensor import Tensor, TensorLike, array_of
from ._formats import copied
from .registry import operation

__all__ = [
    "asarray", "clone", "detach", "from_dlpack", "from_numpy", "is_floating_point", "is_tensor",
]  # fmt: skip


class Cast(Operation[Tensor]):
    """A copy in a dtype and memory format; the gradient is converted back."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, *, dtype: npt.DTypeLike, order: memory_format = preserve_format
    ) -> Array:
        if order is preserve_format:
            return x.astype(dtype)
        return copied("clone", x.astype(dtype, copy=False), order)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        return grad


@operation(Cast, methods=("astype",))
def astype(x: Tensor, dtype: npt.DTypeLike) -> Tensor:
    """Convert to another dtype; returns the tensor itself if it already has the dtype."""
    chosen = as_dtype("astype", dtype)
    return x if x.dtype == chosen else Cast.apply(x, dtype=chosen)


@operation(Cast, methods=("clone",))
def clone(input: TensorLike, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy of a tensor; gradients propagate through it.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
    memory_format : memory_format, optional
        The order of the axes in memory; by default that of `input`.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`, with its own memory.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> y = cnet.clone(x)
    >>> y[0] = 5
    >>> x
    tensor([1., 2.])
    """
    return Cast.apply(input, dtype=input.dtype, order=memory_format)


@operation(Cast, methods=("contiguous",))
def contiguous(self: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The tensor itself if it is contiguous in a memory format, otherwise a copy that is."""
    if is_in_format("contiguous", self._array, memory_format):
        return self
    return Cast.apply(self, dtype=self.dtype, order=memory_format)


@operation(Cast, methods=("to",))
def to(
    self: Tensor, *target: Any, device: Place = None, dtype: DType = None,
    other: Tensor | None = None, non_blocking: bool = False, copy: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:  # fmt: skip
    """Convert to a dtype and device: ``to(dtype)``, ``to(device, dtype)`` or ``to(other)``.

    Returns the tensor itself if nothing changes and `copy` is false. The device must be the CPU;
    `non_blocking` is accepted for compatibility.
    """
    flags = [argument for argument in target if type(argument) is bool]
    for argument in target:
        if isinstance(argument, Tensor):
            other = argument
        elif _is_place(argument):
            device = argument
        elif type(argument) is not bool and argument is not None:
            dtype = argument
    if other is not None:
        dtype = other.dtype
    require_cpu("to", device)
    chosen = self.dtype if dtype is None else as_dtype("to", dtype)
    unordered = memory_format is not preserve_format and not is_in_format(
        "to", self._array, memory_format
    )
    if chosen == self.dtype and not unordered and not (copy or any(flags[1:])):
        return self
    return Cast.apply(self, dtype=chosen, order=memory_format)


def _is_place(argument: Any) -> bool:
    """Whether a positional argument of `to` names a device."""
    if isinstance(argument, str):
        return argument.partition(":")[0] not in dtypes.__all__
    return isinstance(argument, device) or type(argument) is int


@operation(Cast, methods=("type",))
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Convert to a dtype or type of tensor; without an argument, the name of the type."""
    if dtype is None:
        names = {value: name for name, value in dtypes.TENSOR_TYPES.items()}
        return f"cnet.{names.get(self.dtype, f'{self.dtype.name} tensor')}"
    return astype(self, getattr(dtype, "dtype", dtype))


@operation(Cast, methods=("type_as",))
def type_as(self: Tensor, other: TensorLike) -> Tensor:
    """Convert to the dtype of another tensor."""
    return astype(self, other.dtype)


def _method(name: str, dtype: np.dtype[Any]) -> None:
    """Register a method that converts to a dtype."""

    @operation(Cast, methods=(name,))
    def convert(self: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
        return to(self, dtype=dtype, memory_format=memory_format)


_METHODS: dict[str, np.dtype[Any]] = {
    "half": dtypes.float16, "float": dtypes.float32, "double": dtypes.float64, "byte": dtypes.uint8,
    "char": dtypes.int8, "short": dtypes.int16, "int": dtypes.int32, "long": dtypes.int64,
    "bool": dtypes.bool,
}  # fmt: skip
for _name, _dtype in _METHODS.items():
    _method(_name, _dtype)


@operation(methods=("bfloat16",))
def bfloat16(self: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Not supported: NumPy has no such dtype. Raises TypeError."""
    return astype(self, "bfloat16")


@operation(methods=("cpu",))
def cpu(self: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """The tensor itself: all tensors are on the CPU."""
    return to(self, memory_format=memory_format)


@operation(methods=("cuda",))
def cuda(self: Tensor, device: Any = "cuda", non_blocking: bool = False) -> Tensor:
    """Not supported: all tensors are on the CPU. Raises RuntimeError."""
    require_cpu("cuda", "cuda" if device is None else device)
    return self


@operation(methods=("pin_memory",))
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself; accepted for compatibility."""
    return self


@operation(methods=("share_memory_",))
def share_memory_(self: Tensor) -> Tensor:
    """Not supported: the memory of tensors belongs to one process. Raises RuntimeError."""
    raise RuntimeError(
        "share_memory_: tensors cannot be moved to shared memory; wrap an array that is in shared "
        "memory, like one of numpy.memmap, with from_numpy()"
    )


@explained
def detach(input: Tensor) -> Tensor:
    """A tensor outside the graph that shares the memory.

    Examples
    --------
    >>> import cnet
    >>> cnet.detach(cnet.ones(2, requires_grad=True)).requires_grad
    False
    """
    return input.detach()


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_tensor(cnet.zeros(2)), cnet.is_tensor([0.0, 0.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


@operation(methods=("is_floating_point",))
def is_floating_point(input: TensorLike) -> bool:
    """Whether a tensor has a float dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_floating_point(cnet.tensor([1, 2]))
    False
    """
    return input.dtype.kind == "f"


@explained
def from_numpy(ndarray: Array) -> Tensor:
    """A tensor that shares the memory of an array.

    Parameters
    ----------
    ndarray : numpy.ndarray

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If it is not an array, or not of real numbers.

    Examples
    --------
    >>> import cnet, numpy
    >>> array = numpy.zeros(2)
    >>> cnet.from_numpy(array)[0] = 5
    >>> array
    array([5., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__})")
    return Tensor(ndarray)


@explained
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor that shares the memory of a tensor of another library.

    Parameters
    ----------
    ext_tensor : object with the method ``__dlpack__``

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet, numpy
    >>> cnet.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(
            "from_dlpack: ext_tensor must have a method __dlpack__ "
            f"(got {type(ext_tensor).__name__})"
        )
    return Tensor(np.from_dlpack(ext_tensor))


@explained
def asarray(
    obj: Any, *, dtype: DType = None, device: Place = None,
    copy: bool | None = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Convert data to a tensor, which shares the memory if possible.

    Parameters
    ----------
    obj : Tensor, ndarray, number or nested sequence of numbers
    dtype : dtype, optional
        The dtype of the tensor; that of the data by default.
    device : device or str, optional
        Must be the CPU.
    copy : bool, optional
        True always copies, False raises ValueError if a copy is necessary.
    requires_grad : bool, default False
        Whether `backward` computes the gradient; if false, the result is outside the graph.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import cnet
    >>> cnet.asarray([1, 2], dtype=cnet.float64)
    tensor([1., 2.], dtype=float64)
    """
    require_cpu("asarray", device)
    array = to_array("asarray", obj, None if dtype is None else as_dtype("asarray", dtype))
    if isinstance(obj, Tensor) and copy is not True and array is obj._array and requires_grad:
        return obj.requires_grad_() if obj.is_leaf else obj
    shares = np.may_share_memory(array, array_of(obj)) and isinstance(obj, (Tensor, np.ndarray))
    if copy is False and not shares:
        raise ValueError("asarray: can't alias arbitrary sequence or change the dtype without copy")
    return Tensor(array.copy() if copy else array, requires_grad=requires_grad)
