"""Where cnet keeps files, and how it writes them: completely or not at all."""

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]

TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
"""The names of files that are not complete yet."""


def cache_folder() -> Path:
    """The folder for downloads of the command: $CNET_CACHE, $XDG_CACHE_HOME/cnet, ~/.cache/cnet."""
    if cache := os.environ.get("CNET_CACHE"):
        return Path(cache)
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "cnet"
    return Path.home() / ".cache" / "cnet"


def atomic_write(path: PathLike, data: bytes) -> None:
    """Write a file completely or not at all. All files that cnet writes are written here.

    Parameters
    ----------
    path : str or os.PathLike
        The file. An existing file keeps its permissions; for a symbolic link, the file that it
        points to is replaced.
    data : bytes
        The new content.

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
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        _write_new(temporary, data, like=target)
        os.replace(temporary, target)
    except OSError as error:
        reason = f"cannot be written and is unchanged: {error.strerror}"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    _sync_folder(target.parent)


def remove_temporaries(folder: PathLike) -> None:
    """Remove the files that `atomic_write` leaves in a folder if its process is killed.

    No other process may write files of this folder at the same time.

    Parameters
    ----------
    folder : str or os.PathLike
    """
    for path in Path(folder).glob(".*.tmp"):
        if TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _write_new(path: Path, data: bytes, like: Path) -> None:
    """Write a new file to the disk, with the permissions of `like` if that file exists."""
    with open(path, "xb") as file:
        if like.exists():
            os.chmod(path, stat.S_IMODE(like.stat().st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Write a folder's new entries to the disk, where the file system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
