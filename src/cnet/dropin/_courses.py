"""What the courses with channels last share: arrays (m, h, w, c) and filters (kh, kw, c, o)."""

from typing import Any

from ..arrays import Array
from . import kernels
from ._arrays import shape_at
from ._pooling import maxima

LAYOUTS: Any = {"layout": "nhwc", "weight_layout": "hwio"}


def conv_gradients(
    dZ: Any, A_prev: Any, W: Any, stride: Any, padding: Any
) -> tuple[Array, Array, Array]:
    """dA_prev, dW, and db of shape (1, 1, 1, o)."""
    gradients: Any = kernels.conv2d_backward(dZ, A_prev, W, stride, padding, **LAYOUTS)
    dx, dw, db = gradients
    return dx, dw, db.reshape(1, 1, 1, -1)


def pooled(function: str, A_prev: Any, window: Any, stride: Any, mode: str) -> Array:
    """The maximum or the mean of each window."""
    if mode == "max":
        return maxima(A_prev, window, stride, layout="nhwc")
    check_average(function, mode)
    return kernels.avg_pool2d(A_prev, window, stride, layout="nhwc")


def pool_gradient(
    function: str, dA: Any, A_prev: Any, window: Any, stride: Any, mode: str
) -> Array:
    """The gradient of A_prev; all of equal maxima get that of their window."""
    if mode == "max":
        return kernels.max_pool2d_gradient(dA, A_prev, window, stride, layout="nhwc", ties="all")
    check_average(function, mode)
    return kernels.avg_pool2d_backward(dA, shape_at(A_prev), window, stride, layout="nhwc")


def check_average(function: str, mode: str) -> None:
    if mode not in ("average", "avg"):
        raise ValueError(f"{function}: mode must be 'max' or an average (got {mode!r})")
