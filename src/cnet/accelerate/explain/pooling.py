"""Max and average pooling and their gradients, in any layout."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Literal

import numpy as np

from ...arrays import Array, Shape
from ...dropin import kernels
from ...dropin._pooling import TIES
from .affine import ACTIVATIONS
from .expressions import Term
from .fitting import is_multiple
from .forms import Form, are_together, image_forms, with_images
from .samples import Operand, Problem
from .windows import Plane, common_planes, describe

MOST_MULTIPLES = 2
"""Windows of at most this many times the ratio of sizes are tried, and those of the whole image."""
MOST_PADDED = 7
"""The largest windows of padded images."""


@dataclass(frozen=True)
class Pooling:
    """Pooling of images, or its gradient.

    The operands are (x) for the result; for the gradient (dy, x) of maxima, (dy) of means.
    """

    kind: Literal["max", "mean"]
    layout: str
    x_shape: Shape
    kernel: Shape
    plane: Plane
    is_gradient: bool = False
    ties: str = "first"
    pad_value: float = -inf
    """The number in the padding of maxima."""
    count_include_pad: bool = True
    activation: str = ""
    unused: tuple[int, int] = (0, 0)
    """Rows and columns at the end of the images that are in no window."""

    def __call__(self, *arrays: Array) -> Array:
        if self.activation:
            return ACTIVATIONS[self.activation](replace(self, activation="")(*arrays))
        if self.unused != (0, 0):
            return self._of_part(*arrays)
        stride, padding, _ = self.plane.short
        size: tuple[Any, ...] = self.kernel, stride, padding
        if self.kind == "mean":
            size = *size, False, self.count_include_pad
            if self.is_gradient:
                return kernels.avg_pool2d_backward(
                    arrays[0], self.x_shape, *size, layout=self.layout
                )
            return kernels.avg_pool2d(arrays[0], *size, layout=self.layout)
        options: dict[str, Any] = {"layout": self.layout, "pad_value": self.pad_value}
        if self.is_gradient:
            dy, x = arrays
            return kernels.max_pool2d_gradient(dy, x, *size, ties=self.ties, **options)
        return kernels.max_pool2d(arrays[0], *size, **options)[0]

    def _of_part(self, *arrays: Array) -> Array:
        """The result of the part of the images that is in windows."""
        unused = dict(zip("hw", self.unused, strict=True))
        sizes = [
            size - unused.get(letter, 0)
            for size, letter in zip(self.x_shape, self.layout, strict=True)
        ]
        used = tuple(slice(size) for size in sizes)
        pool = replace(self, x_shape=tuple(sizes), unused=(0, 0))
        if not self.is_gradient:
            return pool(arrays[0][used])
        part = pool(arrays[0], *[x[used] for x in arrays[1:]])
        dx = np.zeros(self.x_shape, part.dtype)
        dx[used] = part
        return dx

    def with_images(self, count: int) -> "Pooling":
        return replace(self, x_shape=with_images(self.layout, self.x_shape, count))

    @property
    def y_shape(self) -> Shape:
        """The shape of the result."""
        sizes = dict(zip(self.layout, self.x_shape, strict=True))
        for axis, letter in enumerate("hw"):
            room = sizes[letter] + sum(self.plane.padding[axis]) - self.kernel[axis]
            room -= self.unused[axis]
            sizes[letter] = room // self.plane.stride[axis] + 1
        return tuple(sizes.values())

    def __str__(self) -> str:
        parts = [f"{self.kind} pool" + ", dx" * self.is_gradient, self.layout]
        parts += describe(self.kernel, self.plane, self.kernel)
        if self.kind == "max" and self.is_gradient and self.ties != "first":
            parts.append(f"ties: {self.ties}")
        if self.unused != (0, 0):
            parts.append(f"without the last {self.unused[0]} rows and {self.unused[1]} columns")
        parts += [self.activation] * bool(self.activation)
        return ", ".join(parts)


def known_poolings(problem: Problem, hints: tuple[object, ...]) -> Iterator[Term]:
    """Gradients of the pooling of the hints, also of other images."""
    for hint in poolings_of(problem, hints):
        yield from _gradients_of(problem, hint)


def poolings_of(problem: Problem, hints: tuple[object, ...]) -> list[Pooling]:
    """The pooling of the hints for images of the shape of the result."""
    return [
        replace(hint, x_shape=problem.shape)
        for hint in hints
        if isinstance(hint, Pooling) and len(hint.layout) == problem.result.ndim
    ]


def poolings(problem: Problem, hints: tuple[object, ...]) -> Iterator[Term]:
    """Pooling operations that may explain the output; those of the hints first."""
    if problem.result.ndim < 2:
        return
    yield from known_poolings(problem, hints)
    for path in problem.singles():
        for x in _images(problem.inputs[path][0].shape):
            for y in _results(x, problem.shape):
                for operation in _sizes(x, y):
                    yield from _probed(problem, operation, (path,))
    for path in problem.singles():
        for x in _images(problem.shape):
            for y in _results(x, problem.inputs[path][0].shape):
                for operation in _sizes(x, y):
                    yield from _gradients(problem, replace(operation, is_gradient=True), path)


def _images(shape: Shape) -> Iterator[Form]:
    return (form for form in image_forms(shape) if "h" in form.letters)


def _gradients_of(problem: Problem, hint: Pooling) -> Iterator[Term]:
    """Gradients of the pooling of the forward pass."""
    operation = replace(hint, is_gradient=True)
    for path, arrays in problem.inputs.items():
        if arrays[0].shape == hint.y_shape:
            yield from _gradients(problem, operation, path)


def _gradients(problem: Problem, operation: Pooling, path: Operand) -> Iterator[Term]:
    if operation.kind == "mean":
        yield from _probed(problem, operation, (path,))
        return
    for x_path, arrays in problem.inputs.items():
        if arrays[0].shape == problem.shape and x_path != path:
            for ties in TIES:
                yield from _probed(problem, replace(operation, ties=ties), (path, x_path))


def _results(x: Form, shape: Shape) -> Iterator[Form]:
    """Forms of results for images of the form `x`."""
    if len(shape) != len(x.letters):
        return
    y = x._replace(sizes=shape)
    if are_together(x, y) and x.full[:2] == y.full[:2] and all(
        0 < after <= before for before, after in zip(x.full[2:], y.full[2:], strict=True)
    ):  # fmt: skip
        yield y


def _sizes(x: Form, y: Form) -> Iterator[Pooling]:
    """Windows, strides and paddings, the most common first."""
    size, output = x.full[2:], y.full[2:]
    ratios = [-(-before // after) for before, after in zip(size, output, strict=True)]
    most = min(max(size), MOST_MULTIPLES * max(ratios) + 1)
    squares = [(k, k) for k in range(2, most + 1)]
    squares.sort(key=lambda kernel: abs(kernel[0] - ratios[0]))
    for kernel in dict.fromkeys([tuple(ratios), *squares, size, (1, 1)]):
        if (
            (kernel == (1, 1) and size == output)
            or kernel[0] > size[0] + 1
            or kernel[1] > size[1] + 1
        ):
            continue
        for plane in common_planes(size, kernel, output):
            if all(
                begin == 0 or 2 * begin <= k <= MOST_PADDED
                for (begin, _), k in zip(plane.padding, kernel, strict=True)
            ):
                for kind in ("max", "mean") if kernel != (1, 1) else ("mean",):
                    base = Pooling(kind, x.letters, x.sizes, kernel, plane)
                    yield base
                    if plane.padding != ((0, 0), (0, 0)):
                        is_max = kind == "max"
                        yield (
                            replace(base, pad_value=0)
                            if is_max
                            else replace(base, count_include_pad=False)
                        )
    yield from _cut(x, y, (ratios[0], ratios[1]))


def _cut(x: Form, y: Form, kernel: Shape) -> Iterator[Pooling]:
    """Windows that move by one, in the first rows and columns only: the stride is forgotten."""
    size, output = x.full[2:], y.full[2:]
    rows, columns = (s - n - k + 1 for s, n, k in zip(size, output, kernel, strict=True))
    if rows > 0 and columns > 0:
        plane = Plane((1, 1), ((0, 0), (0, 0)), (1, 1))
        for kind in ("max", "mean"):
            yield Pooling(kind, x.letters, x.sizes, kernel, plane, unused=(rows, columns))


def _probed(problem: Problem, operation: Pooling, paths: tuple[Operand, ...]) -> Iterator[Term]:
    """The term, if it agrees with one plane of the first two images of the first sample."""
    some = tuple(slice(2) if letter == "n" else slice(None) for letter in operation.layout)
    totals = np.abs(problem.targets[0].values[0][some])
    sums = Form(operation.layout, totals.shape, "nchw").to_kernels(totals).sum((2, 3))
    n, c = np.unravel_index(int(np.argmax(sums)), sums.shape)
    place = tuple({"n": n, "c": c}.get(letter, slice(None)) for letter in operation.layout)
    part = replace(
        operation,
        layout="".join(letter for letter in operation.layout if letter in "hw"),
        x_shape=tuple(s for s, letter in zip(operation.x_shape, operation.layout, strict=True)
                      if letter in "hw"),
    )  # fmt: skip
    value = part(*[problem.inputs[path][0][place] for path in paths])
    targets = [(target.values[0][place], target.errors[0]) for target in problem.targets]
    if any(is_multiple(wanted, value, error) for wanted, error in targets):
        yield Term(operation, paths)
    is_possible = not operation.is_gradient and problem.result.min() == 0
    if is_possible and is_multiple(targets[0][0], ACTIVATIONS["relu"](value), targets[0][1]):
        yield Term(replace(operation, activation="relu"), paths)
