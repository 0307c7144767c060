"""CIFAR-10 and CIFAR-100: colour images of 32 × 32 pixels, from the archives of binary files."""

import tarfile
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from .._kinds import describe
from .files import File
from .vision import Array, ImageArrays, NotFound, Root, Transform, folder_path

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
LARGEST = 1 << 28  # bytes of a file in the archive


class CIFAR10(ImageArrays):
    """CIFAR-10: 50 000 training and 10 000 test images of 32 × 32 pixels in 10 classes.

    Parameters
    ----------
    root : str or os.PathLike
        A folder with the archive ``cifar-10-binary.tar.gz``, or with the folder
        ``cifar-10-batches-bin`` of its files. The Python version of the archive is not read,
        because it consists of pickles, which can run any code.
    train : bool, default True
        The training images, or the test images.
    transform, target_transform : callable, optional
        Applied to each image, and to each label.
    download : bool, default False
        Whether to download the archive to `root`, if it is missing or damaged.

    Attributes
    ----------
    data : numpy.ndarray
        Images, uint8 of shape (n, 32, 32, 3).
    targets : list of int
        The labels.
    classes : list of str
        The names of the classes.

    Raises
    ------
    FileNotFoundError, RuntimeError
        If the files are not there; the exception is both.
    ValueError
        If the archive or a file is damaged.
    OSError
        If the download fails.

    References
    ----------
    A. Krizhevsky: Learning multiple layers of features from tiny images. Technical report,
    University of Toronto, 2009.

    Examples
    --------
    >>> from cnet import datasets
    >>> train = datasets.CIFAR10("data", download=True)  # doctest: +SKIP
    >>> train.data.shape, len(train.targets)  # doctest: +SKIP
    ((50000, 32, 32, 3), 50000)
    """

    mirrors: ClassVar[tuple[str, ...]] = ("https://www.cs.toronto.edu/~kriz/",)
    archive = File(
        "cifar-10-binary.tar.gz",
        170052171,
        "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9dddda3db29a59bca1dd",
    )
    base_folder = "cifar-10-batches-bin"
    python_folder = "cifar-10-batches-py"
    train_files = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    test_files = ("test_batch.bin",)
    names_file = "batches.meta.txt"
    labels_per_image = 1  # the last of which is the target

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = bool(train)
        names = [*(self.train_files if self.train else self.test_files), self.names_file]
        files = self._files(folder_path(root), names, download)
        self.classes = files.pop().decode("utf-8", "replace").split()
        parts = [self._parse(content, name) for content, name in zip(files, names, strict=False)]
        self.data = np.concatenate([images for images, _ in parts])
        self.targets = [int(label) for _, labels in parts for label in labels]

    def _files(self, root: Path, names: list[str], download: bool) -> list[bytes]:
        """The contents of files, from the folder or from the archive."""
        folder, archive = root / self.base_folder, root / self.archive.name
        if all((folder / name).is_file() for name in names):
            return [(folder / name).read_bytes() for name in names]
        if download:
            # Imported here because the network modules take long to import.
            from .download import fetch

            fetch(archive.name, self.mirrors, root, self.archive.size, self.archive.hash)
        if archive.is_file():
            return self._read_archive(archive, [f"{self.base_folder}/{name}" for name in names])
        name = type(self).__name__
        if (root / self.python_folder).exists():
            raise NotFound(
                f"{name}: {root} has only the Python version, which consists of pickles and is "
                f"never loaded; {archive.name} is needed, which download=True downloads"
            )
        raise NotFound(f"{name}: {root} lacks {archive.name}; use download=True to download it")

    def _read_archive(self, archive: Path, names: list[str]) -> list[bytes]:
        """Read the files one by one; nothing is unpacked to the disk."""
        contents: dict[str, bytes] = {}
        f = type(self).__name__
        try:
            with tarfile.open(archive, "r:gz") as members:
                for member in members:
                    if member.name in names and member.isfile():
                        if member.size > LARGEST:
                            raise ValueError(f"{f}: {member.name} in {archive} is too large")
                        file = members.extractfile(member)
                        assert file is not None
                        contents[member.name] = file.read()
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            with open(archive, "rb") as start:
                kind = describe(start.read(4096))
            seems = f"; it seems to be {kind}" if kind and kind != "a gzip file" else ""
            raise ValueError(f"{f}: {archive} is damaged: {error}{seems}") from error
        missing = [name for name in names if name not in contents]
        if missing:
            raise ValueError(f"{f}: {archive} lacks {' and '.join(missing)}")
        return [contents[name] for name in names]

    def _parse(self, content: bytes, name: str) -> tuple[Array, Array]:
        """Images (n, 32, 32, 3) and labels of a file of records."""
        record = self.labels_per_image + PIXELS
        f = type(self).__name__
        if not content or len(content) % record:
            raise ValueError(
                f"{f}: {name} must hold records of {record} bytes (got {len(content)} bytes)"
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, record)
        labels = records[:, self.labels_per_image - 1]
        if labels.max() >= len(self.classes):
            raise ValueError(
                f"{f}: {name} must hold labels less than {len(self.classes)} (got {labels.max()})"
            )
        images = records[:, self.labels_per_image :].reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), labels

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """CIFAR-100: as `CIFAR10`, with 100 classes, from ``cifar-100-binary.tar.gz``."""

    archive = File(
        "cifar-100-binary.tar.gz",
        168513733,
        "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    )
    base_folder = "cifar-100-binary"
    python_folder = "cifar-100-python"
    train_files = ("train.bin",)
    test_files = ("test.bin",)
    names_file = "fine_label_names.txt"
    labels_per_image = 2
