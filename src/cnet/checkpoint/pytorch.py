"""PyTorch's files: the zip archive that ``torch.save`` writes, and the format before version 1.6.

Both hold a pickle of the object, and the numbers of its tensors outside the pickle.
"""

import struct
from collections import OrderedDict
from io import BytesIO
from typing import Any, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt

from ..size import Size
from ..tensor import Tensor
from .pickles import Reader
from .structure import MAX_DEPTH
from .vocabulary import Names

Array: TypeAlias = npt.NDArray[Any]

MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")
"""The number in the first pickle of the old format, little-endian."""

LEGACY_PROTOCOL = 1001
"""The number in the second one."""

ENCRYPTED = 1
"""The flag of an encrypted member of a zip archive."""


def read_zip(content: bytes) -> Any:
    """The object in a zip archive."""
    with ZipFile(BytesIO(content)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1 or len(members) != len(archive.infolist()):
            raise ValueError("its archive must have one member data.pkl, and no name twice")
        folder = pickles[0].removesuffix("data.pkl")
        if folder + "constants.pkl" in members:
            raise ValueError("it is a TorchScript program, not a file of torch.save")
        order = b"little"
        if folder + "byteorder" in members:
            order = archive.read(_checked(members, folder + "byteorder", len(content)))
        if order not in (b"little", b"big"):
            raise ValueError(f"its byte order must be little or big (got {order!r:.50})")

        def storage(name: str, nbytes: int) -> Array:
            member = _checked(members, f"{folder}data/{name}", len(content), nbytes)
            return np.frombuffer(bytearray(archive.read(member)), np.uint8)

        pickle = archive.read(_checked(members, pickles[0], len(content)))
        return _read_all(pickle, Names(storage, len(content), swap=order == b"big"))


def _read_all(pickle: bytes, names: Names) -> Any:
    reader = Reader(pickle, names)
    obj = reader.read()
    if reader.position != len(pickle):
        raise ValueError("its pickle is followed by other data")
    return _checked_object(obj)


def _checked(
    members: dict[str, ZipInfo], name: str, limit: int, nbytes: int | None = None
) -> ZipInfo:
    """A member that is not compressed, and has the given size."""
    member = members.get(name)
    if member is None:
        raise ValueError(f"its archive has no member {name}")
    if member.compress_type != ZIP_STORED or member.flag_bits & ENCRYPTED:
        raise ValueError(f"the member {name} of its archive is compressed or encrypted")
    if member.file_size != member.compress_size or member.file_size > limit:
        raise ValueError(f"the member {name} of its archive is larger than it can be")
    if nbytes is not None and member.file_size != nbytes:
        raise ValueError(
            f"the member {name} of its archive must have {nbytes} bytes (got {member.file_size})"
        )
    return member


def is_legacy(content: bytes) -> bool:
    """Whether the content begins as a file of the old format."""
    return content.startswith(b"\x80") and MAGIC in content[:32]


def read_legacy(content: bytes) -> Any:
    """The object in a file of the old format: five pickles, then the numbers of the storages.

    The pickle of the object is read twice, because it comes before the numbers: first with zeros.
    """
    data: dict[str, Array] = {}
    zeros = Names(
        lambda name, nbytes: data.setdefault(name, np.zeros(nbytes, np.uint8)), len(content)
    )
    parts, positions = [], [0]
    for _ in range(5):
        reader = Reader(content, zeros, positions[-1])
        parts.append(reader.read())
        positions.append(reader.position)
    magic, protocol, system, _, names = parts
    if (magic, protocol) != (int.from_bytes(MAGIC, "little"), LEGACY_PROTOCOL):
        raise ValueError(f"its format must have version {LEGACY_PROTOCOL}")
    if type(system) is not dict or system.get("little_endian") is not True:
        raise ValueError("its numbers must be little-endian")
    is_list = type(names) is list and all(type(name) is str for name in names)
    if not is_list or sorted(names) != sorted(data):
        raise ValueError("its list of storages does not match its pickle")
    position = positions[-1]
    for name in names:
        position = _fill(data[name], content, position, zeros.storages[name].kind.itemsize)
    if position != len(content):
        raise ValueError("its last storage is followed by other data")
    filled = Names(lambda name, nbytes: data[name], len(content))
    return _checked_object(Reader(content, filled, positions[3]).read())


def _fill(data: Array, content: bytes, position: int, itemsize: int) -> int:
    """Read the numbers of a storage at a position, and return the position after them."""
    start = position + 8
    if start + data.size > len(content):
        raise ValueError("its storages are cut short")
    numel = struct.unpack("<q", content[position:start])[0]
    if numel * itemsize != data.size:
        raise ValueError(f"a storage must have {data.size // itemsize} elements (got {numel})")
    data[...] = np.frombuffer(content, np.uint8, data.size, start)
    return int(start + data.size)


PLAIN = (type(None), bool, int, float, complex, str, bytes, Tensor, Size, np.dtype)
CONTAINERS = (dict, OrderedDict, list, tuple, set, frozenset)


def _checked_object(obj: Any) -> Any:
    """The object, if it is made of tensors and plain containers, and is not nested too deep."""
    seen: set[int] = set()
    level, depth = [obj], 0
    while level:
        inside: list[Any] = []
        for item in level:
            if type(item) in CONTAINERS:
                if id(item) not in seen:
                    seen.add(id(item))
                    inside += item.values() if isinstance(item, dict) else item
                    inside.append(getattr(item, "_metadata", None))
            elif not isinstance(item, PLAIN):
                name = getattr(item, "name", type(item).__name__)
                raise ValueError(f"the file has {name} in place of data")
        level, depth = inside, depth + 1
        if depth > MAX_DEPTH + 1 and level:
            raise ValueError(f"its object must be nested at most {MAX_DEPTH} levels deep")
    return obj
