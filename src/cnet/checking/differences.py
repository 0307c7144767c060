"""Gradients by central differences."""

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np

from ..arrays import Array

Function = Callable[[Mapping[str, Array]], Array]
"""A forward pass as a function of all arrays by path."""

STEP = 1e-5
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
    f: Function, values: Mapping[str, Array], path: str, grad_output: Array, elements: Array
) -> Array:
    """The gradient of ``sum(grad_output * f(values))`` for some elements of one array."""
    result = np.empty(len(elements))
    x = values[path].copy()
    flat = x.reshape(-1)
    changed = {**values, path: x}
    for place, element in enumerate(elements):
        old = flat[element]
        step = STEP * max(1.0, abs(old))
        totals = []
        for side in (step, -step):
            flat[element] = old + side
            totals.append(np.vdot(grad_output, fitted(f(changed), grad_output.shape)))
        flat[element] = old
        result[place] = (totals[0] - totals[1]) / (2 * step)
    return result


def along(
    f: Function, values: Mapping[str, Array], path: str, grad_output: Array, direction: Array
) -> float:
    """The derivative of ``sum(grad_output * f(values))`` along a direction."""
    totals = [
        np.vdot(grad_output, f({**values, path: values[path] + side * direction}))
        for side in (STEP, -STEP)
    ]
    return float(totals[0] - totals[1]) / (2 * STEP)


def elements_of(
    f: Function, values: Mapping[str, Array], size: int, seconds: float, rng: np.random.Generator
) -> Array:
    """The elements to compute the gradient for: all, or as many as there is time for."""
    start = perf_counter()
    f(values)
    count = int(seconds / (2 * max(perf_counter() - start, 1e-6)))
    count = max(LEAST, min(count, MOST))
    return np.arange(size) if size <= count else np.sort(rng.choice(size, count, replace=False))
