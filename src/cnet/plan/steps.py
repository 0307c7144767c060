"""The steps of a plan. Each computes one array from others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf, prod
from typing import Any, TypeAlias

import numpy as np

from .. import _core
from ..arrays import Array, Shape
from ..operations.registry import Rules

PREPARE = {
    "prepared_conv2d": "prepare_conv2d",
    "prepared_linear": "prepare_linear",
    "blocked_conv2d": "prepare_blocked_conv2d",
    "quantized_conv2d": "prepare_quantized_conv2d",
    "bfloat16_conv2d": "prepare_bfloat16_conv2d",
}
"""The kernel that prepares the weights of another."""
NUMBERS = _core.algorithms | _core.operations | _core.arithmetic_operations
"""The numbers in C of algorithms and operations."""
RESULT = {"conv2d_backward": "dx"}
"""The name of the result of a kernel, unless it is y."""
NARROWING = "quantize", "to_bfloat16"
"""Kernels that convert float32 in either layout to blocked images of another dtype."""
DETAILS = "algorithm", "operation"
"""Arguments that the description of a step names."""
BLOCK_BYTES = 64
"""The size of a block of channels (csrc/kernels/blocked)."""


def lanes_of(dtype: np.dtype[Any]) -> int:
    """The number of channels in a block."""
    return BLOCK_BYTES // dtype.itemsize


def blocked_shape(shape: Shape, lanes: int) -> Shape:
    """(n, c, ...) in blocks of so many channels: (n, blocks, elements of a channel, lanes)."""
    n, c, *sizes = shape
    return n, -(-c // lanes), prod(sizes), lanes


@dataclass(eq=False)
class Step:
    """One call of a kernel.

    `kernel` and the names of its arguments are those in csrc/kernels.h. The first arguments that
    `arguments` does not hold are the results of other steps, and `y` is the result of this step.
    `arguments` holds the others: constants, sizes and numbers; algorithms and operations are given
    by name. For a kernel with the argument `prepared`, `arguments` holds the weight and the bias
    instead.
    """

    kernel: str
    inputs: "tuple[Step | None, ...]"
    """The steps whose results it reads; None means the input of the plan."""
    shape: Shape
    """Shape of the result."""
    arguments: dict[str, Any] = field(default_factory=dict)
    onto: "Step | None" = None
    """The step whose result this one completes: both write into the same array."""

    lanes: int = 0
    """The number of channels in a block if the result is blocked, or 0."""
    dtype: np.dtype[Any] | None = None
    """The dtype of the result, unless it is that of the plan."""
    branch: int = 0
    """Successive steps with branches 1, 2, ... run branch by branch, at the same time."""
    call: int = -1
    """The number of the call of an operation that returned the result in the example, or -1."""
    number: int = field(default_factory=count().__next__)
    """Steps are numbered in the order of their creation."""

    @property
    def memory(self) -> Shape:
        """The shape of the result in memory."""
        return blocked_shape(self.shape, self.lanes) if self.lanes else self.shape

    @property
    def buffer(self) -> "Step":
        """The first step that writes into the array of the result."""
        return self.onto.buffer if self.onto else self

    def __str__(self) -> str:
        details = [str(self.arguments[name]) for name in DETAILS if name in self.arguments]
        return " ".join([self.kernel, *details, str(self.shape)])

    def moving(self) -> "dict[str, Step | None]":
        """The steps that compute the arrays which are not constants, by the names of the arrays."""
        names = _core.kernels[self.kernel]
        free = [name for name in names if name not in self.arguments and name != "prepared"]
        return dict(zip(free, self.inputs, strict=False)) | {RESULT.get(self.kernel, "y"): self}

    def dependencies(self) -> "list[Step]":
        """The steps that must run before this one."""
        return [step for step in (*self.inputs, self.onto) if step]


@dataclass(eq=False)
class Value:
    """The result of a step, or the input of the plan, in some shape."""

    shape: Shape
    step: Step | None
    readers: int
    """Number of operations that read it; the caller of the plan counts as one."""


Rule: TypeAlias = Callable[..., Step | Value | None]
"""A function of the positional arguments of an operation, values or constants, and its options.
Returns a new step, whose inputs may be new too, an existing value, or None if a plan does not
support the arguments."""

RULES: Rules[Rule] = Rules()
"""The rule of each `Operation`; the modules of `rules` register them."""

WEIGHTED = ("conv2d", "prepared_conv2d", "prepared_linear", "blocked_conv2d")
"""Kernels with weights, into which following operations can be folded."""

UNFINISHED = {"relu": 0, "pool": 0, "residual": None, "low": -inf, "high": inf}
"""Arguments of these kernels that say what happens to the sums, and the values for nothing."""


def extendable(x: Value) -> Step | None:
    """The step with weights that computes this value; None if the value has other readers."""
    step = x.step
    if step and step.kernel in WEIGHTED and step.shape == x.shape and x.readers == 1:
        return step
    return None


def is_finished(step: Step) -> bool:
    """Whether something happens to the sums of a step with weights."""
    return len(step.inputs) > 1 or any(
        step.arguments.get(name, value) != value for name, value in UNFINISHED.items()
    )


def elementwise(kernel: str, x: Value, **arguments: Any) -> Step:
    return Step(kernel, (x.step,), x.shape, arguments)


def for_one_image(constant: Any, ndim: int) -> Array | None:
    """A constant operand of results with `ndim` axes; None if it differs between the images."""
    array = np.asarray(constant, np.float64)
    if array.ndim < ndim or len(array) == 1:
        return array
    return array[:1] if len(array) and (array == array[:1]).all() else None
