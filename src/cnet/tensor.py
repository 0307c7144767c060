"""Tensor: an ndarray that can take part in a graph.

This module gives a tensor its data, its place in the graph and its manners towards NumPy. What can
be computed with tensors is defined in `cnet.functional`, which attaches operators and methods.
"""

import operator
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import autograd
from .autograd import Array, Hooks, Variable

Axis: TypeAlias = int | Sequence[int] | None
DType: TypeAlias = npt.DTypeLike | None
Number: TypeAlias = float

_hook_numbers = count()
_AFTER_OTHER_HOOKS = sys.maxsize


class HookHandle:
    """Takes a hook away again: ``handle.remove()``."""

    __slots__ = ("_hooks", "_number")

    def __init__(self, hooks: Hooks, hook: Callable[[Any], Any]) -> None:
        self._hooks = hooks
        self._number = next(_hook_numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """Take the hook away, if it is still there."""
        self._hooks.pop(self._number, None)


class Tensor(Variable):
    """An array with a place in the graph.

    Parameters
    ----------
    data : ndarray, Tensor, number or nested sequence of numbers
        An array is shared, not copied. Python floats become float32.
    requires_grad : bool, default False
        Whether gradients with respect to this tensor are wanted; for float dtypes only.

    Attributes
    ----------
    data : ndarray
        The array itself, not a copy.
    grad_fn : autograd.Context or None
        The node of the graph that the tensor came from.

    Notes
    -----
    Arrays are taken wherever tensors are, NumPy's functions take tensors as arrays, and the ufuncs
    among cnet's operations, as in ``np.exp(x)`` or ``array * x``, give tensors and are recorded.
    Results have the dtype that PyTorch gives them: an integer with a float32 tensor gives float32,
    and a number, of Python or NumPy, never changes the dtype of a float tensor.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self._init(_array("Tensor", data))
        self.requires_grad = requires_grad

    # The graph

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is, or can be, propagated to this tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.data.dtype.kind != "f":
            raise TypeError(f"requires_grad: only float tensors have gradients (got {self.dtype})")
        if not value and self.grad_fn is not None:
            raise RuntimeError("requires_grad: only leaves can be changed; use detach()")
        if value:
            make_writable(self)
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Set `requires_grad` and return the tensor itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> "Tensor | None":
        """The gradients accumulated by `backward`."""
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
        self._grad = value

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user and not by a recorded operation."""
        return self.grad_fn is None

    def backward(self, gradient: "Operand | None" = None, retain_graph: bool = False) -> None:
        """Add to `grad` of every leaf its gradient.

        Parameters
        ----------
        gradient : Tensor, ndarray or number, optional
            The gradient of the final result with respect to this tensor, in its shape; 1 by default
            for a tensor of one element.
        retain_graph : bool, default False
            Keep what the graph saved, to go through it again.

        Raises
        ------
        RuntimeError
            If the tensor needs no gradient, has several elements and `gradient` is missing, or the
            graph was freed by an earlier call.
        ValueError
            If `gradient` has another shape.
        """
        autograd.backward((self,), (gradient,), retain_graph)

    def detach(self) -> "Tensor":
        """A tensor that shares the array and has no place in the graph."""
        return Tensor(self.data)

    def register_hook(self, hook: "Callable[[Tensor], TensorLike | None]") -> HookHandle:
        """Call ``hook(grad)`` on every backward, once the gradient of this tensor is complete.

        Parameters
        ----------
        hook : callable
            May return another gradient, which is used instead; must not change its argument.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away.
        """
        return HookHandle(self._own_hooks("register_hook"), hook)

    def retain_grad(self) -> None:
        """Keep the gradient in `grad`, as leaves do."""
        hooks = self._own_hooks("retain_grad")
        if self.grad_fn is None:
            return
        reference = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = reference()
            if tensor is not None:
                tensor.accumulate(gradient.data.copy())

        hooks[_AFTER_OTHER_HOOKS] = keep

    def _own_hooks(self, function: str) -> Hooks:
        if not self.requires_grad:
            raise RuntimeError(f"{function}: the tensor does not require grad")
        node, index = self.edge
        node._hooks = {index: {}, **node._hooks}
        return node._hooks[index]

    # NumPy

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    def dim(self) -> int:
        """The number of dimensions; the same as `ndim`."""
        return self.data.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.data.size

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def numpy(self) -> Array:
        """The array itself, not a copy; what is computed with it is not recorded."""
        return self.data

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.data.size != 1:
            raise ValueError(f"item: the tensor must have one element (got shape {self.shape})")
        return self.data.item()

    def tolist(self) -> Any:
        """The elements as Python numbers in nested lists."""
        return self.data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.data.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = _ufuncs.get(ufunc)
        if function is None or method != "__call__" or kwargs:
            return NotImplemented
        return function(*inputs)

    def __len__(self) -> int:
        if self.data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self.data)

    def __iter__(self) -> "Iterator[Tensor]":
        if self.data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[index] for index in range(len(self.data)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> Number:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    __hash__ = object.__hash__

    def __setitem__(self, index: Any, value: "Operand") -> None:
        """Write into the array; an error where the graph would not know of it."""
        recording = autograd.is_grad_enabled() and (
            self.requires_grad or (isinstance(value, Tensor) and value.requires_grad)
        )
        if recording or self.grad_fn is not None:
            raise RuntimeError(
                "__setitem__: a tensor in a graph cannot be changed in place; "
                "use no_grad() for leaves, where() or cat() for results"
            )
        self.data[plain_index(index)] = value.data if isinstance(value, Tensor) else value

    if TYPE_CHECKING:  # attached by `cnet.functional`
        T: "Tensor"
        mT: "Tensor"

        def _unary(self) -> "Tensor": ...
        def _binary(self, other: "Operand") -> "Tensor": ...
        def __eq__(self, other: object) -> "Tensor": ...  # type: ignore[override]
        def __ne__(self, other: object) -> "Tensor": ...  # type: ignore[override]

        __add__ = __radd__ = __iadd__ = __sub__ = __rsub__ = __isub__ = _binary
        __mul__ = __rmul__ = __imul__ = __truediv__ = __rtruediv__ = __itruediv__ = _binary
        __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _binary
        __lt__ = __le__ = __gt__ = __ge__ = __and__ = __or__ = __xor__ = _binary
        pow = matmul = maximum = minimum = _binary
        __neg__ = __abs__ = __invert__ = _unary
        exp = log = sqrt = abs = tanh = sigmoid = relu = clone = float = double = long = _unary

        def __getitem__(self, index: Any) -> "Tensor": ...
        def clip(self, min: Number | None = None, max: Number | None = None) -> "Tensor": ...
        def astype(self, dtype: npt.DTypeLike) -> "Tensor": ...
        def reshape(self, *shape: int | Sequence[int]) -> "Tensor": ...
        def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "Tensor": ...
        def permute(self, *axes: int | Sequence[int]) -> "Tensor": ...
        def transpose(self, dim0: int, dim1: int) -> "Tensor": ...
        def broadcast_to(self, shape: Sequence[int]) -> "Tensor": ...
        def expand(self, *sizes: int | Sequence[int]) -> "Tensor": ...

        clamp, view = clip, reshape

        # These take axis and keepdims, or dim and keepdim.
        sum: Callable[..., "Tensor"]
        mean = var = std = amax = amin = argmax = argmin = argsort = logsumexp = all = any = sum
        softmax = log_softmax = squeeze = unsqueeze = sum

        # These give one tensor, or values with indices.
        max: Callable[..., Any]
        min = sort = topk = max

    def __repr__(self) -> str:
        start = "tensor("
        text = np.array2string(self.data, precision=4, separator=", ", prefix=start)
        if self.data.size == 0:
            text += f", shape={self.shape}"
        if self.dtype not in (np.float32, np.int64, np.bool_):
            text += f", dtype={self.dtype}"
        if self.grad_fn is not None:
            text += f", grad_fn={self.grad_fn!r}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"{start}{text})"


