"""Files are written so that no failure costs the previous one."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]


def atomic_write(path: PathLike, data: bytes) -> None:
    """Write a file, all of it or nothing: the one way in which cnet writes files.

    Parameters
    ----------
    path : str or os.PathLike
        The file. Its permissions are kept if it exists; if it is a symbolic link, the file it
        points to is replaced.
    data : bytes
        What it shall contain.

    Raises
    ------
    OSError
        If the file cannot be written; then it is as it was before.

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
        reason = f"cannot be written and is as it was before: {error.strerror}"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    _sync_folder(target.parent)


def _write_new(path: Path, data: bytes, like: Path) -> None:
    """Write a new file, down to the disk, with the permissions of another, if that exists."""
    with open(path, "xb") as file:
        if like.exists():
            os.chmod(path, stat.S_IMODE(like.stat().st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring a new name down to the disk, where the file system can do that for folders."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
