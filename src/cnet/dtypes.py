"""Dtypes under PyTorch's names, and the default dtype. A dtype is a `numpy.dtype`."""

import builtins
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "bool",
    "double",
    "dtype",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "set_default_dtype",
    "short",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip

DType: TypeAlias = "npt.DTypeLike | None"

float16 = half = np.dtype(np.float16)
float32 = float = np.dtype(np.float32)
float64 = double = np.dtype(np.float64)
uint8 = np.dtype(np.uint8)
uint16 = np.dtype(np.uint16)
uint32 = np.dtype(np.uint32)
uint64 = np.dtype(np.uint64)
int8 = np.dtype(np.int8)
int16 = short = np.dtype(np.int16)
int32 = int = np.dtype(np.int32)
int64 = long = np.dtype(np.int64)
bool = np.dtype(np.bool_)

dtype = np.dtype
iinfo = np.iinfo


class finfo:
    """Limits of a floating-point dtype, as Python numbers.

    Parameters
    ----------
    type : dtype, optional
        float16, float32 or float64; the default dtype if it is not given.

    Attributes
    ----------
    bits : int
        The number of bits.
    eps : float
        The difference between 1 and the next larger number.
    max, min : float
        The largest and the least finite number.
    tiny, smallest_normal : float
        The least positive normal number.
    resolution : float
        The precision in decimal digits, as a power of ten.
    dtype : str
        The name of the dtype.

    Raises
    ------
    TypeError
        If `type` is not a floating-point dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.finfo(cnet.float32).eps
    1.1920928955078125e-07
    """

    eps: builtins.float
    max: builtins.float
    min: builtins.float
    resolution: builtins.float
    smallest_normal: builtins.float
    tiny: builtins.float

    def __init__(self, type: DType = None):
        dtype = get_default_dtype() if type is None else np.dtype(type)
        if dtype.kind != "f":
            raise TypeError(f"finfo: type must be a floating-point dtype (got {dtype}); see iinfo")
        info = np.finfo(dtype)
        self.bits, self.dtype = builtins.int(info.bits), dtype.name
        for name in ("eps", "max", "min", "resolution", "smallest_normal", "tiny"):
            setattr(self, name, builtins.float(getattr(info, name)))

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


REFUSED = {
    "bfloat16": "NumPy has no such dtype; use float16 or float32",
    "chalf": "complex numbers are not supported",
    "complex32": "complex numbers are not supported",
    "complex64": "complex numbers are not supported",
    "complex128": "complex numbers are not supported",
    "cfloat": "complex numbers are not supported",
    "cdouble": "complex numbers are not supported",
    "qint8": "quantized dtypes are not supported",
    "quint8": "quantized dtypes are not supported",
    "qint32": "quantized dtypes are not supported",
}
"""Dtypes of PyTorch that do not exist here, with the reasons."""

TENSOR_TYPES: dict[str, np.dtype[Any]] = {
    "HalfTensor": float16, "FloatTensor": float32, "DoubleTensor": float64, "ByteTensor": uint8,
    "CharTensor": int8, "ShortTensor": int16, "IntTensor": int32, "LongTensor": int64,
    "BoolTensor": bool,
}  # fmt: skip
"""PyTorch's older names of tensors of each dtype."""

of_number: dict[type, np.dtype[Any]] = {
    builtins.bool: bool, builtins.int: int64, builtins.float: float32,
}  # fmt: skip
"""The dtype that each type of Python number counts as."""


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of Python floats and of new tensors.

    Returns
    -------
    dtype
        float32, unless `set_default_dtype` changed it.

    Examples
    --------
    >>> import cnet
    >>> cnet.get_default_dtype()
    dtype('float32')
    """
    return of_number[builtins.float]


def set_default_dtype(d: "npt.DTypeLike") -> None:
    """Set the dtype of Python floats, of new tensors and of the parameters of new layers.

    Parameters
    ----------
    d : dtype
        float32, which is the default, or float64.

    Raises
    ------
    TypeError
        If `d` is another dtype.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_default_dtype(cnet.float64)
    >>> cnet.zeros(2).dtype
    dtype('float64')
    >>> cnet.set_default_dtype(cnet.float32)
    """
    chosen = as_dtype("set_default_dtype", d)
    if chosen not in (float32, float64):
        raise TypeError(f"set_default_dtype: d must be float32 or float64 (got {chosen})")
    of_number[builtins.float] = chosen


def can_hold(target: np.dtype[Any], source: np.dtype[Any]) -> builtins.bool:
    """Whether an operation in place may write a result of dtype `source` into a `target`.

    A result must not be of a higher kind: bool, integer, float. Integers wrap around.
    """
    return np.can_cast(source, target, "same_kind") or source.kind + target.kind == "iu"


def as_dtype(function: str, value: Any) -> np.dtype[Any]:
    """Convert a dtype, Python type or name to a dtype of real numbers; TypeError if it is none.

    RuntimeError if the name is that of a type of tensors on a GPU.
    """
    if type(value) is str:
        place, _, value = value.rpartition(".")
        if place.endswith("cuda"):
            raise RuntimeError(
                f"{function}: {place}.{value} is not available: all tensors are on the CPU"
            )
        if value in REFUSED:
            raise TypeError(f"{function}: dtype {value}: {REFUSED[value]}")
        value = TENSOR_TYPES.get(value, value)
    try:
        found: np.dtype[Any] = np.dtype(value)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: dtype must be a dtype (got {value!r})") from None
    if found.kind not in "biuf" or value is None:
        raise TypeError(f"{function}: dtype must be boolean, integer or float (got {value})")
    return found
