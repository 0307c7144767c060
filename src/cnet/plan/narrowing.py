"""Plans of narrow numbers: convolutions and linear layers on images of 8-bit integers or bfloat16.

Between steps that compute on such images (csrc/kernels/quantized) no image of float32 is made; all
other steps compute in float32, with conversions.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from .. import geometry
from ..arrays import Array
from ..geometry import Conv2d
from .steps import Step, Value

LANES = 16
"""The number of channels in a block of narrow images (csrc/kernels/quantized)."""
CONVOLUTIONS = "blocked_conv2d", "prepared_conv2d", "conv2d"

Arguments = dict[str, Any]
"""The arguments of a kernel."""


class Format(ABC):
    """How numbers are stored, and the kernels that compute on them.

    A scale says which numbers the elements of an image stand for; it is None for formats whose
    elements are the numbers.
    """

    dtype: np.dtype[Any]
    """The dtype of the arrays."""
    narrow: str
    """The kernel that converts float32 to this format."""
    widen: str
    """The kernel that converts back."""
    conv2d: str
    max_pool2d: str

    @abstractmethod
    def suits(self, g: Conv2d) -> bool:
        """Whether the kernel computes a convolution which is not in groups, or in whole blocks, or
        depthwise."""

    @abstractmethod
    def scale_of(self, step: Step | None) -> Any:
        """The scale of the result of a step, or of the input of the plan."""

    @abstractmethod
    def conversion(self, scale: Any) -> Arguments:
        """The arguments of `narrow`."""

    @abstractmethod
    def reversion(self, scale: Any) -> Arguments:
        """The arguments of `widen`."""

    @abstractmethod
    def numbers(
        self, g: Conv2d, weight: Array, bias: Array | None, scales: Sequence[Any], y: Any,
        is_narrow: bool, low: float, high: float,
    ) -> Arguments:  # fmt: skip
        """The arguments of `conv2d` but its arrays: of its inputs and result, the scales; whether
        the result is in this format, or of float32; and its limits."""


class _Narrower:
    """Appends the steps of a plan in their narrow form."""

    def __init__(self, steps: Sequence[Step], result: Value, format: Format) -> None:
        self.steps: list[Step] = []
        self._format = format
        self._readers: dict[Step | None, list[Step]] = defaultdict(list)
        for step in steps:
            for source in step.inputs:
                self._readers[source].append(step)
        self._result = result
        self._made: dict[Step | None, Step | None] = {None: None}
        """The step that has taken the place of a step in float32."""
        self._scales: dict[Step, Any] = {}
        """The scales of narrow results."""
        self._converted: dict[Any, Step] = {}

    def add(self, step: Step) -> None:
        g = self._geometry(step)
        made = step
        if g:
            made = self._convolution(step, g)
        elif step.kernel == "max_pool2d" and self._is_wanted(step):
            source, window = self._made[step.inputs[0]], step.arguments["g"]
            images = window.n, window.c, window.h, window.w
            if source and source in self._scales and _sizes(source.shape) == _sizes(images):
                made = Step(self._format.max_pool2d, (source,), step.shape, step.arguments)
                self._append_narrow(made, self._scales[source])
        if made is step:
            step.inputs = tuple(map(self._floating, step.inputs))
            step.onto = self._made[step.onto] if step.onto else None
            self.steps.append(step)
        self._made[step] = made

    def finish(self) -> None:
        self._result.step = self._floating(self._result.step)

    def _geometry(self, step: Step) -> Conv2d | None:
        """The geometry with which the narrow kernel computes a step; None if it cannot."""
        if step.kernel == "prepared_linear" and len(step.shape) == 2:
            n, outputs, inputs = step.arguments["g"]
            g = geometry.conv("compile", (n, inputs, 1, 1), (outputs, inputs, 1, 1)).sizes2d
        elif step.kernel in CONVOLUTIONS:
            g = step.arguments["g"]
        else:
            return None
        in_blocks = g.c // g.g % LANES == 0 and g.o // g.g % LANES == 0
        is_any = g.g == 1 or in_blocks or g.g == g.c == g.o
        return g if is_any and self._format.suits(g) else None

    def _is_wanted(self, step: Step) -> bool:
        """Whether a step reads the result as a narrow image."""
        return any(
            self._geometry(reader) or (reader.kernel == "max_pool2d" and self._is_wanted(reader))
            for reader in self._readers[step]
        )

    def _append_narrow(self, step: Step, scale: Any) -> None:
        step.lanes, step.dtype = LANES, self._format.dtype
        self.steps.append(step)
        self._scales[step] = scale

    def _narrow(self, source: Step | None, shape: tuple[int, ...]) -> Step:
        """A result as a narrow image of a shape with these numbers of elements."""
        made = self._made[source]
        if made and made in self._scales and _sizes(made.shape) == _sizes(shape):
            return made
        key = "narrow", source, _sizes(shape)
        if key not in self._converted:
            is_known = made in self._scales
            scale = self._scales[made] if made and is_known else self._format.scale_of(source)
            arguments = self._format.conversion(scale)
            step = Step(self._format.narrow, (self._floating(source),), shape, arguments)
            self._append_narrow(step, scale)
            self._converted[key] = step
        return self._converted[key]

    def _floating(self, source: Step | None) -> Step | None:
        """A result as an image in float32."""
        made = self._made[source]
        if not made or made not in self._scales:
            return made
        key = "widen", source
        if key not in self._converted:
            arguments = self._format.reversion(self._scales[made])
            step = Step(self._format.widen, (made,), made.shape, arguments, lanes=LANES)
            self.steps.append(step)
            self._converted[key] = step
        return self._converted[key]

    def _convolution(self, step: Step, g: Conv2d) -> Step:
        arguments, shape = step.arguments, step.shape
        x, *residuals = step.inputs
        inputs = [self._narrow(x, (g.n, g.c, g.h, g.w))]
        inputs += [self._narrow(residual, shape) for residual in residuals]
        low, high = arguments.get("low", -inf), arguments.get("high", inf)
        low = max(low, 0.0) if arguments.get("relu") else low
        is_pooled = bool(arguments.get("pool"))
        made = Step(
            self._format.conv2d, tuple(inputs), (g.n, g.o, g.oh, g.ow) if is_pooled else shape
        )
        is_narrow = self._is_wanted(step)
        y = self._format.scale_of(step) if is_narrow else None
        weight = arguments["weight"].reshape(g.o, g.c // g.g, g.kh, g.kw)
        made.arguments = self._format.numbers(
            g, weight, arguments["bias"], [self._scales[x] for x in inputs], y, is_narrow, low, high
        )
        if not residuals:
            made.arguments["residual"] = None
        self._append(made, y, is_narrow)
        if not is_pooled:
            return made
        window = {"g": geometry.pool("compile", made.shape, 2).sizes2d}
        kernel = self._format.max_pool2d if is_narrow else "max_pool2d"
        pooled = Step(kernel, (made,), shape, window)
        if is_narrow:
            self._append_narrow(pooled, y)
        else:
            self.steps.append(pooled)
        return pooled

    def _append(self, step: Step, scale: Any, is_narrow: bool) -> None:
        """A convolution, whose result is in blocks in any case."""
        if is_narrow:
            self._append_narrow(step, scale)
        else:
            step.lanes = LANES
            self.steps.append(step)


def _sizes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    n, c, *sizes = shape
    return n, c, prod(sizes)


def narrow(steps: Sequence[Step], result: Value, format: Format) -> list[Step]:
    """The steps with narrow convolutions and linear layers where a kernel computes them."""
    narrower = _Narrower(steps, result, format)
    for step in steps:
        narrower.add(step)
    narrower.finish()
    return narrower.steps
