"""MNIST: 70 000 handwritten digits of 28 × 28 pixels."""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..utils.data.dataset import ArrayDataset
from .idx import read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PIXELS = (28, 28)
NAME = re.compile(
    r"(?P<part>train|t10k|test)[-._ ]?(?P<content>images|labels)"
    r"([-._ ]?idx[13])?([-._ ]?u?byte)?([-._ ]idx[13]?)?([-._ ]gz)?"
)
"""The names of the files, in lower case, as mirrors and unpacking programs write them."""


class File(NamedTuple):
    """A compressed file as published."""

    name: str
    size: int
    sha256: str


TRAIN = (
    File(
        "train-images-idx3-ubyte.gz",
        9719438,
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
    ),
    File(
        "train-labels-idx1-ubyte.gz",
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
)
TEST = (
    File(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    File(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)


def mnist(
    train: bool = True,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> ArrayDataset:
    """The MNIST digits.

    The files are read from `data_dir`; by default from the folder in the environment variable
    ``CNET_DATA``; without that from the cache, which is ``$CNET_CACHE/mnist``, else
    ``$XDG_CACHE_HOME/cnet/mnist``, else ``~/.cache/cnet/mnist``. Downloads go to the cache only,
    and only files in the cache are compared with the published hashes.

    Parameters
    ----------
    train : bool, default True
        The 60 000 training images, or the 10 000 test images.
    data_dir : str or os.PathLike, optional
        A folder with the files, unpacked or compressed by gzip. Their names may be written in all
        usual ways (``train-images-idx3-ubyte``, ``train-images.idx3-ubyte.gz``, upper case). The
        files may also be in its subfolders ``raw``, ``MNIST`` or ``MNIST/raw``.
    download : bool, default True
        Whether files that are missing or damaged in the cache may be downloaded.

    Returns
    -------
    ArrayDataset
        Images, float32 of shape (n, 1, 28, 28) with values between 0 and 1, and labels, int64 of
        shape (n,) with values between 0 and 9.

    Raises
    ------
    FileNotFoundError
        If the given folder does not have the files, or the cache does not have them and `download`
        is False.
    ValueError
        If a file is damaged, or the numbers of images and labels differ.
    OSError
        If the download fails.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document
    recognition. Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> import cnet
    >>> train = cnet.datasets.mnist()  # doctest: +SKIP
    >>> train.arrays[0].shape, train.arrays[1].shape  # doctest: +SKIP
    ((60000, 1, 28, 28), (60000,))
    """
    files = TRAIN if train else TEST
    folder = data_dir or os.environ.get("CNET_DATA")
    images_path, labels_path = _find(Path(folder), files) if folder else _cached(files, download)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != PIXELS:
        raise ValueError(
            f"mnist: {images_path} must hold uint8 of shape (n, 28, 28) "
            f"(got {images.dtype} of shape {images.shape})"
        )
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"mnist: {labels_path} must hold uint8 of shape {images.shape[:1]}, one label for each "
            f"image of {images_path} (got {labels.dtype} of shape {labels.shape})"
        )
    pixels = images[:, np.newaxis].astype(np.float32)
    pixels /= 255
    return ArrayDataset(pixels, labels.astype(np.int64))


def _find(folder: Path, files: tuple[File, ...]) -> list[Path]:
    """The files in a folder of the user or, if it does not have them all, in a subfolder."""
    places = _places(folder)
    for place in places:
        found = [_find_in(place, file) for file in files]
        if all(found):
            return [path for path in found if path]
    if not folder.is_dir():
        raise FileNotFoundError(f"mnist: {folder} is not a folder")
    names = [file.name for file in files if not any(_find_in(place, file) for place in places)]
    missing = " and ".join(names or [file.name for file in files])
    raise FileNotFoundError(f"mnist: {folder} lacks {missing}, compressed or unpacked")


def _places(folder: Path) -> list[Path]:
    """The folder itself, and the subfolders in which other programs store MNIST."""
    raw = _subfolders(folder, "raw")
    named = _subfolders(folder, "mnist")
    return [folder, *raw, *named, *(place for name in named for place in _subfolders(name, "raw"))]


def _subfolders(folder: Path, name: str) -> list[Path]:
    """The subfolders with a name, in upper or lower case."""
    return [path for path in _entries(folder) if path.is_dir() and path.name.lower() == name]


def _find_in(folder: Path, file: File) -> Path | None:
    """A file under any of its names: preferably unpacked, then as published.

    Some archives unpack each file into a folder of the same name.
    """
    files: list[Path] = []
    for path in _entries(folder):
        if _canonical(path.name) == file.name:
            inside = (entry for entry in _entries(path) if _canonical(entry.name) == file.name)
            files += inside if path.is_dir() else [path]
    files = [path for path in files if path.is_file()]
    files.sort(key=lambda path: (path.name.lower().endswith("gz"), path.name != file.name))
    return files[0] if files else None


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _canonical(name: str) -> str | None:
    """The published name of a file whose name is a variant of it."""
    match = NAME.fullmatch(name.lower())
    if not match:
        return None
    part = "train" if match["part"] == "train" else "t10k"
    rank = {"images": 3, "labels": 1}[match["content"]]
    return f"{part}-{match['content']}-idx{rank}-ubyte.gz"


def _cached(files: tuple[File, ...], download: bool) -> list[Path]:
    """The files in the cache, downloaded if they are missing."""
    # Imported here because the network modules take long to import.
    from .download import fetch, is_intact

    folder = _cache_folder()
    if download:
        return [fetch(file.name, MIRRORS, folder, file.size, file.sha256) for file in files]
    for file in files:
        if not is_intact(folder / file.name, file.sha256):
            raise FileNotFoundError(
                f"mnist: {folder} lacks an undamaged {file.name}, and download=False"
            )
    return [folder / file.name for file in files]


def _cache_folder() -> Path:
    if cache := os.environ.get("CNET_CACHE"):
        return Path(cache) / "mnist"
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "cnet" / "mnist"
    return Path.home() / ".cache" / "cnet" / "mnist"
