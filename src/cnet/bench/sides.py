"""The sides of a comparison: modules or objects with the same functions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Contender(NamedTuple):
    """Where `pkgutil.resolve_name` finds a side, and the environment variables of its process."""

    target: str
    environment: Mapping[str, str] = {}


SIDES = {
    "cnet": Contender("cnet.bench.compiled"),
    "NumPy best": Contender("cnet.bench.numpy_best"),
    "NumPy loops": Contender("cnet.bench.numpy_loops"),
}
"""The sides of `cnet bench` by name. Ratios are relative to the first."""


class Trainer(Protocol):
    """The reference CNN with Adam. `gradients` are those of the last step."""

    parameters: Sequence[Array]

    @property
    def gradients(self) -> Sequence[Array]: ...

    def step(self, x: Any, target: Any) -> float:
        """Run forward, mean cross-entropy, backward and update; return the loss.

        Both arguments are results of the side's `asarray`.
        """
        ...


class Side(Protocol):
    """The functions of a side.

    A forward function returns its result and the values that its backward function needs. Shapes
    are those of `cnet.kernels`. Pooling windows do not overlap.
    """

    def asarray(self, array: Array) -> Any:
        """Convert an array to the type that the other functions of this side take."""
        ...

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
