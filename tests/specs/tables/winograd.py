"""The table of convolutions for Winograd's kernels: stride 1, around all block sizes.

A tile has 4 x 4 outputs of 3x3 filters, or 2 x 2 of 5x5. Tiles are staged in runs of up to 62
pixels and multiplied 6 or 8 at a time, in blocks of 18 to 64 and, for the gradient of the filters,
in groups of 128 or more. Outputs stand in panels of 4 to 48, channels in vectors of 2 to 16 and
slices of 16 to 32, by the instruction set and the dtype. For the gradient of the filters, tiles are
divided into up to 16 parts of several groups. Where there are more outputs than tiles,
all images are transformed first, otherwise all filters; channels are then multiplied in slices of
at most 128.
"""

import dataclasses
import random
from collections.abc import Iterator
from itertools import cycle, product

from specs.tables.conv2d import Conv2dCase


def _with_3x3() -> Iterator[Conv2dCase]:
    case = Conv2dCase
    for c in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 49):
        yield case((1, c, 6, 9), (5, c, 3, 3), padding=1, name=f"tiles of {c} channels")
    for o in (1, 5, 6, 7, 8, 9, 16, 17, 23, 24, 25, 31, 32, 33, 48, 49, 65):
        yield case((2, 3, 7, 6), (o, 3, 3, 3), padding=1, name=f"8 tiles, {o} outputs")
    for c in (15, 16, 17, 33, 49):
        more = f"4 tiles of {c} channels, more outputs"
        yield case((1, c, 5, 6), (c + 8, c, 3, 3), padding=1, name=more)
    for t in (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 97):
        width = 4 * t - t % 4
        yield case((1, 2, 3, width), (3, 2, 3, 3), padding=1, name=f"a row of {t} tiles")
        more = f"{t} tiles, more outputs"
        yield case((1, 2, 4, width + 2), (t + 1, 2, 3, 3), padding=(1, 0), name=more)
    paddings = cycle(range(4))
    for oh, ow in product((1, 2, 3, 4, 5, 8, 9), (1, 2, 3, 4, 5, 7, 8, 9, 13)):
        padding = next(p for p in paddings if 2 * p < min(oh, ow) + 2)
        x_shape = 2, 3, oh + 2 - 2 * padding, ow + 2 - 2 * padding
        yield case(x_shape, (4, 3, 3, 3), padding=padding, name=f"tiles for {oh}x{ow}")
    for n in (2, 3, 7, 25, 50):
        yield case((n, 2, 1, 1), (3, 2, 3, 3), padding=1, name=f"{n} images of one tile")
        yield case((n, 2, 5, 10), (3, 2, 3, 3), name=f"{n} images of a row")
        yield case((n, 2, 5, 4), (60, 2, 3, 3), padding=1, name=f"{n} images, 60 outputs")
    yield from (
        case((1, 2, 1, 1), (3, 2, 3, 3), padding=2, name="a pixel in wide padding"),
        case((2, 2, 1, 1), (3, 2, 3, 3), padding=3, name="a pixel in wider padding"),
        case((2, 2, 2, 1), (3, 2, 3, 3), padding=(1, 3), name="two pixels in padding"),
        case((2, 2, 1, 9), (3, 2, 3, 3), padding=(3, 0), name="a row in padding"),
        case((2, 2, 9, 2), (3, 2, 3, 3), padding=(0, 2), name="two columns in padding"),
        case((1, 2, 3, 3), (3, 2, 3, 3), padding=7, name="tiles of padding"),
        case((2, 3, 9, 10), (4, 3, 3, 3), padding=(3, 1), name="tiles, asymmetric"),
        case((2, 3, 9, 10), (4, 3, 3, 3), padding="same", name="tiles, same"),
        case((2, 3, 9, 10), (4, 3, 3, 3), padding="valid", name="tiles, valid"),
        case((1, 3, 44, 36), (65, 3, 3, 3), padding=1, name="99 tiles, 65 outputs"),
        case((1, 3, 28, 26), (65, 3, 3, 3), padding=1, name="49 tiles, 65 outputs"),
        case((1, 4, 45, 42), (600, 4, 3, 3), padding=1, name="132 tiles, 600 outputs"),
        case((1, 600, 45, 42), (4, 600, 3, 3), padding=1, name="132 tiles of 600 channels"),
        case((3, 33, 22, 27), (65, 33, 3, 3), padding=1, name="crosses panels and blocks"),
        case((3, 56, 33, 40), (20, 56, 3, 3), padding=1, name="blocks of rows of 10 tiles"),
        case((2, 130, 14, 15), (144, 130, 3, 3), padding=1, name="32 tiles, two slices"),
        case((1, 132, 33, 34), (130, 132, 3, 3), padding=1, name="81 tiles, two slices"),
    )


def _with_5x5() -> Iterator[Conv2dCase]:
    """Some of these cases, with the same outputs."""
    for case in tuple(_with_3x3())[::3]:
        p = case.padding
        padding = p if isinstance(p, str) else p + 1 if isinstance(p, int) else (p[0] + 1, p[1] + 1)
        weight_shape = (*case.weight_shape[:2], 5, 5)
        name = f"{case.name}, 5x5"
        yield dataclasses.replace(case, weight_shape=weight_shape, padding=padding, name=name)


def random_winograd(rng: random.Random) -> Conv2dCase:
    """A random shape with stride 1, sometimes with many channels or images."""
    k = rng.choice((3, 3, 5))
    n, c, o = (rng.randint(1, rng.choice((2, 6, largest))) for largest in (20, 70, 70))
    padding = rng.randint(0, 3), rng.randint(0, 3)
    h, w = (max(1, k - 2 * p) + rng.randint(0, rng.choice((3, 9, 24))) for p in padding)
    return Conv2dCase((n, c, h, w), (o, c, k, k), padding=padding)


_PARTS = Conv2dCase((5, 2, 96, 96), (3, 2, 5, 5), padding=2, name="11520 tiles of 5x5")

WINOGRAD_CASES = (*_with_3x3(), *_with_5x5(), _PARTS)
