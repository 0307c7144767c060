"""Parameters and buffers: tensors that a module holds, also before their shapes are known."""

from typing import Any, ClassVar, Self

import numpy as np

from .._explained import explain, explained
from ..autograd.engine import Variable
from ..dtypes import DType, as_dtype, get_default_dtype
from ..tensor import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the `Module` it is assigned to.

    Parameters
    ----------
    data : Tensor or ndarray of float32 or float64, optional
        The initial values; an empty tensor by default. Their memory is shared, not copied.
    requires_grad : bool, default True
        Whether `backward` computes its gradient.

    Raises
    ------
    TypeError
        If `data` is not real numbers, or `requires_grad` is true for a dtype that is not float.

    Notes
    -----
    A parameter can have attributes of your own, such as ``parameter.mask = mask``, and so can a
    `Buffer`. As in PyTorch, `copy.deepcopy` of a parameter leaves them and its `grad` out.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(np.ones(3, np.float32))
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    __slots__ = ("__dict__",)

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        try:
            if data is None:
                data = np.empty(0, get_default_dtype())
            super().__init__(data, requires_grad=requires_grad)
        except Exception as error:
            explain(error, Parameter.__init__, (self, data, requires_grad), {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._copied(memo)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that becomes a buffer of the `Module` it is assigned to.

    Parameters
    ----------
    data : Tensor or ndarray, optional
        The values; an empty tensor by default. Their memory is shared, not copied.
    persistent : bool, default True
        Whether the buffer is part of `state_dict`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> module = nn.Module()
    >>> module.mean = nn.Buffer(np.zeros(3, np.float32))
    >>> [name for name, _ in module.named_buffers()]
    ['mean']
    """

    __slots__ = ("__dict__",)

    persistent: bool

    @explained
    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        super().__init__(np.empty(0, get_default_dtype()) if data is None else data)
        self.persistent = persistent


class _Uninitialized(Tensor):
    """A tensor without a shape: `materialize` gives it one, and makes it an ordinary tensor."""

    __slots__ = ("__dict__",)

    becomes: ClassVar[type[Tensor]]

    def __init__(self, requires_grad: bool = False, dtype: DType = None) -> None:
        chosen = get_default_dtype() if dtype is None else as_dtype(type(self).__name__, dtype)
        self._init(np.empty(0, chosen))
        self._requires_grad = requires_grad

    def _uninitialized(self) -> Any:
        kind = self.becomes.__name__.lower()
        raise ValueError(
            f"an uninitialized {kind} has no shape and no values; call the module once, so that "
            "they are initialized for its input"
        )

    _array = property(_uninitialized, lambda tensor, array: _ARRAY.__set__(tensor, array))

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = _ARRAY.__get__(self).dtype
        return dtype

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: DType = None) -> None:
        """Give the tensor a shape; its values are undefined until they are written.

        Parameters
        ----------
        shape : tuple of int
            The shape.
        device : optional
            Must be the CPU, as everywhere.
        dtype : dtype, optional
            The dtype; that of the constructor by default.
        """
        array = np.empty(shape, self.dtype if dtype is None else dtype)
        self.__class__ = self.becomes  # type: ignore[assignment]
        self._array = array

    def detach(self) -> Self:
        """The tensor itself, since there are no values to share."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = type(self)(self._requires_grad, dtype=self.dtype)
        memo[id(self)] = copied
        return copied

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter of a lazy module, before the first call determines its shape.

    Parameters
    ----------
    requires_grad : bool, default True
        Whether `backward` computes its gradient, once it is initialized.
    device : optional
        Must be the CPU, as everywhere.
    dtype : {float32, float64}, default float32
        The dtype.

    Examples
    --------
    >>> from cnet import nn
    >>> parameter = nn.UninitializedParameter()
    >>> parameter.materialize((2, 3))
    >>> type(parameter) is nn.Parameter, parameter.shape
    (True, (2, 3))
    """

    __slots__ = ()

    becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: DType = None) -> None:
        super().__init__(requires_grad, dtype)


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer of a lazy module, before the first call determines its shape.

    Parameters
    ----------
    requires_grad : bool, default False
        Whether it requires grad; buffers usually do not.
    device : optional
        Must be the CPU, as everywhere.
    dtype : dtype, default float32
        The dtype.
    persistent : bool, default True
        Whether the buffer is part of `state_dict`.

    Examples
    --------
    >>> from cnet import nn
    >>> nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    __slots__ = ()

    becomes = Buffer

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: DType = None,
        persistent: bool = True,
    ) -> None:
        super().__init__(requires_grad, dtype)
        self.persistent = persistent


_ARRAY: Any = Variable.__dict__["_array"]
"""The slot that `_Uninitialized` hides."""


def is_lazy(tensor: object) -> bool:
    """Whether a parameter or buffer is uninitialized."""
    return isinstance(tensor, _Uninitialized)
