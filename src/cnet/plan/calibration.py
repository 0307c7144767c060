"""The ranges of the results of a network, for plans of 8-bit integers."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import _check
from ..autograd import Array, Call, listing_calls, no_grad
from ..tensor import Tensor
from .steps import Step

Range = tuple[float, float]
"""The smallest and the largest element."""


class _Observer(list[Call]):
    """A list of calls that keeps the ranges of their results, which may change later."""

    def __init__(self, percentile: float) -> None:
        self.ranges: list[Range] = []
        self._percentile = percentile

    def append(self, call: Call) -> None:
        array = call.outputs[0]._array
        self.ranges.append(_range(array, self._percentile))


def _range(array: Array, percentile: float) -> Range:
    """The range of all elements but the smallest and the largest ones beyond a percentile."""
    if not array.size:
        return 0.0, 0.0
    low, high = float(array.min()), float(array.max())
    if percentile == 100 or not np.isfinite(low + high):
        return low, high
    low, high = np.percentile(array, (100 - percentile, percentile))
    return float(low), float(high)


def _join(first: Range, second: Range) -> Range:
    return min(first[0], second[0]), max(first[1], second[1])


class Ranges:
    """The ranges of the input and of the results of all operations."""

    def __init__(
        self, batches: list[Array], model: Callable[[Tensor], Any], percentile: float
    ) -> None:
        self._input, *others = (_range(batch, percentile) for batch in batches)
        for other in others:
            self._input = _join(self._input, other)
        self._results: list[Range] = []
        for batch in batches:
            with no_grad(), listing_calls(_Observer(percentile)) as calls:
                model(Tensor(batch.copy()))  # an in-place operation may write into it
            assert isinstance(calls, _Observer)
            if self._results and len(self._results) != len(calls.ranges):
                raise ValueError("compile: the model calls other operations for other images")
            former = self._results or calls.ranges
            self._results = list(map(_join, former, calls.ranges))

    def of(self, step: Step | None) -> Range:
        """The range of the result of a step, or of the input of the plan."""
        assert step is None or step.call >= 0
        low, high = self._input if step is None else self._results[step.call]
        if not np.isfinite(low + high):
            raise ValueError(
                f"compile: the results for calibration must be finite (got {low} to {high} in "
                f"{step or 'the images'})"
            )
        return low, high


def batches_of(calibration: Any, example: Array) -> list[Array]:
    """The batches of images; of batches like those of a DataLoader, the first array."""
    if calibration is None:
        raise ValueError("compile: dtype='int8' needs images for calibration (got None)")
    if isinstance(calibration, np.ndarray | Tensor):
        calibration = [calibration]
    if not isinstance(calibration, Iterable):
        raise TypeError(
            "compile: calibration must be an array or batches of images "
            f"(got {type(calibration).__name__})"
        )
    batches = []
    for batch in calibration:
        images = batch[0] if isinstance(batch, tuple | list) and batch else batch
        images = images.detach().numpy() if isinstance(images, Tensor) else images
        images = _check.array("compile", "calibration", images)
        if images.shape[1:] != example.shape[1:] or images.dtype != example.dtype:
            raise ValueError(
                "compile: calibration must have the example's shape and dtype except for the "
                f"number of images (got {images.shape} {images.dtype} and {example.shape} "
                f"{example.dtype})"
            )
        if len(images):
            batches.append(images)
    if not batches:
        raise ValueError("compile: calibration has no images")
    return batches
