"""What a plan consists of: steps that each compute one array from others."""

from dataclasses import dataclass, field
from typing import Any

from ..geometry import Shape


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
