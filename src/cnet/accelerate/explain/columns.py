"""Padded images, and the columns of im2col in any order of the axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...arrays import Array, Shape
from .convolution import Convolution
from .expressions import Term
from .forms import Form
from .pooling import Pooling
from .samples import Problem
from .windows import Plane, describe

LETTERS = "nchwij"
"""The axes of all windows: images, channels, positions, and rows and columns in the window."""
PROBED = 12
"""Elements to compare before all are computed."""


@dataclass(frozen=True)
class Columns:
    """The windows of padded images, with their axes in the order of some letters."""

    x: Form
    kernel: Shape
    plane: Plane
    order: str

    def windows(self, x: Array) -> Array:
        """All windows, with the axes (n, c, h, w, i, j), as a view of the padded images."""
        full = self.x.to_kernels(x)
        stride, padding, dilation = self.plane
        if padding != ((0, 0), (0, 0)):
            full = np.pad(full, ((0, 0), (0, 0), *padding))
        extents = tuple(d * (k - 1) + 1 for d, k in zip(dilation, self.kernel, strict=True))
        view = sliding_window_view(full, extents, (2, 3))
        return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]

    def __call__(self, *arrays: Array) -> Array:
        axes = [LETTERS.index(letter) for letter in self.order]
        return np.ascontiguousarray(self.windows(arrays[0]).transpose(axes))

    def __str__(self) -> str:
        return ", ".join(["im2col", self.order, *describe(self.kernel, self.plane)])


@dataclass(frozen=True)
class Padded:
    """An input with zeros around it."""

    widths: tuple[tuple[int, int], ...]

    def __call__(self, *arrays: Array) -> Array:
        return np.pad(arrays[0], self.widths)

    def __str__(self) -> str:
        return f"zeros around, {self.widths}"


def columns(problem: Problem, hints: tuple[object, ...]) -> Iterator[Term]:
    """The columns of the convolution or pooling that is computed from them."""
    for hint in hints:
        if isinstance(hint, Convolution):
            x, kernel, plane = hint.x, hint.weight.full[2:], hint.plane
        elif isinstance(hint, Pooling):
            x, kernel, plane = Form(hint.layout, hint.x_shape, "nchw"), hint.kernel, hint.plane
        else:
            continue
        for path in problem.singles():
            if problem.inputs[path][0].shape == x.sizes:
                operation = Columns(x, kernel, plane, LETTERS)
                windows = operation.windows(problem.inputs[path][0])
                for order in _orders(windows, problem.result):
                    yield Term(Columns(x, kernel, plane, order), (path,))


def _orders(windows: Array, result: Array) -> Iterator[str]:
    """Orders of the axes in which some elements of the result agree."""
    if windows.size != result.size:
        return
    places = np.linspace(0, result.size - 1, min(PROBED, result.size)).astype(int)
    wanted = result.reshape(-1)[places]
    long = [axis for axis in range(6) if windows.shape[axis] > 1]
    short = [axis for axis in range(6) if windows.shape[axis] == 1]
    for axes in permutations(long):
        found = np.unravel_index(places, [windows.shape[axis] for axis in axes])
        index: list[Array] = [np.zeros_like(places)] * 6
        for axis, positions in zip(axes, found, strict=True):
            index[axis] = positions
        if np.array_equal(windows[tuple(index)], wanted):
            yield "".join(LETTERS[axis] for axis in (*short, *axes))


def paddings(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Inputs with zeros around them, up to the size of the result."""
    shape = problem.shape
    for path in problem.singles():
        x = problem.inputs[path][0]
        if x.ndim != len(shape) or x.size >= problem.result.size:
            continue
        gaps = [after - before for before, after in zip(x.shape, shape, strict=True)]
        if min(gaps) < 0 or np.count_nonzero(gaps) > 2:
            continue
        for begins in product(*[_middle_first(gap) for gap in gaps]):
            inner = tuple(slice(b, b + s) for b, s in zip(begins, x.shape, strict=True))
            if problem.result[begins] == x.flat[0] and np.array_equal(problem.result[inner], x):
                yield Term(
                    Padded(tuple((b, g - b) for b, g in zip(begins, gaps, strict=True))), (path,)
                )


def _middle_first(gap: int) -> list[int]:
    return sorted(range(gap + 1), key=lambda begin: abs(2 * begin - gap))
