"""The gradient of filters from the columns of im2col, in any order of their axes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ... import kernels
from ...arrays import Array, Shape
from .convolution import Convolution
from .expressions import Term, in_one_dtype
from .fitting import is_multiple
from .forms import FILTERS, Form, image_forms, merged_orders
from .samples import Operand, Problem

POSITIONS, TAPS = "nhw", "cij"
PROBED = 8
"""Elements to compare before all are computed."""


@dataclass(frozen=True)
class Contraction:
    """The sum over images and positions of a gradient times columns.

    The operands are (dy, columns).
    """

    y: Form
    weight: Form
    order: str
    """The axes of the columns, of which some may be merged."""

    def __call__(self, *arrays: Array) -> Array:
        dy, columns = in_one_dtype(arrays)
        sizes = _sizes(self.y, self.weight)
        inner = [letter for letter in self.order if letter in POSITIONS]
        outer = [letter for letter in self.order if letter in TAPS]
        axes = [self.order.index(letter) for letter in inner + outer]
        columns = columns.reshape([sizes[letter] for letter in self.order]).transpose(axes)
        rows = self.y.to_kernels(dy).transpose([1, *["n hw".index(letter) for letter in inner]])
        count = prod(sizes[letter] for letter in inner)
        product = kernels.matmul(rows.reshape(-1, count), columns.reshape(count, -1))
        dw = product.reshape(-1, *[sizes[letter] for letter in outer])
        return self.weight.from_kernels(
            dw.transpose([0, *[1 + outer.index(letter) for letter in TAPS]])
        )

    def __str__(self) -> str:
        return f"conv2d, dw from columns, {self.y}, {self.weight}, {self.order}"


@dataclass(frozen=True)
class PerImage:
    """The gradient of filters for each image; the operands are (dy, x)."""

    of_one: Convolution
    """That of one image."""

    def __call__(self, *arrays: Array) -> Array:
        dy, x = in_one_dtype(arrays)
        axes = self.of_one.y.letters.index("n"), self.of_one.x.letters.index("n")
        return np.stack([
            self.of_one(*[part.take([n], axis) for part, axis in zip((dy, x), axes, strict=True)])
            for n in range(dy.shape[axes[0]])
        ])  # fmt: skip

    def __str__(self) -> str:
        return f"{self.of_one}, for each image"


def gradients_per_image(problem: Problem, hints: tuple[object, ...]) -> Iterator[Term]:
    """Gradients of the filters of a known convolution, for each image."""
    for hint in hints:
        if isinstance(hint, Convolution) and "n" in hint.x.letters and hint.weight.sizes == (
            problem.shape[1:]
        ):  # fmt: skip
            of_one = replace(hint.with_images(1), result="dw", activation="", bias_times=1)
            for first, second in problem.pairs():
                shapes = [problem.inputs[path][0].shape for path in (first, second)]
                if shapes == [hint.y.sizes, hint.x.sizes]:
                    yield Term(PerImage(of_one), (first, second))


def _sizes(y: Form, weight: Form) -> dict[str, int]:
    """The sizes of the axes of the columns."""
    n, _, h, w = y.full
    _, c, i, j = weight.full
    return {"n": n, "c": c, "h": h, "w": w, "i": i, "j": j}


def contractions(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Gradients of filters that may explain the output."""
    if problem.result.dtype.kind != "f" or problem.result.ndim < 2:
        return
    for first, second in problem.contracted():
        dy, columns = problem.inputs[first][0], problem.inputs[second][0]
        if columns.ndim < 2:
            continue
        for y in image_forms(dy.shape):
            for weight in _weights(problem.shape, y.full[1]):
                sizes = _sizes(y, weight)
                if "h" in y.letters and prod(sizes.values()) == columns.size:
                    for order in merged_orders(sizes, columns.shape):
                        operation = Contraction(y, weight, order)
                        if _agrees(problem, operation, first, second):
                            yield Term(operation, (first, second))


def _weights(shape: Shape, count: int) -> Iterator[Form]:
    """Forms of the gradients of `count` filters; in matrices, all taps are one axis."""
    for letters in FILTERS.get(len(shape), ()):
        form = Form(letters, shape, "oihw")
        if "h" in letters and form.full[0] == count:
            yield form
    if len(shape) == 2:
        rows, columns = shape
        if rows == count:
            yield Form("oihw", (rows, columns, 1, 1), "oihw")
        if columns == count:
            yield Form("ihwo", (rows, 1, 1, columns), "oihw")


def _agrees(problem: Problem, operation: Contraction, first: Operand, second: Operand) -> bool:
    """Whether some elements of the first sample agree, up to a factor."""
    dy = operation.y.to_kernels(problem.inputs[first][0])
    sizes, order = _sizes(operation.y, operation.weight), operation.order
    columns = problem.inputs[second][0].reshape([sizes[letter] for letter in order])
    columns = columns.transpose([order.index(letter) for letter in POSITIONS + TAPS])
    full = operation.weight.full
    flat = np.linspace(0, prod(full) - 1, min(PROBED, prod(full))).astype(int)
    places = [*zip(*np.unravel_index(flat, full), strict=True)]
    value = np.array([
        np.sum(dy[:, o] * columns[:, :, :, c, i, j], dtype=np.float64) for o, c, i, j in places
    ])  # fmt: skip
    index = tuple(np.transpose(places))
    return any(
        is_multiple(
            operation.weight.to_kernels(target.values[0])[index], value, target.errors[0]
        )
        for target in problem.targets
    )  # fmt: skip
