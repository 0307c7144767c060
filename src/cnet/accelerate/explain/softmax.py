"""Softmax, of an input or of a dense layer, and gradients through it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from ... import kernels
from ...arrays import Array
from .arithmetic import Copy, Elementwise, matrix_products, with_biases
from .expressions import Term, in_one_dtype
from .fitting import is_multiple
from .samples import Operand, Problem

TURN = Copy((1, 0))
"""The transpose of a matrix."""
BOUND = {np.dtype(np.float32): 40.0, np.dtype(np.float64): 340.0}
"""Up to this size of all elements, no way to write softmax overflows, or divides by 0."""
LEAST = {np.dtype(np.float32): 1e-30, np.dtype(np.float64): 1e-290}
"""Smaller results have fewer digits."""


@dataclass(frozen=True)
class Softmax:
    """Exponentials divided by their sum along an axis, or along all of them, or the logarithm."""

    axis: int | None
    is_logarithm: bool = False
    is_bounded: bool = False
    """Whether results for large elements are unknown, and NaN here."""

    def __call__(self, *arrays: Array) -> Array:
        (x,) = in_one_dtype(arrays)
        if self.is_bounded and not np.abs(x).max(initial=0) <= BOUND[x.dtype]:
            return np.full_like(x, np.nan)
        if self.axis is None:
            return kernels.softmax(x.reshape(-1), self.is_logarithm).reshape(x.shape)
        return kernels.softmax(x, self.is_logarithm, self.axis)

    def __str__(self) -> str:
        along = "all axes" if self.axis is None else f"axis {self.axis}"
        return f"{'log ' * self.is_logarithm}softmax along {along}"


@dataclass(frozen=True)
class LessMaximum:
    """An input minus its largest element along an axis, or of all, or the exponential of that."""

    axis: int | None
    is_exponential: bool

    def __call__(self, *arrays: Array) -> Array:
        (x,) = arrays
        difference: Array = x - x.max(self.axis, keepdims=True)
        return np.exp(difference, out=difference) if self.is_exponential else difference

    def __str__(self) -> str:
        return "exp of it minus its maximum" if self.is_exponential else "minus its maximum"


@dataclass(frozen=True)
class SoftmaxGradient:
    """The gradient of an input of softmax; the operands are (dy, y)."""

    axis: int | None

    def __call__(self, *arrays: Array) -> Array:
        dy, y = in_one_dtype(arrays)
        if self.axis is None:
            return kernels.softmax_backward(dy.reshape(-1), y.reshape(-1)).reshape(y.shape)
        return kernels.softmax_backward(dy.reshape(y.shape), y, axis=self.axis)

    def __str__(self) -> str:
        return "softmax, dx"


@dataclass(frozen=True)
class Jacobian:
    """The derivatives of softmax, a matrix for each row of its result."""

    def __call__(self, *arrays: Array) -> Array:
        (y,) = in_one_dtype(arrays)
        matrices: Array = y[..., np.newaxis] * (np.eye(y.shape[-1]) - y[..., np.newaxis, :])
        return matrices

    def __str__(self) -> str:
        return "softmax, derivatives"


@dataclass(frozen=True)
class LessLabels:
    """Probabilities, minus 1 at the label of each row; the operands are (y, labels)."""

    def __call__(self, *arrays: Array) -> Array:
        y, labels = arrays
        dx = y.copy()
        dx[np.arange(len(y)), labels.reshape(-1)] -= 1
        return dx

    def __str__(self) -> str:
        return "minus 1 at the labels"


def softmax_axes(array: Array, error: float) -> Iterator[int | None]:
    """The axes along which all numbers are probabilities."""
    if array.dtype.kind != "f" or array.size < 2 or not array.min() >= 0:
        return
    for axis in range(array.ndim):
        if array.shape[axis] > 1 and np.abs(array.sum(axis) - 1).max() <= error:
            yield axis
    if abs(array.sum() - 1) <= error:
        yield None


def softmaxes(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Softmax that may explain the output: of an input, or of a dense layer."""
    if problem.result.dtype.kind != "f":
        return
    error = 100 * problem.tolerance
    for is_logarithm in (False, True):
        with np.errstate(over="ignore"):
            y = np.exp(problem.result) if is_logarithm else problem.result
        if not any(True for _ in softmax_axes(y, error)):
            continue
        for path in problem.of_size(y.size):
            x = problem.inputs[path][0]
            for axis in softmax_axes(y.reshape(x.shape), error) if x.dtype.kind == "f" else ():
                yield from _checked(problem, axis, is_logarithm, path)
        for term, linear in matrix_products(problem):
            for axis in softmax_axes(y.reshape(linear.shape), error):
                for inner in _with_bias(problem, term, linear, y.reshape(linear.shape), axis):
                    yield from _checked(problem, axis, is_logarithm, inner)


