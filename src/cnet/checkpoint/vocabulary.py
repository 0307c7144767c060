"""What the names in PyTorch's pickles mean: storages, tensors, dtypes and a few containers.

A storage is a run of numbers outside the pickle. A tensor is a storage with an offset, a shape and
strides; several tensors may share a storage.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .._narrow import NARROW, widen
from ..nn.parameter import Parameter
from ..size import Size
from ..tensor import Tensor
from .pickles import checked_key

Array: TypeAlias = npt.NDArray[Any]


class Kind(NamedTuple):
    """A dtype in a file."""

    code: str
    """The code of NumPy, or the name of a narrow format, which is widened."""

    @property
    def itemsize(self) -> int:
        if self.code in NARROW:
            return 2 if self.code == "BF16" else 1
        return np.dtype(self.code).itemsize


KINDS = {
    name: Kind(code)
    for name, code in (
        ("float16", "f2"), ("float32", "f4"), ("float64", "f8"), ("int8", "i1"), ("int16", "i2"),
        ("int32", "i4"), ("int64", "i8"), ("uint8", "u1"), ("uint16", "u2"), ("uint32", "u4"),
        ("uint64", "u8"), ("bool", "b1"), ("bfloat16", "BF16"), ("float8_e4m3fn", "F8_E4M3"),
        ("float8_e4m3fnuz", "F8_E4M3FNUZ"), ("float8_e5m2", "F8_E5M2"),
        ("float8_e5m2fnuz", "F8_E5M2FNUZ"), ("float8_e8m0fnu", "F8_E8M0"),
    )
}  # fmt: skip
"""PyTorch's dtypes by name."""

STORAGES = {
    "HalfStorage": "float16", "FloatStorage": "float32", "DoubleStorage": "float64",
    "CharStorage": "int8", "ShortStorage": "int16", "IntStorage": "int32", "LongStorage": "int64",
    "ByteStorage": "uint8", "BoolStorage": "bool", "BFloat16Storage": "bfloat16",
    "UntypedStorage": "uint8",
}  # fmt: skip
"""The dtypes of PyTorch's classes of storages."""


class StorageType(NamedTuple):
    """A class of storages."""

    name: str
    kind: Kind


class Function(NamedTuple):
    """A function that a pickle may call."""

    name: str
    call: Callable[..., Any]


class Storage:
    """A run of numbers that tensors share."""

    def __init__(self, kind: Kind, data: Array, swap: bool) -> None:
        self.kind = kind
        self.nbytes = data.size
        self._data = data
        self._swap = swap
        self._arrays: dict[Kind, Array] = {}

    def array(self, kind: Kind) -> Array:
        """The numbers as elements of a dtype; always the same array."""
        if kind not in self._arrays:
            if self.nbytes % kind.itemsize:
                raise ValueError(f"a storage of {self.nbytes} bytes does not fit its dtype")
            data = self._data
            if self._swap and kind.itemsize > 1:
                data = data.view(f"u{kind.itemsize}").byteswap().view(np.uint8)
            is_narrow = kind.code in NARROW
            self._arrays[kind] = widen(data, kind.code) if is_narrow else data.view(kind.code)
        return self._arrays[kind]


class Names:
    """The vocabulary of the pickles in a file.

    Parameters
    ----------
    read : callable
        Returns the bytes of a storage as an array of uint8, from its name and size.
    limit : int
        The length of the file, which bounds the memory of all storages.
    swap : bool
        Whether the numbers in the file are big-endian.
    """

    def __init__(self, read: Callable[[str, int], Array], limit: int, swap: bool = False) -> None:
        self._read = read
        self._limit = limit
        self._swap = swap
        self._copied = 0
        self._stored = 0
        self.storages: dict[str, Storage] = {}

    def find(self, module: str, name: str) -> Any:
        known = FUNCTIONS.get((module.replace("__builtin__", "builtins"), name))
        if known is not None:
            return Function(f"{module}.{name}", known)
        if module in ("torch", "torch.storage") and name in STORAGES:
            return StorageType(name, KINDS[STORAGES[name]])
        if module == "torch" and name in KINDS:
            kind = KINDS[name]
            return kind if kind.code in NARROW else np.dtype(kind.code)
        full = f"{module}.{name}"
        full = full if full.isprintable() else repr(full)
        raise ValueError(
            f"the file refers to {full:.200}; only tensors and plain containers are read"
        )

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        if not isinstance(function, Function):
            raise ValueError("its pickle calls an object that is not a function")
        # A short pickle could copy a long object again and again.
        self._copied += sum(len(arg) for arg in args if hasattr(arg, "__len__"))
        if self._copied > self._limit:
            raise ValueError("its pickle copies more than the file contains")
        try:
            return function.call(*args)
        except (TypeError, AttributeError, LookupError) as error:
            raise ValueError(f"invalid arguments of {function.name}: {error}") from error

    def persistent(self, key: Any) -> Storage:
        if not (type(key) is tuple and key[:1] == ("storage",) and len(key) in (5, 6)):
            raise ValueError("its pickle refers to an external object that is no storage")
        if key[5:] not in ((), (None,)):
            raise ValueError("its pickle refers to a storage that is a part of another one")
        kind, name, place, numel = key[1:5]
        if tuple(map(type, key[1:5])) != (StorageType, str, str, int):
            raise ValueError("its pickle refers to a storage without its class, name and size")
        if place == "meta":
            raise ValueError(f"the storage {name!r} was saved on the device 'meta', without values")
        nbytes = numel * kind.kind.itemsize
        if name not in self.storages:
            self._stored += nbytes
            if nbytes < 0 or self._stored > self._limit:
                raise ValueError(
                    f"the storage {name!r} must fit into the file (got {nbytes} bytes)"
                )
            self.storages[name] = Storage(kind.kind, self._read(name, nbytes), self._swap)
        storage = self.storages[name]
        if storage.kind != kind.kind or storage.nbytes != nbytes:
            raise ValueError(f"the storage {name!r} has two different sizes or dtypes")
        return storage


