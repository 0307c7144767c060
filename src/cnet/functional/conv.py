"""Convolutions and transposed convolutions with one to three spatial axes."""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, ClassVar, Literal, TypeAlias

from .. import kernels
from .._explained import explained
from ..autograd import Array, Context, Operation
from ..kernels import conv_nd
from ..tensor import Tensor, TensorLike
from ._batch import as_batch
from ._deferred import Source, source_of

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]  # fmt: skip

Sizes: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Sizes | Literal["valid", "same"]


LEAST_PRODUCTS = 128
"""The products for each element of an input from which on the input is not kept for the backward
pass if it can be computed again: that takes little time beside the gradients."""


class Convolution(Operation[Tensor]):
    """Base class of the convolutions: a kernel, its gradients, and the number of spatial axes."""

    owns_result = True

    name: ClassVar[str]
    axes: ClassVar[int]
    kernel: ClassVar[Callable[..., Array]]
    gradients: ClassVar[Callable[..., Any]]

    @classmethod
    def compute(cls, x: Array, weight: Array, bias: Array | None, **options: Any) -> Array:
        return cls.kernel(x, weight, bias, **options)

    @classmethod
    def forward(
        cls, ctx: Context, x: Array, weight: Array, bias: Array | None, **options: Any
    ) -> Array:
        ctx.save_for_backward(x, weight)
        ctx.options = options
        return cls.kernel(x, weight, bias, **options)

    @classmethod
    def backward(cls, ctx: Context, grad: Array) -> Any:
        x, weight = ctx.saved
        if isinstance(x, Source):
            x = x.value()
        return cls.gradients(grad, x, weight, needs=ctx.needs_input_grad, **ctx.options)


class Conv1d(Convolution):
    name, axes = "conv1d", 1
    kernel = partial(conv_nd.conv, name, axes)
    gradients = partial(conv_nd.conv_backward, name, axes)


class Conv2d(Convolution):
    name, axes = "conv2d", 2
    kernel, gradients = kernels.conv2d, kernels.conv2d_backward


class Conv3d(Convolution):
    name, axes = "conv3d", 3
    kernel = partial(conv_nd.conv, name, axes)
    gradients = partial(conv_nd.conv_backward, name, axes)


class ConvTranspose1d(Convolution):
    name, axes = "conv_transpose1d", 1
    kernel = partial(conv_nd.conv_transpose, name, axes)
    gradients = partial(conv_nd.conv_transpose_backward, name, axes)


class ConvTranspose2d(Convolution):
    name, axes = "conv_transpose2d", 2
    kernel, gradients = kernels.conv_transpose2d, kernels.conv_transpose2d_backward


class ConvTranspose3d(Convolution):
    name, axes = "conv_transpose3d", 3
    kernel = partial(conv_nd.conv_transpose, name, axes)
    gradients = partial(conv_nd.conv_transpose_backward, name, axes)


def _products(x: Sequence[int], weight: Sequence[int], y: Sequence[int]) -> float:
    """The products that a convolution with these shapes computes for each element of its input."""
    pixels = prod(x[2:])
    return prod(weight) / x[1] * min(pixels, prod(y[2:])) / max(pixels, 1)


def _apply(
    operation: type[Convolution], x: TensorLike, *arrays: TensorLike | None, **options: Any
) -> Tensor:
    batch, unbatched = as_batch(operation.name, x, operation.axes)
    y: Tensor = operation.apply(batch, *arrays, **options)
    node = y._grad_fn
    source = None if node is None else source_of(batch)
    if node is not None and source is not None:
        _, weight = node.saved
        if _products(batch.shape, weight.shape, y.shape) >= LEAST_PRODUCTS:
            node.save_for_backward(source, weight)
    return y.squeeze(0) if unbatched else y


