"""Which algorithm computes a convolution."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _check, _core, geometry, runtime
from ..arrays import Array, Size
from ..geometry import Padding
from ._dispatch import choices

FORWARD, DX, DW = range(3)  # cnet_pass in cnet.h
ALGORITHMS = tuple(_core.algorithms)
_NAMES = {number: name for name, number in _core.algorithms.items()}


def conv2d_algorithm(
    x_shape: Sequence[int], weight_shape: Sequence[int], stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1, groups: int = 1, dtype: npt.DTypeLike = np.float32,
) -> str:  # fmt: skip
    """The algorithm that `conv2d` selects for arrays of these shapes.

    Parameters
    ----------
    x_shape, weight_shape : (int, int, int, int)
        Shapes (n, c, h, w) and (o, c / groups, kh, kw).
    stride, padding, dilation, groups
        As in `conv2d`.
    dtype : dtype, default float32
        The dtype of the arrays, float32 or float64.

    Returns
    -------
    str
        'depthwise', 'winograd', 'pointwise', 'channels', 'direct' or 'product'.

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
        _check.shape("conv2d_algorithm", "x_shape", x_shape),
        _check.shape("conv2d_algorithm", "weight_shape", weight_shape),
    )
    g = geometry.conv("conv2d_algorithm", *shapes, stride, padding, dilation, groups)
    return conv2d_choice(g, _check.float_dtype("conv2d_algorithm", "dtype", np.dtype(dtype)))


def conv2d_choice(g: geometry.Conv, dtype: np.dtype[Any]) -> str:
    """`conv2d_algorithm` for a checked geometry."""
    chosen = choices("conv2d", dtype.num, None, None, None, None, g.sizes2d, default_number())
    assert chosen is not None
    return _NAMES[chosen[FORWARD]]


def default_number() -> int:
    """The number of 'auto', or of 'exact' under `cnet.use_exact`."""
    return _core.algorithms["exact" if runtime.exact_is_on() else "auto"]


def algorithm_number(f: str, name: str, g: geometry.Conv, passes: Sequence[int], x: Array) -> int:
    """The number of an algorithm; ValueError if it does not support these passes."""
    if name == "auto":
        return default_number()
    if name not in ALGORITHMS:
        raise ValueError(f"{f}: algorithm must be one of {', '.join(ALGORITHMS)} (got {name!r})")
    if not g.x_shape[0]:
        return default_number()  # without images, any algorithm is done
    algorithm = _core.algorithms[name]
    if name != "exact" and not _suits(algorithm, g, passes, x):
        sizes = g.sizes2d
        raise ValueError(
            f"{f}: algorithm={name!r} cannot compute this convolution "
            f"(got a {sizes.kh}x{sizes.kw} kernel, stride {(sizes.sh, sizes.sw)}, "
            f"dilation {(sizes.dh, sizes.dw)}, {g.groups} groups, x {g.x_shape}); "
            f"'auto' and 'exact' can"
        )
    return algorithm


def _suits(algorithm: int, g: geometry.Conv, passes: Sequence[int], x: Array) -> bool:
    dtype_number, sizes = x.dtype.num, g.sizes2d
    if FORWARD in passes:
        return choices("conv2d", dtype_number, None, None, None, None, sizes, algorithm) is not None
    dx, dw = (x if direction in passes else None for direction in (DX, DW))
    backward = None, None, None, dx, dw, None, sizes, algorithm
    return choices("conv2d_backward", dtype_number, *backward) is not None


def sparse_backward_pays(g: geometry.Conv, dtype: np.dtype[Any]) -> bool:
    """Whether `conv2d_relu_pool_backward` has a separate kernel for this geometry."""
    if runtime.reference_is_active():
        return True
    return choices("conv2d_relu_pool_backward", dtype.num, *[None] * 7, g.sizes2d) is not None
