"""PyTorch's older types of tensors, one for each dtype: `FloatTensor`, `LongTensor` and others.

They create ordinary tensors, and ``isinstance`` looks at the dtype.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .construction import constructed
from .devices import Place, require_cpu
from .dtypes import TENSOR_TYPES
from .tensor import Tensor

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor",
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

globals().update({name: TensorType(name, TENSOR_TYPES[name]) for name in __all__})
