"""Gradients by central differences."""

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np

from ..arrays import Array

Function = Callable[[Mapping[str, Array]], Array]
"""A forward pass as a function of all arrays by path."""

STEP = 3e-6
"""The size of steps, relative to the elements of the array."""
MOST, LEAST = 400, 12
"""The largest and smallest number of elements of an array to compute the gradient for."""


def fitted(y: Array, shape: tuple[int, ...]) -> Array:
    """`y` in this shape: cut off at the end of each axis, or continued by zeros."""
    if y.shape == shape:
        return y
    result = np.zeros(shape)
    if y.ndim != len(shape):
        return result
    part = tuple(slice(min(sizes)) for sizes in zip(y.shape, shape, strict=True))
    result[part] = y[part]
    return result


def gradient_at(
    f: Function, values: Mapping[str, Array], path: str, grad_output: Array, elements: Array,
    fraction: float = 1.0,
) -> Array:  # fmt: skip
    """The gradient of ``sum(grad_output * f(values))`` for some elements of one array.

    `fraction` is the size of the step relative to the usual one.
    """
    result = np.empty(len(elements))
    x = values[path].copy()
    flat = x.reshape(-1)
    changed = {**values, path: x}
    step = fraction * _step(x)
    for place, element in enumerate(elements):
        old = flat[element]
        results = []
        for side in (step, -step):
            flat[element] = old + side
            results.append(fitted(f(changed), grad_output.shape))
        flat[element] = old
        result[place] = np.vdot(grad_output, results[0] - results[1]) / (2 * step)
    return result


def _step(x: Array) -> float:
    return STEP * (float(np.sqrt(np.mean(x * x))) or 1.0)


def is_along(
    f: Function, values: Mapping[str, Array], path: str, grad_output: Array, direction: Array,
    wanted: float, error: float,
) -> bool:  # fmt: skip
    """Whether the derivative of ``sum(grad_output * f(values))`` along a direction is `wanted`.

    The second, smaller step is for directions on which a function with kinks has one in the first.
    """
    for step in (_step(values[path]), _step(values[path]) / 1000):
        after, before = (
            f({**values, path: values[path] + side * direction}) for side in (step, -step)
        )
        rounding = 1e-15 * float(np.vdot(np.abs(grad_output), np.abs(after))) / step
        slope = np.vdot(grad_output, after - before) / (2 * step)
        if abs(slope - wanted) <= error + rounding:
            return True
    return False


def elements_of(
    f: Function, values: Mapping[str, Array], size: int, seconds: float, rng: np.random.Generator
) -> Array:
    """The elements to compute the gradient for: all, or as many as there is time for."""
    start = perf_counter()
    f(values)
    count = int(seconds / (2 * max(perf_counter() - start, 1e-6)))
    count = max(LEAST, min(count, MOST))
    return np.arange(size) if size <= count else np.sort(rng.choice(size, count, replace=False))
