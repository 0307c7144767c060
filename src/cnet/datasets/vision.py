"""The base of image data sets, and the kind of image that they give."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..tensor import Tensor
from ..utils.data.dataset import ArrayDataset, Dataset

Array: TypeAlias = npt.NDArray[Any]
Transform: TypeAlias = Callable[..., Any] | None
Root: TypeAlias = str | os.PathLike[str]


class NotFound(FileNotFoundError, RuntimeError):
    """The files of a data set are not there; RuntimeError is what torchvision raises."""


@cache
def has_pillow() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


def as_image(array: Array) -> Any:
    """An image of a data set: a PIL image if Pillow is installed, otherwise the array itself.

    The array is uint8 of shape (h, w) or (h, w, 3).
    """
    if not has_pillow():
        return array
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(array))


class StandardTransform:
    """Two transforms as one of an image and its target."""

    def __init__(self, transform: Transform = None, target_transform: Transform = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target


class VisionDataset(Dataset[tuple[Any, Any]]):
    """Base class of image data sets: ``dataset[i]`` is a pair of an image and a target.

    Parameters
    ----------
    root : str or os.PathLike, optional
        The folder of the files.
    transforms : callable, optional
        Takes an image and its target, and returns both. By default it is made of the others.
    transform : callable, optional
        Takes an image and returns what the data set gives in its place.
    target_transform : callable, optional
        The same for targets.

    Raises
    ------
    ValueError
        If `transforms` is given together with one of the others.

    Notes
    -----
    An image is a PIL image if Pillow is installed; without Pillow it is a uint8 array of shape
    (h, w) or (h, w, 3). The functions of `cnet.transforms` accept both and give equal results up to
    rounding.
    """

    def __init__(
        self,
        root: Root | None = None,
        transforms: Transform = None,
        transform: Transform = None,
        target_transform: Transform = None,
    ) -> None:
        if transforms is not None and (transform or target_transform) is not None:
            raise ValueError(
                f"{type(self).__name__}: transforms excludes transform and target_transform"
            )
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        if (transform or target_transform) is not None:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        raise NotImplementedError

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample after the transforms of the user, who may have replaced them."""
        if self.transforms is None or isinstance(self.transforms, StandardTransform):
            return StandardTransform(self.transform, self.target_transform)(image, target)
        image, target = self.transforms(image, target)
        return image, target

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"Number of datapoints: {len(self)}",
            *([] if self.root is None else [f"Root location: {self.root}"]),
            *filter(None, [self.extra_repr()]),
            *([] if self.transform is None else [f"Transform: {self.transform!r}"]),
        ]
        return "\n    ".join(line.replace("\n", "\n    ") for line in lines)

    def extra_repr(self) -> str:
        """A line for `repr`."""
        return ""


class ImageArrays(VisionDataset):
    """Base of data sets that are in memory: `data` has the images and `targets` the labels.

    A subclass sets both, and `classes`.
    """

    data: Any
    targets: Any
    classes: Sequence[str]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self.data[index]
        image = image.numpy() if isinstance(image, Tensor) else image
        return self.transformed(as_image(image), int(self.targets[index]))

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def as_arrays(self) -> ArrayDataset:
        """All images and labels as arrays for training, without transforms.

        Returns
        -------
        ArrayDataset
            Images, float32 of shape (n, c, h, w) with values between 0 and 1, and labels, int64 of
            shape (n,).
        """
        pixels = np.asarray(self.data)
        pixels = pixels[:, np.newaxis] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        images = pixels.astype(np.float32, order="C")
        images /= 255
        return ArrayDataset(images, np.asarray(self.targets, np.int64))


def folder_path(root: Root, *names: str) -> Path:
    """A path within the root."""
    return Path(os.path.expanduser(root)).joinpath(*names)