# Functions that a pickle may call


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, kind: Any = None) -> Tensor:
    """A tensor in a storage; all of its elements must be inside."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor needs a storage")
    kind = storage.kind if kind is None else kind
    if isinstance(kind, np.dtype):
        kind = Kind(kind.str[1:])
    if not isinstance(kind, Kind):
        raise ValueError("the dtype of a tensor is not a dtype")
    array = storage.array(kind)
    if not (type(size) in (tuple, Size) and type(stride) is tuple and len(size) == len(stride)):
        raise ValueError("the size and the stride of a tensor must be tuples of the same length")
    if not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise ValueError("offset, size and stride of a tensor must be integers of at least 0")
    if len(size) > 64:
        raise ValueError(f"a tensor must have at most 64 dimensions (got {len(size)})")
    if 0 in size:
        return Tensor(np.empty(size, array.dtype))
    needed = offset + 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if needed > array.size:
        raise ValueError(
            f"a tensor of size {list(size)} needs {needed} elements of its storage, which has "
            f"{array.size}"
        )
    item = array.itemsize
    strides = [item * step if n > 1 else item for n, step in zip(size, stride, strict=True)]
    return Tensor(np.ndarray(size, array.dtype, array, item * offset, strides))


def _tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, *rest: Any
) -> Tensor:
    _without(hooks=hooks, metadata=rest[0] if rest else None)
    tensor = _tensor(storage, offset, size, stride)
    return tensor.requires_grad_(bool(requires_grad)) if requires_grad else tensor


def _tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, kind: Any,
    *rest: Any,
) -> Tensor:  # fmt: skip
    _without(hooks=hooks, metadata=rest[0] if rest else None)
    tensor = _tensor(storage, offset, size, stride, kind)
    return tensor.requires_grad_(bool(requires_grad)) if requires_grad else tensor


def _parameter(data: Any, requires_grad: Any, hooks: Any) -> Parameter:
    _without(hooks=hooks)
    if not isinstance(data, Tensor):
        raise ValueError("a parameter needs a tensor")
    return Parameter(data, bool(requires_grad))


def _without(**parts: Any) -> None:
    for name, value in parts.items():
        if value:
            raise ValueError(f"a tensor with {name} is not supported")


def _ordered_dict(items: Any = ()) -> "OrderedDict[Any, Any]":
    return OrderedDict((checked_key(key), value) for key, value in items)


def _encoded(text: Any, encoding: Any) -> bytes:
    """Bytes, which protocol 2 stores as text."""
    if encoding != "latin1":
        raise ValueError(f"the encoding of bytes must be latin1 (got {encoding!r:.50})")
    return bytes(text.encode("latin1"))


def _device(kind: Any, number: Any = None) -> str:
    return str(kind) if number is None else f"{kind!s:.20}:{int(number)}"


FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("builtins", "set"): lambda items=(): set(map(checked_key, items)),
    ("builtins", "frozenset"): lambda items=(): frozenset(map(checked_key, items)),
    ("builtins", "complex"): lambda real, imaginary: complex(float(real), float(imaginary)),
    ("_codecs", "encode"): _encoded,
    ("torch", "Size"): lambda size: Size([int(n) for n in size]),
    ("torch", "device"): _device,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}
