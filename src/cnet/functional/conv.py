"""Convolution."""

from collections.abc import Sequence
from typing import Any, Literal

from .. import kernels
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike


class Conv2d(Operation[Tensor]):
    @staticmethod
    def forward(ctx: Context, x: Array, weight: Array, bias: Array | None, **options: Any) -> Array:
        ctx.save_for_backward(x, weight)
        ctx.options = options
        return kernels.conv2d(x, weight, bias, **options)

    @staticmethod
    def backward(ctx: Context, grad: Array) -> Any:
        x, weight = ctx.saved
        need_x, need_weight, need_bias = ctx.needs_input_grad
        return kernels.conv2d_backward(
            grad, x, weight, **ctx.options, needs=(need_x, need_weight, need_bias)
        )


def conv2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Literal["valid", "same"] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    r"""The convolution of images with filters, in the sense of a cross-correlation.

    .. math::
        y_{n o i j} = b_o + \sum_{c, k, l} w_{o c k l} \,
                      x_{n, c, i s_h + k d_h - p_h, j s_w + l d_w - p_w}

    Parameters
    ----------
    x : Tensor or ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    weight : Tensor or ndarray, shape (o, c / groups, kh, kw)
        Filters, in the dtype of `x`.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int, int), default 1
        The step of the filters.
    padding : int, (int, int), "valid" or "same", default 0
        Zeros around the images; "same" keeps their size and needs stride 1.
    dilation : int or (int, int), default 1
        The distance of the filters' taps.
    groups : int, default 1
        How many groups the channels fall into, each with its own filters.

    Returns
    -------
    Tensor, shape (n, o, oh, ow)
        With ``oh = (h + 2*ph - dh*(kh - 1) - 1) // sh + 1`` and `ow` likewise.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not go together, or a filter does not fit into the padded image.

    Examples
    --------
    >>> import cnet, numpy
    >>> images, filters = numpy.ones((1, 3, 8, 8)), numpy.ones((4, 3, 3, 3))
    >>> cnet.functional.conv2d(images, filters, padding=1).shape
    (1, 4, 8, 8)

    References
    ----------
    V. Dumoulin, F. Visin: A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    return Conv2d.apply(
        x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
