"""Plans in two parts: the first steps image by image, the others with all images together.

In the first layers of a network, images are large and weights are few; in the last ones it is the
other way round. If the results for all images do not fit into a core's cache, but those for one do,
each thread computes the first part of one image after the other, so that only the result of this
part leaves the cache. The weights of the second part are then read once for all images.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core
from ..arrays import Array
from .arena import place
from .steps import Step

FAST_BYTES = 1 << 21
"""The size of the results of one image and of the weights that are read again for each image."""
LEAST_IMAGES = 8
"""With fewer images, threads would have nothing to do."""
WINOGRAD_BYTES = 4
"""By how much prepared filters of Winograd's algorithm are larger: 36 numbers instead of 9."""


class Split:
    """A plan whose first part computes one image at a time."""

    def __init__(
        self, first: _core.Plan, second: _core.Plan, normalise: Callable[..., Any]
    ) -> None:
        """`normalise(x, out)` returns arrays with the right layout, or raises."""
        self._first, self._second, self._normalise = first, second, normalise
        self.x_shape, self.y_shape = first.x_shape, second.y_shape

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """Compute the network for `x`, in `out` if it is given."""
        if out is not None:
            x, out = self._normalise(x, out)
        return self._second(self._first(x), out)

    def profile(self, x: Array) -> list[tuple[str, float]]:
        """The steps in order, each with the seconds that it takes for `x`."""
        return self._first.profile(x) + self._second.profile(self._first(x))

    def __repr__(self) -> str:
        return f"<plan: {self.x_shape} to {self.y_shape}, in two parts>"


def _weight_bytes(step: Step) -> int:
    size = sum(value.nbytes for value in step.arguments.values() if isinstance(value, np.ndarray))
    return size * WINOGRAD_BYTES if step.arguments.get("algorithm") == "winograd" else size


def first_part(steps: Sequence[Step], images: int, itemsize: int) -> int:
    """The number of steps that run image by image, 0 if none should.

    Between both parts there is only one result, of the dtype of the plan.
    """
    if images < LEAST_IMAGES:
        return 0
    best = weights = 0
    for count in range(1, len(steps)):
        last = steps[count - 1]
        weights += _weight_bytes(last)
        if weights > FAST_BYTES:
            break
        second = set(steps[count:])
        read = {source for step in second for source in step.inputs}
        completed = {step.onto for step in second if step.onto}
        if (read | completed) - second != {last} or last in completed or last.onto or last.dtype:
            continue
        _, arena = place(steps[:count], last, images, itemsize)
        if arena + weights <= FAST_BYTES < arena * images:
            best = count
    return best
