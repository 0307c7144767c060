"""Checkpoints: nested data in a file, written completely or not at all, and read without pickle.

`save` writes safetensors files. Arrays are tensors of the file, so other tools can read them; the
structure around them (dicts, lists, numbers, strings) is JSON in the metadata, with a hash over the
whole content. `load` also reads the files of PyTorch, with a reader that runs nothing.
"""

import os
import struct
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from safetensors import SafetensorError

from .._explained import explained
from .._files import PathLike, atomic_write
from .._kinds import describe
from ..nn._arguments import cpu_device
from . import pytorch, safetensors_files

__all__ = ["CheckpointError", "load", "save"]

DAMAGE = (
    SafetensorError, ValueError, RecursionError, struct.error, BadZipFile, EOFError, KeyError,
    NotImplementedError, OverflowError, RuntimeError,
)  # fmt: skip
"""What the readers raise for an invalid file."""


class CheckpointError(ValueError):
    """The file is not a valid checkpoint; the message names it and gives the reason."""


@explained
def save(obj: Any, f: Any) -> None:
    """Write nested data to a file, completely or not at all.

    The name of a tensor in the file is made of its keys, joined by dots; a `state_dict` keeps its
    names. A name that is already used gets an apostrophe. If the write fails, because the disk is
    full for example, an earlier file remains unchanged.

    Parameters
    ----------
    obj : dict, list, tuple, array_like, None, bool, int, float or str
        Nested at most 100 levels deep. Keys are str or int. A Tensor is stored without its graph,
        and any other object with ``__array__`` (a NumPy scalar) as an array; its dtype is bool, an
        integer, float16, float32, float64 or complex64. Instances of subclasses (`OrderedDict`)
        come back as their base type.
    f : str, os.PathLike or file
        The file: a path, or an object with a method ``write``, as of `io.BytesIO`. If a path is a
        symbolic link, the file it points to is replaced.

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
    if hasattr(f, "write"):
        f.write(safetensors_files.write(obj))
    else:
        os.fspath(f)
        atomic_write(f, safetensors_files.write(obj))


@explained
def load(
    f: Any, map_location: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None
) -> Any:
    """Read what `save` or ``torch.save`` wrote, or the tensors of any other safetensors file.

    Parameters
    ----------
    f : str, os.PathLike or file
        The file: a path, or an object with a method ``read``, as of `io.BytesIO`.
    map_location : optional
        Must be None, the CPU, or a function or dict of PyTorch, which is not used: tensors that
        were saved on another device are read into memory.
    weights_only, mmap : bool, optional
        Have no effect: a file that contains other objects than tensors and plain containers is
        always refused, and always read into memory.

    Returns
    -------
    Any
        The saved object. Tensors and arrays have memory of their own and native byte order; tensors
        of a PyTorch file that share memory still do. For a safetensors file that `save` did not
        write, a dict of arrays. bfloat16 and float8 (E4M3, E5M2, their FNUZ variants, E8M0), for
        which NumPy has no dtypes, are widened to float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is neither a safetensors nor a PyTorch file (the message says what it seems to be), is
        damaged, has tensors of another dtype, was written by an unknown version of cnet, or refers
        to classes or functions other than those of tensors and plain containers.
    RuntimeError
        If `map_location` names another device.

    Notes
    -----
    PyTorch's files contain a pickle, which in general can run any code. It is read by a reader that
    knows only the opcodes and names of tensors, numbers, strings and containers, and that imports
    and calls nothing else: see `cnet.checkpoint.pickles`.

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
    is_device = not (map_location is None or callable(map_location) or hasattr(map_location, "get"))
    if is_device and not cpu_device("load", map_location):
        raise RuntimeError(f"load: map_location must be the CPU (got {map_location!r})")
    name, content = _content(f)
    is_zip = content.startswith(b"PK\x03\x04") and b"data.pkl" in content
    is_legacy = pytorch.is_legacy(content)
    try:
        if is_zip:
            return pytorch.read_zip(content)
        if is_legacy:
            return pytorch.read_legacy(content)
        return safetensors_files.read(content)
    except DAMAGE as error:
        if is_zip or is_legacy or _begins_as_safetensors(content):
            raise CheckpointError(f"load: {name} cannot be read: {error}") from error
        kind = describe(content)
        reason = f"; it seems to be {kind}" if kind else f", or is damaged: {error}"
        raise CheckpointError(
            f"load: {name} is not a safetensors or PyTorch file{reason}"
        ) from error


def _content(f: PathLike | Any) -> tuple[str, bytes]:
    """The name of a file, for messages, and its content."""
    if hasattr(f, "read"):
        content = f.read()
        if not isinstance(content, bytes):
            raise TypeError(f"load: f must be a binary file (got {type(content).__name__})")
        return "the file", content
    if os.path.isdir(f):
        raise CheckpointError(f"load: {os.fspath(f)} is not a file: it is a folder")
    return os.fspath(f), Path(f).read_bytes()


def _begins_as_safetensors(content: bytes) -> bool:
    """Whether the content begins with a plausible length of the header, then a JSON object."""
    return int.from_bytes(content[:8], "little") < 1 << 40 and content[8:9] == b"{"
