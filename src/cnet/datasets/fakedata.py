"""Images of noise, to try out a program."""

from typing import Any

import numpy as np

from .vision import Transform, VisionDataset, as_image


class FakeData(VisionDataset):
    """Images of random pixels with random labels; each depends only on its index.

    Parameters
    ----------
    size : int, default 1000
        The number of images.
    image_size : tuple of int, default (3, 224, 224)
        Channels (1 or 3), height and width.
    num_classes : int, default 10
        Labels are less than that.
    transform, target_transform : callable, optional
        Applied to each image, and to each label.
    random_offset : int, default 0
        Added to the index to seed the random numbers of an image.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import datasets
    >>> image, label = datasets.FakeData(image_size=(3, 8, 6))[0]
    >>> np.asarray(image).shape, label
    ((8, 6, 3), 0)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform = None,
        target_transform: Transform = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData: index must be at least 0 and less than {self.size}")
        source = np.random.Generator(np.random.PCG64(index + self.random_offset))
        pixels = source.integers(0, 256, self.image_size, dtype=np.uint8)
        label = int(source.integers(self.num_classes))
        image = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
        return self.transformed(as_image(image), label)
