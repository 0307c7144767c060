"""Mistakes that gradients are compared with, each as another gradient."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Any, Literal

import numpy as np

from ..accelerate.explain.arithmetic import Elementwise, Product
from ..accelerate.explain.convolution import Convolution
from ..accelerate.explain.expressions import Expression, Term
from ..accelerate.explain.pooling import Pooling
from ..accelerate.explain.windows import Plane
from ..arrays import Array
from .differences import Function

MOST_WINDOWS = 400


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
    letters = "nchw" if y.ndim == 4 else "nc" if y.ndim == 2 else ""
    if forward is not None:
        term, before = _linear(forward.term, grad_output, y)
        letters = _letters(term.operation) or letters
        if term != forward.term:
            text = f"the derivative of {forward.term.operation.activation} is missing"  # type: ignore[attr-defined]
            yield Variant("activation", text, term.compute, grad_output)
        for name, text, operation in _operations(term.operation):
            yield Variant(name, text, Term(operation, term.operands).compute, before)
        yield from _overwritten(term, path, values, before)
    yield from _parts(f, grad_output, letters)
    yield from _sums(values[path], grad_output)
    if grad_output.shape == values[path].shape:
        yield from _elementwise(values[path], grad_output, y)


def _linear(term: Term, grad_output: Array, y: Array) -> tuple[Term, Array]:
    """The term without its activation, and the gradient with respect to its result."""
    operation = term.operation
    if not isinstance(operation, (Convolution, Product)) or not operation.activation:
        return term, grad_output
    slope = {"relu": y > 0, "sigmoid": y * (1 - y), "tanh": 1 - y * y}[operation.activation]
    return Term(replace(operation, activation=""), term.operands), grad_output * slope


def _letters(operation: Any) -> str:
    """The axes of the result."""
    if isinstance(operation, Convolution):
        return operation.own_form.letters
    return operation.layout if isinstance(operation, Pooling) else ""


# ---- Other operations ----------------------------------------------------------------------------

Change = tuple[str, str, Any]


def _operations(operation: Any) -> Iterator[Change]:
    if isinstance(operation, Convolution):
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
        other: Literal["max", "mean"] = "mean" if operation.kind == "max" else "max"
        yield (
            "other pooling",
            f"it is the gradient of {other} pooling",
            replace(operation, kind=other),
        )
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
        pads = (
            (max(top + rows, 0), max(bottom - rows, 0)),
            (max(left + columns, 0), max(right - columns, 0)),
        )
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
            yield (
                "transposed",
                f"the {text} of the filters are swapped",
                replace(operation, weight=form),
            )


def _products(operation: Product) -> Iterator[Change]:
    text = "a matrix is transposed that should not be, or the other way round"
    first, second = operation.is_first_transposed, operation.is_second_transposed
    if operation.first[0] == operation.first[1] > 1:
        yield "transposed", text, replace(operation, is_first_transposed=not first)
    if operation.second[0] == operation.second[1] > 1:
        yield "transposed", text, replace(operation, is_second_transposed=not second)


# ---- Parts of the gradient -----------------------------------------------------------------------


NOUNS = {"n": "image", "c": "channel", "h": "row", "w": "column"}


def _parts(f: Function, grad_output: Array, letters: str) -> Iterator[Variant]:
    """What comes from a part of `grad_output` only."""
    for axis in range(grad_output.ndim):
        if grad_output.shape[axis] < 2:
            continue
        noun = NOUNS[letters[axis]] if letters else f"index of axis {axis}"
        for index, which in ((-1, "last"), (0, "first")):
            name = f"{which} {noun}" if letters else f"{which} of an axis"
            text = f"only the {which} {noun} of grad_output counts: sum over all (+= instead of =)"
            if not letters:
                text += ", unless the others are always 0"
            yield Variant(name, text, f, _only(grad_output, {axis: index}))
    if "h" in letters:
        last = {letters.index("h"): -1, letters.index("w"): -1}
        text = "only the last position of the window counts: sum over all (+= instead of =)"
        yield Variant("last position", text, f, _only(grad_output, last))
        if "n" in letters:
            last[letters.index("n")] = -1
            text = (
                "only the last position of the window in the last image counts: "
                "sum over all (+= instead of =)"
            )
            yield Variant("last position", text, f, _only(grad_output, last))
    yield Variant("grad_output ignored", "grad_output is ignored", f, np.ones_like(grad_output))


def _only(x: Array, places: Mapping[int, int]) -> Array:
    """`x` at these indices of some axes, and 0 elsewhere."""
    result = np.zeros_like(x)
    part = tuple(places.get(axis, slice(None)) for axis in range(x.ndim))
    result[part] = x[part]
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
        ("the mask is that of grad_output, not of the input", grad_output * (grad_output > 0)),
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


def _overwritten(
    term: Term, path: str, values: Mapping[str, Array], grad_output: Array
) -> Iterator[Variant]:
    """Gradients of the input, where each window replaces the ones before instead of being added."""
    operation = term.operation
    letters = _letters(operation)
    is_forward = not isinstance(operation, Convolution) or operation.result == "y"
    if term.operands[0] != path or "h" not in letters or not is_forward:
        return
    rows, columns = letters.index("h"), letters.index("w")
    if grad_output.shape[rows] * grad_output.shape[columns] > MOST_WINDOWS:
        return
    parts = {"": grad_output}
    if "c" in letters and isinstance(operation, Convolution):
        parts[" and so do filters"] = _only(grad_output, {letters.index("c"): -1})
    for more, part in parts.items():
        dx = np.zeros_like(values[path])
        for i in range(part.shape[rows]):
            for j in range(part.shape[columns]):
                one = _only(part, {rows: i, columns: j})
                if isinstance(operation, Convolution):
                    own = replace(operation, result="dx")(one, values[str(term.operands[1])])
                    ones = replace(operation, result="dx")(
                        (one != 0).astype(float), np.ones_like(values[str(term.operands[1])])
                    )
                elif isinstance(operation, Pooling):
                    x = (values[path],) if operation.kind == "max" else ()
                    own = ones = replace(operation, is_gradient=True)(one, *x)
                dx = np.where(ones != 0, own, dx)
        text = f"windows that overlap overwrite each other{more}: += instead of ="
        yield Variant("overwritten", text, value=dx)
