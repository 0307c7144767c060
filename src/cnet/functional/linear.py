"""The linear and the bilinear map."""

from typing import Any

from .. import kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..operations.products import as_matrix
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["bilinear", "linear"]


class Linear(Operation[Tensor]):
    """The affine map; if `relu` is true, the fused chain ``relu(linear(x, weight, bias))``."""

    @staticmethod
    def forward(
        ctx: Context, x: Array, weight: Array, bias: Array | None, *, relu: bool = False
    ) -> Array:
        from_x, from_weight, _ = ctx.edges
        y = kernels.linear(x, weight, bias, relu)
        ctx.save_for_backward(
            x if from_weight else None, weight if from_x else None, y if relu else None
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
            dbias = kernels.column_sums(grad)
        return dx, dweight, dbias


@explained
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


@explained
def bilinear(
    input1: TensorLike, input2: TensorLike, weight: TensorLike, bias: TensorLike | None = None
) -> Tensor:
    r"""A linear map in each of two inputs.

    .. math::
        y_k = \sum_{ij} x_i W_{kij} z_j + b_k

    Parameters
    ----------
    input1 : Tensor or ndarray of floats, shape (..., in1_features)
    input2 : Tensor or ndarray of floats, shape (..., in2_features)
        The leading axes are those of `input1`.
    weight : Tensor or ndarray, shape (out_features, in1_features, in2_features)
    bias : Tensor or ndarray, shape (out_features,), optional

    Returns
    -------
    Tensor, shape (..., out_features)

    Raises
    ------
    ValueError
        If shapes do not match.

    Examples
    --------
    >>> import cnet
    >>> x, y = cnet.tensor([1.0, 2.0]), cnet.tensor([3.0])
    >>> cnet.functional.bilinear(x, y, cnet.tensor([[[4.0], [5.0]]]))
    tensor([42.])
    """
    input1, input2, weight = as_tensor(input1), as_tensor(input2), as_tensor(weight)
    leading = input1.shape[:-1]
    sizes = *input1.shape[-1:], *input2.shape[-1:]
    if leading != input2.shape[:-1] or weight.shape[1:] != sizes or len(sizes) < 2:
        raise ValueError(
            "bilinear: input1 and input2 must have the same leading axes, and weight.shape[1:] "
            "must be the sizes of their last axes "
            f"(got shapes {input1.shape}, {input2.shape} and {weight.shape})"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"bilinear: bias.shape must equal weight.shape[:1] (got {bias.shape} and "
            f"{weight.shape[:1]})"
        )
    out, rows, columns = weight.shape
    products = input1 @ weight.permute(1, 0, 2).reshape(rows, out * columns)
    y = (products.reshape(*leading, out, columns) * input2.unsqueeze(-2)).sum(-1)
    return y if bias is None else y + bias
