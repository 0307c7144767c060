"""Convolutions and their gradients, in any layout, with bias and activation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from ... import kernels
from ...arrays import Array
from ...dropin._arrays import float_dtype
from .affine import ACTIVATIONS, biases, has_constant_rest, repeated_biases
from .channels_last import ChannelsLast, is_last
from .expressions import Term, in_one_dtype
from .fitting import is_multiple
from .forms import Form, are_together, filter_forms, image_forms
from .samples import Operand, Problem
from .windows import Plane, common_planes, describe, rare_planes

OPERANDS = {"y": ("x", "weight"), "dx": ("y", "weight"), "dw": ("y", "x")}
"""What each result of a convolution is computed from; gradients from that of ``y``."""


LARGEST = 7
"""Larger filters are expected in larger images only."""


@dataclass(frozen=True)
class Convolution:
    """The result of a convolution, or the gradient of its input or filters.

    The operands are (x, weight[, bias]) for the result, (dy, weight) for dx and (dy, x) for dw.
    """

    result: str
    x: Form
    weight: Form
    y: Form
    plane: Plane
    groups: int = 1
    is_flipped: bool = False
    """Whether the filters are rotated by half a turn, as in `scipy.signal.convolve`."""
    activation: str = ""
    bias_times: int = 1
    """How often the bias is added: more than once if it is inside of the sum over the window."""

    def __call__(self, *arrays: Array) -> Array:
        arrays = in_one_dtype(arrays)
        if self._last is not None and arrays[0].dtype in self._last.dtypes:
            return self._by_last(self._last, *arrays)
        to_first, to_second = self._to_kernels
        first, second = to_first(arrays[0]), to_second(arrays[1])
        if self.is_flipped and self.result != "dw":
            second = np.ascontiguousarray(second[:, :, ::-1, ::-1])
        result = self.linear(first, second, self.plane, self.groups)
        if self.result == "dw":
            return self.weight.from_kernels(result[:, :, ::-1, ::-1] if self.is_flipped else result)
        if len(arrays) > 2:
            bias = self._bias(arrays[2])
            result += bias if self.bias_times == 1 else self.bias_times * bias
        if self.activation:
            result = ACTIVATIONS[self.activation](result)
        return self.own_form.from_kernels(result)

    def with_images(self, count: int) -> "Convolution":
        return replace(self, x=self.x.with_images(count), y=self.y.with_images(count))

    @cached_property
    def _last(self) -> ChannelsLast | None:
        """The same by the kernels for channels last, if they can do it."""
        is_known = self.groups == 1 and not self.is_flipped and self.bias_times == 1
        if not is_known or not is_last(self.x) or not is_last(self.y) or "c" not in self.y.letters:
            return None
        return ChannelsLast(self.result, self.x, self.weight, self.y, self.plane)

    def _by_last(
        self, last: ChannelsLast, first: Array, second: Array, bias: Array | None = None
    ) -> Array:
        if bias is not None and self.result == "y" and bias.size == self.weight.full[0]:
            result = last.compute(first, second, bias.reshape(-1))
        else:
            result = last.compute(first, second)
            if bias is not None:
                result += bias.reshape(-1) if self._is_for_channels(bias) else self._of_cells(bias)
        return ACTIVATIONS[self.activation](result) if self.activation else result

    @cached_property
    def _to_kernels(self) -> tuple[Callable[[Array], Array], ...]:
        first, second = OPERANDS[self.result]
        return getattr(self, first).to_kernels, getattr(self, second).to_kernels

    def _bias(self, bias: Array) -> Array:
        """The bias as it is added to a result in the order of the kernels."""
        if self._is_for_channels(bias):
            return bias.reshape(-1, 1, 1)
        cells = self._of_cells(bias)
        return Form(self.own_form.letters.replace("n", ""), cells.shape, "nchw").to_kernels(cells)

    def _is_for_channels(self, bias: Array) -> bool:
        return bias.size in (1, self.own_form.full[1])

    def _of_cells(self, bias: Array) -> Array:
        """A bias for each cell of an image."""
        sizes = zip(self.own_form.sizes, self.own_form.letters, strict=True)
        return bias.reshape([size for size, letter in sizes if letter != "n"])

    @cached_property
    def own_form(self) -> Form:
        """The form of the result."""
        return {"y": self.y, "dx": self.x, "dw": self.weight}[self.result]

    def linear(self, first: Array, second: Array, plane: Plane, groups: int) -> Array:
        """The result without bias and activation, for arrays in the order of the kernels."""
        stride, padding, dilation = plane.short
        if self.result == "y":
            return kernels.conv2d(first, second, None, stride, padding, dilation, groups)
        is_input = self.result == "dx"
        shape = self.x.full if is_input else self.weight.full
        other = np.empty(shape, first.dtype)  # only its shape matters
        x, weight = (other, second) if is_input else (second, other)
        dx, dw, _ = kernels.conv2d_backward(
            first, x, weight, stride, padding, dilation, groups, (is_input, not is_input, False)
        )
        result = dx if is_input else dw
        assert result is not None
        return result

    def __str__(self) -> str:
        kind = {"y": "conv2d", "dx": "conv2d, dx", "dw": "conv2d, dw"}[self.result]
        layouts = str(self.x) if self.x.letters == self.y.letters else f"{self.x} > {self.y}"
        parts = [kind, layouts, str(self.weight)]
        parts += describe(self.weight.full[2:], self.plane)
        if self.groups > 1:
            parts.append(f"groups {self.groups}")
        parts += ["filters flipped"] * self.is_flipped
        if self.bias_times > 1:
            parts.append(f"bias added {self.bias_times} times")
        return ", ".join(parts + [self.activation] * bool(self.activation))


def known_convolutions(problem: Problem, hints: tuple[object, ...]) -> Iterator[Term]:
    """Convolutions with the sizes of the hints that may explain the output."""
    known = [hint for hint in hints if isinstance(hint, Convolution)]
    for result, first, second in _roles(problem):
        for hint in known:
            forms = _forms_of(hint, result)
            arrays = problem.result, *(problem.inputs[path][0] for path in (first, second))
            if all(f.sizes == a.shape or _merged(f, a) for f, a in zip(forms, arrays, strict=True)):
                yield from _terms(
                    problem,
                    replace(hint, result=result, activation="", bias_times=1),
                    first,
                    second,
                )


def convolutions(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Convolutions that may explain the output."""
    probes = [
        Probe(problem, operation, first, second)
        for result, first, second in _roles(problem)
        for operation in _shapes(problem, result, first, second)
    ]
    probes = [probe for probe in probes if probe.is_plausible]
    choices = [(probe, is_flipped) for probe in probes for is_flipped in (False, True)]
    choices.sort(key=_rarity)
    for is_rare in (False, True):
        for probe, is_flipped in choices:
            yield from probe.terms(is_rare, is_flipped)


