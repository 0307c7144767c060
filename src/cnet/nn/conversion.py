"""Conversions of a whole module: dtypes, devices, and the memory of its tensors."""

import mmap
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..devices import require_cpu
from ..dtypes import DType
from ..tensor import Tensor, array_of
from ._arguments import cpu_device, float_dtype
from .parameter import is_lazy
from .tree import Tree


class Convertible(Tree):
    """Conversions change the arrays of the tensors, which remain the same objects."""

    def _apply(self, fn: Callable[[Tensor], Any], recurse: bool = True) -> Self:
        """Replace the values of all parameters, their gradients and buffers by results of `fn`."""
        for child in self.children() if recurse else ():
            child._apply(fn)
        for tensor in (*self.parameters(recurse=False), *self.buffers(recurse=False)):
            grad = tensor.grad
            _replace(tensor, fn)
            if grad is not None:
                _replace(grad, fn)
                tensor.grad = grad
        return self

    def to(
        self,
        *args: Any,
        device: Any = None,
        dtype: DType = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Convert parameters, their gradients and float buffers to float32 or float64.

        The tensors remain the same objects, so that optimizers stay valid. Tensors that already
        have the dtype keep their memory.

        Parameters
        ----------
        *args
            A device, a dtype, both in this order, or a tensor, whose dtype is used.
        device : optional
            Must be the CPU, as in ``"cpu"``.
        dtype : {float32, float64}, optional
            The dtype; by default dtypes do not change.
        non_blocking, memory_format : optional
            Have no effect.

        Raises
        ------
        TypeError
            If the dtype is not float32 or float64.
        RuntimeError
            If the device is not the CPU.

        Examples
        --------
        >>> from cnet import nn
        >>> nn.Linear(3, 2).to("cpu", "float64").weight.dtype
        dtype('float64')
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype = arg.dtype
            elif not isinstance(arg, (bool, type(None))) and not cpu_device("to", arg):
                dtype = arg
        if device is not None and not cpu_device("to", device):
            raise RuntimeError(f"to: device must be the CPU (got {device!r})")
        return self if dtype is None else self._cast("to", dtype)

    def _cast(self, function: str, dtype: npt.DTypeLike, all_kinds: bool = False) -> Self:
        new = float_dtype(function, dtype)
        return self._apply(
            lambda tensor: tensor.astype(new) if all_kinds or tensor.dtype.kind == "f" else tensor
        )

    def type(self, dst_type: npt.DTypeLike) -> Self:
        """Convert all parameters and buffers, also those of integers; see `to`."""
        return self._cast("type", dst_type, all_kinds=True)

    def float(self) -> Self:
        """Convert to float32; see `to`."""
        return self._cast("float", np.float32)

    def double(self) -> Self:
        """Convert to float64; see `to`."""
        return self._cast("double", np.float64)

    def half(self) -> Self:
        """Not supported: raises TypeError, because layers compute in float32 and float64."""
        return self._cast("half", np.float16)

    def bfloat16(self) -> Self:
        """Not supported: raises TypeError, because layers compute in float32 and float64."""
        raise TypeError("bfloat16: dtype must be float32 or float64 (got bfloat16)")

    def cpu(self) -> Self:
        """Return the module, which is always on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Not supported: raises RuntimeError, because layers compute on the CPU."""
        require_cpu("cuda", "cuda" if device is None else device)
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give all parameters and buffers new memory, whose values are undefined.

        Parameters
        ----------
        device
            Must be the CPU.
        recurse : bool, default True
            Whether to include the submodules.
        """
        if device is not None and not cpu_device("to_empty", device):
            raise RuntimeError(f"to_empty: device must be the CPU (got {device!r})")
        return self._apply(lambda tensor: np.empty_like(tensor._array), recurse)

    def share_memory(self) -> Self:
        """Move parameters and buffers to memory that processes forked later share with this one."""
        return self._apply(_shared)


def _replace(tensor: Tensor, fn: Callable[[Tensor], Any]) -> None:
    """Make the result of `fn` the array of the tensor, outside the graph."""
    if is_lazy(tensor):
        tensor._array = array_of(fn(Tensor(np.empty(0, tensor.dtype))))
        return
    array = array_of(fn(tensor.data))
    if array is not tensor._array:
        tensor.grad = None
        tensor.note_change("Module.to")
        tensor._array = array


def _shared(tensor: Tensor) -> Any:
    array = tensor._array
    memory = mmap.mmap(-1, max(array.nbytes, 1))
    shared = np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
    shared[...] = array
    return shared