TensorLike: TypeAlias = Tensor | Array
Operand: TypeAlias = Tensor | Array | np.generic | Number

Variable.tensor_type = Tensor
_ufuncs: dict[np.ufunc, Callable[..., Any]] = {}


def attach(*, ufuncs: dict[np.ufunc, Callable[..., Any]] | None = None, **methods: Any) -> None:
    """Give tensors methods, and say what NumPy's ufuncs do with tensors."""
    for name, method in methods.items():
        setattr(Tensor, name, method)
    _ufuncs.update(ufuncs or {})


def tensor(data: Any, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of the data.

    Parameters
    ----------
    data : ndarray, Tensor, number or nested sequence of numbers
        Python floats become float32, arrays keep their dtype.
    dtype : dtype, optional
        The dtype of the tensor, if it shall be another.
    requires_grad : bool, default False
        Whether gradients with respect to the tensor are wanted; for float dtypes only.

    Returns
    -------
    Tensor
        A leaf that shares memory with nothing.

    Examples
    --------
    >>> import cnet
    >>> cnet.tensor([[1, 2], [3, 4]], dtype="float32", requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], requires_grad=True)
    """
    return Tensor(np.array(_array("tensor", data, dtype)), requires_grad)


def as_tensor(data: Any, dtype: DType = None) -> Tensor:
    """A tensor that shares memory with the data where it can.

    Parameters
    ----------
    data : ndarray, Tensor, number or nested sequence of numbers
        A tensor that has the dtype already is returned as it is; its conversion is recorded.
    dtype : dtype, optional
        The dtype of the tensor, if it shall be another.

    Returns
    -------
    Tensor
        Without a gradient of its own, unless `data` is a tensor that has one.

    Examples
    --------
    >>> import cnet, numpy
    >>> array = numpy.zeros(2)
    >>> cnet.as_tensor(array).data is array
    True
    """
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype == dtype else data.astype(dtype)
    return Tensor(_array("as_tensor", data, dtype))


def make_writable(tensor: Tensor) -> None:
    """Give a tensor whose array is read-only a copy of it, so that it can be trained."""
    if not tensor.data.flags.writeable:
        tensor.data = tensor.data.copy()


def zero_grad(tensors: Iterable[Tensor], set_to_none: bool) -> None:
    """Forget the gradients of tensors, or set them to zero."""
    for tensor in tensors:
        if set_to_none:
            tensor.grad = None
        elif tensor.grad is not None:
            tensor.grad.data[...] = 0


def plain_index(index: Any) -> Any:
    """An index for arrays from one that may hold tensors."""
    if isinstance(index, tuple):
        return tuple([plain_index(part) for part in index])
    return index.data if isinstance(index, Tensor) else index


def _array(function: str, data: Any, dtype: DType = None) -> Array:
    array = data.data if isinstance(data, Tensor) else np.asarray(data)
    if dtype is not None:
        array = array.astype(dtype, copy=False)
    elif array.dtype == np.float64 and not _has_dtype(data):
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{function}: data must be real numbers (got dtype {array.dtype})")
    return array


def _has_dtype(data: Any) -> bool:
    """Whether the data, or the first item in nested sequences, comes with a dtype of its own."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")
