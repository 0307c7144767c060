"""MNIST: 70 000 handwritten digits of 28 × 28 pixels."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .dataset import ArrayDataset
from .idx import read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PIXELS = (28, 28)


class File(NamedTuple):
    """A compressed file as the mirrors have it."""

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

    The four files are looked for in `data_dir`; without it in the folder that the environment
    variable ``CNET_DATA`` names; without both in the cache, ``$CNET_CACHE/mnist``, else
    ``$XDG_CACHE_HOME/cnet/mnist``, else ``~/.cache/cnet/mnist``. Only the cache is filled by a
    download, and only there are hashes compared with the published ones.

    Parameters
    ----------
    train : bool, default True
        The 60 000 images to train with, or the 10 000 to test with.
    data_dir : str or os.PathLike, optional
        A folder with the files, as published (``train-images-idx3-ubyte.gz``, …) or unpacked
        (``train-images-idx3-ubyte``, …).
    download : bool, default True
        Whether files that the cache lacks, or has damaged, may be downloaded.

    Returns
    -------
    ArrayDataset
        Images, float32 of shape (n, 1, 28, 28) with values from 0 to 1, and labels, int64 of shape
        (n,) with values from 0 to 9.

    Raises
    ------
    FileNotFoundError
        If a folder was named and lacks the files, or the cache lacks them and `download` is False.
    ValueError
        If a file is damaged, or images and labels do not fit each other.
    OSError
        If the download fails.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document
    recognition. Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> import cnet
    >>> train = cnet.data.mnist()  # doctest: +SKIP
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
    """The files in a folder of the user's, unpacked or as published."""
    found, missing = [], []
    for file in files:
        candidates = folder / file.name.removesuffix(".gz"), folder / file.name
        present = [path for path in candidates if path.is_file()]
        found += present[:1]
        if not present:
            missing.append(file.name)
    if missing:
        raise FileNotFoundError(
            f"mnist: {folder} lacks {' and '.join(missing)}, as published or unpacked"
        )
    return found


def _cached(files: tuple[File, ...], download: bool) -> list[Path]:
    """The files in the cache, downloaded if they are not there."""
    # Imported here because the network modules would double the time of `import cnet`.
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
