"""Normalisation of each element by its neighbours in other channels."""

from operator import index
from typing import Any

from ..._explained import explained
from ...autograd import Array, Context, Operation
from ...operations._promotion import require_float
from ...tensor import Tensor, TensorLike, as_tensor

__all__ = ["local_response_norm"]


class LocalResponseNorm(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, *, size: int, alpha: float, beta: float, k: float) -> Any:
        before, after = size // 2, (size - 1) // 2
        divisor = _neighbours(x * x, before, after)
        divisor *= alpha / size
        divisor += k
        scale = divisor**-beta
        ctx.save_for_backward(x, divisor, scale)
        ctx.window, ctx.factor = (after, before), 2 * alpha * beta / size
        return x * scale

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, divisor, scale = ctx.saved
        scaled = grad * scale
        shared = _neighbours(scaled * x / divisor, *ctx.window)
        return scaled - ctx.factor * x * shared


def _neighbours(x: Array, before: int, after: int) -> Array:
    """The sum of each element and its neighbours along axis 1, up to `before` and `after` away."""
    y = x.copy()
    before, after = min(before, x.shape[1] - 1), min(after, x.shape[1] - 1)
    for distance in range(1, before + 1):
        y[:, distance:] += x[:, :-distance]
    for distance in range(1, after + 1):
        y[:, :-distance] += x[:, distance:]
    return y


@explained
def local_response_norm(
    input: TensorLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    r"""Divide each element by a power of the mean square of neighbouring channels.

    .. math::
        y_c = x_c \left( k + \frac{\alpha}{s} \sum_{j} x_j^2 \right)^{-\beta}, \qquad
        c - \lfloor s / 2 \rfloor \leq j \leq c + \lfloor (s - 1) / 2 \rfloor

    Parameters
    ----------
    input : Tensor or ndarray of floats, shape (n, c, ...)
        Data with at least 3 dimensions.
    size : int
        The number of channels :math:`s` in a sum; channels outside count as 0.
    alpha, beta, k : float, default 1e-4, 0.75 and 1
        The parameters of the formula.

    Returns
    -------
    Tensor
        In the shape and dtype of `input`.

    Raises
    ------
    TypeError
        If `input` has no float dtype, or `size` is not an integer.
    ValueError
        If `input` has fewer than 3 dimensions, or `size` is not positive.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([[[1.0], [2.0]]])
    >>> cnet.functional.local_response_norm(x, 2, alpha=2.0, beta=1.0)
    tensor([[[0.5   ],
             [0.3333]]])

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet classification with deep convolutional
    neural networks, NIPS 2012.
    """
    input = as_tensor(input)
    require_float("local_response_norm", input)
    if input.ndim < 3:
        raise ValueError(
            f"local_response_norm: input must have at least 3 dimensions (got {input.ndim})"
        )
    if index(size) < 1:
        raise ValueError(f"local_response_norm: size must be at least 1 (got {size})")
    return LocalResponseNorm.apply(input, size=size, alpha=alpha, beta=beta, k=k)
