"""Transforms that rotate, move, scale and distort images."""

from collections.abc import Sequence
from typing import Any

from . import draws
from . import functional as F
from .base import Transform, probability
from .geometry import Fill, bounds
from .images import Image
from .interpolation import InterpolationMode, interpolation_mode


class RandomRotation(Transform):
    """Rotate by a random angle.

    Parameters
    ----------
    degrees : float or (float, float)
        The bounds of the angle; a single number d means (-d, d).
    interpolation, expand, center, fill
        See `functional.rotate`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomRotation((90, 90), expand=True)(np.array([[1, 2, 3]]))
    array([[3],
           [2],
           [1]])
    """

    arguments = "degrees", "interpolation", "expand", "fill"

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Fill = 0,
    ) -> None:
        super().__init__()
        self.degrees = symmetric("RandomRotation", "degrees", degrees)
        self.interpolation = interpolation_mode("RandomRotation", interpolation)
        self.expand = expand
        self.center = center
        self.fill = fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return draws.uniform(degrees[0], degrees[1])

    def forward(self, img: Image) -> Image:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(Transform):
    """Rotate, move, scale and shear at random about the centre.

    Parameters
    ----------
    degrees : float or (float, float)
        The bounds of the angle; a single number d means (-d, d).
    translate : (float, float), optional
        The largest moves, as fractions of the width and the height.
    scale : (float, float), optional
        The bounds of the factor.
    shear : float or sequence of 2 or 4 floats, optional
        The bounds of the shear in degrees: parallel to x between -s and s; parallel to x; parallel
        to x and to y.
    interpolation, fill, center
        See `functional.affine`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomAffine(10, (0.1, 0.1))(np.zeros((4, 5))).shape
    (4, 5)
    """

    arguments = "degrees", "translate", "scale", "shear", "interpolation", "fill"

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Fill = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        f = "RandomAffine"
        super().__init__()
        self.degrees = symmetric(f, "degrees", degrees)
        if translate is not None and not all(0 <= value <= 1 for value in translate):
            raise ValueError(f"{f}: translate must be fractions from 0 to 1 (got {translate})")
        self.translate = translate
        self.scale = scale if scale is None else bounds(f, "scale", scale)
        self.shear = shear if shear is None else symmetric(f, "shear", shear, (2, 4))
        self.interpolation = interpolation_mode(f, interpolation)
        self.fill = fill
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, move, factor and shear for an image of width and height `img_size`."""
        angle = draws.uniform(degrees[0], degrees[1])
        move = (0, 0)
        if translate is not None:
            dx, dy = (share * n for share, n in zip(translate, img_size, strict=True))
            move = round(draws.uniform(-dx, dx)), round(draws.uniform(-dy, dy))
        scale = 1.0 if scale_ranges is None else draws.uniform(scale_ranges[0], scale_ranges[1])
        shear = (0.0, 0.0)
        if shears is not None:
            x = draws.uniform(shears[0], shears[1])
            shear = x, draws.uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, move, scale, shear

    def forward(self, img: Image) -> Image:
        size = F.get_image_size(img)
        params = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *params, self.interpolation, self.fill, self.center)


class RandomPerspective(Transform):
    """Change the perspective at random, with probability `p`.

    Parameters
    ----------
    distortion_scale : float, default 0.5
        How far the corners move at most, as a fraction of half the width and half the height.
    p : float, default 0.5
        The probability.
    interpolation, fill
        See `functional.perspective`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import transforms
    >>> transforms.RandomPerspective(p=1)(np.zeros((8, 10, 3))).shape
    (8, 10, 3)
    """

    arguments = "distortion_scale", "p", "interpolation", "fill"

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Fill = 0,
    ) -> None:
        super().__init__()
        if not 0 <= distortion_scale <= 1:
            raise ValueError(
                f"RandomPerspective: distortion_scale must be from 0 to 1 (got {distortion_scale})"
            )
        self.distortion_scale = distortion_scale
        self.p = probability("RandomPerspective", p)
        self.interpolation = interpolation_mode("RandomPerspective", interpolation)
        self.fill = fill

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners (x, y) of an image and where they move, clockwise from the upper left."""
        right, bottom = width - 1, height - 1
        dx, dy = (int(distortion_scale * (n // 2)) + 1 for n in (width, height))
        starts = [[0, 0], [right, 0], [right, bottom], [0, bottom]]
        ends = [[abs(x - draws.integer(0, dx)), abs(y - draws.integer(0, dy))] for x, y in starts]
        return starts, ends

    def forward(self, img: Image) -> Image:
        if not draws.chance(self.p):
            return img
        width, height = F.get_image_size(img)
        points = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *points, self.interpolation, self.fill)


def symmetric(
    function: str, name: str, value: float | Sequence[float], lengths: tuple[int, ...] = (2,)
) -> tuple[float, ...]:
    """Bounds of an argument that is one positive number or already bounds."""
    if not isinstance(value, Sequence):
        if value < 0:
            raise ValueError(f"{function}: {name} as one number must not be negative (got {value})")
        return -float(value), float(value)
    if len(value) not in lengths:
        raise ValueError(
            f"{function}: {name} must have {' or '.join(map(str, lengths))} values (got {value})"
        )
    return tuple(float(v) for v in value)
