"""Transforms of whole batches that mix images and their labels."""

import math
from typing import Any

import numpy as np

from ..random import default_generator
from ..tensor import Tensor
from . import draws
from .base import Transform
from .images import Array


class _Mix(Transform):
    """Base: mixes each image of a batch with the one before it."""

    arguments = "alpha", "num_classes"

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"{type(self).__name__}: alpha must be positive (got {alpha})")
        self.alpha = float(alpha)
        self.num_classes = num_classes

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        f = type(self).__name__
        x, y = _array(f, "images", images), _array(f, "labels", labels)
        if x.ndim != 4 or x.dtype.kind != "f":
            raise ValueError(
                f"{f}: images must be floats (n, c, h, w) (got {x.dtype} of shape {x.shape})"
            )
        if len(x) != len(y):
            raise ValueError(
                f"{f}: labels.shape[0] must equal images.shape[0] (got {len(y)} and {len(x)})"
            )
        targets = self._targets(y, x.dtype)
        share = float(default_generator().beta(self.alpha, self.alpha))
        mixed, share = self._mix(x, share)
        other = np.roll(targets, 1, axis=0)
        weight = targets.dtype.type(share)
        return Tensor(mixed), Tensor(targets * weight + other * (1 - weight))

    def _targets(self, labels: Array, dtype: Any) -> Array:
        """The labels as a probability for each class."""
        f = type(self).__name__
        if labels.ndim == 2 and labels.dtype.kind == "f":
            return labels
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ValueError(
                f"{f}: labels must be integers (n,) or probabilities (n, classes) "
                f"(got {labels.dtype} of shape {labels.shape})"
            )
        if self.num_classes is None:
            raise ValueError(f"{f}: num_classes must be given for labels that are integers")
        if labels.size and not 0 <= labels.min() <= labels.max() < self.num_classes:
            raise ValueError(
                f"{f}: labels must be at least 0 and less than num_classes "
                f"(got {labels.min()} to {labels.max()} and {self.num_classes})"
            )
        return np.eye(self.num_classes, dtype=dtype)[labels]

    def _mix(self, images: Array, share: float) -> tuple[Array, float]:
        """The mixed images, and the share that the images themselves have in them."""
        raise NotImplementedError


def _array(function: str, name: str, value: Any) -> Array:
    if not isinstance(value, Tensor):
        raise TypeError(f"{function}: {name} must be a Tensor (got {type(value).__name__})")
    return value.numpy()


class MixUp(_Mix):
    """Weighted means of two images, and of their labels.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight has a Beta(alpha, alpha) distribution.
    num_classes : int, optional
        The number of classes, for labels that are integers.

    Returns
    -------
    (Tensor, Tensor)
        The mixed images (n, c, h, w), and a probability for each class (n, num_classes).

    Raises
    ------
    TypeError, ValueError
        If images or labels are of another kind.

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz: mixup: beyond empirical risk minimization.
    ICLR 2018.

    Examples
    --------
    >>> import cnet, numpy as np
    >>> mix = cnet.transforms.MixUp(num_classes=3)
    >>> images, labels = mix(cnet.tensor(np.zeros((4, 1, 2, 2))), cnet.tensor([0, 1, 2, 0]))
    >>> labels.shape, labels.numpy().sum(axis=1).round(6)
    ((4, 3), array([1., 1., 1., 1.]))
    """

    def _mix(self, images: Array, share: float) -> tuple[Array, float]:
        weight = images.dtype.type(share)
        return images * weight + np.roll(images, 1, axis=0) * (1 - weight), share


class CutMix(_Mix):
    """A rectangle of each image is replaced by that of another image; labels mix by its area.

    Parameters and results are those of `MixUp`.

    References
    ----------
    S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo: CutMix: regularization strategy to train
    strong classifiers with localizable features. ICCV 2019.

    Examples
    --------
    >>> import cnet
    >>> import numpy as np
    >>> from cnet import transforms
    >>> mix = transforms.CutMix(num_classes=3)
    >>> images, labels = mix(cnet.tensor(np.zeros((2, 1, 4, 4))), cnet.tensor([0, 1]))
    >>> images.shape, labels.shape
    ((2, 1, 4, 4), (2, 3))
    """

    def _mix(self, images: Array, share: float) -> tuple[Array, float]:
        height, width = images.shape[-2:]
        x, y = draws.integer(0, width), draws.integer(0, height)
        half = 0.5 * math.sqrt(1 - share)
        rows = slice(max(y - int(half * height), 0), min(y + int(half * height), height))
        columns = slice(max(x - int(half * width), 0), min(x + int(half * width), width))
        mixed = images.copy()
        mixed[..., rows, columns] = np.roll(images, 1, axis=0)[..., rows, columns]
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        return mixed, 1 - area / (height * width)
