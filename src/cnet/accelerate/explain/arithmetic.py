"""Copies, transposes, sums, elementwise functions and matrix products."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, permutations
from math import prod

import numpy as np

from ... import kernels
from ...arrays import Array, Shape
from ...dropin._arrays import float_dtype
from .affine import ACTIVATIONS, biases
from .expressions import Term, in_one_dtype
from .fitting import is_multiple
from .samples import Operand, Problem


@dataclass(frozen=True)
class Copy:
    """An input with its axes in another order, in the shape of the result."""

    axes: tuple[int, ...]

    def __call__(self, *arrays: Array) -> Array:
        return np.array(arrays[0].transpose(self.axes), order="C")

    def __str__(self) -> str:
        is_moved = self.axes != tuple(range(len(self.axes)))
        return f"transpose {self.axes}" if is_moved else "copy"


@dataclass(frozen=True)
class Reshaped:
    """An input with its elements in another shape."""

    shape: Shape

    def __call__(self, *arrays: Array) -> Array:
        return arrays[0].reshape(self.shape)

    def __str__(self) -> str:
        return "reshaped"


def copies(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    places = problem.places
    for path in problem.of_size(problem.result.size):
        array = problem.inputs[path][0]
        for axes in permutations(range(array.ndim)) if array.ndim <= 4 else ():
            moved = array.transpose(axes)
            value = moved.flat[places].astype(np.float64)
            if any(
                is_multiple(target.values[0].reshape(-1)[places], value, target.errors[0])
                for target in problem.targets
            ):
                yield Term(Copy(axes), (path,))


@dataclass(frozen=True)
class Constant:
    """The same numbers in every call."""

    value: float
    shape: Shape

    def __call__(self, *arrays: Array) -> Array:
        return np.full(self.shape, self.value)

    def __str__(self) -> str:
        return f"all {self.value:g}"


@dataclass(frozen=True)
class Sum:
    """The sum over some axes."""

    axes: tuple[int, ...]

    def __call__(self, *arrays: Array) -> Array:
        total: Array = np.sum(arrays[0], self.axes, dtype=float_dtype(arrays[0]))
        return total

    def __str__(self) -> str:
        return f"sum over the axes {self.axes}"


def sums(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    for path in problem.singles():
        shape = problem.inputs[path][0].shape
        for count in range(1, len(shape) + 1):
            for axes in combinations(range(len(shape)), count):
                kept = prod(size for axis, size in enumerate(shape) if axis not in axes)
                if kept == problem.result.size:
                    yield Term(Sum(axes), (path,))


def _smooth(name: str, x: Array) -> Array:
    return kernels.elementwise(x, name, *SMOOTH[name])


def _smooth_backward(name: str, dy: Array, x: Array) -> Array:
    return kernels.elementwise_backward(dy, x, name, *SMOOTH[name])


def _sigmoid(x: Array) -> Array:
    """With the bits of the usual formula: one minus a result near 1 depends on its last bits."""
    with np.errstate(over="ignore"):
        y: Array = 1 / (1 + np.exp(-x))
    return y


SMOOTH = {"elu": (1.0, 1.0), "gelu": (0.0, 0.0), "gelu_tanh": (0.0, 0.0), "silu": (0.0, 0.0)}
"""Other activations of the kernels, with their parameters."""
FUNCTIONS: dict[str, Callable[..., Array]] = {
    "relu": kernels.relu,
    "sigmoid": ACTIVATIONS["sigmoid"],
    "tanh": ACTIVATIONS["tanh"],
    **{name: partial(_smooth, name) for name in SMOOTH},
    "negative part": lambda x: np.minimum(x, 0),
    "square": lambda x: x * x,
    "exp": np.exp,
    "positive": lambda x: x > 0,
    "not positive": lambda x: x <= 0,
    "not negative": lambda x: x >= 0,
}
GRADIENTS: dict[str, Callable[..., Array]] = {
    "product": lambda dy, x: dy * x,
    "difference": lambda y, t: y - t,
    "softmax and cross-entropy, dx": lambda dy, y: y * (1 + dy),
    "relu, dx": lambda dy, x: dy * (x > 0),
    "relu, dx, 1 at 0": lambda dy, x: dy * (x >= 0),
    "relu, dx from the inverse mask": lambda dy, x: dy * (x == 0),
    "negative part, dx": lambda dy, x: dy * (x < 0),
    "negative part, dx, 1 at 0": lambda dy, x: dy * (x <= 0),
    **{f"{name}, dx": partial(_smooth_backward, name) for name in SMOOTH},
    "elu, dx from the result": lambda dy, y: dy * np.where(y > 0, 1, y + 1),
    "sigmoid, dx from the result": lambda dy, y: dy * y * (1 - y),
    "tanh, dx from the result": lambda dy, y: dy * (1 - y * y),
    "sigmoid, dx": lambda dy, x: GRADIENTS["sigmoid, dx from the result"](dy, _sigmoid(x)),
    "tanh, dx": lambda dy, x: GRADIENTS["tanh, dx from the result"](dy, np.tanh(x)),
}


DIRECT = ("difference",)
"""Functions whose results are not added to old values: these would be in them, too."""


@dataclass(frozen=True)
class Elementwise:
    """A function of one or two arrays of the same shape."""

    name: str

    def __call__(self, *arrays: Array) -> Array:
        functions = FUNCTIONS if len(arrays) == 1 else GRADIENTS
        return functions[self.name](*in_one_dtype(arrays))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class TwoValued:
    """One number where an input is positive, another where it is negative, and one of them at 0."""

    above: float
    below: float
    at_zero: float

    def __call__(self, *arrays: Array) -> Array:
        x = arrays[0]
        is_above = x >= 0 if self.at_zero == self.above else x > 0
        return np.where(is_above, self.above, self.below)

    def __str__(self) -> str:
        return f"{self.above:g} above 0, {self.below:g} below"


def two_valued(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Derivatives of piecewise linear functions."""
    flat = problem.result.reshape(-1)
    if len(np.unique(flat[:64])) > 2 or len(values := np.unique(flat)) != 2:
        return
    low, high = (float(value) for value in values)
    for path in problem.of_size(problem.result.size):
        for above, below in ((high, low), (low, high)):
            for at_zero in (below, above):
                yield Term(TwoValued(above, below, at_zero), (path,))


