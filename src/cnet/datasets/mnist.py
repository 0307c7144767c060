"""MNIST and its successors: images of 28 × 28 pixels in IDX files."""

import string
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from .files import File, find_idx
from .idx import read_idx
from .vision import Array, ImageArrays, NotFound, Root, Transform, folder_path

PIXELS = (28, 28)


class MNIST(ImageArrays):
    """The MNIST digits: 60 000 training and 10 000 test images of 28 × 28 pixels.

    Parameters
    ----------
    root : str or os.PathLike
        A folder with the files, unpacked or compressed by gzip. Their names may be written in all
        usual ways (``train-images-idx3-ubyte``, ``train-images.idx3-ubyte.gz``, upper case). The
        files may also be in its subfolders ``raw``, ``MNIST`` or ``MNIST/raw``.
    train : bool, default True
        The training images, or the test images.
    transform, target_transform : callable, optional
        Applied to each image, and to each label.
    download : bool, default False
        Whether to download files that are missing to ``root/MNIST/raw``, and to replace damaged
        ones there.

    Attributes
    ----------
    data : Tensor
        Images, uint8 of shape (n, 28, 28).
    targets : Tensor
        Labels, int64 of shape (n,).
    classes : list of str
        The names of the classes.

    Raises
    ------
    FileNotFoundError, RuntimeError
        If the files are not there; the exception is both.
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
    >>> from cnet import datasets
    >>> train = datasets.MNIST("data", download=True)  # doctest: +SKIP
    >>> train.data.shape, train.targets.shape  # doctest: +SKIP
    ((60000, 28, 28), (60000,))
    """

    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    in_root = True  # whether the files may be outside of a folder with the name of the data set
    files: ClassVar[tuple[File, ...]] = (
        File(
            "train-images-idx3-ubyte.gz",
            9719438,
            "sha256:0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        ),
        File(
            "train-labels-idx1-ubyte.gz",
            28881,
            "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        File(
            "t10k-images-idx3-ubyte.gz",
            1648877,
            "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        File(
            "t10k-labels-idx1-ubyte.gz",
            4542,
            "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )
    classes: Sequence[str] = (
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    )  # fmt: skip

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
        self.classes = self._class_names()
        images, labels = self._load(folder_path(root), download)
        self.data, self.targets = Tensor(images), Tensor(labels.astype(np.int64))

    def _class_names(self) -> list[str]:
        return list(self.classes)

    @property
    def raw_folder(self) -> str:
        """The folder of downloads."""
        return str(self._raw_folder())

    def _raw_folder(self) -> Path:
        assert self.root is not None
        return folder_path(self.root, type(self).__name__, "raw")

    def _load(self, root: Path, download: bool) -> tuple[Array, Array]:
        files = self.files[:2] if self.train else self.files[2:]
        names = [file.name for file in files]
        paths = find_idx(root, type(self).__name__, names, self.in_root)
        if download:
            paths = self._downloaded(files, paths)
        missing = [file.name for file, path in zip(files, paths, strict=True) if path is None]
        if missing:
            name = type(self).__name__
            if not root.is_dir():
                raise NotFound(f"{name}: {root} is not a folder; use download=True to download it")
            place = root if self.in_root else root / name
            raise NotFound(
                f"{name}: {place} lacks {' and '.join(missing)}, compressed or unpacked; "
                f"use download=True to download them"
            )
        images, labels = [path for path in paths if path is not None]
        return self._checked((str(images), read_idx(images)), (str(labels), read_idx(labels)))

    def _downloaded(self, files: tuple[File, ...], paths: list[Path | None]) -> list[Path | None]:
        """The paths after a download of files that are missing or damaged."""
        # Imported here because the network modules take long to import.
        from .download import fetch

        folder = self._raw_folder()
        return [
            fetch(file.name, self.mirrors, folder, file.size, file.hash)
            if path is None or path == folder / file.name
            else path
            for file, path in zip(files, paths, strict=True)
        ]

    def _checked(self, images: tuple[str, Array], labels: tuple[str, Array]) -> tuple[Array, Array]:
        """The arrays of two files, if they fit."""
        name = type(self).__name__
        (images_file, pixels), (labels_file, numbers) = images, labels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[1:] != PIXELS:
            raise ValueError(
                f"{name}: {images_file} must hold uint8 of shape (n, 28, 28) "
                f"(got {pixels.dtype} of shape {pixels.shape})"
            )
        if numbers.dtype != np.uint8 or numbers.shape != pixels.shape[:1]:
            raise ValueError(
                f"{name}: {labels_file} must hold uint8 of shape {pixels.shape[:1]}, one label for "
                f"each image of {images_file} (got {numbers.dtype} of shape {numbers.shape})"
            )
        if numbers.size and numbers.max() >= len(self.classes):
            raise ValueError(
                f"{name}: {labels_file} must hold labels less than {len(self.classes)} "
                f"(got {numbers.max()})"
            )
        return pixels, numbers

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Fashion-MNIST: articles of clothing, in the format of `MNIST`.

    The files, whose names are those of MNIST, must be in ``root/FashionMNIST`` or
    ``root/FashionMNIST/raw``.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms. arXiv:1708.07747, 2017.
    """

    in_root = False
    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    files = (
        File(
            "train-images-idx3-ubyte.gz",
            26421880,
            "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        File(
            "train-labels-idx1-ubyte.gz",
            29515,
            "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        File(
            "t10k-images-idx3-ubyte.gz",
            4422102,
            "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        File(
            "t10k-labels-idx1-ubyte.gz",
            5148,
            "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    )
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip


class KMNIST(MNIST):
    """Kuzushiji-MNIST: ten Hiragana characters in cursive writing, in the format of `MNIST`.

    The files, whose names are those of MNIST, must be in ``root/KMNIST`` or ``root/KMNIST/raw``.

    References
    ----------
    T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha: Deep learning for
    classical Japanese literature. arXiv:1812.01718, 2018.
    """

    in_root = False
    mirrors = ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    files = (
        File("train-images-idx3-ubyte.gz", 18165135, "md5:bdb82020997e1d708af4cf47b453dcf7"),
        File("train-labels-idx1-ubyte.gz", 29497, "md5:e144d726b3acfaa3e44228e80efcd344"),
        File("t10k-images-idx3-ubyte.gz", 3041136, "md5:5c965bf0a639b31b8f53240b1b52f4d7"),
        File("t10k-labels-idx1-ubyte.gz", 5120, "md5:7320c461ea6c1c855c0b718fb2a4b134"),
    )
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


_MERGED = set("cijklmopsuvwxyz")  # lower-case letters that look like upper-case ones
_ALPHANUMERIC = sorted(string.digits + string.ascii_letters)
_SPLITS = {
    "byclass": _ALPHANUMERIC,
    "bymerge": [name for name in _ALPHANUMERIC if name not in _MERGED],
    "balanced": [name for name in _ALPHANUMERIC if name not in _MERGED],
    "letters": ["N/A", *string.ascii_lowercase],
    "digits": list(string.digits),
    "mnist": list(string.digits),
}


class EMNIST(MNIST):
    """EMNIST: handwritten letters and digits. The images are transposed, as published.

    Parameters
    ----------
    root : str or os.PathLike
        A folder with the IDX files (``emnist-letters-train-images-idx3-ubyte.gz``) as for `MNIST`,
        or with the archive of all, ``EMNIST/raw/gzip.zip``.
    split : {"byclass", "bymerge", "balanced", "letters", "digits", "mnist"}
        Which classes.
    **kwargs
        The other parameters of `MNIST`. ``download=True`` downloads the archive, of 562 MB.

    References
    ----------
    G. Cohen, S. Afshar, J. Tapson, A. van Schaik: EMNIST: an extension of MNIST to handwritten
    letters. arXiv:1702.05373, 2017.
    """

    mirrors = ("https://biometrics.nist.gov/cs_links/EMNIST/",)
    archive = File("gzip.zip", 561753746, "md5:58c8d27c78d21e728a6bc7b3cc06412e")
    splits = tuple(_SPLITS)

    def __init__(self, root: Root, split: str, **kwargs: Any) -> None:
        if split not in _SPLITS:
            raise ValueError(f"EMNIST: split must be one of {list(_SPLITS)} (got {split!r})")
        self.split = split
        super().__init__(root, **kwargs)

    def _class_names(self) -> list[str]:
        return list(_SPLITS[self.split])

    def _load(self, root: Path, download: bool) -> tuple[Array, Array]:
        part = "train" if self.train else "test"
        names = [
            f"emnist-{self.split}-{part}-{content}-ubyte.gz"
            for content in ("images-idx3", "labels-idx1")
        ]
        images, labels = find_idx(root, "EMNIST", names)
        if images is not None and labels is not None:
            return self._checked((str(images), read_idx(images)), (str(labels), read_idx(labels)))
        archive = self._raw_folder() / self.archive.name
        if download:
            from .download import fetch

            fetch(archive.name, self.mirrors, archive.parent, self.archive.size, self.archive.hash)
        if not archive.is_file():
            raise NotFound(
                f"EMNIST: {root} lacks {' and '.join(names)} and {archive.name}; "
                f"use download=True to download them"
            )
        first, second = (_read_member(archive, name) for name in names)
        return self._checked(first, second)


def _read_member(archive: Path, name: str) -> tuple[str, Array]:
    """The array of a compressed IDX file in a zip archive, which is not unpacked."""
    where = f"{name} in {archive}"
    try:
        with zipfile.ZipFile(archive) as members:
            info = members.getinfo(f"gzip/{name}")
            if info.file_size > archive.stat().st_size:
                raise ValueError(f"EMNIST: {where} is larger than the archive")
            content = members.read(info)
    except KeyError:
        raise ValueError(f"EMNIST: {archive} lacks gzip/{name}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"EMNIST: {where} is damaged: {error}") from error
    return where, read_idx(content)
