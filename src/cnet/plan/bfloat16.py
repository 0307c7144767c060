"""The format bfloat16: the upper half of a float32, so with its range and 8 bits of precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import runtime
from .._narrow import to_bfloat16
from ..arrays import Array
from ..geometry import Conv2d
from .narrowing import Arguments, Format
from .steps import Step


class Bfloat16(Format):
    """bfloat16, with sums of float32."""

    dtype: np.dtype[Any] = np.dtype(np.uint16)
    narrow, widen = "to_bfloat16", "from_bfloat16"
    conv2d, max_pool2d = "bfloat16_conv2d", "bfloat16_max_pool2d"

    def suits(self, g: Conv2d) -> bool:
        return True

    def scale_of(self, step: Step | None) -> None:
        return None

    def conversion(self, scale: None) -> Arguments:
        return {}

    def reversion(self, scale: None) -> Arguments:
        return {}

    def numbers(
        self, g: Conv2d, weight: Array, bias: Array | None, scales: Sequence[None], y: None,
        is_narrow: bool, low: float, high: float,
    ) -> Arguments:  # fmt: skip
        return {
            "bias": np.zeros(g.o, np.float32) if bias is None else bias,
            "weight": to_bfloat16(weight), "g": g, "low": low, "high": high,
            "rounded": int(is_narrow), "amx": int(runtime.amx_is_used()),
        }  # fmt: skip
