"""The one table of image shapes: for the tests of the kernels, gradient checks and benchmarks.

A case is a frozen description. `case.calls(dtype)` gives the kernel calls that it stands for, with
arrays that depend on nothing but the case, so that a failing case can be repeated alone.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from itertools import compress, islice, repeat
from math import prod
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from cnet import geometry, kernels, runtime

Shape = tuple[int, ...]
Size = int | tuple[int, int]

ALGORITHMS = "depthwise", "winograd", "pointwise", "direct", "fold", "product", "exact"


class _Oracle:
    """The kernels as the reference computes them."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        kernel = getattr(kernels, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            with runtime.use_isa("reference"):
                return kernel(*args, **kwargs)

        return call


oracle = _Oracle()


class Call(NamedTuple):
    """One call of one kernel: its arrays come first, by position, the options by name.

    `terms` has one entry for each array that results: how many numbers are summed into one of its
    elements, or None where the result is exact. `winograd` says that they are summed by Winograd's
    algorithm, whose errors are others.
    """

    function: str
    arrays: tuple[Any, ...]
    options: dict[str, Any]
    terms: tuple[int | None, ...]
    winograd: bool = False


def _word(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).replace(" ", "_")


class Case:
    """What cases share: a readable id and reproducible numbers."""

    @property
    def id(self) -> str:
        """What differs from the defaults: ``2x3x9x9-4x3x2x2-stride=5``."""
        words = []
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.default is MISSING or (field.name == "name" and value):
                words.append(_word(value))
            elif value != field.default:
                words.append(f"{field.name}={_word(value)}")
        return "-".join(words)

    def random(self) -> np.random.Generator:
        return np.random.default_rng(crc32(self.id.encode()))


