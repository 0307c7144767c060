"""What a plan consists of: steps that each compute one array from others."""

from dataclasses import dataclass, field
from typing import Any

from ..arrays import Shape
from ..autograd import Array
from ..geometry import Conv2d


@dataclass(eq=False)
class Step:
    """One operation with its constants.

    `kind` is a key of `_core.step_kinds`, but that a convolution is prepared where that pays, and
    `options` are numbers and flags of the operation. `sizes` is the geometry that C takes.
    """

    kind: str
    inputs: "tuple[Step | None, ...]"
    """The steps whose results it reads; None stands for the input of the plan."""
    shape: Shape
    """Of the result."""
    sizes: Conv2d
    weight: Array | None = None
    bias: Array | None = None
    relu: bool = False
    pool: bool = False
    """Whether ReLU, and then 2 x 2 maximum, follow."""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Value:
    """What flows through a network: the result of a step, or the input, seen in some shape."""

    shape: Shape
    step: Step | None
    readers: int
    """Whoever reads it, the caller of the plan among them."""
