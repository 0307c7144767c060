"""The table of convolutions, for every kernel over images and filters, with expected properties.

Sizes and algorithms are computed here independently of the library.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, repeat
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cnet import geometry, runtime
from specs.spec import Case, Shape, Size

ALGORITHMS = (
    "depthwise", "winograd", "pointwise", "channels", "direct", "fold", "product", "exact",
)  # fmt: skip


class Sizes(NamedTuple):
    """The letters of `cnet.geometry`."""

    n: int
    c: int
    h: int
    w: int
    kh: int
    kw: int
    sh: int
    sw: int
    ph: int
    pw: int
    qh: int
    qw: int
    dh: int
    dw: int
    oh: int
    ow: int
    o: int
    g: int


def pair(size: Any) -> tuple[Any, Any]:
    return (size, size) if isinstance(size, int) else size


def windows(size: int, kernel: int, stride: int, dilation: int) -> int:
    """The number of windows that fit into a padded axis."""
    return len(range(0, size - dilation * (kernel - 1), stride))


@dataclass(frozen=True)
class Conv2dCase(Case):
    """Shapes and options of a convolution; `algorithm` is the argument of the kernel."""

    x_shape: Shape
    weight_shape: Shape
    stride: Size = 1
    padding: Size | str | tuple[tuple[int, int], ...] = 0
    dilation: Size = 1
    groups: int = 1
    name: str = ""
    algorithm: str = "auto"

    @property
    def geometry(self) -> geometry.Conv2d:
        """The geometry of the library."""
        return geometry.conv("conv2d", self.x_shape, self.weight_shape, **self.options).sizes2d

    @property
    def ends(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The padding above and below, and left and right."""
        if isinstance(self.padding, str):
            totals = [
                d * (k - 1) if self.padding == "same" else 0
                for k, d in zip(self.weight_shape[2:], pair(self.dilation), strict=True)
            ]
            rows, columns = ((total // 2, total - total // 2) for total in totals)
        else:
            rows, columns = (pair(p) for p in pair(self.padding))
        return rows, columns

    @property
    def sizes(self) -> Sizes:
        n, c, h, w = self.x_shape
        o, _, kh, kw = self.weight_shape
        (sh, sw), (dh, dw) = pair(self.stride), pair(self.dilation)
        (ph, qh), (pw, qw) = self.ends
        oh, ow = windows(h + ph + qh, kh, sh, dh), windows(w + pw + qw, kw, sw, dw)
        padding = ph, pw, qh, qw
        return Sizes(n, c, h, w, kh, kw, sh, sw, *padding, dh, dw, oh, ow, o, self.groups)

    @property
    def y_shape(self) -> Shape:
        s = self.sizes
        return s.n, s.o, s.oh, s.ow

    @property
    def window(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    @property
    def options(self) -> dict[str, Any]:
        return {**self.window, "groups": self.groups}

    @property
    def flops(self) -> int:
        return 2 * prod(self.y_shape) * prod(self.weight_shape[1:])

    @property
    def taps(self) -> int:
        """The number of terms of one output: products, and the bias."""
        return prod(self.weight_shape[1:]) + 1

    def arrays(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """x, weight, bias, grad_output."""
        rng = self.random()
        shapes = self.x_shape, self.weight_shape, self.weight_shape[:1], self.y_shape
        return tuple(rng.standard_normal(shape, dtype) for shape in shapes)

    def by(self, algorithm: str) -> "Conv2dCase":
        return replace(self, algorithm=algorithm)

    def suits(self, algorithm: str) -> tuple[bool, bool, bool]:
        """Whether an algorithm can compute the result, the gradient of x, and of the weights."""
        s, (rows, columns) = self.sizes, self.ends
        full = 0 not in self.x_shape + self.weight_shape
        if self.x_shape[0] == 0:  # there is nothing to compute
            return True, True, True
        if algorithm == "depthwise":
            own = s.c == s.g and s.o <= 8 * s.c and max(s.sh, s.sw) <= 8
            return (full and own,) * 3
        if algorithm in ("channels", "direct"):
            return full, full and max(s.sh, s.sw) <= 8, full
        if algorithm == "fold":
            return False, full and max(s.sh, s.sw) <= 8, False
        if algorithm == "pointwise":
            return (full and (s.kh, s.kw) == (1, 1) and not any((*rows, *columns)),) * 3
        if algorithm == "winograd":
            square = (s.kh, s.kw) in ((3, 3), (5, 5))
            plain = square and (s.sh, s.sw, s.dh, s.dw, s.g) == (1, 1, 1, 1, 1)
            return (full and plain,) * 3
        return True, True, True

    def expected_algorithm(self, dtype: Any) -> str:
        """The algorithm that must compute `conv2d` by default."""
        s = self.sizes
        inputs, filters, taps = s.c // s.g, s.o // s.g, s.kh * s.kw
        if 0 in self.x_shape + self.weight_shape:
            return "product"
        if s.c == s.g == s.o > 1 and max(s.sh, s.sw) <= 8:
            return "depthwise"
        if self.is_winograd:
            return "winograd"
        pixels = s.h * s.w
        fills_vectors = pixels >= 64 and 16 * (-(-pixels // 16) * 16) <= 17 * pixels
        most = 32 if runtime.current_isa() == "avx2" else 256
        plain = inputs >= 24 and 8 <= filters <= most and s.g == s.sh == s.sw == 1
        in_place = fills_vectors and plain and pixels * np.dtype(dtype).itemsize % 4096 != 0
        packs_little = inputs > 32 or s.oh * s.ow < 256 or in_place
        tiles_pay = min(inputs, filters) >= 4 and packs_little
        if self.suits("pointwise")[0] and tiles_pay:
            return "pointwise"
        rows, columns = s.dh * (s.kh - 1) + 1, s.pw + s.w + s.qw
        row_of_outputs = inputs * rows * columns * np.dtype(dtype).itemsize
        full_vectors = 5 * filters >= 4 * (-(-filters // 16) * 16)
        if taps > 1 and inputs >= 16 and full_vectors and row_of_outputs <= 4 << 20:
            return "channels"
        few = inputs * taps <= (1024 if taps == 1 else 4096) and row_of_outputs <= 1 << 20
        return "direct" if few else "product"

    @property
    def is_winograd(self) -> bool:
        """Whether Winograd's algorithm must compute it and the gradient of x."""
        return self._is_winograd(75)

    @property
    def has_winograd_gradient(self) -> bool:
        """Whether Winograd's algorithm must compute any gradient."""
        return self._is_winograd(32)

    def _is_winograd(self, products: int) -> bool:
        """Whether the transform of a vector of channels takes as long as so many products."""
        if self.algorithm != "auto":
            return self.algorithm == "winograd"
        s = self.sizes
        vectors = -(-s.c // 16) + -(-s.o // 16)
        pays = min(s.c, s.o) >= 8 and s.c * s.o >= products * vectors
        return self.suits("winograd")[0] and pays and min(s.oh, s.ow) >= 3


def _named_convs() -> Iterator[Conv2dCase]:
    """Shapes chosen by hand: corner cases, then sizes around the block sizes of a kernel."""
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
        case((2, 20, 9, 8), (33, 20, 3, 3), 2, 1, name="many channels, stride 2"),
        case((19, 16, 2, 3), (32, 16, 3, 3), padding=1, name="images of 6 pixels"),
        case((25, 17, 5, 4), (16, 17, 4, 3), 3, 2, name="many channels and images, stride 3"),
        case((3, 40, 11, 10), (64, 20, 4, 3), (2, 3), (1, 2), (2, 1), 2, "groups of 20"),
        case((2, 160, 4, 5), (16, 160, 3, 3), 2, 1, name="blocks of channels"),
        case((1, 16, 130, 70), (16, 16, 3, 3), 2, 1, name="many channels, bands of rows"),
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
    """A random shape."""
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
    """Random shapes, the same in every run."""
    rng = random.Random(20240229)
    cases = (random_conv2d(rng) for _ in repeat(None))
    return islice((case for case in cases if case.flops < 3e6), count)


CONV2D_CASES = (*_named_convs(), *_random_convs(200))
