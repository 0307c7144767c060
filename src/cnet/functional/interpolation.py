"""Resizing of sequences, images and volumes.

Each axis is resized by a sparse matrix, whose rows hold the weights of the cells from which an
output is computed. The positions of the outputs are computed in the dtype of the input, as in
PyTorch, so that both round to the same cells.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._explained import explained
from ..arrays import FLOAT32
from ..autograd import Array
from ..geometry import integer
from ..tensor import Tensor, TensorLike, as_tensor
from ._resampling import Matrix, resampled
from .adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]


class Line(NamedTuple):
    """How one axis is resized."""

    size: int
    outputs: int
    scale: float | None
    """The scale factor given by the caller."""
    align_corners: bool
    dtype: np.dtype[Any]

    @property
    def step(self) -> Any:
        """The distance between neighbouring outputs, in cells of the input."""
        number = self.dtype.type
        if self.align_corners:
            return number(self.size - 1) / number(max(self.outputs - 1, 1))
        if self.scale is not None and self.scale > 0:
            return number(1 / self.scale)
        return number(self.size) / number(self.outputs)

    def positions(self) -> Array:
        """The positions of the outputs on the axis of the input; cell i is at i."""
        outputs = np.arange(self.outputs).astype(self.dtype)
        if self.align_corners:
            return np.asarray(outputs * self.step)
        half = self.dtype.type(0.5)
        return np.asarray(self.step * (outputs + half) - half)

    def matrix(self, cells: Array, weights: Array) -> Matrix:
        """The matrix with a row of weights for each output; cells outside are moved to the ends."""
        counts = np.full(self.outputs, cells.shape[1])
        cells = np.clip(cells, 0, self.size - 1)
        return Matrix(counts, cells.ravel(), weights.astype(self.dtype).ravel(), self.size)


# ---- The modes -----------------------------------------------------------------------------------


def _nearest(line: Line, shift: float) -> Matrix:
    step = line._replace(dtype=np.dtype(np.float32)).step
    outputs = np.arange(line.outputs, dtype=np.float32) + np.float32(shift)
    cells = np.floor(outputs * step).astype(np.int64)
    return line.matrix(cells[:, None], np.ones(line.outputs))


def _linear(line: Line) -> Matrix:
    if line.outputs == line.size:
        return line.matrix(np.arange(line.size)[:, None], np.ones(line.size))
    positions = np.maximum(line.positions(), 0)
    first = np.minimum(positions.astype(np.int64), line.size - 1)
    share = np.clip(positions - first.astype(line.dtype), 0, 1)
    return line.matrix(np.stack([first, first + 1], 1), np.stack([1 - share, share], 1))


def _cubic_weights(distances: Array, a: float) -> Array:
    """Keys' cubic convolution with the parameter a, at distances of up to 2 cells."""
    x = np.abs(distances)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _cubic(line: Line) -> Matrix:
    positions = line.positions()
    first = np.minimum(np.floor(positions).astype(np.int64), line.size - 1)
    share = np.clip(positions - first.astype(line.dtype), 0, 1)
    taps = np.arange(-1, 3)
    weights = _cubic_weights(share[:, None] - taps.astype(line.dtype), -0.75)
    return line.matrix(first[:, None] + taps, weights)


def _antialiased(line: Line, reach: float, weights_at: Callable[[Array], Array]) -> Matrix:
    """A filter that is stretched to the distance between outputs, and cut at the ends."""
    step = line.step
    stretch = max(step, line.dtype.type(1))
    support = line.dtype.type(reach) * stretch
    half = line.dtype.type(0.5)
    centres = step * (np.arange(line.outputs).astype(line.dtype) + half)
    first = np.maximum((centres - support + half).astype(np.int64), 0)
    last = np.minimum((centres + support + half).astype(np.int64), line.size)
    counts = last - first
    rows = np.repeat(np.arange(line.outputs), counts)
    cells = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[rows]
    weights = weights_at((cells - centres[rows] + half) / stretch)
    weights = weights / np.bincount(rows, weights, line.outputs)[rows]
    return Matrix(counts, cells, weights.astype(line.dtype), line.size)


