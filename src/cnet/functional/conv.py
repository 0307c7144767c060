"""Convolution."""

from collections.abc import Sequence
from typing import Any, Literal

from .. import kernels
from ..autograd import Array, Context, Operation
from ..tensor import Tensor, TensorLike, as_tensor

__all__ = ["conv2d"]


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
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Literal["valid", "same"] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    r"""The convolution of images with filters, computed as a cross-correlation.

    .. math::
        y_{n o i j} = b_o + \sum_{c, k, l} w_{o c k l} \,
                      x_{n, c, i s_h + k d_h - p_h, j s_w + l d_w - p_w}

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    weight : Tensor or ndarray, shape (o, c / groups, kh, kw)
        Filters, in the dtype of `input`.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int, int), default 1
        The step of the filters.
    padding : int, (int, int), "valid" or "same", default 0
        The number of zeros on each side of the images; "same" keeps their size and requires
        stride 1, "valid" means 0.
    dilation : int or (int, int), default 1
        The distance between neighbouring elements of a filter.
    groups : int, default 1
        The number of groups of channels; each group has its own filters.

    Returns
    -------
    Tensor, shape (n, o, oh, ow) or (o, oh, ow)
        In the dtype of `input`, with ``oh = (h + 2*ph - dh*(kh - 1) - 1) // sh + 1``; the same
        formula gives `ow` from the widths.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, or a filter does not fit into the padded image.

    Notes
    -----
    3x3 and 5x5 filters with stride 1 and at least 16 channels use Winograd's algorithm where it is
    faster. It computes tiles of 4x4 outputs (2x2 for 5x5 filters) and has larger rounding errors
    than the sum above. ``cnet.use_exact()`` disables it.

    - Accuracy: the error of an output is at most ``32 * eps * max|x| * sum|w|``, with the eps of
      the dtype, the largest input of the whole *tile*, and the sum over one filter. The largest
      measured error has 3 in place of 32. For example, an outlier of 1e4 among inputs around 1
      causes errors of up to 0.02 in outputs up to 4 cells away, also where it does not contribute.
    - Zeros: for the same reason, an output whose inputs are all 0 may be slightly positive or
      negative if another input of the tile is not 0.
    - NaN and infinity: all outputs of a tile are NaN if one of its inputs is NaN or infinite.
    - Range: if inputs or outputs exceed 1e37 in float32 (1e306 in float64), intermediate values may
      overflow and give NaN.

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
    images, unbatched = as_batch("conv2d", input)
    y: Tensor = Conv2d.apply(
        images, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return y.squeeze(0) if unbatched else y


def as_batch(function: str, x: TensorLike) -> tuple[TensorLike, bool]:
    """Add a missing batch axis to images, and return whether it was missing."""
    ndim = getattr(x, "ndim", 4)
    if ndim == 4:
        return x, False
    if ndim == 3:
        return as_tensor(x).unsqueeze(0), True
    raise ValueError(
        f"{function}: input must have 4 dimensions, or 3 for one image "
        f"(got {ndim}, shape {x.shape})"
    )
