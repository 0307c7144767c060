"""Forms: which letter each axis of an array has, after a reshape if axes are merged."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isqrt, prod
from typing import NamedTuple

from ...arrays import Array, Shape
from ...dropin._layouts import Layout

IMAGES = {
    4: ("nchw", "nhwc", "hwcn", "chwn"),
    3: ("chw", "hwc", "nhw", "hwn", "ncw", "nwc"),
    2: ("hw", "cw", "wc"),
}
"""Orders of the axes of images, and of sequences, which have no h."""
FILTERS = {
    4: ("oihw", "hwio", "ohwi", "iohw", "hwoi", "ihwo"),
    3: ("ohw", "hwo", "ihw", "hwi", "oiw", "wio"),
    2: ("hw", "ow", "wo"),
}
MATRICES = ("oihw", "ohwi", "ihwo", "hwio")
"""Orders of filters that are stored as matrices, with a row or a column for each filter."""


class Form(NamedTuple):
    """The axes of an array as letters, and their sizes."""

    letters: str
    sizes: Shape
    target: str
    """The order of the axes in the kernels: "nchw" or "oihw"."""

    @property
    def layout(self) -> Layout:
        return _layout(self.letters, self.target)

    @property
    def full(self) -> Shape:
        """The four sizes in the order of the kernels."""
        return self.layout.shape_to_kernels(self.sizes)

    def with_images(self, count: int) -> "Form":
        """The same with another number of images."""
        return self._replace(sizes=with_images(self.letters, self.sizes, count))

    def to_kernels(self, x: Array) -> Array:
        if x.shape != self.sizes:
            x = x.reshape(self.sizes)
        return x if self.letters == self.target else self.layout.to_kernels(x)

    def from_kernels(self, x: Array) -> Array:
        return self.layout.from_kernels(x)

    def __str__(self) -> str:
        return self.letters


def with_images(letters: str, sizes: Shape, count: int) -> Shape:
    """The sizes with another number of images."""
    pairs = zip(letters, sizes, strict=True)
    return tuple(count if letter == "n" else size for letter, size in pairs)


@lru_cache(maxsize=1024)
def _layout(letters: str, target: str) -> Layout:
    return Layout(letters, letters, target)


def image_forms(shape: Shape) -> Iterator[Form]:
    return (Form(letters, shape, "nchw") for letters in IMAGES.get(len(shape), ()))


def filter_forms(shape: Shape, o: int, c: int, is_image: bool) -> Iterator[Form]:
    """Forms of `o` filters for images or sequences with `c` channels, or for groups of them."""
    for letters in FILTERS.get(len(shape), ()):
        form = Form(letters, shape, "oihw")
        if (
            ("h" in letters) == is_image
            and form.full[0] == o
            and c % form.full[1] == 0
            and o % (c // form.full[1]) == 0
        ):
            yield form
    taps, rest = divmod(prod(shape), o * c)
    side = isqrt(taps)
    if is_image and len(shape) <= 2 and not rest and side * side == taps:
        sizes = {"o": o, "i": c, "h": side, "w": side}
        for letters in MATRICES:
            merged = (o, c * taps) if letters[0] == "o" else (c * taps, o)
            if shape == merged or (o == 1 and prod(shape) == c * taps):
                yield Form(letters, tuple(sizes[letter] for letter in letters), "oihw")


def are_together(x: Form, y: Form) -> bool:
    """Whether `y` can be a result for `x`: the same images, with the common axes in one order."""
    common = set(x.letters) & set(y.letters)
    in_x = [letter for letter in x.letters if letter in common]
    in_y = [letter for letter in y.letters if letter in common]
    is_sequence = "h" not in x.letters
    if is_sequence != ("h" not in y.letters):
        return False
    return in_x == in_y and ("n" in x.letters) == ("n" in y.letters) and x.full[0] == y.full[0]


def merged_orders(sizes: Mapping[str, int], shape: Shape) -> Iterator[str]:
    """Orders of axes with these sizes that give the shape, if neighbours are merged."""
    short = "".join(letter for letter, size in sizes.items() if size == 1)
    long = "".join(letter for letter, size in sizes.items() if size > 1)

    def filled(left: str, axes: Shape, room: int) -> Iterator[str]:
        if room == 1 and axes:
            yield from filled(left, axes[1:], axes[0])
        elif not left:
            yield from [""] * (room == 1)
        else:
            for letter in left:
                if room % sizes[letter] == 0:
                    rest = filled(left.replace(letter, ""), axes, room // sizes[letter])
                    yield from (letter + order for order in rest)

    yield from (short + order for order in filled(long, shape, 1))
