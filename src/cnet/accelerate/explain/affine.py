"""A bias and an activation after a linear operation."""

from collections.abc import Callable, Iterator

import numpy as np

from ... import kernels
from ...arrays import Array
from .samples import Operand, Problem

Values = tuple[Array, Array]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "": lambda x: x,
    "relu": kernels.relu,
    "sigmoid": lambda x: kernels.elementwise(x, "sigmoid"),
    "tanh": lambda x: kernels.elementwise(x, "tanh"),
}
"""Functions that a layer may apply to its result, by name."""


def before_activations(y: Array) -> Iterator[tuple[str, Array, Array]]:
    """Activations that could have given `y`: name, argument, and where the argument is known."""
    everywhere = np.ones(y.shape, bool)
    low, high = y.min(), y.max()
    if low == 0 and np.count_nonzero(y) < y.size:
        yield "relu", y, y > 0
    yield "", y, everywhere
    if low >= 0 and high <= 1:
        known = (y > 0.01) & (y < 0.99)
        inner = np.where(known, y, 0.5)
        yield "sigmoid", np.log(inner / (1 - inner)), known
    if low >= -1 and high <= 1:
        known = np.abs(y) < 0.99
        yield "tanh", np.arctanh(np.where(known, y, 0.0)), known


def has_constant_rest(y: Array, linear: Array, error: float) -> bool:
    """Whether `y` is an activation of `linear` plus the same number everywhere."""
    for _, argument, known in before_activations(y):
        rest = (argument - linear)[known]
        if rest.size < 2 or rest.max() - rest.min() <= error:
            return True
    return False


def biases(
    problem: Problem, linear: Array, count_axis: int, image_axis: int, used: tuple[Operand, ...]
) -> Iterator[tuple[str, Operand | None, tuple[int, ...]]]:
    """Activations and biases that turn `linear` into the output of the first sample.

    A bias has an element for each index of `count_axis`, or one element, or an element for each
    place but those along `image_axis`, which is -1 if there is only one image.

    Yields
    ------
    activation : str
    path : Operand or None
        Of the bias.
    shape : tuple of int
        Of the bias as it is added to `linear`.
    """
    y = problem.targets[0].values[0].reshape(linear.shape)
    error = 100 * problem.targets[0].errors[0]
    of_filters = [1] * linear.ndim
    of_filters[count_axis] = linear.shape[count_axis]
    shapes = [tuple(of_filters), (1,) * linear.ndim]
    cells = list(linear.shape)
    if image_axis >= 0:
        cells[image_axis] = 1
    if cells not in (of_filters, list(linear.shape)) or image_axis < 0:
        shapes.append(tuple(cells))
    for activation, argument, known in before_activations(y):
        rest = argument - linear
        if known.any() and np.abs(rest[known]).max() <= error:
            yield activation, None, ()
        for shape in shapes:
            for path in problem.of_size(int(np.prod(shape))):
                bias = problem.inputs[path][0].reshape(shape)
                if path not in used and (
                    not known.any() or np.abs((rest - bias)[known]).max() <= error
                ):
                    yield activation, path, shape


def repeated_biases(
    problem: Problem, linear: Array, count_axis: int, used: tuple[Operand, ...]
) -> Iterator[tuple[str, Operand, int]]:
    """Activations and biases that are added several times, as inside of a sum over the window."""
    y = problem.targets[0].values[0].reshape(linear.shape)
    error = 100 * problem.targets[0].errors[0]
    shape = [1] * linear.ndim
    shape[count_axis] = linear.shape[count_axis]
    for activation, argument, known in before_activations(y):
        if np.count_nonzero(known) < known.size // 4:
            continue
        for path in problem.of_size(linear.shape[count_axis]):
            bias = np.broadcast_to(problem.inputs[path][0].reshape(shape), y.shape)[known]
            rest = (argument - linear)[known]
            times = round(float(rest @ bias / max(float(bias @ bias), 1e-300)))
            if path not in used and times > 1 and np.abs(rest - times * bias).max() <= error:
                yield activation, path, times
