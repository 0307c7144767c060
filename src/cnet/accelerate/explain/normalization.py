"""Batch normalization: results, statistics of the channels, and gradients.

Which arrays a layer reads is told by its coefficients in some channels: a result is a multiple of
``x`` plus a number in each channel, and a gradient is a sum of multiples of ``dy`` and ``x`` plus a
number.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ... import kernels
from ...arrays import Array
from .expressions import Scale, Term, in_one_dtype
from .fitting import is_multiple
from .samples import Operand, Problem

MOST_EPSILON = 1e-2
"""Larger numbers are not those that are added to a variance."""
EPSILONS = (float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps), 0.0)
"""Those that code gets from NumPy, or leaves out."""
CHANNELS, ELEMENTS = 8, 64
"""How many channels, and elements of each, tell the coefficients."""
SPREADS = ("variance", "deviation", "inverse")
"""What a vector can be that gives the divisor; only the first needs an epsilon."""

Source = tuple[str, tuple[Operand, ...], Array]
"""Where a vector comes from: its kind, the operand if it is given, and its numbers."""


@dataclass(frozen=True)
class Spread:
    """How the deviation of each channel is computed; see `Normalization.vectors`."""

    kind: str = ""
    """One of `SPREADS`, "batch" for the variance of the images, or nothing for ones."""
    least: float = 0.0
    """Variances must not be smaller: the epsilon is not known well enough for them."""

    def variance(self, vector: Array, eps: float) -> Array:
        """The squared divisor."""
        if not self.kind:
            return vector
        if self.kind in ("batch", "variance"):
            least = vector.min(initial=np.inf)
            return vector + eps if least >= self.least else np.full_like(vector, np.nan)
        with np.errstate(divide="ignore"):
            return vector * vector if self.kind == "deviation" else 1 / (vector * vector)


@dataclass(frozen=True)
class Normalization:
    """``(x - mean) / deviation * weight + bias``, for each channel.

    The operands are x and the vectors that are given, in this order: the mean, what gives the
    deviation, the weight, the bias; then the epsilon.
    """

    axis: int
    spread: Spread
    mean: str = "batch"
    """Where the mean comes from: "batch", "given", or nothing for zeros."""
    has_weight: bool = False
    has_bias: bool = False

    def __call__(self, *operands: Any) -> Array:
        *arrays, eps = operands
        x, *given = in_one_dtype(tuple(arrays))
        images = in_channels(x, self.axis)
        mean, variance, sign, weight, bias = self.vectors(images, given, eps)
        y: Array = kernels.batch_norm(images, mean, variance, _times(sign, weight), bias, 0.0)
        return y.reshape(x.shape)

    def vectors(self, images: Array, given: list[Array], eps: float) -> tuple[Any, ...]:
        """Mean, squared deviation, its sign if it can be negative, weight and bias."""
        rest = iter([vector.reshape(-1) for vector in given])
        count, dtype = images.shape[1], images.dtype
        mean, vector = np.zeros(count, dtype), np.ones(count, dtype)
        if "batch" in (self.mean, self.spread.kind):
            own_mean, own_variance = kernels.batch_norm_stats(images)
            mean = own_mean if self.mean == "batch" else mean
            vector = own_variance if self.spread.kind == "batch" else vector
        mean = next(rest) if self.mean == "given" else mean
        vector = next(rest) if self.spread.kind in SPREADS else vector
        sign = np.sign(vector) if self.spread.kind in SPREADS[1:] else None
        weight = next(rest) if self.has_weight else None
        bias = next(rest) if self.has_bias else None
        return mean, self.spread.variance(vector, eps), sign, weight, bias

    def __str__(self) -> str:
        name = "batch norm" if self.spread.kind else "centred"
        given = ", given statistics" * (self.mean == "given")
        return f"{name}{given}, channels along axis {self.axis}"


@dataclass(frozen=True)
class NormalizationGradient(Normalization):
    """The gradient of x or of the weight; the operands are dy and those of `Normalization`."""

    result: str = "dx"
    is_normalized: bool = False
    """Whether x is the normalized one, so that the deviation is only a factor of dx."""
    subtracts_mean: bool = False
    """Whether the mean of the normalized x is subtracted, which is 0 but for rounding."""

    def __call__(self, *operands: Any) -> Array:
        *arrays, eps = operands
        dy, x, *given = in_one_dtype(tuple(arrays))
        grad, images = in_channels(dy, self.axis), in_channels(x, self.axis)
        mean, variance, sign, weight, _ = self.vectors(images, given, eps)
        if self.is_normalized:
            weight = _times(1 / np.sqrt(variance), weight)
            variance = np.ones_like(variance)
        needs = self.result == "dx", self.result == "dw" or self.subtracts_mean, False
        weight = _times(sign, weight)
        dx, dw, _ = kernels.batch_norm_backward(
            grad, images, mean, variance, weight, 0.0, needs=needs
        )
        if self.result == "dw":
            return _times(sign, dw)  # type: ignore[return-value]
        if self.subtracts_mean:
            own, _ = kernels.batch_norm_stats(images)
            shift = dw * (own - mean) / variance * (len(dw) / images.size)
            shift = shift if weight is None else shift * weight
            dx += shift.reshape(-1, *[1] * (images.ndim - 2))
        return dx.reshape(x.shape)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return f"batch norm, channels along axis {self.axis}, {self.result}"


def _times(factor: Array | None, vector: Array | None) -> Array | None:
    """The product, where None stands for ones."""
    if factor is None or vector is None:
        return vector if factor is None else factor
    product: Array = factor * vector
    return product


@dataclass(frozen=True)
class Mean:
    """The mean of each channel."""

    axis: int

    def __call__(self, *arrays: Array) -> Array:
        (x,) = in_one_dtype(arrays)
        mean, _ = kernels.batch_norm_stats(in_channels(x, self.axis))
        return mean

    def __str__(self) -> str:
        return f"mean of channels along axis {self.axis}"


@dataclass(frozen=True)
class Deviation:
    """The variance of each channel, or a power of it plus epsilon; see `Normalization`.

    The operands are x, or the variances if there is no axis; then the epsilon.
    """

    axis: int | None
    power: float
    least: float = 0.0

    def __call__(self, *operands: Any) -> Array:
        (values,) = in_one_dtype(operands[:1])
        if self.axis is not None:
            _, values = kernels.batch_norm_stats(in_channels(values, self.axis))
        values = Spread("variance", self.least).variance(values, operands[1])
        return values if self.power == 1 else values**self.power

    def __str__(self) -> str:
        names = {1: "variance", 0.5: "deviation", -0.5: "1 / deviation"}
        axis = "" if self.axis is None else f" of channels along axis {self.axis}"
        return names[self.power] + axis


def in_channels(x: Array, axis: int) -> Array:
    """The array with what is before and behind the channels in one axis each."""
    shape = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    return np.ascontiguousarray(x).reshape(shape[:2] if shape[2] == 1 else shape)


# ---- Epsilons ------------------------------------------------------------------------------------


class Divisor(NamedTuple):
    """A possible deviation of some channels."""

    spread: Spread
    operands: tuple[Operand, ...]
    eps: Scale


def _epsilons(problem: Problem, agrees: Callable[[float], bool]) -> list[tuple[Scale, float]]:
    """Numbers that may be added to a variance, each with the variance that it needs.

    Those of the call and of its code are taken for granted. Of others, several may agree; then
    variances must be so large that it makes no difference which of them is right.
    """
    sample = problem.samples[0]
    found = {
        Scale(1.0, (path,)): number for path, number in sample.numbers.items()
        if 0 < number <= MOST_EPSILON
    }  # fmt: skip
    found |= {Scale(n): n for n in sorted(sample.constants) if 0 < n <= MOST_EPSILON}
    own = [(eps, number) for eps, number in found.items() if agrees(number)]
    agreeing = own or [(Scale(number), number) for number in EPSILONS if agrees(number)]
    values = [number for _, number in agreeing]
    least = (max(values) - min(values)) / (20 * problem.tolerance) if values else 0.0
    return [(eps, least) for eps, _ in agreeing]


def _divisors(
    problem: Problem, variance: Array | None, wanted: Array, channels: int
) -> Iterator[Divisor]:
    """Deviations that are the wanted ones; `variance` is that of the images."""
    near = 10 * problem.tolerance
    sources: list[Source] = []
    if variance is not None:
        sources.append(("batch", (), variance))
    for path, values in _vectors(problem, channels):
        sources += [(kind, (path,), values) for kind in SPREADS]
    for kind, operands, values in sources:
        if (values <= 0).any():
            continue

        def agrees(eps: float, kind: str = kind, values: Array = values) -> bool:
            return _is_close(np.sqrt(Spread(kind).variance(values, eps)), wanted, near)

        if kind in SPREADS[1:]:
            if agrees(0.0):
                yield Divisor(Spread(kind), operands, Scale(0.0))
        else:
            for eps, least in _epsilons(problem, agrees):
                yield Divisor(Spread(kind, least), operands, eps)


def _vectors(problem: Problem, channels: int) -> Iterator[tuple[Operand, Array]]:
    """Inputs with a number for each channel: the first numbers."""
    for path in problem.of_size(channels):
        yield path, problem.inputs[path][0].reshape(-1)[:CHANNELS].astype(np.float64)


def _is_close(a: Array, b: Array, error: float) -> bool:
    return bool(np.abs(a - b).max() <= error * np.abs(b).max())


# ---- Rules ---------------------------------------------------------------------------------------


def deviations(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Variances and deviations of channels."""
    channels, is_real = problem.result.size, problem.result.dtype.kind == "f"
    for path in problem.singles() if is_real and channels > 1 else ():
        x = problem.inputs[path][0]
        axes = [axis for axis, size in enumerate(x.shape) if size == channels]
        for axis in axes if x.ndim > 1 and x.size > channels and x.dtype.kind == "f" else ():
            yield Term(Deviation(axis, 1.0), (path,), (Scale(0.0),))
            yield from _powers(problem, path, axis)
        if x.size == channels and x.min() > 0:
            yield from _powers(problem, path, None)


