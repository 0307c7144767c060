"""The linear layer."""

from typing import Any

from .. import kernels
from ..autograd import Array, Context, Operation
from ..operations._sums import total
from ..operations.products import as_matrix
from ..tensor import Tensor, TensorLike

__all__ = ["linear"]


class Linear(Operation[Tensor]):
    """The affine map; if `relu` is true, the fused chain ``relu(linear(x, weight, bias))``."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, weight: Array, bias: Array | None, relu: bool = False
    ) -> Array:
        need_x, need_weight, _ = ctx.needs_input_grad
        y = kernels.linear(x, weight, bias, relu)
        ctx.save_for_backward(
            x if need_weight else None, weight if need_x else None, y if relu else None
        )
        ctx.operations = 2 if relu else 1
        return y

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, weight, y = ctx.saved
        if y is not None:
            grad = kernels.relu_backward(grad, y)
        grad = as_matrix(grad)
        dx = dweight = dbias = None
        if weight is not None:
            dx = kernels.matmul(grad, weight).reshape(ctx.input_shape(0))
        if x is not None:
            dweight = kernels.matmul(grad.T, as_matrix(x))
        if ctx.needs_input_grad[2]:
            dbias = total(grad, (0,))
        return dx, dweight, dbias


def linear(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """The affine map ``x @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor or ndarray, shape (..., in_features)
        float32 or float64.
    weight : Tensor or ndarray, shape (out_features, in_features)
        In the dtype of `input`.
    bias : Tensor or ndarray, shape (out_features,), optional
        In the dtype of `input`.

    Returns
    -------
    Tensor, shape (..., out_features)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> x, weight = cnet.tensor([1.0, 2.0]), cnet.tensor([[3.0, 4.0]])
    >>> cnet.functional.linear(x, weight)
    tensor([11.])
    """
    return Linear.apply(input, weight, bias)