@explained
def conv1d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of sequences with filters, computed as a cross-correlation; see `conv2d`.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        A batch of sequences or a single sequence, float32 or float64.
    weight : Tensor or ndarray, shape (o, c / groups, k)
        Filters, in the dtype of `input`.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int,), default 1
        The step of the filters.
    padding : int or (int,), "valid" or "same", default 0
        The number of zeros at each end; "same" keeps the size and requires stride 1, "valid" means
        0.
    dilation : int or (int,), default 1
        The distance between neighbouring elements of a filter.
    groups : int, default 1
        The number of groups of channels; each group has its own filters.

    Returns
    -------
    Tensor, shape (n, o, ol) or (o, ol)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, or a filter does not fit into the padded input.

    Examples
    --------
    >>> import cnet, numpy
    >>> x, filters = numpy.ones((1, 3, 8)), numpy.ones((4, 3, 3))
    >>> cnet.functional.conv1d(x, filters, padding=1).shape
    (1, 4, 8)
    """
    return _apply(
        Conv1d, input, weight, bias, stride=stride, padding=padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip


@explained
def conv2d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
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
    3x3 and 5x5 filters with stride 1 and at least 8 channels use Winograd's algorithm where it is
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
    return _apply(
        Conv2d, input, weight, bias, stride=stride, padding=padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip


@explained
def conv3d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of volumes with filters, computed as a cross-correlation; see `conv2d`.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32 or float64.
    weight : Tensor or ndarray, shape (o, c / groups, kd, kh, kw)
        Filters, in the dtype of `input`.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int, int, int), default 1
        The step of the filters.
    padding : int or (int, int, int), "valid" or "same", default 0
        The number of zeros at each end; "same" keeps the size and requires stride 1, "valid" means
        0.
    dilation : int or (int, int, int), default 1
        The distance between neighbouring elements of a filter.
    groups : int, default 1
        The number of groups of channels; each group has its own filters.

    Returns
    -------
    Tensor, shape (n, o, od, oh, ow) or (o, od, oh, ow)
        In the dtype of `input`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, or a filter does not fit into the padded input.

    Notes
    -----
    Computed as the convolution of images whose channels are the taps of the filters along the
    depth. These images take kd / sd times the memory of `input`.

    Examples
    --------
    >>> import cnet, numpy
    >>> x, filters = numpy.ones((1, 3, 4, 8, 8)), numpy.ones((4, 3, 3, 3, 3))
    >>> cnet.functional.conv3d(x, filters, padding=1).shape
    (1, 4, 4, 8, 8)
    """
    return _apply(
        Conv3d, input, weight, bias, stride=stride, padding=padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip


@explained
def conv_transpose1d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of sequences: the gradient of `conv1d` with respect to its input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, l) or (c, l)
        A batch of sequences or a single sequence, float32 or float64.
    weight : Tensor or ndarray, shape (c, o / groups, k)
        Filters, in the dtype of `input`. Each element of the input adds its filters to the result.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int,), default 1
        The distance in the result between neighbouring elements of the input.
    padding : int or (int,), default 0
        The number of elements that are removed at each end of the result.
    output_padding : int or (int,), default 0
        The number of elements that are added at the end of the result; less than `stride` or
        `dilation`.
    groups : int, default 1
        The number of groups of channels; each group has its own filters.
    dilation : int or (int,), default 1
        The distance between neighbouring elements of a filter.

    Returns
    -------
    Tensor, shape (n, o, ol) or (o, ol)
        In the dtype of `input`. Each size is ``(size - 1) * stride - 2 * padding + dilation *
        (kernel - 1) + output_padding + 1``.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, or the result would be empty.

    Examples
    --------
    >>> import cnet, numpy
    >>> x, filters = numpy.ones((1, 3, 8)), numpy.ones((3, 4, 4))
    >>> cnet.functional.conv_transpose1d(x, filters, stride=2, padding=1).shape
    (1, 4, 16)
    """
    return _apply(
        ConvTranspose1d, input, weight, bias, stride=stride, padding=padding,
        output_padding=output_padding, groups=groups, dilation=dilation,
    )  # fmt: skip


@explained
def conv_transpose2d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of images: the gradient of `conv2d` with respect to its input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, h, w) or (c, h, w)
        A batch of images or a single image, float32 or float64.
    weight : Tensor or ndarray, shape (c, o / groups, kh, kw)
        Filters, in the dtype of `input`. Each element of the input adds its filters to the result.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int, int), default 1
        The distance in the result between neighbouring elements of the input.
    padding : int or (int, int), default 0
        The number of elements that are removed at each end of the result.
    output_padding : int or (int, int), default 0
        The number of elements that are added at the end of the result; less than `stride` or
        `dilation`.
    groups : int, default 1
        The number of groups of channels; each group has its own filters.
    dilation : int or (int, int), default 1
        The distance between neighbouring elements of a filter.

    Returns
    -------
    Tensor, shape (n, o, oh, ow) or (o, oh, ow)
        In the dtype of `input`. Each size is ``(size - 1) * stride - 2 * padding + dilation *
        (kernel - 1) + output_padding + 1``.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, or the result would be empty.

    Examples
    --------
    >>> import cnet, numpy
    >>> x, filters = numpy.ones((1, 3, 8, 8)), numpy.ones((3, 4, 4, 4))
    >>> cnet.functional.conv_transpose2d(x, filters, stride=2, padding=1).shape
    (1, 4, 16, 16)

    References
    ----------
    V. Dumoulin, F. Visin: A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    return _apply(
        ConvTranspose2d, input, weight, bias, stride=stride, padding=padding,
        output_padding=output_padding, groups=groups, dilation=dilation,
    )  # fmt: skip


@explained
def conv_transpose3d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of volumes: the gradient of `conv3d` with respect to its input.

    Parameters
    ----------
    input : Tensor or ndarray, shape (n, c, d, h, w) or (c, d, h, w)
        A batch of volumes or a single volume, float32 or float64.
    weight : Tensor or ndarray, shape (c, o / groups, kd, kh, kw)
        Filters, in the dtype of `input`. Each element of the input adds its filters to the result.
    bias : Tensor or ndarray, shape (o,), optional
        Added to each output channel.
    stride : int or (int, int, int), default 1
        The distance in the result between neighbouring elements of the input.
    padding : int or (int, int, int), default 0
        The number of elements that are removed at each end of the result.
    output_padding : int or (int, int, int), default 0
        The number of elements that are added at the end of the result; less than `stride` or
        `dilation`.
    groups : int, default 1
        The number of groups of channels; each group has its own filters.
    dilation : int or (int, int, int), default 1
        The distance between neighbouring elements of a filter.

    Returns
    -------
    Tensor, shape (n, o, od, oh, ow) or (o, od, oh, ow)
        In the dtype of `input`. Each size is ``(size - 1) * stride - 2 * padding + dilation *
        (kernel - 1) + output_padding + 1``.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not match, or the result would be empty.

    Examples
    --------
    >>> import cnet, numpy
    >>> x, filters = numpy.ones((1, 3, 2, 8, 8)), numpy.ones((3, 4, 4, 4, 4))
    >>> cnet.functional.conv_transpose3d(x, filters, stride=2, padding=1).shape
    (1, 4, 4, 16, 16)
    """
    return _apply(
        ConvTranspose3d, input, weight, bias, stride=stride, padding=padding,
        output_padding=output_padding, groups=groups, dilation=dilation,
    )  # fmt: skip