@dataclass(frozen=True)
class Conv2dCase(Case):
    x_shape: Shape
    weight_shape: Shape
    stride: Size = 1
    padding: Size | str | tuple[tuple[int, int], ...] = 0
    dilation: Size = 1
    groups: int = 1
    name: str = ""

    @property
    def _conv(self) -> geometry.Conv:
        return geometry.conv("conv2d", self.x_shape, self.weight_shape, **self.options)

    @property
    def y_shape(self) -> Shape:
        return self._conv.y_shape

    @property
    def geometry(self) -> geometry.Conv2d:
        return self._conv.sizes2d

    @property
    def window(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    @property
    def options(self) -> dict[str, Any]:
        return {**self.window, "groups": self.groups}

    @property
    def flops(self) -> int:
        return 2 * prod(self.y_shape) * prod(self.weight_shape[1:])

    def arrays(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """x, weight, bias, grad_output."""
        rng = self.random()
        shapes = self.x_shape, self.weight_shape, self.weight_shape[:1], self.y_shape
        return tuple(rng.standard_normal(shape, dtype) for shape in shapes)

    def calls(self, dtype: Any) -> Iterator[Call]:
        g = self.geometry
        kernel_size = g.kh, g.kw
        x, *_ = self.arrays(dtype)
        cols_shape = g.n, g.c * g.kh * g.kw, g.oh * g.ow
        cols = self.random().standard_normal(cols_shape, dtype)
        unfold = {"kernel_size": kernel_size, **self.window}
        yield Call("im2col", (x,), unfold, (None,))
        yield Call("col2im", (cols,), {"x_shape": self.x_shape, **unfold}, (None,))
        yield from self._convolutions(dtype, self.options, (True, True, True), self.is_winograd)

    def forced_calls(self, dtype: Any, algorithm: str) -> Iterator[Call]:
        """The convolution, and those of its gradients that an algorithm can compute."""
        forward, *gradients = self.suits(algorithm)
        if forward or any(gradients):
            needs = (*gradients, True)
            options = {**self.options, "algorithm": algorithm}
            calls = self._convolutions(dtype, options, needs, algorithm == "winograd")
            yield from (call for call in calls if forward or call.function != "conv2d")

    def fused_calls(self, dtype: Any) -> Iterator[Call]:
        """The convolution with ReLU and pooling; codes are exact only for one implementation."""
        x, weight, bias, _ = self.arrays(dtype)
        y, codes = oracle.conv2d_relu_pool(x, weight, bias, **self.options)
        grad_output, shape = self.random().standard_normal(y.shape, dtype), self.y_shape
        yield Call("conv2d_relu_pool", (x, weight, bias), self.options, (self._taps, None))
        yield Call("relu_pool", (self.random().standard_normal(shape, dtype),), {}, (None, None))
        yield Call("relu_pool_backward", (grad_output, codes), {"x_shape": shape}, (None,))
        yield self.fused_backward(grad_output, codes, x, weight)

    def fused_backward(
        self, grad_output: np.ndarray, codes: np.ndarray, x: np.ndarray, weight: np.ndarray
    ) -> Call:
        g = self.geometry
        pooled = g.n * (g.oh // 2) * (g.ow // 2)
        terms = g.o // g.g * g.kh * g.kw, pooled, pooled
        arrays = grad_output, codes, x, weight
        return Call("conv2d_relu_pool_backward", arrays, self.options, terms)

    def suits(self, algorithm: str) -> tuple[bool, bool, bool]:
        """Whether an algorithm can compute the result, the gradient of x, and of the weights."""
        g = self.geometry
        full = 0 not in self.x_shape + self.weight_shape
        if algorithm == "depthwise":
            own = g.c == g.g and g.o <= 8 * g.c and max(g.sh, g.sw) <= 8
            return (full and own,) * 3
        if algorithm == "direct":
            return full, full and max(g.sh, g.sw) <= 8, full
        if algorithm == "fold":
            return False, full and max(g.sh, g.sw) <= 8, False
        if algorithm == "pointwise":
            return (full and (g.kh, g.kw, g.ph, g.pw) == (1, 1, 0, 0),) * 3
        if algorithm == "winograd":
            square = (g.kh, g.kw) in ((3, 3), (5, 5))
            plain = square and (g.sh, g.sw, g.dh, g.dw, g.g) == (1, 1, 1, 1, 1)
            return (full and plain,) * 3
        return True, True, True

    @property
    def is_winograd(self) -> bool:
        """Whether a convolution of these shapes takes Winograd's algorithm by itself."""
        shapes = self.x_shape, self.weight_shape
        return kernels.conv2d_algorithm(*shapes, **self.options) == "winograd"

    @property
    def _taps(self) -> int:
        """What is summed into one output: products, and the bias."""
        return prod(self.weight_shape[1:]) + 1

    def _convolutions(
        self, dtype: Any, options: dict[str, Any], needs: tuple[bool, ...], winograd: bool
    ) -> Iterator[Call]:
        g = self.geometry
        x, weight, bias, grad_output = self.arrays(dtype)
        pixels = g.n * g.oh * g.ow
        terms = g.o // g.g * g.kh * g.kw, pixels, pixels
        yield Call("conv2d", (x, weight, bias), options, (self._taps,), winograd)
        yield Call(
            "conv2d_backward",
            (grad_output, x, weight),
            {**options, "needs": needs},
            tuple(compress(terms, needs)),
            winograd,
        )


@dataclass(frozen=True)
class Pool2dCase(Case):
    x_shape: Shape
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0
    dilation: Size = 1
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    name: str = ""

    @property
    def window(self) -> dict[str, Any]:
        names = "kernel_size", "stride", "padding", "ceil_mode"
        return {name: getattr(self, name) for name in names}

    @property
    def geometry(self) -> geometry.Window2d:
        return geometry.pool("pool2d", self.x_shape, dilation=self.dilation, **self.window).sizes2d

    def x(self, dtype: Any) -> np.ndarray:
        """Small integers, so that there are equal maxima; some NaN and infinities."""
        rng = self.random()
        x = rng.integers(-4, 5, self.x_shape).astype(dtype)
        rare = rng.random(self.x_shape)
        x[rare < 0.02] = np.nan
        x[(rare > 0.02) & (rare < 0.06)] = -np.inf
        return x

    def calls(self, dtype: Any) -> Iterator[Call]:
        g, rng = self.geometry, self.random()
        grad_output = rng.standard_normal((g.n, g.c, g.oh, g.ow), dtype)
        x, options = self.x(dtype), {**self.window, "dilation": self.dilation}
        indices = oracle.max_pool2d(x, **options)[1]
        shape = {"x_shape": self.x_shape}
        yield Call("max_pool2d", (x,), options, (None, None))
        yield Call("max_pool2d_backward", (grad_output, indices), shape, (None,))
        if self.dilation == 1:
            x, cells = rng.standard_normal(self.x_shape, dtype), g.kh * g.kw
            options = {
                **self.window,
                "count_include_pad": self.count_include_pad,
                "divisor_override": self.divisor_override,
            }
            yield Call("avg_pool2d", (x,), options, (cells,))
            yield Call("avg_pool2d_backward", (grad_output,), {**shape, **options}, (cells,))


def _named_convs() -> Iterator[Conv2dCase]:
    """Shapes chosen by hand: corners, then what lies around the block sizes of a kernel."""
    case = Conv2dCase
    yield from (
        case((1, 2, 9, 75), (3, 2, 3, 3), 2, 1, name="wide, every second cell"),
        case((1, 1, 1, 1), (1, 1, 1, 1), name="one multiplication"),
        case((2, 3, 1, 1), (4, 3, 1, 1), name="1x1 images"),
        case((2, 3, 1, 1), (4, 3, 3, 3), padding=1, name="1x1 images, only the centre counts"),
        case((2, 3, 5, 7), (4, 3, 5, 7), name="kernel as large as the image"),
        case((2, 3, 3, 4), (4, 3, 5, 6), padding=1, name="kernel as large as the padded image"),
        case((1, 2, 4, 4), (3, 2, 3, 3), dilation=2, padding=(1, 1), name="dilated just fits"),
        case((0, 3, 8, 8), (4, 3, 3, 3), padding=1, name="no images"),
        case((2, 0, 5, 5), (3, 0, 3, 3), name="no channels"),
        case((2, 3, 5, 5), (0, 3, 3, 3), name="no outputs"),
        case((0, 0, 5, 5), (0, 0, 3, 3), name="nothing"),
        case((2, 3, 0, 4), (2, 3, 2, 2), padding=1, name="empty images in padding"),
        case((2, 2, 3, 3), (2, 2, 2, 2), padding=4, name="more padding than image"),
        case((1, 1, 1, 1), (1, 1, 3, 3), padding=9, stride=2, name="mostly padding"),
        case((1, 2, 2, 2), (2, 2, 1, 1), padding=3, name="1x1 kernel with padding"),
        case((1, 2, 2, 3), (3, 2, 2, 2), padding=(5, 0), name="padding above and below"),
        case((1, 2, 3, 2), (3, 2, 2, 2), padding=(0, 5), name="padding left and right"),
        case((2, 3, 9, 9), (4, 3, 2, 2), stride=5, name="stride larger than kernel"),
        case((2, 3, 9, 11), (4, 3, 1, 1), stride=(3, 4), name="1x1 kernel, strided"),
        case((1, 2, 7, 7), (2, 2, 2, 2), stride=100, name="stride larger than image"),
        case((1, 2, 9, 9), (2, 2, 3, 3), stride=3, padding=2, name="stride skips padding"),
        case((2, 4, 9, 8), (6, 2, 3, 2), (2, 1), (1, 2), (1, 2), 2, "everything asymmetric"),
        case((1, 2, 6, 7), (3, 2, 3, 3), padding=((2, 0), (0, 1)), name="padding at two ends"),
        case((2, 4, 6, 7), (6, 2, 3, 2), 2, ((0, 3), (4, 1)), 1, 2, "padding at each end"),
        case((1, 4, 7, 6), (4, 1, 3, 3), 1, ((1, 0), (0, 2)), 1, 4, "depthwise, two ends"),
        case((2, 16, 9, 11), (16, 16, 3, 3), 1, ((1, 0), (2, 1)), name="deep, padding at ends"),
        case((1, 3, 4, 5), (5, 3, 1, 1), 1, ((0, 2), (0, 0)), name="1x1 kernel, padding below"),
        case((1, 3, 17, 5), (4, 3, 7, 1), padding=(3, 0), name="column kernel"),
        case((1, 3, 5, 17), (4, 3, 1, 7), padding=(0, 3), name="row kernel"),
        case((1, 3, 17, 19), (4, 3, 3, 3), dilation=(4, 5), name="wide dilation"),
        case((1, 3, 12, 12), (4, 3, 3, 3), dilation=3, padding=3, stride=2, name="all at once"),
        case((1, 1, 40, 3), (2, 1, 3, 3), padding=1, name="tall"),
        case((1, 1, 3, 200), (2, 1, 3, 3), padding=1, name="wide"),
        case((33, 1, 4, 4), (2, 1, 3, 3), name="many small images"),
        case((1, 1, 28, 28), (8, 1, 5, 5), padding=2, name="reference CNN, first"),
        case((2, 8, 14, 14), (16, 8, 3, 3), padding=1, name="reference CNN, second"),
        case((1, 3, 32, 32), (6, 3, 7, 7), stride=2, padding=3, name="stem"),
        case((1, 1, 16, 16), (3, 1, 11, 11), padding=5, name="large kernel"),
        case((2, 6, 7, 7), (6, 1, 3, 3), padding=1, groups=6, name="depthwise"),
        case((2, 6, 7, 7), (12, 1, 3, 3), padding=1, groups=6, name="depthwise, multiplier 2"),
        case((1, 5, 9, 8), (15, 1, 5, 3), 2, (2, 1), 1, 5, "depthwise, multiplier 3, strided"),
        case((1, 4, 9, 9), (4, 1, 3, 3), 1, 2, 2, 4, name="depthwise, dilated"),
        case((1, 32, 5, 5), (32, 1, 3, 3), padding=1, groups=32, name="deep depthwise"),
        case((2, 6, 6, 6), (3, 2, 3, 3), groups=3, name="one output a group"),
        case((2, 8, 6, 6), (4, 4, 3, 3), groups=2, padding=1, name="two groups"),
        case((1, 34, 5, 5), (14, 17, 3, 3), groups=2, padding=1, name="groups of 17"),
        case((1, 30, 9, 9), (20, 3, 1, 1), groups=10, name="grouped 1x1"),
        case((0, 4, 5, 5), (4, 2, 3, 3), groups=2, name="no images, groups"),
        case((7, 4, 6, 5), (4, 2, 3, 3), padding=1, groups=2, name="seven images, groups of 2"),
        case((7, 3, 9, 6), (4, 3, 3, 2), 2, 1, name="seven images, 4 outputs"),
        case((1, 29, 6, 5), (7, 29, 3, 3), padding=1, name="depth 261"),
        case((1, 57, 5, 5), (5, 57, 3, 3), padding=1, name="depth 513"),
        case((1, 255, 3, 5), (5, 255, 1, 1), name="depth 255"),
        case((1, 256, 3, 5), (5, 256, 1, 1), name="depth 256"),
        case((1, 257, 3, 5), (5, 257, 1, 1), name="depth 257"),
        case((1, 600, 2, 3), (3, 600, 1, 1), name="depth 600"),
        case((1, 2, 23, 22), (3, 2, 2, 2), name="462 pixels"),
        case((1, 3, 24, 22), (4, 3, 3, 3), padding=1, name="528 pixels"),
        case((1, 3, 31, 33), (4, 3, 3, 3), padding=1, name="1023 pixels"),
        case((1, 2, 1, 481), (3, 2, 1, 1), name="481 pixels"),
        case((1, 2, 1, 961), (3, 2, 1, 1), name="961 pixels"),
        case((1, 29, 24, 23), (103, 29, 3, 3), padding=1, name="crosses every block"),
        case((9, 16, 24, 24), (33, 16, 3, 3), padding=1, name="work for many threads"),
        case((64, 1, 28, 28), (8, 1, 5, 5), padding=2, name="a batch for many threads"),
        case((6, 48, 20, 20), (48, 1, 3, 3), 1, 1, 1, 48, "depthwise for many threads"),
    )  # fmt: skip
    yield case((135, 2, 6, 7), (5, 2, 5, 4), name="batches in lanes")
    yield case((70, 4, 6, 5), (6, 2, 4, 3), padding=2, groups=2, name="batches in lanes, groups")
    for s in (4, 5, 8, 9):
        yield case((2, 3, 19, 20), (4, 3, 3, 5), (s, 3), 1, name=f"stride {s}")
        yield case((2, 3, 19, 20), (9, 3, 6, 2), (1, s), 2, (1, 3), name=f"stride {s} across")
    for k in (1, 2, 3, 4, 5):
        yield case((2, 2, 6, 7), (3, 2, k, k), padding="same", name=f"same {k}")
    yield case((1, 2, 9, 7), (3, 2, 3, 2), padding="same", dilation=(2, 3), name="same, dilated")
    yield case((1, 2, 6, 7), (3, 2, 3, 2), padding="valid", name="valid")
    for o in (1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 47, 48, 49, 95, 96, 97, 130):
        yield case((1, 3, 6, 7), (o, 3, 3, 3), padding=1, name=f"{o} outputs")
    for c in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 23, 24, 25, 47, 48, 49):
        yield case((1, c, 5, 6), (4, c, 3, 3), padding=1, name=f"{c} channels")
    for p in (1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65):
        yield case((2, 3, 1, p), (7, 3, 1, 1), name=f"{p} pixels")
        yield case((1, 3, 4, p), (5, 3, 3, 3), padding=1, name=f"rows of {p} pixels")


def random_conv2d(rng: random.Random) -> Conv2dCase:
    """A shape that nobody chose."""
    groups = rng.choice((1, 1, 1, 1, 2, 3, 5))
    c, o = rng.randint(1, 12), rng.randint(1, 20)
    if rng.random() < 0.15:
        groups, c, o = rng.randint(2, 20), 1, rng.randint(1, 3)
    kernel = rng.randint(1, 5), rng.randint(1, 5)
    dilation = rng.choice((1, 1, 1, 2, 3)), rng.choice((1, 1, 1, 2, 3))
    padding = rng.randint(0, 4), rng.randint(0, 4)
    stride = rng.choice((1, 1, 1, 2, 3)), rng.choice((1, 1, 1, 2, 3))
    smallest = [
        max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    h, w = (size + rng.randint(0, 18) for size in smallest)
    return Conv2dCase(
        (rng.randint(1, 4), c * groups, h, w), (o * groups, c, *kernel),
        stride, padding, dilation, groups,
    )  # fmt: skip


def _random_convs(count: int) -> Iterator[Conv2dCase]:
    """The same ones each time."""
    rng = random.Random(20240229)
    cases = (random_conv2d(rng) for _ in repeat(None))
    return islice((case for case in cases if case.flops < 3e6), count)


def _named_pools() -> Iterator[Pool2dCase]:
    case = Pool2dCase
    yield from (
        case((1, 1, 1, 1), 1, name="identity"),
        case((2, 3, 8, 8), 2, name="halves"),
        case((2, 3, 9, 7), 2, name="halves, odd"),
        case((2, 3, 9, 7), 2, ceil_mode=True, name="halves, odd, ceil"),
        case((2, 3, 7, 7), 3, 2, 1, name="overlapping"),
        case((2, 3, 8, 8), 3, 1, 1, name="dense"),
        case((1, 2, 8, 8), 5, 1, 2, name="dense, five"),
        case((2, 2, 6, 7), (6, 7), name="global"),
        case((2, 2, 7, 9), (3, 2), (2, 3), (1, 1), name="asymmetric"),
        case((1, 2, 9, 9), 2, 4, name="stride larger than kernel"),
        case((1, 2, 9, 9), 2, 4, ceil_mode=True, name="stride larger than kernel, ceil"),
        case((1, 2, 10, 10), 3, 2, 0, 2, name="dilated"),
        case((1, 2, 10, 9), 3, 2, 1, (2, 3), True, name="dilated, ceil"),
        case((2, 3, 2, 2), 3, 2, ceil_mode=True, name="one window that hangs over"),
        case((1, 2, 2, 4), (4, 3), (3, 2), (0, 1), 1, True, False, name="hangs over, cells"),
        case((1, 2, 1, 3), 2, 3, 0, (2, 3), True, name="hangs over, dilated"),
        case((1, 2, 1, 1), 2, 1, 1, 2, name="windows without a cell"),
        case((2, 1, 1, 3), 2, 1, 1, 2, name="windows with and without cells"),
        case((1, 1, 0, 3), 2, 1, 1, name="no cells at all"),
        case((0, 3, 8, 8), 2, name="no images"),
        case((2, 0, 8, 8), 2, name="no channels"),
        case((1, 2, 5, 5), 2, 2, 1, ceil_mode=True, name="ceil starts in the padding"),
        case((1, 2, 6, 6), 3, 2, 1, ceil_mode=True, count_include_pad=False, name="ceil, cells"),
        case((1, 2, 6, 6), 3, 2, 1, count_include_pad=False, name="cells only"),
        case((1, 2, 6, 6), 3, 2, 1, divisor_override=7, name="divisor"),
        case((1, 2, 6, 6), 3, 2, 1, ceil_mode=True, divisor_override=-2, name="divisor, ceil"),
        case((1, 1, 3, 100), 3, 1, 1, name="wide"),
        case((1, 1, 100, 3), 3, 2, 1, name="tall"),
        case((1, 2, 3, 1100), 3, 2, 1, name="rows in several parts"),
        case((1, 1, 3, 1500), (2, 3), (1, 5), name="rows in several parts, gaps"),
        case((1, 2, 2, 1300), (2, 700), (1, 3), (0, 20), name="windows in several parts"),
        case((1, 2, 3, 1100), (3, 1100), name="global, in several parts"),
        case((8, 16, 28, 28), 2, name="work for many threads"),
        case((70, 3, 13, 13), 3, 2, 1, name="a batch for many threads"),
    )
    for w in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 34, 63, 64, 65):
        yield case((1, 2, 4, w), (2, 1), name=f"{w} columns")
        yield case((1, 2, 3, 2 * w), 2, 1 if w == 1 else 2, name=f"{w} windows")


def _random_pools(count: int) -> Iterator[Pool2dCase]:
    rng = random.Random(20240301)
    for _ in range(count):
        kernel = rng.randint(1, 4), rng.randint(1, 4)
        padding = rng.randint(0, kernel[0] // 2), rng.randint(0, kernel[1] // 2)
        dilation = (1, 1) if rng.random() < 0.6 else (rng.randint(1, 3), rng.randint(1, 3))
        smallest = [
            max(1, d * (k - 1) + 1 - 2 * p)
            for k, d, p in zip(kernel, dilation, padding, strict=True)
        ]
        h, w = (size + rng.randint(0, 16) for size in smallest)
        yield Pool2dCase(
            (rng.randint(1, 3), rng.randint(1, 5), h, w),
            kernel,
            None if rng.random() < 0.3 else (rng.randint(1, 4), rng.randint(1, 4)),
            padding,
            1 if dilation == (1, 1) else dilation,
            rng.random() < 0.5,
            rng.random() < 0.5,
            rng.choice((None, None, 5)),
        )


CONV2D_CASES = (*_named_convs(), *_random_convs(200))
POOL2D_CASES = (*_named_pools(), *_random_pools(60))
