"""Images of every kind, with the same pixels."""

import numpy as np
import pytest

from cnet import Tensor
from cnet.datasets.vision import has_pillow

COLORS = np.random.RandomState(1).randint(0, 256, (9, 12, 3)).astype(np.uint8)
GREY = np.random.RandomState(2).randint(0, 256, (9, 12)).astype(np.uint8)


class Kind:
    """Makes an image of an array (h, w) or (h, w, c), and an array of an image."""

    def __init__(self, name):
        self.name = name

    def make(self, array):
        if self.name == "array":
            return array
        if self.name == "tensor":
            return (
                Tensor(np.ascontiguousarray(array.transpose(2, 0, 1)))
                if array.ndim == 3
                else (Tensor(array[np.newaxis]))
            )
        from PIL import Image

        return Image.fromarray(array)

    def array(self, image):
        if self.name == "tensor":
            assert type(image) is Tensor
            planes = np.asarray(image)
            return planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0)
        if self.name == "array":
            assert type(image) is np.ndarray
        else:
            assert hasattr(image, "getbands")
        return np.asarray(image)


NAMES = ["array", "tensor"] + (["pil"] if has_pillow() else [])


@pytest.fixture(params=NAMES)
def kind(request):
    return Kind(request.param)


@pytest.fixture(params=[COLORS, GREY], ids=["colors", "grey"])
def pixels(request):
    return request.param
