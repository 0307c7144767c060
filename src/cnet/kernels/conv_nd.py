"""Convolutions with one or three spatial axes, computed by those with two.

A convolution with one axis is one of images with a single row. With three axes, each position of
the window on the first axis is an image, whose channels are the taps on that axis: see
`geometry.Conv.images`. The functions take the name of their caller for the messages of errors.
"""

from math import prod
from typing import Any

from .. import _check
from ..arrays import Array
from ..geometry import Conv
from . import _memory, transposed
from . import conv as convolution
from .strided import permute

Gradients = tuple[Array | None, Array | None, Array | None]


def conv(
    f: str, axes: int, x: Array, weight: Array, bias: Array | None = None, **options: Any
) -> Array:
    """`kernels.conv2d` for one or three axes."""
    x, weight, bias, g = convolution.checked(f, x, weight, bias, **options, ndim=axes + 2)
    images, filters = _unfolded(x, g), weight.reshape(g.images.weight_shape)
    y = convolution.conv(f, images, filters, bias, g.images, "auto")
    return _from_images(y, g)


def conv_backward(
    f: str, axes: int, grad_output: Array, x: Array, weight: Array,
    needs: tuple[bool, bool, bool], **options: Any,
) -> Gradients:  # fmt: skip
    """`kernels.conv2d_backward` for one or three axes."""
    x, weight, _, g = convolution.checked(f, x, weight, None, **options, ndim=axes + 2)
    grad_output = _to_images(_check.array(f, "grad_output", grad_output, axes + 2), g)
    images, filters = _unfolded(x, g), weight.reshape(g.images.weight_shape)
    dx, dw, db = convolution.conv_backward(f, grad_output, images, filters, g.images, needs, "auto")
    dx = None if dx is None else _folded(dx, g)
    return dx, None if dw is None else dw.reshape(weight.shape), db


def conv_transpose(
    f: str, axes: int, x: Array, weight: Array, bias: Array | None = None, **options: Any
) -> Array:
    """`kernels.conv_transpose2d` for one or three axes."""
    x, weight, bias, g = transposed.checked(f, x, weight, bias, **options, ndim=axes + 2)
    filters = weight.reshape(g.images.weight_shape)
    y = _folded(transposed.adjoint(_to_images(x, g), filters, g.images), g)
    if bias is not None:
        transposed.add_bias(y, bias)
    return y


def conv_transpose_backward(
    f: str, axes: int, grad_output: Array, x: Array, weight: Array,
    needs: tuple[bool, bool, bool], **options: Any,
) -> Gradients:  # fmt: skip
    """`kernels.conv_transpose2d_backward` for one or three axes."""
    x, weight, _, g = transposed.checked(f, x, weight, None, **options, ndim=axes + 2)
    grad_output = _check.array(f, "grad_output", grad_output, axes + 2)
    images, filters = _unfolded(grad_output, g), weight.reshape(g.images.weight_shape)
    dx, dw = transposed.adjoint_backward(images, _to_images(x, g), filters, g.images, needs[:2])
    rows = grad_output.reshape(g.n, g.c, 1, prod(grad_output.shape[2:]))
    return (
        None if dx is None else _from_images(dx, g),
        None if dw is None else dw.reshape(weight.shape),
        transposed.sums(rows) if needs[2] else None,
    )


# ---- Images --------------------------------------------------------------------------------------


def _unfolded(x: Array, g: Conv) -> Array:
    """The images whose convolution on two axes is that of x."""
    if len(g.axes) < 3:
        return x.reshape(g.images.x_shape)
    first = g.axes[0]
    if first.is_partition:
        return _exchanged(x, g.n, g.c, first.output).reshape(g.images.x_shape)
    images = _memory.empty((g.n, first.output, g.c, first.kernel, *x.shape[3:]), x.dtype)
    for tap in range(first.kernel):
        outputs, cells = first.cells(tap)
        images[:, : outputs.start, :, tap] = 0
        images[:, outputs, :, tap] = x[:, :, cells].swapaxes(1, 2)
        images[:, outputs.stop :, :, tap] = 0
    return images.reshape(g.images.x_shape)


def _folded(images: Array, g: Conv) -> Array:
    """The adjoint of `_unfolded`."""
    if len(g.axes) < 3:
        return images.reshape(g.x_shape)
    first = g.axes[0]
    if first.is_partition:
        return _exchanged(images, g.n, first.output, g.c).reshape(g.x_shape)
    images = images.reshape(g.n, first.output, g.c, first.kernel, *g.x_shape[3:])
    x = _memory.empty(g.x_shape, images.dtype)
    x[...] = 0
    for tap in range(first.kernel):
        outputs, cells = first.cells(tap)
        x[:, :, cells] += images[:, outputs, :, tap].swapaxes(1, 2)
    return x


def _from_images(y: Array, g: Conv) -> Array:
    """The result of a convolution, from its result on two axes."""
    if len(g.axes) < 3:
        return y.reshape(g.y_shape)
    return _exchanged(y, g.n, g.output[0], g.o).reshape(g.y_shape)


def _to_images(y: Array, g: Conv) -> Array:
    """The inverse of `_from_images`."""
    if len(g.axes) == 3:
        y = _exchanged(y, g.n, g.o, g.output[0])
    return y.reshape(g.images.y_shape)


def _exchanged(x: Array, n: int, a: int, b: int) -> Array:
    """A copy of an array (n, a, b, ...) as (n, b, a, ...)."""
    return permute(x, (n, a, b, x.size // (n * a * b) if x.size else 0), (0, 2, 1, 3))
