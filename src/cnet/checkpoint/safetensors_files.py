"""Safetensors files: tensors, and in those that cnet wrote, the structure around them."""

import json
from typing import Any

import numpy as np
import safetensors.numpy

from .._narrow import NARROW, widen
from .structure import RESERVED, Array, decode, digest, encode

MARK = "cnet."  # part of every name that cnet writes into the metadata
KEY = "cnet.checkpoint"
VERSION = 1
STORED = {"BOOL": "?", "C64": "<c8"} | {
    f"{kind}{8 * size}": f"<{kind.lower()}{size}"
    for kind, sizes in {"F": (2, 4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}.items()
    for size in sizes
}
"""The NumPy dtypes of the tensors in a file."""


def write(obj: Any) -> bytes:
    """The content of a file with nested data."""
    arrays: dict[str, Array] = {}
    structure = encode(obj, (), arrays)
    content = {
        "cnet.version": VERSION,
        "cnet.sha256": digest(structure, arrays),
        "cnet.structure": structure,
    }
    return safetensors.numpy.save(arrays, {KEY: json.dumps(content)})


def read(content: bytes) -> Any:
    """The object that was saved; for a file of another tool, a dict of its tensors."""
    arrays = _tensors(content)
    text = _metadata(content)
    if text is None:
        return arrays
    match json.loads(text):
        case {"cnet.version": version} if version != VERSION:
            raise ValueError(f"its structure must have version {VERSION} (got {version!r})")
        case {"cnet.version": _, "cnet.sha256": expected, "cnet.structure": structure}:
            if digest(structure, arrays) != expected:
                raise ValueError("its content does not match its hash")
        case _:
            raise ValueError("its structure is not readable")
    obj = decode(structure, arrays)
    if arrays:
        raise ValueError(f"its structure lacks the tensors {sorted(arrays)}")
    return obj


def looks_like_safetensors(content: bytes) -> bool:
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
