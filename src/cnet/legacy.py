"""PyTorch's older types of tensors, one for each dtype: `FloatTensor`, `LongTensor` and others.

They create ordinary tensors, and ``isinstance`` looks at the dtype.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .construction import constructed
from .devices import Place, require_cpu
from .dtypes import TENSOR_TYPES, as_dtype, set_default_dtype
from .tensor import Tensor

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor", "set_default_tensor_type",
]  # fmt: skip


class TensorType(type):
    """A type of tensors of one dtype."""

    dtype: np.dtype[Any]

    def __new__(cls, name: str, dtype: np.dtype[Any]) -> "TensorType":
        documentation = f"""Create a tensor of dtype {dtype} from sizes or data, as in `Tensor`.

        Examples
        --------
        >>> import cnet
        >>> cnet.{name}(2, 3).shape
        (2, 3)
        """
        return super().__new__(cls, name, (), {"dtype": dtype, "__doc__": documentation})

    def __init__(cls, name: str, dtype: np.dtype[Any]) -> None:
        super().__init__(name, (), {})

    def __call__(cls, *data: Any, device: Place = None) -> Tensor:
        if data and isinstance(data[0], Tensor) and data[0].dtype != cls.dtype:
            raise TypeError(
                f"{cls.__name__}: data must be of dtype {cls.dtype} (got {data[0].dtype}); "
                f"use tensor.to()"
            )
        require_cpu(cls.__name__, device)
        return Tensor(constructed(data, cls.dtype))

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'cnet.{cls.__name__}'>"


if TYPE_CHECKING:
    BoolTensor: TensorType
    ByteTensor: TensorType
    CharTensor: TensorType
    DoubleTensor: TensorType
    FloatTensor: TensorType
    HalfTensor: TensorType
    IntTensor: TensorType
    LongTensor: TensorType
    ShortTensor: TensorType

globals().update({name: TensorType(name, dtype) for name, dtype in TENSOR_TYPES.items()})


def set_default_tensor_type(t: TensorType | str) -> None:
    """Set the dtype of Python floats and of new tensors, as `set_default_dtype` does.

    Parameters
    ----------
    t : type of tensors or str
        `FloatTensor` or `DoubleTensor`, or their name, as in ``"torch.FloatTensor"``.

    Raises
    ------
    RuntimeError
        If the type is one of tensors on a GPU.
    TypeError
        If `t` is of another dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_default_tensor_type("torch.FloatTensor")
    >>> cnet.zeros(2).dtype
    dtype('float32')
    """
    set_default_dtype(as_dtype("set_default_tensor_type", getattr(t, "dtype", t)))
