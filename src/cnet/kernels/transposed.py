"""Transposed convolution, the adjoint of convolution in its input, and its gradients."""

from math import prod

from .. import _check, _core, geometry
from ..arrays import Array, Size
from . import _memory
from ._dispatch import call
from .algorithms import DW, DX, FORWARD, algorithm_number, default_number


def conv_transpose2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Size = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1, algorithm: str = "auto",
) -> Array:  # fmt: skip
    """The transposed convolution: the gradient of `conv2d` with respect to its input.

    Each element of x adds a copy of its filters to the result:
    ``y[n, o, y*sh + i*dh - ph, x*sw + j*dw - pw] += weight[c, o, i, j] * x[n, c, y, x]``.

    Parameters
    ----------
    x : ndarray, shape (n, c, h, w)
        Images, float32 or float64.
    weight : ndarray, shape (c, o / groups, kh, kw)
        Filters, of the same dtype.
    bias : ndarray, shape (o,), optional
        Added to each output channel.
    stride, dilation : int or (int, int), default 1
        Distance between the copies of neighbouring elements, and between the taps of a filter.
    padding : int or (int, int), default 0
        Number of cells that are removed on each side of the result.
    output_padding : int or (int, int), default 0
        Number of cells that are added below and to the right; less than `stride` or `dilation`.
    groups : int, default 1
        Number of groups of channels; must divide c.
    algorithm : str, default 'auto'
        As in `conv2d_backward`.

    Returns
    -------
    ndarray, shape (n, o, oh, ow)
        oh = (h - 1)*sh - 2*ph + dh*(kh - 1) + output_padding + 1; the same for ow.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`, and if the result would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x = np.array([[[[1.0, 2.0]]]])
    >>> kernels.conv_transpose2d(x, np.ones((1, 1, 2, 2)), stride=2)[0, 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.]])
    """
    f = "conv_transpose2d"
    x, weight, bias, g = checked(
        f, x, weight, bias, stride, padding, output_padding, groups, dilation
    )
    y = adjoint(x, weight, g, algorithm_number(f, algorithm, g, (DX,), x))
    if bias is not None:
        add_bias(y, bias)
    return y


def checked(
    f: str, x: Array, weight: Array, bias: Array | None, stride: Size, padding: Size,
    output_padding: Size, groups: int, dilation: Size, ndim: int = 4,
) -> tuple[Array, Array, Array | None, geometry.Conv]:  # fmt: skip
    """The arrays of a transposed convolution as the kernels take them, and its geometry."""
    x = _check.array(f, "x", x, ndim)
    weight = _check.array(f, "weight", weight, ndim)
    g = geometry.transposed(
        f, x.shape, weight.shape, stride, padding, output_padding, dilation, groups
    )
    if weight.dtype is not x.dtype:
        _check.same_dtype(f, x=x, weight=weight)
    if bias is not None:
        bias = _check.like(f, "bias", bias, "x", x, (g.c,), "(weight.shape[1] * groups,)")
    return x, weight, bias, g


def conv_transpose2d_backward(
    grad_output: Array, x: Array, weight: Array, stride: Size = 1, padding: Size = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
    needs: tuple[bool, bool, bool] = (True, True, True), algorithm: str = "auto",
) -> tuple[Array | None, Array | None, Array | None]:  # fmt: skip
    """Gradients of `conv_transpose2d` with respect to its input, weights and bias.

    Parameters
    ----------
    grad_output : ndarray, shape (n, o, oh, ow)
        Gradient with respect to the result of `conv_transpose2d`.
    x, weight, stride, padding, output_padding, groups, dilation
        The arguments of `conv_transpose2d`.
    needs : (bool, bool, bool), default all
        Which of the three gradients to compute.
    algorithm : str, default 'auto'
        As in `conv2d`, for the first two gradients.

    Returns
    -------
    dx : ndarray, shape (n, c, h, w), or None
    dw : ndarray, shape (c, o / groups, kh, kw), or None
    db : ndarray, shape (o,), or None

    Raises
    ------
    TypeError, ValueError
        As `conv_transpose2d`, and if `grad_output` does not have the shape of its result.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w, dy = np.ones((1, 1, 1, 1)), np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    >>> dx, dw, db = kernels.conv_transpose2d_backward(dy, x, w, needs=(True, False, True))
    >>> dx, dw is None, db
    (array([[[[4.]]]]), True, array([4.]))
    """
    f = "conv_transpose2d_backward"
    x, weight, _, g = checked(f, x, weight, None, stride, padding, output_padding, groups, dilation)
    grad_output = _check.like(f, "grad_output", grad_output, "x", x, g.x_shape, "(n, o, oh, ow)")
    needs = _check.needs(f, needs)
    passes = [direction for direction, need in ((FORWARD, needs[0]), (DW, needs[1])) if need]
    number = algorithm_number(f, algorithm, g, passes, x)
    dx, dw = adjoint_backward(grad_output, x, weight, g, needs[:2], number)
    return dx, dw, sums(grad_output) if needs[2] else None


# ---- Checked arguments ---------------------------------------------------------------------------


def adjoint(x: Array, weight: Array, g: geometry.Conv, number: int | None = None) -> Array:
    """The transposed convolution without a bias; `number` is that of the algorithm."""
    number = default_number() if number is None else number
    y = _memory.empty(g.x_shape, x.dtype)
    call("conv2d_backward", x, None, weight, y, None, None, g.sizes2d, number)
    return y


def add_bias(y: Array, bias: Array) -> None:
    """Add a number to each channel of `y`, in place."""
    n, c, *sizes = y.shape
    size = prod(sizes)
    if y.size:
        g = n, 1, 1, c, size, c * size, 0, 0, size, 1, 0, 0, 0, 1, 0, 0, 0
        call("arithmetic", y, bias, y, g, _core.arithmetic_operations["add"])


def adjoint_backward(
    grad_output: Array, x: Array, weight: Array, g: geometry.Conv, needs: tuple[bool, bool],
    number: int | None = None,
) -> tuple[Array | None, Array | None]:  # fmt: skip
    """The gradients of `adjoint` with respect to x and weight."""
    number = default_number() if number is None else number
    dx, dw = _memory.empty_needed((g.y_shape, g.weight_shape), needs, x.dtype)
    if dx is not None:
        call("conv2d", grad_output, weight, None, dx, g.sizes2d, number)
    if dw is not None:
        call("conv2d_backward", x, grad_output, None, None, dw, None, g.sizes2d, number)
    return dx, dw


def sums(x: Array) -> Array:
    """The sum of each channel of images: the gradient of a bias."""
    c = x.shape[1]
    db = _memory.empty((c,), x.dtype)
    g = geometry.conv("sums", x.shape, (c, min(c, 1), 1, 1), groups=max(c, 1))
    call("conv2d_backward", x, None, None, None, None, db, g.sizes2d, 0)
    return db
