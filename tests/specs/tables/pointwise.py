"""The table of 1x1 convolutions without padding, around the block sizes of products.

Tiles have 6 or 8 rows and 4 to 48 columns; the columns are the pixels of all images. The
depth is divided into blocks of 256 or 384, and for the gradient of the weights also into parts.
"""

import random
from collections.abc import Iterator

from specs.tables.conv2d import Conv2dCase


def _pointwise_convs() -> Iterator[Conv2dCase]:
    case = Conv2dCase
    for o in (1, 5, 6, 7, 8, 9, 16, 17, 33, 49, 97):
        yield case((2, 3, 5, 7), (o, 3, 1, 1), name=f"{o} outputs")
    for c in (1, 2, 15, 16, 17, 47, 48, 49, 255, 257, 383, 385, 800):
        yield case((2, c, 3, 5), (7, c, 1, 1), name=f"{c} inputs")
    for pixels in (1, 2, 3, 7, 15, 16, 17, 23, 24, 25, 47, 48, 49, 95, 97, 385):
        yield case((3, 5, 1, pixels), (9, 5, 1, 1), name=f"images of {pixels} pixels")
    for stride in (2, 3, (1, 2), (2, 1), (4, 3), 50):
        yield case((3, 9, 11, 37), (10, 9, 1, 1), stride, name=f"stride {stride}")
        yield case((2, 9, 12, 70), (10, 9, 1, 1), stride, name=f"stride {stride}, even")
    for groups in (2, 3, 7):
        yield case((3, 4 * groups, 6, 7), (5 * groups, 4, 1, 1), groups=groups, name="groups")
        yield case((3, groups, 9, 7), (groups, 1, 1, 1), 2, groups=groups, name="channels alone")
    for c, o in ((8, 8), (9, 25), (24, 9), (12, 64), (65, 12), (192, 8), (8, 193)):
        for size in ((8, 8), (12, 12), (17, 15), (19, 22)):
            yield case((3, c, *size), (o, c, 1, 1), name="image by image")
    yield from (
        case((1, 1, 1, 1), (1, 1, 1, 1), name="one product"),
        case((17, 24, 32, 30), (25, 24, 1, 1), name="planes of many images"),
        case((17, 24, 32, 32), (25, 24, 1, 1), name="planes a page apart"),
        case((3, 24, 12, 12), (40, 24, 1, 1), name="image by image, more results"),
        case((60, 3, 1, 1), (4, 3, 1, 1), name="images of a pixel"),
        case((9, 20, 30, 31), (18, 20, 1, 1), name="parts of the pixels"),
        case((9, 20, 61, 59), (18, 20, 1, 1), 2, name="parts of the pixels, strided"),
        case((20, 12, 16, 16), (12, 4, 1, 1), groups=3, name="parts of the pixels, groups"),
        case((2, 130, 20, 21), (300, 130, 1, 1), name="crosses every block"),
        case((1, 900, 4, 5), (130, 900, 1, 1), name="few pixels"),
        case((1, 3, 6, 7), (4, 3, 1, 1), dilation=3, name="dilation of one tap"),
    )


def random_pointwise(rng: random.Random) -> Conv2dCase:
    """A random shape, sometimes with many channels, pixels or images."""
    n, c, o, h, w = (rng.randint(1, rng.choice((3, 9, most))) for most in (20, 90, 90, 25, 60))
    groups = rng.choice((1, 1, 1, 2, 3))
    stride = rng.choice((1, 1, 2, 3)), rng.choice((1, 1, 2, 3))
    return Conv2dCase((n, c * groups, h, w), (o * groups, c, 1, 1), stride, groups=groups)


POINTWISE_CASES = tuple(_pointwise_convs())
