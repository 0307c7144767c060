"""Nested data as JSON, with its arrays taken out, and the reverse.

Null, booleans, numbers, strings and lists stand for themselves; an object with one key stands for a
type that JSON lacks: {"dict": [[key, value], ...]}, {"tuple": [...]}, {"array": name},
{"tensor": name}, {"int": "0x..."} and {"float": "7ff0000000000000"}, the bits of inf and NaN.
"""

import hashlib
import json
import math
import struct
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..tensor import Tensor

Array: TypeAlias = npt.NDArray[Any]

RESERVED = "__metadata__"  # the name that safetensors uses for the metadata
DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64"),
}
MAX_DEPTH = 100
MAX_JSON_BITS = 64  # of an integer; many readers of JSON would round longer ones


def encode(obj: Any, path: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    """The structure of `obj`, which is at `path`; add its arrays to `arrays`."""
    if len(path) > MAX_DEPTH:
        raise ValueError(f"save: obj must be nested at most {MAX_DEPTH} levels deep (got more)")
    if hasattr(obj, "__array__"):
        name = _free_name(path, arrays)
        arrays[name] = _as_array(obj, path)
        return {"tensor" if isinstance(obj, Tensor) else "array": name}
    match obj:
        case None | bool() | str():
            return obj
        case int():
            return obj if obj.bit_length() <= MAX_JSON_BITS else {"int": hex(obj)}
        case float():
            return obj if math.isfinite(obj) else {"float": struct.pack(">d", obj).hex()}
        case list():
            return [encode(item, (*path, i), arrays) for i, item in enumerate(obj)]
        case tuple():
            return {"tuple": [encode(item, (*path, i), arrays) for i, item in enumerate(obj)]}
        case dict():
            return {"dict": [_encode_item(*item, path, arrays) for item in obj.items()]}
    hint = "; pass its state_dict()" if hasattr(obj, "state_dict") else ""
    raise TypeError(
        f"save: {_where(path)} has a type that cannot be stored (got {type(obj)}){hint}"
    )


def _encode_item(key: Any, value: Any, path: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise TypeError(f"save: the keys of {_where(path)} must be str or int (got {key!r})")
    return [encode(key, path, arrays), encode(value, (*path, key), arrays)]


def _as_array(obj: Any, path: tuple[Any, ...]) -> Array:
    """A C-contiguous array in native byte order."""
    array = np.asarray(obj.detach() if hasattr(obj, "detach") else obj)
    if array.dtype.name not in DTYPES:
        raise TypeError(
            f"save: {_where(path)} has a dtype that cannot be stored (got {array.dtype})"
        )
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _free_name(path: tuple[Any, ...], taken: dict[str, Array]) -> str:
    name = ".".join(map(str, path)).encode("utf-8", "backslashreplace").decode()
    while name in taken or name == RESERVED:
        name += "'"
    return name


def _where(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def digest(structure: Any, arrays: dict[str, Array]) -> str:
    """A hash over the whole content; it does not depend on the order in the file."""
    digest = hashlib.sha256(json.dumps(structure).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def decode(node: Any, arrays: dict[str, Array]) -> Any:
    """The object that `encode` encoded; used arrays are removed from `arrays`."""
    match node:
        case None | bool() | int() | float() | str():
            return node
        case list():
            return [decode(item, arrays) for item in node]
        case {"tuple": list(items)}:
            return tuple([decode(item, arrays) for item in items])
        case {"dict": list(pairs)}:
            items = [_decode_item(pair, arrays) for pair in pairs]
            if len(dict(items)) == len(items):
                return dict(items)
        case {"array": str(name)} if name in arrays:
            return arrays.pop(name)
        case {"tensor": str(name)} if name in arrays:
            return Tensor(arrays.pop(name))
        case {"int": str(digits)}:
            return int(digits, 16)
        case {"float": str(bits)}:
            return struct.unpack(">d", bytes.fromhex(bits))[0]
    raise ValueError(f"its structure has an unknown part, or one without its tensor: {node!r:.100}")


def _decode_item(pair: Any, arrays: dict[str, Array]) -> tuple[str | int, Any]:
    match pair:
        case [key, value]:
            match decode(key, arrays):
                case str() | int() as name:
                    return name, decode(value, arrays)
    raise ValueError(f"its structure has an unknown item of a dict: {pair!r:.100}")
