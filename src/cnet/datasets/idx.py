"""The IDX format, in which MNIST and similar data sets are published."""

import gzip
import io
import os
import sys
import zlib
from math import prod
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from .._kinds import describe

Array: TypeAlias = npt.NDArray[Any]

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMS = 64  # of a NumPy array
GZIP_MAGIC = b"\x1f\x8b"
MAX_GZIP_RATIO = 1032  # deflate spends at least two bits on a match of at most 258 bytes
CHUNK = 1 << 20
KIND_BYTES = 4092  # read to say what a file that is not IDX seems to be


def read_idx(source: str | os.PathLike[str] | bytes) -> Array:
    """Read an array from an IDX file, plain or compressed by gzip.

    The sizes in the header are compared with the length of the file before memory is allocated,
    and a compressed file is unpacked only to the size in its header.

    Parameters
    ----------
    source : str or os.PathLike or bytes
        The name of a file, or the content of one as bytes.

    Returns
    -------
    numpy.ndarray
        An array with the shape and dtype in the header: uint8, int8, int16, int32, float32 or
        float64, in native byte order.

    Raises
    ------
    ValueError
        If the content is not IDX, is shorter or longer than the sizes in its header, has more
        dimensions than an array can have, or is damaged gzip.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits, section "File
    formats".

    Examples
    --------
    >>> import cnet
    >>> cnet.datasets.read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 10, 20, 30]))
    array([10, 20, 30], dtype=uint8)
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), "the given bytes")
    with open(source, "rb") as file:
        return _read(file, os.fspath(source))


def _read(file: BinaryIO, name: str) -> Array:
    """Parse the content of a seekable file, unpacking it if it is compressed."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    if not is_gzip:
        return _parse(file, name, size)
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            return _parse(stream, name, size * MAX_GZIP_RATIO)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"read_idx: {name} is damaged gzip: {error}") from error


def _parse(stream: BinaryIO | gzip.GzipFile, name: str, max_size: int) -> Array:
    """Read an array from a stream of at most `max_size` bytes."""
    magic = _take(stream, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        kind = describe(magic + _take(stream, KIND_BYTES))
        raise ValueError(
            f"read_idx: {name} must start with two zero bytes, one of the type codes "
            f"{bytes(DTYPES).hex(' ')} and the number of dimensions (got {magic.hex(' ')!r}"
            f"{f'; it seems to be {kind}' if kind else ''})"
        )
    dtype, ndim = np.dtype(DTYPES[magic[2]]), magic[3]
    if ndim > MAX_DIMS:
        raise ValueError(f"read_idx: {name} must have at most {MAX_DIMS} dimensions (got {ndim})")
    sizes = _take(stream, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(
            f"read_idx: {name} must hold {4 * ndim} bytes of sizes for {ndim} dimensions "
            f"(got {len(sizes)})"
        )
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if prod(max(size, 1) for size in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"read_idx: {name} has sizes too large for an array (got {shape})")
    return _items(stream, name, dtype, shape, max_size - len(magic) - len(sizes))


def _items(
    stream: BinaryIO | gzip.GzipFile,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    max_size: int,
) -> Array:
    """Read the items; it is an error if anything follows them."""
    expected = prod(shape) * dtype.itemsize

    def wrong_size(got: str) -> ValueError:
        return ValueError(
            f"read_idx: {name} must hold {expected} bytes of items for shape {shape} (got {got})"
        )

    if expected > max_size:
        raise wrong_size(f"at most {max_size}")
    items = np.empty(expected, np.uint8)
    filled = 0
    while filled < expected:
        chunk = _take(stream, min(CHUNK, expected - filled))
        if not chunk:
            raise wrong_size(str(filled))
        items[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
    if stream.read(1):  # at the end of gzip this also verifies the checksum
        raise wrong_size(f"at least {expected + 1}")
    return items.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _take(stream: BinaryIO | gzip.GzipFile, size: int) -> bytes:
    """Read up to `size` bytes; truncated gzip ends like a plain file."""
    try:
        return stream.read(size)
    except EOFError:
        return b""