def _rarity(choice: "tuple[Probe, bool]") -> tuple[int, bool, bool]:
    """Small filters come first, then results of convolutions before gradients."""
    probe, is_flipped = choice
    return prod(probe.shapes.weight.full[2:]), probe.shapes.result != "y", is_flipped


def _roles(problem: Problem) -> Iterator[tuple[str, Operand, Operand]]:
    """What the output and a pair of inputs may be."""
    if problem.result.ndim < 2 or problem.result.dtype.kind != "f":
        return
    for result in ("dx", "dw") if problem.new else OPERANDS:
        for first, second in problem.pairs():
            if problem.inputs[first][0].ndim >= 2 and problem.inputs[second][0].ndim >= 2:
                yield result, first, second


def _forms_of(operation: Convolution, result: str) -> tuple[Form, Form, Form]:
    own = {"y": operation.y, "dx": operation.x, "dw": operation.weight}[result]
    first, second = OPERANDS[result]
    return own, getattr(operation, first), getattr(operation, second)


def _merged(form: Form, array: Array) -> bool:
    return form.target == "oihw" and array.size == int(np.prod(form.sizes)) and array.ndim <= 2


def _shapes(
    problem: Problem, result: str, first: Operand, second: Operand
) -> Iterator[Convolution]:
    """Roles and layouts of the axes whose sizes agree."""
    arrays = dict(
        zip(
            ({"y": "y", "dx": "x", "dw": "weight"}[result], *OPERANDS[result]),
            (problem.shape, problem.inputs[first][0].shape, problem.inputs[second][0].shape),
            strict=True,
        )
    )
    for x in image_forms(arrays["x"]):
        for y in image_forms(arrays["y"]):
            if not are_together(x, y):
                continue
            for weight in filter_forms(arrays["weight"], y.full[1], x.full[1], "h" in x.letters):
                groups = x.full[1] // weight.full[1]
                yield Convolution(
                    result, x, weight, y, Plane((1, 1), ((0, 0), (0, 0)), (1, 1)), groups
                )


def _terms(
    problem: Problem, operation: Convolution, first: Operand, second: Operand
) -> Iterator[Term]:
    if operation.result != "y":
        yield Term(operation, (first, second))
    if operation.result == "dw":
        return
    arrays = problem.inputs[first][0], problem.inputs[second][0]
    linear = operation(*arrays).astype(np.float64)
    axis, image_axis = map(operation.own_form.letters.find, "cn")
    if axis < 0:
        linear, axis, image_axis = linear[np.newaxis], 0, image_axis + (image_axis >= 0)
    for activation, bias, _ in biases(problem, linear, axis, image_axis, (first, second)):
        operands = (first, second) if bias is None else (first, second, bias)
        yield Term(replace(operation, activation=activation), operands)
    for activation, bias, times in repeated_biases(problem, linear, axis, (first, second)):
        repeated = replace(operation, activation=activation, bias_times=times)
        yield Term(repeated, (first, second, bias))


