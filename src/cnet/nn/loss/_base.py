"""The base class of losses."""

from collections.abc import Callable
from typing import Any, ClassVar

from ...functional.loss._reduction import reduction_of
from ...tensor import Tensor, TensorLike
from ..module import Module


class Loss(Module):
    """Calls a function of `cnet.functional` with the reduction and other attributes."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[tuple[str, ...]] = ()
    """The attributes that are passed as arguments of the same names."""
    more_reductions: ClassVar[tuple[str, ...]] = ()
    """Reductions in addition to 'mean', 'sum' and 'none'."""

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.reduction = reduction_of(name, reduction, size_average, reduce, self.more_reductions)

    def loss(self, *inputs: Any) -> Tensor:
        """Call the function with the attributes of this module."""
        options = {name: getattr(self, name) for name in self.options}
        return type(self).function(*inputs, **options, reduction=self.reduction)


class TargetLoss(Loss):
    """A loss of results and targets."""

    def forward(self, input: Any, target: Any) -> Tensor:
        return self.loss(input, target)


class WeightedLoss(TargetLoss):
    """A loss with a tensor of weights, or None, as a buffer."""

    options: ClassVar[tuple[str, ...]] = ("weight",)
    weight: Tensor | None

    def __init__(
        self,
        weight: TensorLike | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