def elementwise(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    size = problem.result.size
    same = list(problem.of_size(size))
    places = problem.places
    parts = {path: problem.inputs[path][0].reshape(-1)[places].astype(np.float64) for path in same}
    targets = [
        (target.values[0].reshape(-1)[places], target.errors[0]) for target in problem.targets
    ]
    calls: list[tuple[str, tuple[Operand, ...]]] = [
        (name, (path,)) for path in same for name in FUNCTIONS
    ]
    calls += [(name, pair) for pair in permutations(same, 2) for name in GRADIENTS]
    for name, paths in calls:
        with np.errstate(all="ignore"):
            value = Elementwise(name)(*[parts[path] for path in paths])
        known = targets[:1] if name in DIRECT else targets
        if any(is_multiple(values, value, error) for values, error in known):
            yield Term(Elementwise(name), paths)


SMALL = 20_000
"""Multiplications up to which NumPy's product is faster, because a call takes less time."""


@dataclass(frozen=True)
class Product:
    """The product of two matrices, plus a bias, with an activation."""

    first: Shape
    second: Shape
    is_first_transposed: bool
    is_second_transposed: bool
    bias: Shape = ()
    activation: str = ""

    def __call__(self, *arrays: Array) -> Array:
        arrays = in_one_dtype(arrays)
        a, b = arrays[0].reshape(self.first), arrays[1].reshape(self.second)
        a, b = a.T if self.is_first_transposed else a, b.T if self.is_second_transposed else b
        is_small = a.size * b.shape[1] < SMALL
        y = a @ b if is_small else kernels.matmul(a, b)
        if len(arrays) > 2:
            y += arrays[2].reshape(self.bias)
        return ACTIVATIONS[self.activation](y) if self.activation else y

    def __str__(self) -> str:
        a = "a.T" if self.is_first_transposed else "a"
        b = "b.T" if self.is_second_transposed else "b"
        parts = [f"{a} @ {b}" + (" + bias" if self.bias else "")]
        return ", ".join(["matrix product", *parts] + [self.activation] * bool(self.activation))


def _matrices(shape: Shape) -> list[Shape]:
    """The array as a matrix: some leading axes are rows, the others columns."""
    return list(dict.fromkeys(
        (prod(shape[:split]), prod(shape[split:])) for split in range(len(shape) + 1)
    ))  # fmt: skip


def matrix_products(problem: Problem) -> Iterator[tuple[Term, Array]]:
    """Products of two inputs with as many elements as the result, and their first values."""
    results = _matrices(problem.shape)
    for paths in problem.contracted():
        a, b = (problem.inputs[path][0] for path in paths)
        for first in _matrices(a.shape):
            for a_transposed in (False, True)[: min(first)]:
                m, inner = first[::-1] if a_transposed else first
                for second in _matrices(b.shape):
                    for b_transposed in (False, True)[: min(second)]:
                        rows, p = second[::-1] if b_transposed else second
                        if rows == inner and (m, p) in results:
                            operation = Product(first, second, a_transposed, b_transposed)
                            yield Term(operation, paths), operation(a, b).astype(np.float64)


def with_biases(problem: Problem, term: Term, linear: Array) -> Iterator[tuple[Term, Array]]:
    """The product plus each vector that may be its bias."""
    assert isinstance(term.operation, Product)
    for axis in (1, 0):
        shape = (1, linear.shape[1]) if axis else (linear.shape[0], 1)
        for path in problem.of_size(linear.shape[axis]):
            if path not in term.operands:
                bias = problem.inputs[path][0].reshape(shape)
                operation = replace(term.operation, bias=shape)
                yield Term(operation, (*term.operands, path)), linear + bias


def products(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    if problem.result.dtype.kind != "f":
        return
    for term, value in matrix_products(problem):
        if any(
            is_multiple(target.values[0].reshape(value.shape), value, target.errors[0])
            for target in problem.targets
        ):
            yield term
        assert isinstance(term.operation, Product)
        for axis in (1, 0):
            for activation, bias, shape in biases(problem, value, axis, 1 - axis, term.operands):
                operands = term.operands if bias is None else (*term.operands, bias)
                bias_shape = shape if bias is not None else ()
                operation = replace(term.operation, bias=bias_shape, activation=activation)
                yield Term(operation, operands)
