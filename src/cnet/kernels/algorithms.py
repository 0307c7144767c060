"""Which algorithm computes a convolution."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _check, _core, geometry, runtime
from .._check import Array
from ..geometry import Padding, Size2d
from ._dispatch import KERNELS

FORWARD, DX, DW = range(3)  # cnet_pass in cnet.h
_NAMES = {number: name for name, number in _core.algorithms.items()}


def conv2d_algorithm(
    x_shape: Sequence[int], weight_shape: Sequence[int], stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1, dtype: npt.DTypeLike = np.float32,
) -> str:  # fmt: skip
    """The algorithm that `conv2d` takes by itself for arrays of these shapes.

    Parameters
    ----------
    x_shape, weight_shape : (int, int, int, int)
        Shapes (n, c, h, w) and (o, c / groups, kh, kw).
    stride, padding, dilation, groups
        As in `conv2d`.
    dtype : dtype, default float32
        Of the arrays: float32 or float64.

    Returns
    -------
    str
        'depthwise', 'winograd', 'pointwise', 'direct' or 'product'.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`.

    Examples
    --------
    >>> from cnet import kernels
    >>> kernels.conv2d_algorithm((8, 64, 56, 56), (64, 64, 3, 3), padding=1)
    'winograd'
    """
    shapes = (
        _check.shape4("conv2d_algorithm", "x_shape", x_shape),
        _check.shape4("conv2d_algorithm", "weight_shape", weight_shape),
    )
    g = geometry.conv2d("conv2d_algorithm", *shapes, stride, padding, dilation, groups)
    return conv2d_choice(g, _check.float_dtype("conv2d_algorithm", "dtype", np.dtype(dtype)))


def conv2d_choice(g: geometry.Conv2d, dtype: np.dtype[Any]) -> str:
    """`conv2d_algorithm` for a geometry that has been checked already."""
    wanted = _core.algorithms["exact" if runtime.exact_is_on() else "auto"]
    choices = _core.choose(dtype.num, KERNELS["conv2d"], None, None, None, None, g, wanted)
    assert choices is not None
    return _NAMES[choices[FORWARD]]


def algorithm_number(
    function: str, name: str, g: geometry.Conv2d, passes: Sequence[int], x: Array
) -> int:
    """The number of an algorithm, once it is certain that it can do these passes."""
    if name == "auto" and runtime.exact_is_on():
        name = "exact"
    algorithm = _core.algorithms[name]
    if name in ("auto", "exact"):
        return algorithm
    dx, dw = (x if direction in passes else None for direction in (DX, DW))
    values: tuple[Any, ...] = None, None, None, dx, dw, None, g, algorithm
    kernel = "conv2d_backward"
    if FORWARD in passes:
        kernel, values = "conv2d", (None, None, None, None, g, algorithm)
    if _core.choose(x.dtype.num, KERNELS[kernel], *values) is None:
        raise _check.unsuitable(function, name, g)
    return algorithm
