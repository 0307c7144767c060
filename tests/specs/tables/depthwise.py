"""Shapes for depthwise convolution at the edges of its vectors, tiles, bands or phases."""

import random
from collections.abc import Iterator
from itertools import product

from specs.tables.conv2d import Conv2dCase

SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65)
"""Sizes around the rows of a tile, and one and two vectors of every dtype and instruction set."""


def _depthwise_convs() -> Iterator[Conv2dCase]:
    case = Conv2dCase
    for kernel, stride in product((3, 5, (2, 4)), (1, 2)):
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        for i, size in enumerate(SIZES):
            shape = 1, 2, max(SIZES[-1 - i], kh), max(size, kw)
            padding = (i % kh, i % kw)
            yield case(shape, (2, 1, kh, kw), stride, padding, groups=2, name="depthwise")
    for stride in (3, (1, 2), (2, 1), (2, 3), (5, 8)):
        yield case((2, 3, 21, 41), (3, 1, 3, 3), stride, 1, groups=3, name="depthwise")
        yield case((2, 3, 21, 41), (3, 1, 5, 2), stride, (3, 2), (1, 2), 3, name="depthwise")
    for multiplier in (2, 3, 8):
        yield case((2, 2, 9, 18), (2 * multiplier, 1, 3, 3), 1, 1, 1, 2, f"{multiplier} each")
        yield case((2, 2, 9, 18), (2 * multiplier, 1, 5, 5), 2, 2, 1, 2, f"{multiplier} each")
    for dilation in (2, (1, 3), (4, 2)):
        for stride in (1, 2):
            yield case((1, 2, 20, 37), (2, 1, 3, 3), stride, 3, dilation, 2, "depthwise, dilated")
    for size in (3, 4, 5, 7, 8, 9, 13, 14):
        yield case((2, 19, size + 2, size), (19, 1, 3, 3), padding=1, groups=19, name="flat")
    for kernel, stride, size in product((3, 5), (1, 2), (1, 3, 4, 6, 7, 8, 12, 14, 15, 16, 17, 31)):
        shape = 11, 3, size + 1, size
        padding = kernel // 2, max(kernel - size, (size + stride) % kernel)
        yield case(shape, (3, 1, kernel, kernel), stride, padding, 1, 3, "images together")
    yield from (
        case((3, 18, 7, 14), (18, 1, 5, 5), padding=2, groups=18, name="flat, 5x5"),
        case((3, 5, 11, 13), (5, 1, 4, 3), 1, (3, 2), (2, 2), 5, name="flat, dilated"),
        case((3, 6, 9, 6), (6, 1, 7, 1), padding=(3, 0), groups=6, name="flat, one column"),
        case((3, 6, 6, 9), (6, 1, 1, 7), padding=(0, 3), groups=6, name="flat, one row"),
        case((2, 3, 2, 14), (3, 1, 3, 9), padding=(1, 4), groups=3, name="flat, mostly zeros"),
        case((1, 1, 8, 8), (1, 1, 3, 3), padding=1, name="one channel"),
        case((21, 3, 6, 6), (3, 1, 3, 3), padding=1, groups=3, name="images in parts"),
        case(
            (21, 37, 6, 6), (37, 1, 3, 3), padding=1, groups=37, name="narrow, vectors of channels"
        ),
        case((50, 5, 3, 3), (5, 1, 3, 3), padding=1, groups=5, name="narrow, sets of images"),
        case((9, 18, 12, 11), (18, 1, 3, 3), 2, 1, groups=18, name="narrow, strided"),
        case((3, 17, 20, 9), (17, 1, 5, 4), (3, 2), 2, (2, 1), 17, "narrow, dilated"),
        case((1, 2, 150, 70), (2, 1, 3, 3), padding=1, groups=2, name="bands"),
        case((1, 2, 151, 70), (2, 1, 5, 5), 2, 2, 1, 2, name="bands, strided"),
        case((2, 2, 151, 70), (2, 1, 3, 3), 2, 1, 1, 2, name="bands, strided, in place"),
        case((1, 2, 75, 130), (6, 1, 3, 3), padding=1, groups=2, name="bands, 3 each"),
        case((1, 2, 1, 1), (2, 1, 3, 3), 2, 9, 1, 2, name="depthwise, mostly padding"),
        case((1, 2, 9, 9), (2, 1, 2, 2), 5, 0, 1, 2, name="depthwise, cells without taps"),
        case((1, 2, 3, 40), (2, 1, 3, 3), 2, (0, 20), 1, 2, name="depthwise, wide padding"),
        case((1, 2, 5, 99), (2, 1, 3, 3), (1, 8), 0, 1, 2, name="depthwise, cells left over"),
    )


def random_depthwise(rng: random.Random) -> Conv2dCase:
    """A random shape, often with a common kernel."""
    groups, multiplier = rng.randint(1, 20), rng.choice((1, 1, 1, 2, 3))
    square = rng.choice((3, 5, 0, 0))
    kernel = (square, square) if square else (rng.randint(1, 6), rng.randint(1, 6))
    stride = rng.choice((1, 2, (1, 2), (3, 2)))
    dilation = 1 if square else (rng.randint(1, 3), rng.randint(1, 3))
    padding = rng.randint(0, 4), rng.randint(0, 4)
    h, w = (max(1, 3 * k - 2) + rng.randint(0, rng.choice((4, 20, 60))) for k in kernel)
    return Conv2dCase(
        (rng.randint(1, 3), groups, h, w), (groups * multiplier, 1, *kernel),
        stride, padding, dilation, groups,
    )  # fmt: skip


DEPTHWISE_CASES = tuple(_depthwise_convs())
