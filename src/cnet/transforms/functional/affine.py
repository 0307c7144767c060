"""Rotation and other affine changes of an image, and changes of its perspective."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._explained import explained
from ..images import Array, Image, height_width, is_pil, map_planes
from ..interpolation import InterpolationMode, interpolation_mode, pillow_number, sample_planes
from .fill import fill_values, pillow_fill


@explained
def rotate(
    img: Image,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: float | Sequence[float] | None = None,
) -> Image:
    """Rotate an image.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        The image.
    angle : float
        Degrees, counter-clockwise.
    interpolation : InterpolationMode, default NEAREST
        NEAREST or BILINEAR; for PIL images also BICUBIC.
    expand : bool, default False
        Whether to enlarge the image so that it holds the whole rotated image, for a rotation about
        its centre.
    center : (float, float), optional
        The centre (x, y) of the rotation, from the upper left corner; by default that of the image.
    fill : float or sequence of float, optional
        The value of pixels from outside, by default 0.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.rotate(np.array([[1, 2], [3, 4]]), 90)
    array([[2, 4],
           [1, 3]])
    """
    mode = interpolation_mode("rotate", interpolation)
    if is_pil(img):
        return img.rotate(
            angle,
            pillow_number(mode),
            expand,
            center if center is None else tuple(center),
            fillcolor=pillow_fill("rotate", img, fill),
        )
    if expand and angle % 90 == 0:
        turns = int(angle // 90)
        return map_planes("rotate", img, lambda planes: np.rot90(planes, turns, (-2, -1)).copy())
    h, w = height_width("rotate", img)
    middle = (w / 2, h / 2) if center is None else (center[0], center[1])
    matrix = inverse_affine_matrix(middle, -angle, (0, 0), 1, (0, 0))
    height, width = h, w
    if expand:
        height, width = _expanded(matrix, h, w)
        shift = matrix[:, :2] @ [-(width - w) / 2, -(height - h) / 2]
        matrix = matrix + np.pad(shift[:, np.newaxis], [(0, 0), (2, 0)])
    values = fill_values("rotate", img, fill)
    return map_planes(
        "rotate",
        img,
        lambda planes: sample_planes("rotate", planes, matrix, (height, width), mode, values),
    )


def _expanded(matrix: Array, h: int, w: int) -> tuple[int, int]:
    """Height and width that hold all corners of a rotated image."""
    corners = np.array([(0, 0, 1), (w, 0, 1), (w, h, 1), (0, h, 1)])
    x, y = (corners @ matrix.T).T.round(9)
    return int(np.ceil(y.max()) - np.floor(y.min())), int(np.ceil(x.max()) - np.floor(x.min()))


def inverse_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> Array:
    """The matrix (2, 3) from positions in the result of `affine` to positions in the image.

    The image is rotated by `angle`, sheared and scaled about `center`, and then moved.
    """
    rotation = math.radians(angle)
    sx, sy = (math.radians(value) for value in shear)
    a = math.cos(rotation - sy) / math.cos(sy)
    b = -math.cos(rotation - sy) * math.tan(sx) / math.cos(sy) - math.sin(rotation)
    c = math.sin(rotation - sy) / math.cos(sy)
    d = -math.sin(rotation - sy) * math.tan(sx) / math.cos(sy) + math.cos(rotation)
    linear = np.array([[d, -b], [-c, a]]).round(15) / scale  # exact for multiples of 90 degrees
    middle = np.array([center[0], center[1]], float)
    offset = middle - linear @ (middle + np.asarray(translate, float))
    return np.column_stack([linear, offset])


@explained
def affine(
    img: Image,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = InterpolationMode.NEAREST,
    fill: float | Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> Image:
    """Rotate, shear, scale and move an image.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        The image.
    angle : float
        Degrees, clockwise.
    translate : (float, float)
        By how many pixels to move it to the right and down.
    scale : float
        The factor, greater than 0.
    shear : float or (float, float)
        Degrees, parallel to the x axis and to the y axis.
    interpolation : InterpolationMode, default NEAREST
        NEAREST or BILINEAR; for PIL images also BICUBIC.
    fill : float or sequence of float, optional
        The value of pixels from outside, by default 0.
    center : (float, float), optional
        The fixed point (x, y), from the upper left corner; by default the centre of the image.

    Raises
    ------
    ValueError
        If an argument is out of range or has another number of values.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> functional.affine(np.array([[1, 2, 3]]), 0, (1, 0), 1.0, 0)
    array([[0, 1, 2]])
    """
    mode = interpolation_mode("affine", interpolation)
    if scale <= 0:
        raise ValueError(f"affine: scale must be greater than 0 (got {scale})")
    if len(translate) != 2:
        raise ValueError(f"affine: translate must have 2 values (got {len(translate)})")
    shears = [*shear] if isinstance(shear, Sequence) else [shear, 0.0]
    if len(shears) == 1:
        shears *= 2
    if len(shears) != 2:
        raise ValueError(f"affine: shear must have 1 or 2 values (got {len(shears)})")
    h, w = height_width("affine", img)
    middle = (w / 2, h / 2) if center is None else center
    matrix = inverse_affine_matrix(middle, angle, translate, scale, shears)
    return _transformed("affine", img, matrix, mode, fill)


@explained
def perspective(
    img: Image,
    startpoints: Sequence[Sequence[float]],
    endpoints: Sequence[Sequence[float]],
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: float | Sequence[float] | None = None,
) -> Image:
    """Move four points of an image, and all others with them in perspective.

    Parameters
    ----------
    img : Tensor, PIL image or ndarray
        The image.
    startpoints, endpoints : sequence of 4 points (x, y)
        The points, and where they are in the result.
    interpolation : InterpolationMode, default BILINEAR
        NEAREST or BILINEAR; for PIL images also BICUBIC.
    fill : float or sequence of float, optional
        The value of pixels from outside, by default 0.

    Raises
    ------
    ValueError
        If there are not four points each.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet.transforms import functional
    >>> corners, moved = [(0, 0), (1, 0), (1, 1), (0, 1)], [(1, 0), (2, 0), (2, 1), (1, 1)]
    >>> functional.perspective(np.array([[1, 2, 3]]), corners, moved)
    array([[0, 1, 2]])
    """
    mode = interpolation_mode("perspective", interpolation)
    starts, ends = np.asarray(startpoints, np.float64), np.asarray(endpoints, np.float64)
    for name, points in ("startpoints", starts), ("endpoints", ends):
        if points.shape != (4, 2):
            raise ValueError(
                f"perspective: {name} must be 4 points (x, y) (got shape {points.shape})"
            )
    # Homogeneous positions h of the ends: start * (c6, c7, 1) @ h = (c0, …, c5) @ h.
    h, zero = np.column_stack([ends, np.ones(4)]), np.zeros((4, 3))
    rows = [
        np.hstack([*places, -starts[:, axis, np.newaxis] * ends])
        for axis, places in enumerate([(h, zero), (zero, h)])
    ]
    solution = np.linalg.lstsq(np.vstack(rows), starts.T.reshape(-1), rcond=None)[0]
    matrix = np.append(solution, 1).reshape(3, 3)
    return _transformed("perspective", img, matrix, mode, fill)


def _transformed(
    function: str, img: Image, matrix: Array, mode: InterpolationMode, fill: Any
) -> Image:
    """An image whose pixels come from positions of another; see `sample_planes`."""
    if is_pil(img):
        method = 0 if len(matrix) == 2 else 2
        return img.transform(
            img.size,
            method,
            tuple(matrix.reshape(-1)[:8]),
            pillow_number(mode),
            fillcolor=pillow_fill(function, img, fill),
        )
    size, values = height_width(function, img), fill_values(function, img, fill)
    return map_planes(
        function, img, lambda planes: sample_planes(function, planes, matrix, size, mode, values)
    )
