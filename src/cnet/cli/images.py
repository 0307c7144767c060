"""The images of the command: published data sets, folders and single files."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .._commands import DATA_SETS, UsageError, datasets_and_classes
from .options import Options

if TYPE_CHECKING:
    from ..datasets import ImageFolder
    from ..tensor import Tensor

TEST_FOLDERS = ("test", "val", "valid", "validation")
TEST_SHARE = 0.2
IMAGE_SIZE = 64

Shape = tuple[int, int, int]


class Images(NamedTuple):
    """Images for training and test; a sample is an image (c, h, w) and the number of its class."""

    train: Any
    test: Any
    classes: list[str]
    shape: Shape
    digest: str
    """A hash of the training images, or of the names and sizes of their files."""


def load_images(options: Options) -> Images:
    """The images that the options ask for."""
    name, size = options["data"], options["image_size"]
    if name in DATA_SETS:
        return _published(name, options["data_dir"], size)
    if not Path(name).is_dir():
        raise UsageError(
            f"--data must be {', '.join(DATA_SETS)}, or a folder (got {name}, which is no folder)"
        )
    if options["data_dir"] is not None:
        raise UsageError("--data-dir is not for a folder of images")
    return _folder(Path(name), size or IMAGE_SIZE)


def _published(name: str, folder: str | None, size: int | None) -> Images:
    train, test, classes = datasets_and_classes(name, folder)
    digest = sha256()
    for array in train.arrays:
        digest.update(array.data)
    if size is not None:
        train, test = _resized(train, size), _resized(test, size)
    channels, height, width = train.arrays[0].shape[1:]
    return Images(train, test, classes, (channels, height, width), digest.hexdigest())


def _resized(data: Any, size: int) -> Any:
    from .. import functional as F
    from ..utils.data import ArrayDataset

    images, labels = data.arrays
    return ArrayDataset(F.interpolate(images, (size, size), mode="bilinear").numpy(), labels)


def _folder(root: Path, size: int) -> Images:
    """Images in folders: `train` and `test`, or all together, of which some are for the test."""
    tests = [root / name for name in TEST_FOLDERS if (root / name).is_dir()]
    if (root / "train").is_dir() and tests:
        train, test = _image_folder(root / "train", size), _image_folder(tests[0], size)
        if train.classes != test.classes:
            raise UsageError(
                f"{root / 'train'} and {tests[0]} must have the same folders "
                f"(got {train.classes} and {test.classes})"
            )
        return _listed(root, train, train, test, size)
    whole = _image_folder(root, size)
    return _split(root, whole, size)


def _split(root: Path, whole: "ImageFolder", size: int) -> Images:
    """Keep some images of each class for the test; which ones depends only on their number."""
    import numpy as np

    from ..utils.data import Subset
    from ..utils.data.shuffle import permutation

    targets = np.asarray(whole.targets)
    order = permutation(len(targets), 0)
    is_test = np.zeros(len(targets), bool)
    for number, name in enumerate(whole.classes):
        members = order[targets[order] == number]
        if len(members) < 2:
            raise UsageError(f"{root / name} must have at least 2 images (got {len(members)})")
        is_test[members[: max(1, round(TEST_SHARE * len(members)))]] = True
    train, test = (Subset(whole, np.flatnonzero(part).tolist()) for part in (~is_test, is_test))
    return _listed(root, whole, train, test, size)


def _listed(root: Path, files: "ImageFolder", train: Any, test: Any, size: int) -> Images:
    """Images of a list of files. Bytes in names of folders that are no UTF-8 become text."""
    classes = [name.encode("utf-8", "backslashreplace").decode() for name in files.classes]
    return Images(train, test, classes, (3, size, size), _digest(root, files.samples))


def _image_folder(root: Path, size: int) -> "ImageFolder":
    from ..datasets import ImageFolder

    try:
        return ImageFolder(root, loader=lambda path: read_image(path, (3, size, size)))
    except FileNotFoundError as error:
        raise UsageError(f"--data: {str(error).partition(': ')[2]}") from None


def _digest(root: Path, samples: Sequence[tuple[str, int]]) -> str:
    digest = sha256()
    for path, _ in samples:
        name, size = Path(path).relative_to(root), Path(path).stat().st_size
        digest.update(os.fsencode(f"{name} {size}\n"))
    return digest.hexdigest()


def read_image(path: str | Path, shape: Shape) -> "Tensor":
    """Read an image file: scaled so that its middle has the shape (c, h, w), values from 0 to 1."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ImportError("images need Pillow: pip install 'cnet-nn[images]'") from error
    from .. import transforms

    channels, height, width = shape
    try:
        with open(path, "rb") as file:
            image = Image.open(file).convert("L" if channels == 1 else "RGB")
    except UnidentifiedImageError:
        raise UsageError(f"{path} cannot be read as an image: its format is unknown") from None
    # Pillow has many ways to refuse a damaged file.
    except (SyntaxError, EOFError, OSError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read as an image: {reason}") from None
    scale = max(height / image.height, width / image.width)
    size = max(height, round(image.height * scale)), max(width, round(image.width * scale))
    if size != (image.height, image.width):
        image = transforms.functional.resize(image, list(size))
    image = transforms.functional.center_crop(image, [height, width])
    tensor: Tensor = transforms.functional.to_tensor(image)
    return tensor
