"""Tensor: an ndarray that can take part in a graph.

This module defines the data of a tensor, its place in the graph, and the protocols of Python and
NumPy. Computations are defined in `cnet.operations`, where they register operators and methods.
"""

import operator
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Self, TypeAlias

import numpy as np

from . import autograd, numpy_protocol, printing
from ._explained import explain
from ._methods import Methods
from .arrays import boolean
from .autograd import engine
from .autograd.engine import AFTER_OTHER_HOOKS, UNWATCHED, Array, HookHandle, Hooks, Variable, wrap
from .construction import constructed, note_volatile, numbers, to_array
from .devices import CPU, Place, device, require_cpu
from .dtypes import DType
from .layouts import strided
from .modes import current
from .replay import note_read
from .size import Size

__all__ = ["Tensor", "as_tensor", "tensor"]

Axis: TypeAlias = int | Sequence[int] | None
Number: TypeAlias = float


class Tensor(Variable, Methods):
    """An array that can be part of a graph.

    Parameters
    ----------
    *data : ndarray, Tensor or nested sequence of numbers; or any number of sizes
        An array is shared, not copied, and keeps its dtype. Sequences become tensors of the default
        dtype, float32. Integers are the shape of a tensor with arbitrary elements.
    requires_grad : bool, default False
        Whether `backward` computes the gradient of this tensor; for float dtypes only.
    device : device or str, optional
        Must be the CPU. `volatile`, an older option of PyTorch, has no effect.

    Raises
    ------
    TypeError
        If `data` is not real numbers, or `requires_grad` is true for a dtype that is not float.
    RuntimeError
        If `device` is not the CPU.

    Notes
    -----
    All functions accept arrays in place of tensors. NumPy functions with a cnet counterpart, like
    ``np.exp(x)``, ``np.concatenate([x, y])`` or ``array * x``, return tensors and are recorded.
    All other NumPy functions compute with the array, and raise TypeError for a tensor that requires
    grad. Operands of different dtypes are promoted as in PyTorch: a number or a tensor
    without dimensions changes the dtype of the other operand only if it is of a higher kind (bool,
    integer, float).

    An in-place operation changes the array that views and aliases share. If an array that the graph
    needs for its backward pass was changed, `backward` raises RuntimeError. Changes through `data`,
    or through the ndarray that `numpy` returns, are not detected.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()

    layout = strided
    is_cuda = is_sparse = is_mps = is_meta = is_quantized = is_mkldnn = is_xpu = False

    def __init__(
        self, *data: Any, requires_grad: bool = False, device: Place = None, volatile: Any = None
    ) -> None:
        if device is not None:
            require_cpu("Tensor", device)
        note_volatile(volatile)
        if len(data) == 2 and type(data[1]) is bool:
            *data, requires_grad = data  # type: ignore[assignment]
        self._init(constructed(data))
        if requires_grad:
            self.requires_grad = requires_grad

    # The graph

    @property
    def requires_grad(self) -> bool:
        """Whether the backward pass propagates a gradient to this tensor."""
        if self._view is not None:
            self._renew()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if type(value) is not bool:
            value = boolean("Tensor", "requires_grad", value)
        if value and self._array.dtype.kind != "f":
            raise TypeError(f"requires_grad: only float tensors have gradients (got {self.dtype})")
        if not value and self.grad_fn is not None:
            raise RuntimeError("requires_grad: only leaves can be changed; use detach()")
        if value:
            make_writable(self)
        self._requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` and return the tensor itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> "Tensor | None":
        """The gradient accumulated by `backward`, or None."""
        return self._grad  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: "TensorLike | None") -> None:
        if value is not None:
            value = as_tensor(value)
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ValueError(
                    "grad: shape and dtype must equal those of the tensor "
                    f"(got {value.shape} {value.dtype} and {self.shape} {self.dtype})"
                )
        if current.recorder is not None:
            current.recorder.assign(self, value)
        self._grad = value

    @property
    def data(self) -> "Tensor":
        """A tensor outside the graph that shares the memory; assignment replaces the array.

        As in PyTorch, the backward pass does not detect changes made through it.
        """
        result = Tensor(self._share())
        result._view = UNWATCHED
        return result

    @data.setter
    def data(self, value: "TensorLike") -> None:
        self._array = to_array("data", value)

    @property
    def grad_fn(self) -> "autograd.Context | None":
        """The node of the graph that produced the tensor; None for a leaf."""
        if self._view is not None:
            self._renew()
        return self._grad_fn

    @property
    def output_index(self) -> int:
        """The index of the tensor among the outputs of `grad_fn`."""
        return self._output_index

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation produced the tensor."""
        return self.grad_fn is None

    def backward(
        self,
        gradient: "Operand | None" = None,
        retain_graph: bool | None = False,
        create_graph: bool = False,
        inputs: "Iterable[Tensor] | Tensor | None" = None,
    ) -> None:
        """Compute the gradients of all leaves and add them to their `grad`.

        Parameters
        ----------
        gradient : Tensor, ndarray or number, optional
            The gradient of the final result with respect to this tensor, in its shape; by default
            1 for a tensor of one element.
        retain_graph : bool, default False
            Keep the values that the graph saved, so that it can be propagated again.
        create_graph : bool, default False
            Not supported: gradients cannot be differentiated again.
        inputs : Tensor or iterable of Tensor, optional
            The tensors that get a gradient; by default all leaves.

        Raises
        ------
        NotImplementedError
            If `create_graph` is true.
        RuntimeError
            If the tensor does not require grad; if it has several elements and `gradient` is
            missing; if an earlier call freed the graph; or if a saved array was changed in place.
        ValueError
            If `gradient` does not have the shape of the tensor.
        """
        autograd.backward((self,), (gradient,), retain_graph, create_graph, inputs=inputs)

    def detach(self) -> "Tensor":
        """A tensor outside the graph that shares the memory."""
        return wrap(self._share())  # type: ignore[return-value]

    def register_hook(self, hook: "Callable[[Tensor], TensorLike | None]") -> HookHandle:
        """Call ``hook(grad)`` in every backward pass, once the gradient of this tensor is complete.

        Parameters
        ----------
        hook : callable
            Gets the gradient as a tensor, which it must not change. It may return another gradient
            of the same shape, which replaces it.

        Returns
        -------
        HookHandle
            ``handle.remove()`` removes the hook.

        Raises
        ------
        RuntimeError
            If the tensor does not require grad.
        """
        return HookHandle(self._own_hooks("register_hook"), hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a result of an operation in `grad`, as for a leaf."""
        hooks = self._own_hooks("retain_grad")
        if self.grad_fn is None:
            return
        reference = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = reference()
            if tensor is not None:
                tensor.accumulate(gradient._array.copy())

        hooks[AFTER_OTHER_HOOKS] = keep

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called for a result of an operation."""
        node, index = self.edge
        return AFTER_OTHER_HOOKS in node._hooks.get(index, {})

    def _own_hooks(self, function: str) -> Hooks:
        if not self.requires_grad:
            raise RuntimeError(f"{function}: the tensor does not require grad")
        node, index = self.edge
        node._hooks = {index: {}, **node._hooks}
        return node._hooks[index]

    # The array

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._array.dtype

    @property
    def device(self) -> device:
        """The CPU, where all tensors are."""
        return CPU

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape as a `Size`, or the length of one dimension."""
        return Size(self._array.shape) if dim is None else self._array.shape[dim]

    def numpy(self, *, force: bool = False) -> Array:
        """The array itself, not a copy.

        The backward pass does not detect changes of this array.

        Parameters
        ----------
        force : bool, default False
            Whether to return the array of a tensor that requires grad, too.

        Raises
        ------
        RuntimeError
            If the tensor requires grad, because computations with the array are not recorded.
        """
        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        note_read("numpy")
        return self._share()

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._array.size != 1:
            raise ValueError(f"item: the tensor must have one element (got shape {self.shape})")
        note_read("item")
        return self._array.item()

    def tolist(self) -> Any:
        """The elements as Python numbers in nested lists."""
        note_read("tolist")
        return self._array.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.numpy().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return numpy_protocol.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocol.call_function(func, args, kwargs)

    # Python

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self._array)

    def __iter__(self) -> "Iterator[Tensor]":
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[index] for index in range(len(self._array)))

    def __reversed__(self) -> "Tensor":
        return self.flip(tuple(range(self.ndim)))

    def __bool__(self) -> bool:
        note_read("bool")
        return bool(self._array)

    def __float__(self) -> Number:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.item(), ndigits)

    def __format__(self, spec: str) -> str:
        """The only element in the given format, for a tensor of one element."""
        if self._array.ndim == 0 or (spec and self._array.size == 1):
            return format(self._array.item(), spec)
        return super().__format__(spec)

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    __hash__ = object.__hash__

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self.grad_fn is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment; use detach() or clone()"
            )
        copied = self._copied(memo)
        copied._grad = deepcopy(self._grad, memo)
        if hasattr(self, "__dict__"):
            vars(copied).update(deepcopy(vars(self), memo))
        return copied

    def _copied(self, memo: dict[int, Any]) -> Self:
        """A leaf with a copy of the array, for `deepcopy`."""
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        copied._init(self._array.copy())
        copied._requires_grad = self._requires_grad
        return copied

    def __repr__(self) -> str:
        if self.grad_fn is not None:
            return printing.text(self._array, f", grad_fn={self.grad_fn!r}")
        return printing.text(self._array, ", requires_grad=True" if self.requires_grad else "")


TensorLike: TypeAlias = Tensor | Array
Operand: TypeAlias = Tensor | Array | np.generic | Number

engine.tensor_type = Tensor


def tensor(
    data: Any, dtype: DType = None, requires_grad: bool = False, *,
    device: Place = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Create a tensor with a copy of the data.

    Parameters
    ----------
    data : ndarray, Tensor, number or nested sequence of numbers
        Python floats have the default dtype, float32; arrays keep their dtype.
    dtype : dtype, optional
        The dtype of the tensor; that of the data by default.
    requires_grad : bool, default False
        Whether `backward` computes the gradient of the tensor; for float dtypes only.
    device : device or str, optional
        Must be the CPU.
    pin_memory : bool, default False
        Accepted for compatibility.

    Returns
    -------
    Tensor
        A leaf with its own memory.

    Raises
    ------
    TypeError
        If `data` is not real numbers, or `requires_grad` is true for a dtype that is not float.
    RuntimeError
        If `device` is not the CPU.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor([[1, 2], [3, 4]], dtype=cnet.float32, requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], requires_grad=True)
    """
    try:
        require_cpu("tensor", device)
        return Tensor(np.array(to_array("tensor", data, dtype)), requires_grad=requires_grad)
    except Exception as error:
        explain(error, tensor, (data, dtype, requires_grad), {"device": device})


def as_tensor(data: Any, dtype: DType = None, device: Place = None) -> Tensor:
    """Convert data to a tensor that shares its memory where possible.

    Parameters
    ----------
    data : ndarray, Tensor, number or nested sequence of numbers
        A tensor that already has the dtype is returned unchanged; otherwise the conversion is
        recorded in the graph.
    dtype : dtype, optional
        The dtype of the tensor; that of the data by default.
    device : device or str, optional
        Must be the CPU.

    Returns
    -------
    Tensor
        It requires grad only if `data` is a tensor that requires grad.

    Raises
    ------
    TypeError
        If `data` is not real numbers.
    RuntimeError
        If `device` is not the CPU.

    Examples
    --------
    >>> import cnet, numpy
    >>> array = numpy.zeros(2)
    >>> cnet.as_tensor(array).numpy() is array
    True
    """
    try:
        if device is not None:
            require_cpu("as_tensor", device)
        if isinstance(data, Tensor):
            return data if dtype is None or data.dtype == dtype else data.astype(dtype)
        return Tensor(to_array("as_tensor", data, dtype))
    except Exception as error:
        explain(error, as_tensor, (data, dtype, device), {})


def array_of(x: Any) -> Any:
    """The array of a tensor; other numbers are converted by `numpy.asarray`. Not recorded."""
    return x._array if isinstance(x, Variable) else numbers(x)


def make_writable(tensor: Tensor) -> None:
    """Replace a read-only array of a tensor, which is no view, by a copy that can be trained."""
    if tensor._view is None and not tensor._array.flags.writeable:
        tensor._array = tensor._array.copy()
