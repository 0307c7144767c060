"""Data sets of files in folders, one folder for each class."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .vision import Root, Transform, VisionDataset

IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def default_loader(path: Root) -> Any:
    """Read an image as an RGB image of Pillow.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If the file is damaged, too large or not an image.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("default_loader: needs Pillow: pip install 'cnet-nn[images]'") from error
    with open(path, "rb") as file:
        try:
            return Image.open(file).convert("RGB")
        except Exception as error:  # Pillow's decoders raise all kinds
            raise ValueError(f"default_loader: {path} cannot be read: {error}") from error


pil_loader = default_loader


def has_file_allowed_extension(filename: str, extensions: str | Sequence[str]) -> bool:
    """Whether the name of a file ends with one of the extensions, which are in lower case."""
    ends = (extensions,) if isinstance(extensions, str) else tuple(extensions)
    return filename.lower().endswith(ends)


def is_image_file(filename: str) -> bool:
    """Whether the name of a file ends with one of `IMG_EXTENSIONS`."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def get_image_backend() -> str:
    """The package that reads images: ``"PIL"``, which is Pillow.

    Examples
    --------
    >>> import cnet
    >>> cnet.get_image_backend()
    'PIL'
    """
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Check the package that reads images: ValueError if it is not ``"PIL"``.

    Examples
    --------
    >>> import cnet
    >>> cnet.set_image_backend("PIL")
    """
    if backend != "PIL":
        raise ValueError(f"set_image_backend: backend must be 'PIL' (got {backend!r})")


def find_classes(directory: Root) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, and the number of each.

    Raises
    ------
    FileNotFoundError
        If there is no folder.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"find_classes: {directory} has no folder")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory: Root,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | Sequence[str] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """The paths of the files in the folders of the classes, each with the number of its class.

    Parameters
    ----------
    directory : str or os.PathLike
        The folder that has a folder for each class.
    class_to_idx : dict of str to int, optional
        The folders and their numbers, by default those of `find_classes`.
    extensions : str or sequence of str, optional
        How the names of the files end, in lower case.
    is_valid_file : callable, optional
        Takes the path of a file and returns whether to use it, in place of `extensions`.
    allow_empty : bool, default False
        Whether a class may have no file.

    Raises
    ------
    ValueError
        If not exactly one of `extensions` and `is_valid_file` is given.
    FileNotFoundError
        If a class has no file.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("make_dataset: give extensions or is_valid_file, and not both")
    ends = (extensions,) if isinstance(extensions, str) else tuple(extensions or ())
    is_wanted = is_valid_file or (lambda path: has_file_allowed_extension(path, ends))
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    samples: list[tuple[str, int]] = []
    empty = []
    for name, number in sorted(class_to_idx.items()):
        paths = [
            os.path.join(folder, file)
            for folder, files in sorted(_walk(os.path.join(directory, name)))
            for file in sorted(files)
        ]
        found = [(path, number) for path in paths if is_wanted(path)]
        samples += found
        if not found:
            empty.append(name)
    if empty and not allow_empty:
        supported = f"; the extensions are {', '.join(ends)}" if ends else ""
        raise FileNotFoundError(
            f"make_dataset: no file in {directory} for the classes {', '.join(empty)}{supported}"
        )
    return samples


def _walk(top: str) -> Iterator[tuple[str, list[str]]]:
    """The folders in a folder and their files, also behind links, if these do not lead upwards."""
    above: dict[str, tuple[str, ...]] = {top: (os.path.realpath(top),)}
    for folder, inner, files in os.walk(top, followlinks=True):
        yield folder, files
        for name in list(inner):
            path = os.path.join(folder, name)
            real = os.path.realpath(path)
            if any(f"{place}{os.sep}".startswith(f"{real}{os.sep}") for place in above[folder]):
                inner.remove(name)
            above[path] = (*above[folder], real)


class DatasetFolder(VisionDataset):
    """Files in folders ``root/<class>/…/<file>``.

    Parameters
    ----------
    root : str or os.PathLike
        The folder that has a folder for each class.
    loader : callable
        Takes the path of a file and returns the sample.
    extensions, is_valid_file, allow_empty
        As for `make_dataset`.
    transform, target_transform : callable, optional
        Applied to each sample, and to the number of its class.

    Attributes
    ----------
    classes : list of str
        The names of the classes.
    class_to_idx : dict of str to int
        The number of each class.
    samples : list of (str, int)
        The path and the class of each sample.
    targets : list of int
        The class of each sample.

    Raises
    ------
    FileNotFoundError
        If there is no folder, or a folder without a file.
    ValueError
        If not exactly one of `extensions` and `is_valid_file` is given.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from cnet.datasets import DatasetFolder
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("cat", "dog"):
    ...     (root / name).mkdir()
    ...     _ = (root / name / "sound.txt").write_text(name)
    >>> DatasetFolder(root, lambda path: Path(path).read_text(), extensions=".txt")[1]
    ('dog', 1)
    """

    def __init__(
        self,
        root: Root,
        loader: Callable[[str], Any],
        extensions: str | Sequence[str] | None = None,
        transform: Transform = None,
        target_transform: Transform = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(os.fspath(root), transform=transform, target_transform=target_transform)
        assert self.root is not None
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: Root) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; a subclass may choose others."""
        return find_classes(directory)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Images in folders ``root/<class>/…/<image>``, read as RGB images of Pillow.

    Parameters
    ----------
    root : str or os.PathLike
        The folder that has a folder for each class.
    transform, target_transform : callable, optional
        Applied to each image, and to the number of its class.
    loader : callable, optional
        Takes the path of an image and returns it; by default `default_loader`, which needs Pillow.
    is_valid_file, allow_empty
        As for `make_dataset`; by default all files with the extension of an image are used.

    Attributes
    ----------
    classes, class_to_idx, samples, targets
        As for `DatasetFolder`; `imgs` is the same as `samples`.

    Raises
    ------
    FileNotFoundError
        If there is no folder, or a folder without an image.

    Examples
    --------
    >>> from cnet import datasets
    >>> data = datasets.ImageFolder("pets")  # doctest: +SKIP
    """

    def __init__(
        self,
        root: Root,
        transform: Transform = None,
        target_transform: Transform = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform=transform,
            target_transform=target_transform,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.imgs = self.samples
