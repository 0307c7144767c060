"""Who does the work: each side has the same functions, and a process of its own while timed."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

SIDES = {
    "cnet": "cnet.bench.compiled",
    "NumPy best": "cnet.bench.numpy_best",
    "NumPy loops": "cnet.bench.numpy_loops",
}
"""Name of each side, and what `pkgutil.resolve_name` finds it by; ratios are to the first."""


class Trainer(Protocol):
    """The reference CNN with Adam; `gradients` are those of the last step."""

    parameters: Sequence[Array]

    @property
    def gradients(self) -> Sequence[Array]: ...

    def step(self, x: Array, target: npt.NDArray[np.int64]) -> float:
        """Forward, mean cross-entropy, backward and update; returns the loss."""
        ...


class Side(Protocol):
    """What a module must have to be one: layers as functions.

    A forward function returns its result and whatever its backward function wants to see again.
    Shapes are those of `cnet.kernels`; pooling windows do not overlap.
    """

    def im2col(
        self, x: Array, kernel_size: tuple[int, int], stride: int = 1, padding: int = 0
    ) -> Array: ...
    def conv2d(
        self, x: Array, weight: Array, bias: Array, stride: int = 1, padding: int = 0
    ) -> tuple[Array, Any]: ...
    def conv2d_backward(
        self, grad_output: Array, saved: Any, need_dx: bool = True
    ) -> tuple[Array | None, Array, Array]: ...
    def max_pool2d(self, x: Array, kernel_size: int) -> tuple[Array, Any]: ...
    def max_pool2d_backward(self, grad_output: Array, saved: Any) -> Array: ...
    def trainer(self, parameters: Sequence[Array]) -> Trainer: ...
