"""What a plan consists of: steps that each compute one array from others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .. import _core
from ..arrays import Shape
from ..operations import Rules

PREPARE = {"prepared_conv2d": "prepare_conv2d", "prepared_linear": "prepare_linear"}
"""The kernel that prepares the weights of another."""
NUMBERS = _core.algorithms | _core.operations
"""What C calls the algorithms and operations that steps name."""


@dataclass(eq=False)
class Step:
    """One call of a kernel.

    `kernel` and the names of its arguments are those of csrc/kernels.h. The first arguments are the
    results of other steps, `y` is the result of this one; `arguments` holds the others: constants,
    sizes and numbers, with the names of algorithms and operations as strings. Where the kernel
    takes `prepared`, they hold the weight and the bias instead.
    """

    kernel: str
    inputs: "tuple[Step | None, ...]"
    """The steps whose results it reads; None stands for the input of the plan."""
    shape: Shape
    """Of the result."""
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Value:
    """What flows through a network: the result of a step, or the input, seen in some shape."""

    shape: Shape
    step: Step | None
    readers: int
    """How many operations read it; the caller of the plan counts as one."""


Rule: TypeAlias = Callable[..., Step | Value | None]
"""Takes the positional arguments of an operation, values or constants, and its options. Gives a
step, a value that is there already, or None where a plan cannot compute the arguments."""

RULES: Rules[Rule] = Rules()
"""What becomes of an operation, found by its `Operation`; the modules of `rules` fill it."""

WEIGHTED = ("conv2d", "prepared_conv2d", "prepared_linear")
"""The kernels with weights, which take what follows them into these or into their end."""


def extendable(x: Value) -> Step | None:
    """The step with weights that gives this value, as it is, to this reader alone."""
    step = x.step
    if step and step.kernel in WEIGHTED and step.shape == x.shape and x.readers == 1:
        return step
    return None


def elementwise(kernel: str, x: Value, **arguments: Any) -> Step:
    return Step(kernel, (x.step,), x.shape, arguments)
