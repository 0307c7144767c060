"""Layouts: which steps keep images in blocks of channels, and conversions between the layouts.

Convolutions are fastest on blocked images (csrc/kernels/blocked). Steps between convolutions that
can compute on either layout keep the blocked one; the inputs of all other steps are converted.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from ..arrays import Shape
from ..geometry import Conv2d, Window2d
from ..kernels._strides import broadcast, pair
from .steps import BLOCK_BYTES, NARROWING, Step, Value, blocked_shape, lanes_of

# ---- Convolutions --------------------------------------------------------------------------------

CACHED_BYTES = 1 << 20
"""Size of a core's cache."""
BYTES_PER_CYCLE = 8
"""What a core reads from the memory behind it."""
CYCLES_OF_TRANSFORMS = 250
"""What transforming a block of channels of a tile takes, there or back."""


def is_depthwise(g: Conv2d) -> bool:
    return 1 < g.g == g.c == g.o


def reads_plain(g: Conv2d, lanes: int) -> bool:
    """Whether the blocked kernel reads plain images, because they have few channels."""
    return g.c < lanes and not is_depthwise(g)


def suits(g: Conv2d, lanes: int) -> bool:
    """Whether the blocked kernel computes a convolution, and its blocks are at least half full."""
    if is_depthwise(g):
        return g.sw <= 2 and 2 * g.c >= lanes
    if g.g > 1:
        return g.sw <= 2 and g.c // g.g % lanes == 0 and g.o // g.g % lanes == 0
    return g.o >= lanes and (g.sw <= 2 or g.c < lanes)


