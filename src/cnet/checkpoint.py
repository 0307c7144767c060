"""Nested Python data in safetensors files, written so that no failure costs the previous file.

Arrays are tensors of the file, so other tools can read them. What holds them together (dicts,
lists, numbers, strings) is JSON in the metadata, along with a hash over everything.
"""

import hashlib
import json
import math
import os
import struct
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from ._files import PathLike, atomic_write

Array: TypeAlias = npt.NDArray[Any]

MARK = "cnet."  # in every name of ours in the metadata
KEY = "cnet.checkpoint"
VERSION = 1
RESERVED = "__metadata__"  # safetensors keeps this name for itself
DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64"),
}
MAX_DEPTH = 100
MAX_JSON_BITS = 64  # of an integer; longer ones many readers of JSON would round


class CheckpointError(ValueError):
    """The file is not a sound checkpoint; the message names it and says why."""


def save(obj: Any, path: PathLike) -> None:
    """Write nested data to a file, all of it or nothing.

    The tensors in the file are named by their keys, joined by dots; a `state_dict` keeps its names.
    A name that is taken already gets an apostrophe. If anything fails, a disk that is full for
    example, an earlier file stays as it was.

    Parameters
    ----------
    obj : dict, list, tuple, array_like, None, bool, int, float or str
        Nested at most 100 levels deep. Keys are str or int. An object with ``__array__`` (a tensor,
        a NumPy scalar) is stored as an array; its dtype is bool, an integer, float16, float32,
        float64 or complex64. Instances of subclasses (`OrderedDict`) come back as their base type.
    path : str or os.PathLike
        The file. If it is a symbolic link, the file it points to is replaced.

    Raises
    ------
    TypeError
        If `obj` contains something else, or an array of another dtype.
    ValueError
        If it is nested too deep, as is one that contains itself.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import cnet
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> cnet.save({"epoch": 3, "model": {"0.weight": np.ones((2, 3))}}, path)
    >>> cnet.load(path)["epoch"]
    3
    """
    os.fspath(path)
    arrays: dict[str, Array] = {}
    structure = _encode(obj, (), arrays)
    content = {
        "cnet.version": VERSION,
        "cnet.sha256": _digest(structure, arrays),
        "cnet.structure": structure,
    }
    atomic_write(path, safetensors.numpy.save(arrays, {KEY: json.dumps(content)}))


def load(path: PathLike) -> Any:
    """Read what `save` wrote, or the tensors of any other safetensors file.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    Any
        What was saved, with arrays of their own memory in native byte order. A file that `save`
        did not write gives a dict of its tensors.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is not a safetensors file, or is damaged, or holds what NumPy has no dtype for, or was
        written by a version of cnet that this one does not understand.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import cnet
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> cnet.save({"bias": np.array([0.5, 1.5]), "step": 7}, path)
    >>> cnet.load(path)
    {'bias': array([0.5, 1.5]), 'step': 7}
    """
    content = Path(path).read_bytes()
    try:
        return _parse(content)
    except (SafetensorError, ValueError, RecursionError, struct.error) as error:
        raise CheckpointError(f"load: {os.fspath(path)} is not sound: {error}") from error


# The structure as JSON: null, booleans, numbers, strings and lists stand for themselves; an object
# with one key stands for what JSON lacks: {"dict": [[key, value], ...]}, {"tuple": [...]},
# {"array": name}, {"int": "0x..."} and {"float": "7ff0000000000000"}, the bits of inf and NaN.


