"""Where cnet keeps files, and how it writes them: completely or not at all."""

import errno
import os
import re
import stat
from contextlib import suppress
from typing import TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]

TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
"""The names of files that are not complete yet."""


def cache_folder(variable: str = "CNET_CACHE", name: str = "cnet") -> str:
    """The folder for downloads: $CNET_CACHE, $XDG_CACHE_HOME/cnet or ~/.cache/cnet."""
    if cache := os.environ.get(variable):
        return cache
    home = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or home, name)


def atomic_write(path: PathLike, data: bytes, synchronizes: bool = True) -> None:
    """Write a file completely or not at all. All files that cnet writes are written here.

    Parameters
    ----------
    path : str or os.PathLike
        The file. An existing file keeps its permissions; for a symbolic link, the file that it
        points to is replaced.
    data : bytes
        The new content.
    synchronizes : bool, default True
        Whether to wait until the disk has the content. If not, the file may be empty after a power
        failure.

    Raises
    ------
    OSError
        If the file cannot be written; an existing file is then unchanged.

    Examples
    --------
    >>> import os, tempfile
    >>> from cnet._files import atomic_write
    >>> path = os.path.join(tempfile.mkdtemp(), "history.json")
    >>> atomic_write(path, b"[]")
    >>> os.listdir(os.path.dirname(path))
    ['history.json']
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp")
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            raise OSError(errno.EINVAL, "not a regular file")
        _write_new(temporary, data, like=target, synchronizes=synchronizes)
        os.replace(temporary, target)
    except OSError as error:
        reason = f"cannot be written and is unchanged: {error.strerror}"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    finally:
        with suppress(OSError):
            os.unlink(temporary)
    if synchronizes:
        _sync_folder(folder)


def remove_temporaries(folder: PathLike) -> None:
    """Remove the files that `atomic_write` leaves in a folder if its process is killed.

    No other process may write files of this folder at the same time.

    Parameters
    ----------
    folder : str or os.PathLike
    """
    for name in os.listdir(folder):
        if TEMPORARY.fullmatch(name):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))


def _write_new(path: str, data: bytes, like: str, synchronizes: bool) -> None:
    """Write a new file, with the permissions of `like` if that file exists."""
    with open(path, "xb") as file:
        if os.path.exists(like):
            os.chmod(path, stat.S_IMODE(os.stat(like).st_mode))
        file.write(data)
        if synchronizes:
            file.flush()
            os.fsync(file.fileno())


def _sync_folder(folder: str) -> None:
    """Write a folder's new entries to the disk, where the file system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