def _powers(problem: Problem, path: Operand, axis: int | None) -> Iterator[Term]:
    x = problem.inputs[path][0]
    values = x if axis is None else Deviation(axis, 1.0)(x, 0.0)
    values, target = values.reshape(-1).astype(np.float64), problem.targets[0]
    for power in (0.5, -0.5):

        def agrees(eps: float, power: float = power) -> bool:
            gaps = (values + eps) ** power - target.values[0].reshape(-1)
            return bool(np.abs(gaps).max() <= target.errors[0])

        for eps, least in _epsilons(problem, agrees):
            yield Term(Deviation(axis, power, least), (path,), (eps,))


def normalizations(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Results of batch normalization, and centred images."""
    y = problem.result
    for path in problem.of_size(y.size) if y.dtype.kind == "f" and y.size > 2 else ():
        x = problem.inputs[path][0]
        for axis in range(x.ndim) if x.ndim > 1 and path in [*problem.singles()] else ():
            found = _coefficients([x], y.reshape(x.shape), axis, problem.tolerance)
            if found is not None:
                yield from _transforms(problem, path, axis, found[:, 0], found[:, 1])


def _transforms(
    problem: Problem, path: Operand, axis: int, factor: Array, shift: Array
) -> Iterator[Term]:
    x = problem.inputs[path][0]
    channels, near = x.shape[axis], 1e3 * problem.tolerance
    own_mean, own_variance = _moments(x, axis)
    vectors = [*_vectors(problem, channels)]
    means = [("batch", (), own_mean), *[("given", (p,), v) for p, v in vectors]]
    scale = float(np.abs(factor).max() + np.abs(shift).max())
    if _is_close(factor, np.ones_like(factor), near):
        for mean, operands, values in means:
            if np.abs(shift + values * factor).max() <= near * scale:
                operation = Normalization(axis, Spread(), mean)
                yield Term(operation, (path, *operands), (Scale(0.0),))
    weights = [((), np.ones_like(factor)), *[((p,), v) for p, v in vectors]]
    for weight, values in weights:
        with np.errstate(all="ignore"):
            wanted = values / factor
        if not np.isfinite(wanted).all() or (wanted <= 0).any():
            continue
        for divisor in _divisors(problem, own_variance, wanted, channels):
            for mean, given, centre in means:
                bias = shift + centre * factor
                biases: list[tuple[Operand, ...]] = [
                    (p,) for p, v in vectors if np.abs(v - bias).max() <= near * scale
                ]
                if np.abs(bias).max() <= near * scale:
                    biases.insert(0, ())
                for added in biases:
                    operation = Normalization(axis, divisor.spread, mean, bool(weight), bool(added))
                    operands = (path, *given, *divisor.operands, *weight, *added)
                    yield Term(operation, operands, (divisor.eps,))


def normalization_gradients(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Gradients of the images."""
    result = problem.result
    if result.dtype.kind != "f" or result.size < 4:
        return
    for dy_path, path in permutations(problem.of_size(result.size), 2):
        dy, x = problem.inputs[dy_path][0], problem.inputs[path][0]
        if not _is_pair(problem, dy_path, path):
            continue
        for axis in range(x.ndim):
            found = _coefficients([dy, x], result.reshape(x.shape), axis, problem.tolerance)
            if found is not None and np.abs(found[:, 1]).max() > 0:
                others = [one for one in problem.of_size(x.size) if one not in (dy_path, path)]
                wider = problem.with_terms(
                    [term for one in others for term in _moments_of(problem, one, x, axis)]
                )
                yield from _gradients(wider, (dy_path, path), axis, found[:, 0])


def _moments_of(problem: Problem, path: Operand, x: Array, axis: int) -> list[Term]:
    """Mean and variance of other images, as of those before the forward call."""
    if problem.inputs[path][0].shape != x.shape or problem.inputs[path][0].dtype != x.dtype:
        return []
    variance = Term(Deviation(axis, 1.0), (path,), (Scale(0.0),))
    return [Term(Mean(axis), (path,)), variance]


def _is_pair(problem: Problem, *paths: Operand) -> bool:
    """Whether these may be a gradient and images."""
    dy, x = (problem.inputs[path][0] for path in paths)
    is_new = not problem.new or any(path in problem.new for path in paths)
    return is_new and dy.shape == x.shape and x.ndim > 1 and dy.dtype.kind == x.dtype.kind == "f"


def _gradients(
    problem: Problem, paths: tuple[Operand, ...], axis: int, factor: Array
) -> Iterator[Term]:
    """Gradients with this factor of dy, up to what is computed from the mean of dy."""
    x = problem.inputs[paths[1]][0]
    channels = x.shape[axis]
    _, own_variance = _moments(x, axis)
    vectors = [*_vectors(problem, channels)]
    weights = [((), np.ones_like(factor)), *[((p,), v) for p, v in vectors]]
    means: list[tuple[str, tuple[Operand, ...]]] = [("batch", ()), ("", ())]
    means += [("given", (p,)) for p, _ in vectors]
    wanted = problem.result.astype(np.float64)
    for weight, values in weights:
        with np.errstate(all="ignore"):
            deviation = values / factor
        if not np.isfinite(deviation).all() or (deviation <= 0).any():
            continue
        for divisor in _divisors(problem, own_variance, deviation, channels):
            plain = NormalizationGradient(axis, divisor.spread, "", bool(weight))
            operations: list[tuple[NormalizationGradient, tuple[Operand, ...]]] = []
            if divisor.operands:
                operations.append((replace(plain, is_normalized=True), ()))
            operations += [(replace(plain, mean=mean), given) for mean, given in means]
            for (operation, given), subtracts in product(operations, (False, True)):
                one = replace(operation, subtracts_mean=subtracts)
                operands = (*paths, *given, *divisor.operands, *weight)
                term = Term(one, operands, (divisor.eps,))
                if _agrees(problem, term, wanted):
                    yield term


def _agrees(problem: Problem, term: Term, wanted: Array) -> bool:
    sample = problem.samples[0]
    value = term.compute(sample.inputs, sample.numbers)
    return is_multiple(wanted, value, problem.targets[0].errors[0])


def weight_gradients(problem: Problem, _: tuple[object, ...]) -> Iterator[Term]:
    """Sums over each channel of dy and the normalized images."""
    channels = problem.result.size
    if problem.result.dtype.kind != "f" or channels < 2:
        return
    for dy_path, path in permutations(problem.inputs, 2):
        shape = problem.inputs[path][0].shape
        if channels in shape and _is_pair(problem, dy_path, path):
            for axis in [axis for axis, size in enumerate(shape) if size == channels]:
                yield from _weight_gradients(problem, (dy_path, path), axis)


def _weight_gradients(problem: Problem, paths: tuple[Operand, ...], axis: int) -> Iterator[Term]:
    dy, x = (problem.inputs[path][0] for path in paths)
    plain = NormalizationGradient(axis, Spread(), "", result="dw")
    yield Term(plain, paths, (Scale(0.0),))
    vectors = [
        (path, problem.inputs[path][0].reshape(-1)) for path in problem.of_size(x.shape[axis])
    ]
    images, grad = in_channels(x, axis), in_channels(dy, axis)
    axes = (0, *range(2, images.ndim))
    both, alone = (images.astype(np.float64) * grad).sum(axes), grad.sum(axes, dtype=np.float64)
    own_mean, own_variance = kernels.batch_norm_stats(images)
    means: list[Source] = [("batch", (), own_mean), ("", (), np.zeros_like(own_mean))]
    means += [("given", (path,), v) for path, v in vectors]
    spreads: list[Source] = [("batch", (), own_variance)]
    spreads += [(kind, (path,), v) for path, v in vectors for kind in SPREADS if (v > 0).all()]
    for (mean, given, centre), (kind, own, values) in product(means, spreads):

        def agrees(
            eps: float, kind: str = kind, values: Array = values, centre: Array = centre
        ) -> bool:
            divisor = np.sqrt(Spread(kind).variance(values.astype(np.float64), eps))
            return _explains(problem, (both - centre * alone) / divisor)

        operands = *paths, *given, *own
        if kind in SPREADS[1:]:
            if agrees(0.0):
                operation = replace(plain, spread=Spread(kind), mean=mean)
                yield Term(operation, operands, (Scale(0.0),))
        else:
            for eps, least in _epsilons(problem, agrees):
                operation = replace(plain, spread=Spread(kind, least), mean=mean)
                yield Term(operation, operands, (eps,))


def _explains(problem: Problem, value: Array) -> bool:
    return any(
        is_multiple(target.values[0], value, 10 * target.errors[0]) for target in problem.targets
    )


# ---- Coefficients --------------------------------------------------------------------------------


def _moments(x: Array, axis: int) -> tuple[Array, Array]:
    """Mean and variance of the first channels."""
    mean, variance = kernels.batch_norm_stats(in_channels(x[_first(x, axis)], axis))
    return mean.astype(np.float64), variance.astype(np.float64)


def _first(x: Array, axis: int) -> tuple[slice, ...]:
    """The first channels."""
    return tuple(slice(CHANNELS) if i == axis else slice(None) for i in range(x.ndim))


def _coefficients(
    arrays: Sequence[Array], result: Array, axis: int, tolerance: float
) -> Array | None:
    """Factors of the arrays, and a number, for each of the first channels; None if there are none.

    Their sum is the result at some elements of each channel.
    """
    columns = [np.moveaxis(array[_first(array, axis)], axis, 0) for array in (*arrays, result)]
    columns = [column.reshape(len(column), -1) for column in columns]
    count = columns[0].shape[1]
    if count < len(arrays) + 3:
        return None
    places = np.linspace(0, count - 1, min(count, ELEMENTS)).astype(int)
    found = []
    for channel in range(len(columns[0])):
        *parts, wanted = (column[channel, places].astype(np.float64) for column in columns)
        matrix = np.stack([*parts, np.ones(len(places))], 1)
        solution, _, rank, _ = np.linalg.lstsq(matrix, wanted, rcond=None)
        error = np.abs(matrix @ solution - wanted).max()
        if rank < matrix.shape[1] or error > 100 * tolerance * np.abs(wanted).max():
            return None
        found.append(solution)
    return np.array(found)
