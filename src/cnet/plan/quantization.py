"""Plans of 8-bit integers: convolutions and linear layers on quantized images.

An image is quantized with one scale and one zero point, weights with one scale for each output. The
sums are exact integers (csrc/kernels/quantized). Between steps that compute on quantized images no
floating-point image is made; all other steps compute in float32, with conversions.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from .. import geometry, runtime
from ..arrays import Array
from ..geometry import Conv2d
from .blocking import is_depthwise
from .calibration import Range
from .steps import Step, Value

LANES = 16
"""The number of channels in a block of 8-bit images (csrc/kernels/quantized)."""
LEVELS = 255
"""The largest integer of an image."""
LEAST_SCALE = 1e-30
"""The smallest scale, whose inverse is a float32."""
WEIGHT_LEVELS = 127
"""The largest integer of a weight."""
MOST_PRODUCTS = (2**31 - 1) // (LEVELS * WEIGHT_LEVELS)
"""Products whose sum cannot overflow."""
CONVOLUTIONS = "blocked_conv2d", "prepared_conv2d", "conv2d"


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


def _geometry(step: Step) -> Conv2d | None:
    """The geometry with which the quantized kernel computes a step; None if it cannot."""
    if step.kernel == "prepared_linear" and len(step.shape) == 2:
        n, outputs, inputs = step.arguments["g"]
        g = geometry.conv("compile", (n, inputs, 1, 1), (outputs, inputs, 1, 1)).sizes2d
    elif step.kernel in CONVOLUTIONS:
        g = step.arguments["g"]
    else:
        return None
    if g.c // g.g * g.kh * g.kw > MOST_PRODUCTS:
        return None
    if is_depthwise(g):
        return g if g.dw == 1 and g.sw in (1, 2, 4) else None
    in_blocks = g.c // g.g % LANES == 0 and g.o // g.g % LANES == 0
    return g if g.g == 1 or in_blocks else None


class _Quantizer:
    """Appends the steps of a plan in their quantized form."""

    def __init__(
        self, steps: Sequence[Step], result: Value, range_of: Callable[[Step | None], Range]
    ) -> None:
        self.steps: list[Step] = []
        self._range_of = range_of
        self._readers: dict[Step | None, list[Step]] = defaultdict(list)
        for step in steps:
            for source in step.inputs:
                self._readers[source].append(step)
        self._result = result
        self._made: dict[Step | None, Step | None] = {None: None}
        """The step that has taken the place of a step in floating point."""
        self._scales: dict[Step, Scale] = {}
        """The scales of quantized results."""
        self._converted: dict[Any, Step] = {}

    def add(self, step: Step) -> None:
        g = _geometry(step)
        made = step
        if g:
            made = self._convolution(step, g)
        elif step.kernel == "max_pool2d" and self._is_wanted(step):
            source, window = self._made[step.inputs[0]], step.arguments["g"]
            images = window.n, window.c, window.h, window.w
            if source and source in self._scales and _sizes(source.shape) == _sizes(images):
                made = Step("quantized_max_pool2d", (source,), step.shape, step.arguments)
                self._append_quantized(made, self._scales[source])
        if made is step:
            step.inputs = tuple(map(self._floating, step.inputs))
            step.onto = self._made[step.onto] if step.onto else None
            self.steps.append(step)
        self._made[step] = made

    def finish(self) -> None:
        self._result.step = self._floating(self._result.step)

    def _is_wanted(self, step: Step) -> bool:
        """Whether a step reads the result as a quantized image."""
        return any(
            _geometry(reader) or (reader.kernel == "max_pool2d" and self._is_wanted(reader))
            for reader in self._readers[step]
        )

    def _append_quantized(self, step: Step, scale: Scale) -> None:
        step.lanes, step.dtype = LANES, np.dtype(np.uint8)
        self.steps.append(step)
        self._scales[step] = scale

    def _quantized(self, source: Step | None, shape: tuple[int, ...]) -> Step:
        """A result as a quantized image of a shape with these numbers of elements."""
        made = self._made[source]
        if made and made in self._scales and _sizes(made.shape) == _sizes(shape):
            return made
        key = "quantize", source, _sizes(shape)
        if key not in self._converted:
            known = self._scales.get(made) if made else None
            scale = known or Scale.of(self._range_of(source))
            arguments = {"scale": 1 / scale.scale, "zero": float(scale.zero)}
            step = Step("quantize", (self._floating(source),), shape, arguments)
            self._append_quantized(step, scale)
            self._converted[key] = step
        return self._converted[key]

    def _floating(self, source: Step | None) -> Step | None:
        """A result as an image in floating point."""
        made = self._made[source]
        if not made or made not in self._scales:
            return made
        key = "dequantize", source
        if key not in self._converted:
            scale, zero = self._scales[made]
            arguments = {"scale": scale, "zero": float(zero)}
            step = Step("dequantize", (made,), made.shape, arguments, lanes=LANES)
            self.steps.append(step)
            self._converted[key] = step
        return self._converted[key]

    def _convolution(self, step: Step, g: Conv2d) -> Step:
        arguments, shape = step.arguments, step.shape
        images = (g.n, g.c, g.h, g.w)
        x, *residuals = step.inputs
        inputs = [self._quantized(x, images)]
        inputs += [self._quantized(residual, shape) for residual in residuals]
        low, high = arguments.get("low", -inf), arguments.get("high", inf)
        low = max(low, 0.0) if arguments.get("relu") else low
        is_pooled = bool(arguments.get("pool"))
        made = Step(
            "quantized_conv2d", tuple(inputs), (g.n, g.o, g.oh, g.ow) if is_pooled else shape
        )
        y = Scale.of(self._range_of(step)) if self._is_wanted(step) else None
        weight, bias = arguments["weight"], arguments["bias"]
        scales = [self._scales[x] for x in inputs]
        made.arguments = _numbers(g, weight, bias, scales, y, low, high)
        if y:
            self._append_quantized(made, y)
        else:
            made.lanes = LANES
            self.steps.append(made)
        if not is_pooled:
            return made
        window = {"g": geometry.pool("compile", made.shape, 2).sizes2d}
        pooled = Step("quantized_max_pool2d" if y else "max_pool2d", (made,), shape, window)
        if y:
            self._append_quantized(pooled, y)
        else:
            self.steps.append(pooled)
        return pooled


def _sizes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    n, c, *sizes = shape
    return n, c, int(np.prod(sizes, dtype=int))


def _numbers(
    g: Conv2d, weight: Array, bias: Array | None, scales: Sequence[Scale], y: Scale | None,
    low: float, high: float,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of `quantized_conv2d` for a float32 result, or a quantized one of scale y."""
    (x, *residuals), (y_scale, y_zero) = scales, y or Scale(1.0, 0)
    weight = weight.reshape(g.o, g.c // g.g, g.kh, g.kw).astype(np.float64)
    steps = np.abs(weight).max(axis=(1, 2, 3)) / WEIGHT_LEVELS
    if not np.isfinite(steps).all():
        raise ValueError("compile: weights must be finite for dtype='int8'")
    steps[steps == 0] = 1.0
    shift = np.full(g.o, float(y_zero))
    if bias is not None:
        shift += bias / y_scale
    residual_scale = 0.0
    for residual in residuals:
        residual_scale = residual.scale / y_scale
        shift -= residual.zero * residual_scale
    if y:
        low, high = (float(np.clip(limit / y_scale + y_zero, 0, LEVELS)) for limit in (low, high))
    return {
        "scale": (steps * x.scale / y_scale).astype(np.float32),
        "bias": shift.astype(np.float32),
        "weight": np.rint(weight / steps[:, None, None, None]).astype(np.int8),
        "g": g, "zero": x.zero, "residual_scale": residual_scale, "low": low, "high": high,
        "quantized": int(y is not None), "dots": runtime.int8_dots(),
    } | ({} if residuals else {"residual": None})  # fmt: skip


def quantize(
    steps: Sequence[Step], result: Value, range_of: Callable[[Step | None], Range]
) -> list[Step]:
    """The steps with quantized convolutions and linear layers where a kernel computes them."""
    quantizer = _Quantizer(steps, result, range_of)
    for step in steps:
        quantizer.add(step)
    quantizer.finish()
    return quantizer.steps