def less_maxima(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """What softmax computes first, if code keeps it."""
    y = problem.result
    for path in problem.of_size(y.size) if y.dtype.kind == "f" and y.size > 1 else ():
        x = problem.inputs[path][0]
        for axis in (*range(x.ndim), None) if x.dtype.kind == "f" and x.shape == y.shape else ():
            if y.max() <= 0:
                yield Term(LessMaximum(axis, False), (path,))
            elif y.min() >= 0 and y.max() <= 1:
                yield Term(LessMaximum(axis, True), (path,))


def _with_bias(
    problem: Problem, term: Term, linear: Array, y: Array, axis: int | None
) -> Iterator[Term]:
    """The product without and with each bias for which its softmax may be `y`."""
    with np.errstate(divide="ignore"):
        logarithm = np.log(y)
    for biased, value in [(term, linear), *with_biases(problem, term, linear)]:
        rest = np.where(np.isfinite(logarithm), logarithm - value, np.nan)
        spread = np.nanmax(rest, axis) - np.nanmin(rest, axis)
        if np.all(spread <= 1e3 * problem.tolerance * (1 + np.abs(logarithm[y > 0]).max())):
            yield biased


def _checked(
    problem: Problem, axis: int | None, is_logarithm: bool, operand: Operand
) -> Iterator[Term]:
    """The term, if small results agree as well: their logarithms may be the next operation."""
    arguments = _values(problem, operand)
    for x, theirs in zip(arguments, problem.results, strict=True):
        ours = Softmax(axis, is_logarithm)(x).reshape(theirs.shape)
        limit = 100 * problem.tolerance * np.maximum(np.abs(theirs), LEAST[x.dtype])
        if not is_logarithm and not (np.abs(ours - theirs) <= limit).all():
            return
    yield Term(Softmax(axis, is_logarithm, not _has_large(arguments)), (operand,))


def _values(problem: Problem, operand: Operand) -> list[Array]:
    """Those of an operand in all samples."""
    if isinstance(operand, Term):
        samples = problem.samples
        return [np.asarray(operand.compute(s.inputs, s.numbers)) for s in samples]
    return [in_one_dtype((array,))[0] for array in problem.inputs[operand]]


def _has_large(arguments: list[Array]) -> bool:
    """Whether the samples tell what softmax is for large elements."""
    return any(np.abs(x).max() > BOUND[x.dtype] for x in arguments)


def softmax_gradients(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Gradients of an input of softmax that may explain the output."""
    if problem.result.dtype.kind != "f":
        return
    error = 100 * problem.tolerance
    for path in problem.singles():
        y = problem.inputs[path][0]
        if y.dtype.kind == "f" and y.ndim and problem.shape == (*y.shape, y.shape[-1]):
            yield Term(Jacobian(), (path,))
    for first, second in permutations(problem.of_size(problem.result.size), 2):
        for axis in softmax_axes(problem.inputs[second][0], error):
            yield Term(SoftmaxGradient(axis), (first, second))
    yield from _of_arguments(problem)
    yield from _less_labels(problem)
    yield from _less_targets(problem)


def _of_arguments(problem: Problem) -> Iterator[Term]:
    """Gradients for which softmax is computed again from its argument."""
    for first, second in permutations(problem.of_size(problem.result.size), 2):
        dy, x = problem.inputs[first], problem.inputs[second]
        if not dy[0].dtype.kind == x[0].dtype.kind == "f" or x[0].ndim > 2:
            continue
        for axis in range(x[0].ndim):
            softmax = Softmax(axis, False, not _has_large(x))
            value = SoftmaxGradient(axis)(dy[0], softmax(x[0]))
            if any(is_multiple(one.values[0], value, one.errors[0]) for one in problem.targets):
                yield Term(SoftmaxGradient(axis), (first, Term(softmax, (second,))))


def _less_targets(problem: Problem) -> Iterator[Term]:
    """Softmax minus targets, the gradient of cross-entropy for the argument of softmax."""
    target = problem.targets[0]
    for first, second in permutations(problem.of_size(problem.result.size), 2):
        x, t = problem.inputs[first], problem.inputs[second][0]
        for axis in (*range(x[0].ndim), None) if x[0].dtype.kind == "f" else ():
            value = Softmax(axis)(x[0]).ravel() - t.ravel()
            if is_multiple(target.values[0], value, target.errors[0]):
                probabilities = Term(Softmax(axis, False, not _has_large(x)), (first,))
                yield Term(Elementwise("difference"), (probabilities, second))


def of_labels(problem: Problem, path: Operand, shape: tuple[int, ...]) -> bool:
    """Whether an input may have the labels of the rows of an array."""
    return len(shape) == 2 and all(
        a.dtype.kind in "iu" and a.size == shape[0] and a.min() >= 0 and a.max() < shape[1]
        for a in problem.inputs[path]
    )


def with_rows(
    problem: Problem, path: Operand, labels: Operand, shape: tuple[int, ...]
) -> Iterator[Operand]:
    """An input with a row for each label, which may be its transpose."""
    if of_labels(problem, labels, shape):
        yield path
    if of_labels(problem, labels, shape[::-1]):
        yield Term(TURN, (path,))


def _less_labels(problem: Problem) -> Iterator[Term]:
    """Gradients of cross-entropy."""
    shape = problem.shape
    if len(shape) != 2:
        return
    same = [
        path for path, arrays in problem.inputs.items()
        if arrays[0].shape == shape and arrays[0].dtype.kind == "f"
    ]  # fmt: skip
    for path, label in product(same, problem.inputs):
        for y in with_rows(problem, path, label, shape):
            term = Term(LessLabels(), (y, label))
            yield term if y == path else Term(TURN, (term,))
