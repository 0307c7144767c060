"""The arguments and the reduction that losses share."""

from typing import Any

from ..._warning import warn
from ...autograd import Array, Context, Operation
from ...operations._sums import average, spread, total
from ...operations.reductions import Mean
from ...tensor import Tensor, TensorLike, as_tensor


class Reduced(Operation[Tensor]):
    """The mean or the sum of the results of an elementwise operation, in one node."""

    @staticmethod
    def forward(
        ctx: Context, *operands: Any, operation: Any, mean: bool, options: dict[str, Any]
    ) -> Array:
        losses = operation.forward(ctx, *operands, **options)
        ctx.operation, ctx.shape = operation, losses.shape
        ctx.divisor = max(losses.size, 1) if mean else 1
        axes = tuple(range(losses.ndim))
        return average(losses, axes, keepdims=False) if mean else total(losses, axes)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        share = grad / grad.dtype.type(ctx.divisor)
        return ctx.operation.backward(ctx, spread(share, ctx.shape))


def loss_of(
    operation: type[Operation[Tensor]], *operands: TensorLike, reduction: str, **options: Any
) -> Tensor:
    """Apply an elementwise operation with float results, and a reduction."""
    if reduction == "none":
        return operation.apply(*operands, **options)
    return Reduced.apply(*operands, operation=operation, mean=reduction == "mean", options=options)


def reduced(losses: Tensor, reduction: str, divisor: float | None = None) -> Tensor:
    """Apply a reduction; "mean" divides by `divisor`, by default the number of losses."""
    if reduction == "none":
        return losses
    if reduction == "mean" and divisor is None and losses.dtype.kind == "f":
        return Mean.apply(losses, axes=tuple(range(losses.ndim)), keepdims=False)
    total = losses.sum()
    if reduction == "sum":
        return total
    return total / (losses.numel() if divisor is None else divisor)


def reduction_of(
    function: str,
    reduction: str,
    size_average: bool | None = None,
    reduce: bool | None = None,
    more: tuple[str, ...] = (),
) -> str:
    """Check the reduction; PyTorch's deprecated arguments override it, with a warning.

    `more` lists further reductions of this function.

    Raises
    ------
    ValueError
        If `reduction` is not one of "mean", "sum", "none" and `more`.
    """
    if size_average is not None or reduce is not None:
        averages = size_average is None or size_average
        reduction = ("mean" if averages else "sum") if reduce is None or reduce else "none"
        warn(f"{function}: size_average and reduce are deprecated; use reduction={reduction!r}")
    if reduction not in ("mean", "sum", "none") and reduction not in more:
        others = "".join([f"{name!r}, " for name in more])
        raise ValueError(
            f"{function}: reduction must be {others}'mean', 'sum' or 'none' (got {reduction!r})"
        )
    return reduction


def check_same_shape(function: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{function}: target.shape must equal input.shape "
            f"(got {target.shape} and {input.shape})"
        )


def warn_of_broadcasting(function: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warn(
            f"{function}: target.shape differs from input.shape, so they are broadcast, which "
            f"is probably a mistake (got {target.shape} and {input.shape})"
        )


def weighted(function: str, losses: Tensor, weight: TensorLike) -> Tensor:
    """The losses times weights of the same shape."""
    weight = as_tensor(weight)
    if weight.shape != losses.shape:
        raise ValueError(
            f"{function}: weight.shape must equal input.shape "
            f"(got {weight.shape} and {losses.shape})"
        )
    return losses * weight
