"""Who does the work: each side has the same functions, and a process of its own while timed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Contender(NamedTuple):
    """What `pkgutil.resolve_name` finds a side by, and the variables that its process gets."""

    target: str
    environment: Mapping[str, str] = {}


SIDES = {
    "cnet": Contender("cnet.bench.compiled"),
    "NumPy best": Contender("cnet.bench.numpy_best"),
    "NumPy loops": Contender("cnet.bench.numpy_loops"),
}
"""By the names of the sides; ratios are to the first."""


class Trainer(Protocol):
    """The reference CNN with Adam; `gradients` are those of the last step."""

    parameters: Sequence[Array]

    @property
    def gradients(self) -> Sequence[Array]: ...

    def step(self, x: Any, target: Any) -> float:
        """Forward, mean cross-entropy, backward and update; returns the loss.

        Both arguments are what the side's `asarray` gives.
        """
        ...


class Side(Protocol):
    """What a module must have to be one: layers as functions.

    A forward function returns its result and whatever its backward function wants to see again.
    Shapes are those of `cnet.kernels`; pooling windows do not overlap.
    """

    def asarray(self, array: Array) -> Any:
        """The array as this side holds it; every other function takes such."""
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