class Probe:
    """Roles of two inputs, with a part of the first sample that is quick to compute.

    The part is one plane of the result, or all of it if planes are small.
    """

    def __init__(
        self, problem: Problem, shapes: Convolution, first: Operand, second: Operand
    ) -> None:
        self.problem, self.shapes, self.paths = problem, shapes, (first, second)

    def planes(self, is_rare: bool) -> Iterator[Plane]:
        """Common or rare geometries; it is rare that images are smaller than the result."""
        x, y = self.shapes.x.full[2:], self.shapes.y.full[2:]
        sizes = x, self.shapes.weight.full[2:], y
        if is_rare == (max(y) > max(x)):
            yield from common_planes(*sizes)
        if is_rare:
            yield from rare_planes(*sizes)

    @property
    def is_plausible(self) -> bool:
        """Whether filters are small, or no padding is needed: otherwise they are images."""
        kernel, size, output = (
            form.full[2:] for form in (self.shapes.weight, self.shapes.x, self.shapes.y)
        )
        return all(
            (k <= LARGEST and k <= cells + 1) or 2 * k <= cells or count + k - 1 == cells
            for k, cells, count in zip(kernel, size, output, strict=True)
        )

    def terms(self, is_rare: bool, is_flipped: bool) -> Iterator[Term]:
        """Convolutions with common or with rare geometries that agree with the part."""
        if is_flipped and self.shapes.weight.full[2:] == (1, 1):
            return
        for plane in self.planes(is_rare):
            self.problem.check_time()
            operation = replace(self.shapes, plane=plane, is_flipped=is_flipped)
            if self._holds(operation):
                yield from _terms(self.problem, operation, *self.paths)

    @cached_property
    def _part(self) -> tuple[list[tuple[Array, float]], tuple[Array, Array], Convolution]:
        """The wanted numbers with their errors, the operands, and the shapes of the part."""
        shapes, problem = self.shapes, self.problem
        forms = _forms_of(shapes, shapes.result)
        arrays = [problem.inputs[path][0] for path in self.paths]
        dtype = float_dtype(*arrays)
        first, second = (
            form.to_kernels(np.asarray(array, dtype))
            for form, array in zip(forms[1:], arrays, strict=True)
        )
        targets = [
            (forms[0].to_kernels(target.values[0]), target.errors[0]) for target in problem.targets
        ]
        if shapes.result == "y":  # one plain target, or one without a bias for each position
            y, error = targets[0]
            targets = [(y, error)] + [(y - cells, error) for cells in self._cells(y.shape)]
        full = {"x": shapes.x.full, "weight": shapes.weight.full, "y": shapes.y.full}
        wanted = targets[0][0]
        if wanted[0, 0].size >= 4 and shapes.groups == 1:
            totals = np.abs(wanted).sum((2, 3))
            place = np.unravel_index(int(np.argmax(totals)), totals.shape)
            i, j = (slice(index, index + 1) for index in place)
            targets = [(values[i, j], error) for values, error in targets]
            if shapes.result == "y":
                first, second = first[i], second[j]
            elif shapes.result == "dx":
                first, second = first[i], second[:, j]
            else:
                first, second = first[:, i], second[:, j]
        names = dict(zip(OPERANDS[shapes.result], (first.shape, second.shape), strict=True))
        full |= names
        full[{"y": "y", "dx": "x", "dw": "weight"}[shapes.result]] = targets[0][0].shape
        part = replace(
            shapes,
            x=Form("nchw", full["x"], "nchw"),
            y=Form("nchw", full["y"], "nchw"),
            weight=Form("oihw", full["weight"], "oihw"),
        )
        return targets, (first, second), part

    def _cells(self, shape: tuple[int, ...]) -> Iterator[Array]:
        """Inputs that may be a bias for each position of the result."""
        _, o, h, w = shape
        letters = self.shapes.y.letters.replace("n", "")
        if h * w > 1 and "h" in letters:
            for path in self.problem.of_size(o * h * w):
                sizes = {"c": o, "h": h, "w": w}
                form = Form(letters, tuple(sizes[letter] for letter in letters), "nchw")
                yield form.to_kernels(self.problem.inputs[path][0].astype(np.float64))

    def _holds(self, operation: Convolution) -> bool:
        targets, operands, part = self._part
        if operation.result == "y" and part.y.full[2] * part.y.full[3] < 4:
            return True
        second = operands[1]
        if operation.is_flipped and operation.result != "dw":
            second = self._flipped
        value = part.linear(operands[0], second, operation.plane, operation.groups)
        if operation.is_flipped and operation.result == "dw":
            value = value[:, :, ::-1, ::-1]
        if operation.result != "y" and any(
            is_multiple(values, value, error) for values, error in targets
        ):
            return True
        return self._may_have_bias and any(
            all(
                has_constant_rest(plane, own, 200 * error)
                for plane, own in zip(
                    np.moveaxis(values, 1, 0), np.moveaxis(value, 1, 0), strict=True
                )
            )
            for values, error in targets[: None if operation.result == "y" else 1]
        )

    @cached_property
    def _flipped(self) -> Array:
        return np.ascontiguousarray(self._part[1][1][:, :, ::-1, ::-1])

    @cached_property
    def _may_have_bias(self) -> bool:
        """Whether the result may have a bias: only that of a transposed convolution needs one."""
        if self.shapes.result != "dx":
            return self.shapes.result == "y"
        return any(path not in self.paths for path in self.problem.of_size(self.shapes.x.full[1]))
