"""Nested Python data in safetensors files; a failed write leaves the previous file unchanged.

Arrays are tensors of the file, so other tools can read them. The structure around them (dicts,
lists, numbers, strings) is JSON in the metadata, with a hash over the whole content.
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
from ._kinds import describe
from ._narrow import NARROW, widen

Array: TypeAlias = npt.NDArray[Any]

MARK = "cnet."  # part of every name that cnet writes into the metadata
KEY = "cnet.checkpoint"
VERSION = 1
RESERVED = "__metadata__"  # the name that safetensors uses for the metadata
STORED = {"BOOL": "?", "C64": "<c8"} | {
    f"{kind}{8 * size}": f"<{kind.lower()}{size}"
    for kind, sizes in {"F": (2, 4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}.items()
    for size in sizes
}
"""The NumPy dtypes of the tensors in a file."""
DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64"),
}
MAX_DEPTH = 100
MAX_JSON_BITS = 64  # of an integer; many readers of JSON would round longer ones


class CheckpointError(ValueError):
    """The file is not a valid checkpoint; the message names it and gives the reason."""


def save(obj: Any, path: PathLike) -> None:
    """Write nested data to a file, completely or not at all.

    The name of a tensor in the file is made of its keys, joined by dots; a `state_dict` keeps its
    names. A name that is already used gets an apostrophe. If the write fails, because the disk is
    full for example, an earlier file remains unchanged.

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
        If `obj` contains another type, or an array of another dtype.
    ValueError
        If `obj` is nested too deep; an object that contains itself always is.
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
        The saved object. Each array has memory of its own and native byte order. For a file that
        `save` did not write, a dict of its tensors; bfloat16 and float8 (E4M3, E5M2, their FNUZ
        variants, E8M0), for which NumPy has no dtypes, are widened to float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is not a safetensors file (the message says what it seems to be), is damaged, has
        tensors of another dtype, or was written by an unknown version of cnet.

    Notes
    -----
    Neither this function nor any other of cnet loads a pickle, which could run any code. The
    tensors of a PyTorch file (``.pt``) become readable when they are exported once, with PyTorch:
    ``safetensors.torch.save_file(torch.load("model.pt", weights_only=True), "model.safetensors")``.

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
    name = os.fspath(path)
    if os.path.isdir(path):
        raise CheckpointError(f"load: {name} is not a safetensors file: it is a folder")
    content = Path(path).read_bytes()
    try:
        return _parse(content)
    except (SafetensorError, ValueError, RecursionError, struct.error) as error:
        if _looks_like_safetensors(content):
            raise CheckpointError(f"load: {name} cannot be read: {error}") from error
        kind = describe(content)
        reason = f"; it seems to be {kind}" if kind else f", or is damaged: {error}"
        raise CheckpointError(f"load: {name} is not a safetensors file{reason}") from error


# The structure as JSON: null, booleans, numbers, strings and lists stand for themselves; an object
# with one key stands for a type that JSON lacks: {"dict": [[key, value], ...]}, {"tuple": [...]},
# {"array": name}, {"int": "0x..."} and {"float": "7ff0000000000000"}, the bits of inf and NaN.


def _encode(obj: Any, path: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    """The structure of `obj`, which is at `path`; add its arrays to `arrays`."""
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
    raise TypeError(f"save: {_where(path)} has a type that cannot be stored (got {type(obj)})")


def _encode_item(key: Any, value: Any, path: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise TypeError(f"save: the keys of {_where(path)} must be str or int (got {key!r})")
    return [_encode(key, path, arrays), _encode(value, (*path, key), arrays)]


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


def _digest(structure: Any, arrays: dict[str, Array]) -> str:
    """A hash over the whole content; it does not depend on the order in the file."""
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


def _looks_like_safetensors(content: bytes) -> bool:
    """Whether the content begins with a plausible length of the header, then a JSON object."""
    return int.from_bytes(content[:8], "little") < 1 << 40 and content[8:9] == b"{"


def _tensors(content: bytes) -> dict[str, Array]:
    return {
        name: _tensor(stored["dtype"], stored["data"]).reshape(stored["shape"])
        for name, stored in safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    }


def _tensor(dtype: str, data: bytearray) -> Array:
    """A one-dimensional array from a stored tensor."""
    if dtype in NARROW:
        return widen(data, dtype)
    if dtype not in STORED:
        raise ValueError(f"NumPy has no dtype for its tensors of type {dtype!r}")
    array = np.frombuffer(data, STORED[dtype])
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _metadata(content: bytes) -> str | None:
    """The entry of cnet in the metadata of a file that safetensors has accepted."""
    end = 8 + int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8:end]).get(RESERVED) or {}
    # One of the four marks is enough: a damaged file must not look like one of another tool.
    ours = (text for key, text in metadata.items() if MARK in key or MARK in text)
    return next(ours, None)


def _decode(node: Any, arrays: dict[str, Array]) -> Any:
    """The object that `_encode` encoded; used arrays are removed from `arrays`."""
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
    raise ValueError(f"its structure has an unknown part, or one without its tensor: {node!r:.100}")


def _decode_item(pair: Any, arrays: dict[str, Array]) -> tuple[str | int, Any]:
    match pair:
        case [key, value]:
            match _decode(key, arrays):
                case str() | int() as name:
                    return name, _decode(value, arrays)
    raise ValueError(f"its structure has an unknown item of a dict: {pair!r:.100}")