class Mode(NamedTuple):
    axes: tuple[int, ...]
    """The numbers of spatial axes that it supports."""
    matrix: Callable[[Line], Matrix] | None
    antialiased: Callable[[Line], Matrix] | None = None


def _triangle(line: Line) -> Matrix:
    return _antialiased(line, 1, lambda x: np.maximum(1 - np.abs(x), 0))


def _cubic_filter(line: Line) -> Matrix:
    return _antialiased(line, 2, lambda x: _cubic_weights(x, -0.5))


MODES = {
    "nearest": Mode((1, 2, 3), lambda line: _nearest(line, 0)),
    "nearest-exact": Mode((1, 2, 3), lambda line: _nearest(line, 0.5)),
    "linear": Mode((1,), _linear),
    "bilinear": Mode((2,), _linear, _triangle),
    "trilinear": Mode((3,), _linear),
    "bicubic": Mode((2,), _cubic, _cubic_filter),
    "area": Mode((1, 2, 3), None),
}
_AVERAGES: tuple[Callable[..., Tensor], ...] = (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d,
)  # fmt: skip


@lru_cache(maxsize=256)
def _matrices(
    mode: str, antialias: bool, align_corners: bool, dtype: np.dtype[Any],
    *sizes: tuple[int, int, float | None],
) -> tuple[Matrix, ...]:  # fmt: skip
    """The matrix of each axis, for its sizes before and after, and its scale factor."""
    resize = MODES[mode].antialiased if antialias else MODES[mode].matrix
    assert resize is not None
    return tuple([resize(Line(*each, align_corners, dtype)) for each in sizes])


# ---- Arguments -----------------------------------------------------------------------------------

Scale: TypeAlias = float | Sequence[float]


def _per_axis(name: str, value: Any, axes: int) -> list[Any]:
    if type(value) in (int, float) or not isinstance(value, (Sequence, np.ndarray)):
        return [value] * axes
    if len(value) != axes:
        raise ValueError(
            f"interpolate: {name} must be one number, or one for each of the {axes} spatial axes "
            f"(got {tuple(value)})"
        )
    return list(value)


def _sizes(
    sizes: Sequence[int], size: Any, scale_factor: Any, recompute_scale_factor: bool | None
) -> tuple[list[int], list[float | None]]:
    """The sizes of the result, and the scale factors from which positions are computed."""
    axes = len(sizes)
    scales: list[float | None] = [None] * axes
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "interpolate: exactly one of size and scale_factor must be given "
            f"(got {size} and {scale_factor})"
        )
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("interpolate: recompute_scale_factor needs scale_factor, not size")
        given = _per_axis("size", size, axes)
        outputs = [integer("interpolate", "size", output) for output in given]
    else:
        factors = [float(factor) for factor in _per_axis("scale_factor", scale_factor, axes)]
        outputs = [math.floor(n * factor) for n, factor in zip(sizes, factors, strict=True)]
        scales = scales if recompute_scale_factor else [*factors]
    if min(*sizes, *outputs) < 1:
        raise ValueError(
            "interpolate: sizes must be at least 1 before and after "
            f"(got {tuple(sizes)} and {tuple(outputs)})"
        )
    return outputs, scales


def _check_mode(mode: str, axes: int, align_corners: bool | None, antialias: bool) -> None:
    if mode not in MODES:
        raise NotImplementedError(
            f"interpolate: mode must be one of {', '.join(MODES)} (got {mode!r})"
        )
    if align_corners is not None and (mode == "area" or mode.startswith("nearest")):
        raise ValueError(
            "interpolate: align_corners can be set only for the modes linear, bilinear, bicubic "
            f"and trilinear (got {mode!r})"
        )
    if axes not in MODES[mode].axes:
        needed = " or ".join(f"{n + 2}" for n in MODES[mode].axes)
        raise NotImplementedError(
            f"interpolate: input must have {needed} dimensions in mode {mode!r} (got {axes + 2})"
        )
    if antialias and MODES[mode].antialiased is None:
        raise ValueError(
            f"interpolate: antialias needs mode 'bilinear' or 'bicubic' (got {mode!r})"
        )