def _encode(obj: Any, path: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    """The structure of `obj`, which is at `path`; its arrays are added to `arrays`."""
    if len(path) > MAX_DEPTH:
        raise ValueError(f"save: obj must be nested at most {MAX_DEPTH} levels deep (got more)")
    if hasattr(obj, "__array__"):
        name = _free_name(path, arrays)
        arrays[name] = _as_array(obj, path)
        return {"array": name}
    match obj:
        case None | bool() | str():
            return obj
        case int():
            return obj if obj.bit_length() <= MAX_JSON_BITS else {"int": hex(obj)}
        case float():
            return obj if math.isfinite(obj) else {"float": struct.pack(">d", obj).hex()}
        case list():
            return [_encode(item, (*path, i), arrays) for i, item in enumerate(obj)]
        case tuple():
            return {"tuple": [_encode(item, (*path, i), arrays) for i, item in enumerate(obj)]}
        case dict():
            return {"dict": [_encode_item(*item, path, arrays) for item in obj.items()]}
    raise TypeError(f"save: {_where(path)} has a type that is not stored (got {type(obj)})")


def _encode_item(key: Any, value: Any, path: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise TypeError(f"save: the keys of {_where(path)} must be str or int (got {key!r})")
    return [_encode(key, path, arrays), _encode(value, (*path, key), arrays)]


def _as_array(obj: Any, path: tuple[Any, ...]) -> Array:
    """A C-contiguous array in native byte order."""
    array = np.asarray(obj.detach() if hasattr(obj, "detach") else obj)
    if array.dtype.name not in DTYPES:
        raise TypeError(f"save: {_where(path)} has a dtype that is not stored (got {array.dtype})")
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _free_name(path: tuple[Any, ...], taken: dict[str, Array]) -> str:
    name = ".".join(map(str, path)).encode("utf-8", "backslashreplace").decode()
    while name in taken or name == RESERVED:
        name += "'"
    return name


def _where(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def _digest(structure: Any, arrays: dict[str, Array]) -> str:
    """A hash over everything that is stored, however the file arranges it."""
    digest = hashlib.sha256(json.dumps(structure).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _parse(content: bytes) -> Any:
    arrays = _tensors(content)
    text = _metadata(content)
    if text is None:
        return arrays
    match json.loads(text):
        case {"cnet.version": version} if version != VERSION:
            raise ValueError(f"its structure must have version {VERSION} (got {version!r})")
        case {"cnet.version": _, "cnet.sha256": digest, "cnet.structure": structure}:
            if _digest(structure, arrays) != digest:
                raise ValueError("its content does not match its hash")
        case _:
            raise ValueError("its structure is not readable")
    obj = _decode(structure, arrays)
    if arrays:
        raise ValueError(f"its structure lacks the tensors {sorted(arrays)}")
    return obj


def _tensors(content: bytes) -> dict[str, Array]:
    try:
        return safetensors.numpy.load(content)
    except KeyError as error:
        raise ValueError(f"NumPy has no dtype for its tensors of type {error}") from error


def _metadata(content: bytes) -> str | None:
    """Our entry in the metadata of a file that safetensors has accepted."""
    end = 8 + int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8:end]).get(RESERVED) or {}
    # One mark of the four will do: damage must not make our file look like that of another tool.
    ours = (text for key, text in metadata.items() if MARK in key or MARK in text)
    return next(ours, None)


def _decode(node: Any, arrays: dict[str, Array]) -> Any:
    """What `_encode` was given; the arrays used are taken out of `arrays`."""
    match node:
        case None | bool() | int() | float() | str():
            return node
        case list():
            return [_decode(item, arrays) for item in node]
        case {"tuple": list(items)}:
            return tuple([_decode(item, arrays) for item in items])
        case {"dict": list(pairs)}:
            items = [_decode_item(pair, arrays) for pair in pairs]
            if len(dict(items)) == len(items):
                return dict(items)
        case {"array": str(name)} if name in arrays:
            return arrays.pop(name)
        case {"int": str(digits)}:
            return int(digits, 16)
        case {"float": str(bits)}:
            return struct.unpack(">d", bytes.fromhex(bits))[0]
    raise ValueError(f"its structure has a part without a meaning or a tensor: {node!r:.100}")


def _decode_item(pair: Any, arrays: dict[str, Array]) -> tuple[str | int, Any]:
    match pair:
        case [key, value]:
            match _decode(key, arrays):
                case str() | int() as name:
                    return name, _decode(value, arrays)
    raise ValueError(f"its structure has an item of a dict without a meaning: {pair!r:.100}")
