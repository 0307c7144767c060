"""The format of 8-bit integers.

An image is quantized with one scale and one zero point, weights with one scale for each output. The
sums are exact integers (csrc/kernels/quantized).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import runtime
from ..arrays import Array
from ..geometry import Conv2d
from .blocking import is_depthwise
from .calibration import Range
from .narrowing import Arguments, Format
from .steps import Step

LEVELS = 255
"""The largest integer of an image."""
LEAST_SCALE = 1e-30
"""The smallest scale, whose inverse is a float32."""
WEIGHT_LEVELS = 127
"""The largest integer of a weight, and of a sum of two neighbours before they are rounded."""
MOST_PRODUCTS = (2**31 - 1) // (LEVELS * WEIGHT_LEVELS)
"""Products whose sum cannot overflow."""


class Scale(NamedTuple):
    """The integer q stands for (q - zero) * scale."""

    scale: float
    zero: int

    @classmethod
    def of(cls, range_: Range) -> "Scale":
        """The scale of a range, which is extended to contain 0, so that padding is exact."""
        low, high = min(range_[0], 0.0), max(range_[1], 0.0)
        scale = max((high - low) / LEVELS, LEAST_SCALE)
        return cls(scale, round(-low / scale))


class Int8(Format):
    """8-bit integers, whose scales come from the ranges of the results."""

    dtype: np.dtype[Any] = np.dtype(np.uint8)
    narrow, widen = "quantize", "dequantize"
    conv2d, max_pool2d = "quantized_conv2d", "quantized_max_pool2d"

    def __init__(self, range_of: Callable[[Step | None], Range]) -> None:
        self._range_of = range_of

    def suits(self, g: Conv2d) -> bool:
        if g.c // g.g * g.kh * g.kw > MOST_PRODUCTS:
            return False
        return not is_depthwise(g) or (g.dw == 1 and g.sw in (1, 2))

    def scale_of(self, step: Step | None) -> Scale:
        return Scale.of(self._range_of(step))

    def conversion(self, scale: Scale) -> Arguments:
        return {"scale": 1 / scale.scale, "zero": float(scale.zero)}

    def reversion(self, scale: Scale) -> Arguments:
        return {"scale": scale.scale, "zero": float(scale.zero)}

    def numbers(
        self, g: Conv2d, weight: Array, bias: Array | None, scales: Sequence[Scale],
        y: Scale | None, is_narrow: bool, low: float, high: float,
    ) -> Arguments:  # fmt: skip
        (x, *residuals), (y_scale, y_zero) = scales, y or Scale(1.0, 0)
        weight = weight.astype(np.float64)
        steps = _weight_scales(g, weight)
        shift = np.full(g.o, float(y_zero))
        if bias is not None:
            shift += bias / y_scale
        residual_scale = 0.0
        for residual in residuals:
            residual_scale = residual.scale / y_scale
            shift -= residual.zero * residual_scale
        if y:
            low, high = (
                float(np.clip(limit / y_scale + y_zero, 0, LEVELS)) for limit in (low, high)
            )
        return {
            "scale": (steps * x.scale / y_scale).astype(np.float32),
            "bias": shift.astype(np.float32),
            "weight": np.rint(weight / steps[:, None, None, None]).astype(np.int8),
            "g": g, "zero": x.zero, "residual_scale": residual_scale, "low": low, "high": high,
            "quantized": int(is_narrow), "dots": runtime.int8_dots(),
        }  # fmt: skip


def _weight_scales(g: Conv2d, weight: Array) -> Array:
    """The scale of each output, so that kernels can add the products of two neighbours, with any
    integers of an image, in 16 bits. Neighbours are channels, or columns of depthwise filters."""
    if not np.isfinite(weight).all():
        raise ValueError("compile: weights must be finite for dtype='int8'")
    axis = 3 if is_depthwise(g) else 1
    pairs = np.add.reduceat(weight, range(0, weight.shape[axis], 2), axis)
    most = [np.abs(each).max(axis=(1, 2, 3)) for each in (weight, pairs)]
    scales: Array = np.maximum(*most) / WEIGHT_LEVELS
    scales[scales == 0] = 1.0
    return scales
