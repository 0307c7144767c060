"""Mistakes that gradients are compared with, each as another gradient."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from ..accelerate.explain.arithmetic import Elementwise, Product
from ..accelerate.explain.convolution import Convolution
from ..accelerate.explain.expressions import Expression, Term
from ..accelerate.explain.pooling import Pooling
from ..accelerate.explain.windows import Plane
from ..arrays import Array
from .differences import Function


@dataclass(frozen=True)
class Variant:
    """A mistake: the gradient of `f` for `grad_output`, or `value`."""

    name: str
    text: str
    f: Function | None = None
    grad_output: Array | None = None
    value: Array | None = None


def variants(
    forward: Expression | None, f: Function, path: str, values: Mapping[str, Array],
    grad_output: Array, y: Array,
) -> Iterator[Variant]:  # fmt: skip
    """Mistakes in the gradient with respect to `path`, the most specific first."""
    term = forward.term if forward else None
    if term is not None:
        for name, text, operation in _operations(term.operation):
            changed = Term(operation, term.operands)
            yield Variant(name, text, changed.compute, grad_output)
        yield from _direct(term, path, values, grad_output)
    yield from _parts(f, grad_output)
    yield from _sums(values[path], grad_output)
    if grad_output.shape == values[path].shape:
        yield from _elementwise(values[path], grad_output, y)


# ---- Other operations ----------------------------------------------------------------------------

Change = tuple[str, str, Any]


def _operations(operation: Any) -> Iterator[Change]:
    if isinstance(operation, Convolution):
        if operation.activation:
            yield (
                "activation",
                f"the derivative of {operation.activation} is missing",
                replace(operation, activation=""),
            )
        if operation.weight.full[2:] != (1, 1):
            yield (
                "filter flipped",
                "the filters are rotated by half a turn (flipped), or should be and are not",
                replace(operation, is_flipped=not operation.is_flipped),
            )
        yield from _planes(operation)
        yield from _flipped_planes(operation)
        yield from _swapped_filters(operation)
    elif isinstance(operation, Pooling):
        yield from _planes(operation)
        other = "mean" if operation.kind == "max" else "max"
        yield "other pooling", f"it is the gradient of {other} pooling", replace(operation, kind=other)
    elif isinstance(operation, Product):
        yield from _products(operation)
    elif isinstance(operation, Elementwise):
        for name in ("relu", "sigmoid", "tanh"):
            if name != operation.name:
                yield "other activation", f"it is the derivative of {name}", Elementwise(name)


def _flipped_planes(operation: Convolution) -> Iterator[Change]:
    flipped = replace(operation, is_flipped=not operation.is_flipped)
    for name, text, changed in _planes(flipped):
        yield f"filter flipped, {name}", f"the filters are flipped, and {text}", changed


def _planes(operation: Any) -> Iterator[Change]:
    stride, padding, dilation = operation.plane
    if stride != (1, 1):
        plane = Plane((1, 1), padding, dilation)
        yield "stride ignored", "the stride is ignored (1 is used)", replace(operation, plane=plane)
        if stride[0] != stride[1]:
            plane = Plane((stride[1], stride[0]), padding, dilation)
            yield "stride swapped", "the two strides are swapped", replace(operation, plane=plane)
    if dilation != (1, 1):
        plane = Plane(stride, padding, (1, 1))
        yield "dilation ignored", "the dilation is ignored", replace(operation, plane=plane)
    (top, bottom), (left, right) = padding
    if padding != ((0, 0), (0, 0)):
        plane = Plane(stride, ((0, bottom + top), (0, left + right)), dilation)
        text = "the padding is ignored: gradients are shifted"
        yield "padding ignored", text, replace(operation, plane=plane)
    for rows, columns in ((1, 1), (-1, -1), (1, 0), (0, 1), (-1, 0), (0, -1)):
        pads = (top + rows, bottom - rows), (left + columns, right - columns)
        pads = tuple((max(first, 0), max(last, 0)) for first, last in pads)
        if min(top + rows, left + columns) >= 0 and pads != padding:
            where = {(1, 0): "rows", (-1, 0): "rows", (0, 1): "columns", (0, -1): "columns"}
            axis = where.get((rows, columns), "rows and columns")
            plane = Plane(stride, pads, dilation)
            text = f"the padding is off by one: {axis} are shifted"
            yield "padding off by one", text, replace(operation, plane=plane)


def _swapped_filters(operation: Convolution) -> Iterator[Change]:
    letters = operation.weight.letters
    sizes = dict(zip(letters, operation.weight.sizes, strict=True))
    for first, second, text in (("h", "w", "rows and columns"), ("o", "i", "in and out channels")):
        if sizes.get(first) == sizes.get(second, 0) and sizes[first] > 1:
            swapped = letters.translate(str.maketrans(first + second, second + first))
            form = operation.weight._replace(letters=swapped)
            yield "transposed", f"the {text} of the filters are swapped", replace(
                operation, weight=form
            )


def _products(operation: Product) -> Iterator[Change]:
    if operation.activation:
        text = f"the derivative of {operation.activation} is missing"
        yield "activation", text, replace(operation, activation="")
    for field, shape in (("is_first_transposed", operation.first),
                         ("is_second_transposed", operation.second)):  # fmt: skip
        if shape[0] == shape[1] > 1:
            text = "a matrix is transposed that should not be, or the other way round"
            yield "transposed", text, replace(operation, **{field: not getattr(operation, field)})


# ---- Parts of the gradient -----------------------------------------------------------------------


def _parts(f: Function, grad_output: Array) -> Iterator[Variant]:
    """What comes from a part of `grad_output` only."""
    axes = ["images", "channels", "rows", "columns"]
    one = {"images": "image", "channels": "channel", "rows": "row", "columns": "column"}
    for axis in range(grad_output.ndim):
        if grad_output.shape[axis] < 2:
            continue
        noun = one[axes[axis]] if grad_output.ndim == 4 else f"index of axis {axis}"
        if axis == 0 and grad_output.ndim in (2, 4):
            noun = "image"
        for index, which in ((-1, "last"), (0, "first")):
            yield Variant(
                f"{which} {noun}" if noun == "image" else f"{which} of an axis",
                f"only the {which} {noun} of grad_output counts: "
                "sum over all of them (+= instead of =)",
                f,
                _only(grad_output, axis, index),
            )
    if grad_output.ndim >= 2:
        last = np.zeros_like(grad_output)
        last[..., -1, -1] = grad_output[..., -1, -1]
        yield Variant(
            "last position", "only the last position of the window counts: += instead of =", f, last
        )
    yield Variant("grad_output ignored", "grad_output is ignored", f, np.ones_like(grad_output))
    yield Variant(
        "activation twice", "grad_output is used after another derivative", f,
        grad_output * (grad_output > 0),
    )  # fmt: skip


def _only(x: Array, axis: int, index: int) -> Array:
    result = np.zeros_like(x)
    part: list[Any] = [slice(None)] * x.ndim
    part[axis] = index
    result[tuple(part)] = x[tuple(part)]
    return result


def _sums(x: Array, grad_output: Array) -> Iterator[Variant]:
    """Sums of `grad_output` over other axes."""
    shape = grad_output.shape
    for count in range(len(shape) + 1):
        for axes in combinations(range(len(shape)), count):
            if prod(s for axis, s in enumerate(shape) if axis not in axes) == x.size:
                text = (
                    f"it is the sum of grad_output over the axes {axes}" if axes
                    else "it is grad_output itself"
                )  # fmt: skip
                name = "wrong axis" if axes else "grad_output itself"
                yield Variant(name, text, value=grad_output.sum(axes))
    if x.size < grad_output.size:
        yield Variant(
            "wrong axis", "it is the same number for all elements: the sum of all of grad_output",
            value=np.full(x.shape, grad_output.sum()),
        )  # fmt: skip


def _elementwise(x: Array, grad_output: Array, y: Array) -> Iterator[Variant]:
    same = y if y.shape == x.shape else x
    masks: tuple[tuple[str, Array], ...] = (
        ("the mask is taken from grad_output instead of the input", grad_output * (grad_output > 0)),
        ("it is the mask alone: multiply it by grad_output", (x > 0).astype(float)),
        ("the mask is inverted", grad_output * (x <= 0)),
        ("it is multiplied by the input", grad_output * x),
        ("it is multiplied by the result", grad_output * same),
        ("the derivative needs the result of the function, not its argument",
         grad_output * x * (1 - x)),
        ("the derivative needs the result of the function, not its argument",
         grad_output * (1 - x * x)),
    )  # fmt: skip
    for text, value in masks:
        yield Variant("mask", text, value=value)


# ---- Loops that overwrite ------------------------------------------------------------------------


def _direct(
    term: Term, path: str, values: Mapping[str, Array], grad_output: Array
) -> Iterator[Variant]:
    operation = term.operation
    if isinstance(operation, Convolution) and term.operands[0] == path:
        yield Variant(
            "overwritten",
            "windows that overlap overwrite each other: += instead of =",
            value=_overwritten(operation, values[str(term.operands[1])], grad_output),
        )


def _overwritten(operation: Convolution, weight: Array, grad_output: Array) -> Array:
    """dx, where each window replaces the one before instead of being added."""
    kernel = operation.weight.to_kernels(weight)
    if operation.is_flipped:
        kernel = kernel[:, :, ::-1, ::-1]
    dy = operation.y.to_kernels(grad_output)
    n, c, h, w = operation.x.full
    (top, bottom), (left, right) = operation.plane.padding
    dx = np.zeros((n, c, h + top + bottom, w + left + right))
    (sh, sw), (dh, dw) = operation.plane.stride, operation.plane.dilation
    if operation.groups > 1:
        return operation.x.from_kernels(dx[:, :, :h, :w])
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            rows = slice(i * sh, i * sh + dh * (kernel.shape[2] - 1) + 1, dh)
            columns = slice(j * sw, j * sw + dw * (kernel.shape[3] - 1) + 1, dw)
            dx[:, :, rows, columns] = np.tensordot(dy[:, :, i, j], kernel, 1)
    return operation.x.from_kernels(np.ascontiguousarray(dx[:, :, top : top + h, left : left + w]))


Compute = Callable[[Mapping[str, Array]], Array]