def winograd_pays(g: Conv2d, lanes: int) -> bool:
    """Compare the estimated cycles; filters that do not fit into the cache are read once."""
    dense = (g.kh, g.kw, g.sh, g.sw, g.dh, g.dw, g.g) == (3, 3, 1, 1, 1, 1, 1)
    if not dense or reads_plain(g, lanes):
        return False
    blocks, panels = -(-g.c // lanes), -(-g.o // lanes)

    def cost(pixels: int, matrices: int) -> float:
        vectors = blocks * panels * lanes * matrices
        size = vectors * BLOCK_BYTES
        return max(pixels * vectors, size / BYTES_PER_CYCLE if size > CACHED_BYTES else 0)

    tiles = g.n * -(-g.oh // 4) * -(-g.ow // 4)
    transforms = tiles * (blocks + panels) * CYCLES_OF_TRANSFORMS
    return cost(tiles, 36) + transforms < cost(g.n * g.oh * g.ow, 9)


# ---- Steps between convolutions ------------------------------------------------------------------

Changes: TypeAlias = tuple[str, dict[str, Any]]
"""The kernel and the arguments with which a step computes on blocked images."""

NOT_FINITE_AT_0 = ("log", "log2", "log10", "rsqrt", "reciprocal", "acosh")
"""Operations that would fill up blocks with infinities."""


def _sizes(step: Step) -> tuple[int, int, int]:
    """The numbers of images and channels of a result, and of elements in a channel."""
    n, c, *sizes = step.shape
    return n, c, prod(sizes)


def _same(step: Step, lanes: int) -> Changes | None:
    """Elementwise operations and sums of results of one shape."""
    same = all(source and source.shape == step.shape for source in step.inputs)
    if not same or step.arguments.get("operation") in NOT_FINITE_AT_0:
        return None
    return step.kernel, step.arguments


def _arithmetic(step: Step, lanes: int) -> Changes | None:
    """Results of one shape, or of one element a channel; constants with as many elements."""
    n, c, size = _sizes(step)
    blocked = blocked_shape(step.shape, lanes)
    changed, shapes, strides = dict(step.arguments), [], []
    for name in "ab":
        x = step.moving().get(name)
        if x is not None and _sizes(x)[:2] == (n, c) and _sizes(x)[2] in (1, size):
            of_pixel = n, c, *(1,) * (len(step.shape) - 2)
            shapes.append(of_pixel if _sizes(x)[2] == 1 else step.shape)
            strides.append(broadcast(blocked_shape(x.shape, lanes), blocked))
        elif name in changed and changed[name].size in (1, c):
            shapes.append(changed[name].shape)
            filled = np.zeros(blocked[1] * lanes, changed[name].dtype)
            filled[:c] = changed[name].reshape(-1)
            changed[name] = filled
            strides.append(broadcast((1, blocked[1], 1, lanes), blocked))
        else:
            return None
    first, second = (broadcast(shape, step.shape) for shape in shapes)
    if step.arguments["operation"] == "div" or pair(step.shape, first, second) != changed["g"]:
        return None  # the elements correspond in another way
    return step.kernel, changed | {"g": pair(blocked, strides[0], strides[1])}


def _pool(step: Step, lanes: int) -> Changes | None:
    g: Window2d = step.arguments["g"]
    fits = not any((g.ph, g.pw, g.qh, g.qw)) and not step.arguments.get("divisor_override")
    inside = (g.oh - 1) * g.sh + g.kh <= g.h and (g.ow - 1) * g.sw + g.kw <= g.w
    source = step.inputs[0]
    if source is None or _sizes(source) != (g.n, g.c, g.h * g.w):
        return None
    is_maximum = step.kernel == "max_pool2d"
    if not is_maximum and not (fits and inside):
        return None
    return "blocked_pool2d", {"g": g, "is_maximum": int(is_maximum)}


def _join(step: Step, lanes: int) -> Changes | None:
    """Channels that are copied to their place among others, in whole blocks."""
    source, g = step.inputs[0] if step.inputs else None, step.arguments["g"]
    if source is None or not source.lanes or len(step.shape) < 3 or 0 in step.shape:
        return None
    (n, c, size), (_, channels, all_size) = _sizes(step), _sizes(source)
    row = channels * size
    joins = pair((n, row), (row, 1), (c * size, 1), 0, g[-1]) == g and size == all_size
    whole = channels % lanes == c % lanes == g[-1] // size % lanes == 0
    return (step.kernel, step.arguments) if joins and whole and g[-1] % size == 0 else None


ON_BLOCKS: dict[str, Callable[[Step, int], Changes | None]] = {
    "elementwise": _same,
    "add": _same,
    "arithmetic": _arithmetic,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
    "strided_copy": _join,
}
"""How a kernel computes on blocked images, if it does."""


# ---- The pass ------------------------------------------------------------------------------------


class Layouts:
    """The steps of a plan with the conversions between layouts."""

    def __init__(self, lanes: int) -> None:
        self.steps: list[Step] = []
        self.lanes = lanes
        self._converted: dict[Any, Step] = {}

    def plain(self, source: Step | None) -> Step | None:
        """A result as a plain array."""
        if source is None or not source.lanes:
            return source
        n, c, size = _sizes(source)
        if size == 1 and c % self.lanes == 0:
            return source  # the layouts are the same
        return self._convert("unblock", source, source.shape, (n, c, size))

    def blocked(self, source: Step | None, shape: Shape) -> Step | None:
        """A result as blocked images of this shape."""
        n, c, *sizes = shape
        wanted = n, c, prod(sizes)
        if source and source.lanes:
            if _sizes(source) == wanted:
                return source
            source = self.plain(source)
        return self._convert("block", source, shape, wanted)

    def _convert(
        self, kernel: str, source: Step | None, shape: Shape, sizes: tuple[int, int, int]
    ) -> Step:
        key = kernel, source, sizes
        if key not in self._converted:
            step = Step(kernel, (source,), shape, {"g": sizes})
            step.lanes = self.lanes if kernel == "block" else 0
            self.steps.append(step)
            self._converted[key] = step
        return self._converted[key]

    def add(self, step: Step, parts: Sequence[Step]) -> None:
        """Append a step, after the conversions of its inputs.

        `parts` are all steps that write into the same array: they have the same layout.
        """
        g: Any = step.arguments.get("g")
        if step.kernel == "blocked_conv2d":
            x, *residuals = step.inputs
            plain = reads_plain(g, self.lanes)
            source = self.plain(x) if plain else self.blocked(x, (g.n, g.c, g.h, g.w))
            step.inputs = source, *(self.blocked(y, step.shape) for y in residuals)
        elif step.kernel in NARROWING:
            n, c, *sizes = step.shape
            (x,) = step.inputs
            if x and x.lanes and _sizes(x) == (n, c, prod(sizes)):
                step.arguments["g"] = n * -(-c // self.lanes) * prod(sizes), self.lanes, 1
            else:
                step.inputs = (self.plain(x),)
                step.arguments["g"] = n, c, prod(sizes)
        elif step.lanes:
            pass  # steps of narrow images get their inputs as they need them
        elif step.kernel == "prepared_linear" and self._reads_whole_blocks(step):
            (x,) = step.inputs
            assert x
            _, c, size = _sizes(x)
            weight = step.arguments["weight"].reshape(-1, c // self.lanes, self.lanes, size)
            step.arguments["weight"] = weight.swapaxes(2, 3).reshape(-1, c * size)
        elif all(self._changes(part) for part in parts):
            changes = self._changes(step)
            assert changes
            step.kernel, step.arguments = changes
            step.lanes = self.lanes
            step.inputs = tuple(self.blocked(x, x.shape) if x else x for x in step.inputs)
        else:
            step.inputs = tuple(self.plain(x) for x in step.inputs)
        self.steps.append(step)

    def _reads_whole_blocks(self, step: Step) -> bool:
        """Whether a linear layer reads all elements of blocked images."""
        x = step.inputs[0]
        if not x or not x.lanes:
            return False
        n, c, size = _sizes(x)
        rows, _, inputs = step.arguments["g"]
        return (rows, inputs) == (n, c * size) and c % self.lanes == 0

    def _changes(self, step: Step) -> Changes | None:
        """The changes for blocked images, if an input is blocked and the kernel can use it."""
        rule = ON_BLOCKS.get(step.kernel)
        if not rule or len(step.shape) < 2 or not any(x and x.lanes for x in step.inputs):
            return None
        return rule(step, self.lanes)


def lay_out(steps: Sequence[Step], result: Value, dtype: np.dtype[Any]) -> list[Step]:
    """The steps in order, with conversions, so that each gets its inputs in its layout."""
    layouts = Layouts(lanes_of(dtype))
    for step in steps:
        layouts.add(step, [part for part in steps if part.buffer is step.buffer])
    result.step = layouts.plain(result.step)
    return layouts.steps