@explained
def interpolate(
    input: TensorLike,
    size: int | Sequence[int] | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize sequences, images or volumes.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l), (n, c, h, w) or (n, c, d, h, w)
        float32 or float64; for the nearest modes also integers and booleans.
    size : int or sequence of int, optional
        The sizes of the result on the spatial axes.
    scale_factor : float or sequence of float, optional
        The sizes of the result divided by those of `input`; rounded down. Either this or `size`
        must be given.
    mode : str, default "nearest"
        "nearest", "nearest-exact", "linear" (sequences), "bilinear" and "bicubic" (images),
        "trilinear" (volumes) or "area", which is adaptive average pooling. "nearest-exact" rounds
        the positions of pixel centres, "nearest" those of pixel corners.
    align_corners : bool, default False
        Whether the centres of the corner pixels, not their corners, keep their positions; only for
        the linear and cubic modes.
    recompute_scale_factor : bool, default False
        Whether positions are computed from the rounded sizes in place of `scale_factor`.
    antialias : bool, default False
        Whether the filter covers all pixels of a reduced image; only for "bilinear" and "bicubic".

    Returns
    -------
    Tensor
        In the dtype of `input`.

    Raises
    ------
    NotImplementedError
        If the mode is unknown or does not support this number of axes.
    TypeError
        If the dtype of `input` is not supported.
    ValueError
        If an argument is out of range, or arguments contradict each other.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[0.0, 2.0, 4.0]]])
    >>> cnet.functional.interpolate(x, scale_factor=2)
    tensor([[[0., 0., 2., 2., 4., 4.]]])
    >>> cnet.functional.interpolate(x, 5, mode="linear", align_corners=True)
    tensor([[[0., 1., 2., 3., 4.]]])

    References
    ----------
    R. G. Keys: Cubic convolution interpolation for digital image processing, IEEE Transactions on
    Acoustics, Speech, and Signal Processing 29 (1981), for "bicubic".
    """
    x = as_tensor(input)
    shape = x.shape
    axes = len(shape) - 2
    if axes not in (1, 2, 3):
        raise NotImplementedError(
            f"interpolate: input must have 3, 4 or 5 dimensions (got {x.ndim}, shape {x.shape})"
        )
    _check_mode(mode, axes, align_corners, antialias)
    outputs, scales = _sizes(shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return _AVERAGES[axes - 1](x, outputs)
    if x.dtype.kind != "f" and not mode.startswith("nearest"):
        raise TypeError(f"interpolate: input must have a float dtype in mode {mode!r} "
                        f"(got {x.dtype})")  # fmt: skip
    dtype = x.dtype if x.dtype.kind == "f" else FLOAT32
    sizes = [*zip(shape[2:], outputs, scales, strict=True)]
    if mode == "nearest" and axes == 2:  # PyTorch ignores the factor of images at these sizes
        sizes = [(n, out, None if out in (n, 2 * n) else scale) for n, out, scale in sizes]
    matrices = _matrices(mode, bool(antialias), bool(align_corners), dtype, *sizes)
    if x.dtype.kind == "f":
        return resampled(x, matrices)
    array = x._array
    for axis, matrix in enumerate(matrices, 2):
        array = np.take(array, matrix.cells, axis)
    return Tensor(array)


@explained
def upsample(
    input: TensorLike,
    size: int | Sequence[int] | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The former name of `interpolate`, with fewer options.

    Parameters, result and errors are those of `interpolate`.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.upsample(cnet.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


@explained
def upsample_nearest(
    input: TensorLike,
    size: int | Sequence[int] | None = None,
    scale_factor: Scale | None = None,
) -> Tensor:
    """`interpolate` in mode "nearest".

    Parameters, result and errors are those of `interpolate`.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.upsample_nearest(cnet.tensor([[[1.0, 2.0]]]), size=4)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, "nearest")


@explained
def upsample_bilinear(
    input: TensorLike,
    size: int | Sequence[int] | None = None,
    scale_factor: Scale | None = None,
) -> Tensor:
    """`interpolate` in mode "bilinear" with ``align_corners=True``.

    Parameters, result and errors are those of `interpolate`.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[[0.0, 2.0]]]])
    >>> cnet.functional.upsample_bilinear(x, size=(1, 3))
    tensor([[[[0., 1., 2.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
