"""Files of data sets: checks, downloads and archives, with torchvision's names."""

import gzip
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

from .._files import PathLike, atomic_write
from .download import download, is_intact

__all__ = ["check_integrity", "download_and_extract_archive", "download_url", "extract_archive"]


def check_integrity(fpath: PathLike, md5: str | None = None) -> bool:
    """Whether a file exists and, if `md5` is given, has this hash.

    Examples
    --------
    >>> from cnet.datasets.utils import check_integrity
    >>> check_integrity("nowhere.zip")
    False
    """
    return is_intact(Path(fpath), f"md5:{md5 or ''}")


def download_url(
    url: str,
    root: PathLike,
    filename: str | None = None,
    md5: str | None = None,
    max_redirect_hops: int = 3,
) -> None:
    """Download a file into a folder, unless it is there with the right hash.

    Parameters
    ----------
    url : str
        The address; plain HTTP is accepted from this machine only.
    root : str or os.PathLike
        The folder; created if it does not exist.
    filename : str, optional
        The name of the file, by default that in the address.
    md5 : str, optional
        Its hash. Without it, a file that exists is not downloaded again.
    max_redirect_hops : int, default 3
        Has no effect.

    Raises
    ------
    DownloadError
        If the server does not provide the file, or it has another hash; a kind of OSError.
    """
    path = Path(root).expanduser() / (filename or os.path.basename(url))
    if not check_integrity(path, md5):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, download(url, hash=f"md5:{md5 or ''}"))


def extract_archive(
    from_path: PathLike, to_path: PathLike | None = None, remove_finished: bool = False
) -> str:
    """Unpack a tar or zip archive or a gzip file. Nothing is written outside of the folder.

    Parameters
    ----------
    from_path : str or os.PathLike
        The archive.
    to_path : str or os.PathLike, optional
        The folder, or for a gzip file the path of the result; by default beside the archive.
    remove_finished : bool, default False
        Whether to remove the archive afterwards.

    Returns
    -------
    str
        The folder or the path.

    Raises
    ------
    ValueError
        If the file is none of these, or a member would be outside of the folder.
    """
    source = Path(from_path)
    target = source.parent if to_path is None else Path(to_path)
    if tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            try:
                archive.extractall(target, filter="data")
            except tarfile.FilterError as error:
                raise ValueError(f"extract_archive: {source}: {error}") from error
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as pack:
            pack.extractall(target)
    elif source.suffix == ".gz":
        target = source.with_suffix("") if to_path is None else target
        with gzip.open(source) as packed, open(target, "wb") as file:
            shutil.copyfileobj(packed, file)
    else:
        raise ValueError(f"extract_archive: not a tar, zip or gzip file (got {source})")
    if remove_finished:
        source.unlink()
    return str(target)


def download_and_extract_archive(
    url: str,
    download_root: PathLike,
    extract_root: PathLike | None = None,
    filename: str | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Apply `download_url` and `extract_archive`; by default, to the same folder."""
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    root = Path(download_root).expanduser()
    extract_archive(root / filename, extract_root or root, remove_finished)
