"""Output sizes, padding and bounds: the only shape arithmetic of the package.

Every function takes what a user wrote (``stride=2``, ``padding="same"``), checks it, and returns a
named tuple of integers. The C kernels receive exactly that tuple and derive no size of their own.
Python integers do not overflow, so the bounds are checked here, before anything is allocated.

Letters, here as everywhere: ``n c h w`` input, ``o`` output channels, ``kh kw`` kernel,
``sh sw`` stride, ``ph pw`` padding above and to the left, ``qh qw`` below and to the right,
``dh dw`` dilation, ``g`` groups, ``oh ow`` output.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from operator import index
from typing import Literal, NamedTuple, SupportsIndex, TypeAlias

import numpy as np

Size2d: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
"""One number for both axes, or (vertical, horizontal)."""
Padding: TypeAlias = Size2d | Literal["valid", "same"]
Shape: TypeAlias = tuple[int, ...]

MAX_BYTES = 2**63 - 1
MAX_ITEMSIZE = 8
MAX_PLANE = 2**31 - 1  # a pooling argmax is an int32 position within its plane
MAX_STEP = 2**31 - 1  # kernel sizes, strides, paddings, dilations: products of two fit into 63 bits


class Window2d(NamedTuple):
    """A window sliding over the images of a batch: im2col, col2im and pooling."""

    n: int
    c: int
    h: int
    w: int
    kh: int
    kw: int
    sh: int
    sw: int
    ph: int
    pw: int
    qh: int
    qw: int
    dh: int
    dw: int
    oh: int
    ow: int

    @property
    def x_shape(self) -> Shape:
        return self.n, self.c, self.h, self.w

    @property
    def y_shape(self) -> Shape:
        """Shape of a pooling result."""
        return self.n, self.c, self.oh, self.ow

    @property
    def cols_shape(self) -> Shape:
        return self.n, self.c * self.kh * self.kw, self.oh * self.ow


class Conv2d(NamedTuple):
    """A convolution: the fields of `Window2d`, then output channels and groups."""

    n: int
    c: int
    h: int
    w: int
    kh: int
    kw: int
    sh: int
    sw: int
    ph: int
    pw: int
    qh: int
    qw: int
    dh: int
    dw: int
    oh: int
    ow: int
    o: int
    g: int

    @property
    def x_shape(self) -> Shape:
        return self.n, self.c, self.h, self.w

    @property
    def weight_shape(self) -> Shape:
        return self.o, self.c // self.g, self.kh, self.kw

    @property
    def y_shape(self) -> Shape:
        return self.n, self.o, self.oh, self.ow


def integer(function: str, name: str, value: object) -> int:
    """One integer of any integer type, but no bool: True is no size."""
    if type(value) is int:
        return value
    if not isinstance(value, bool):
        try:
            return index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise TypeError(f"{function}: {name} must be an int (got {value!r})")


def pair(function: str, name: str, value: object, minimum: int) -> tuple[int, int]:
    """Two integers from one number or a sequence of two, each from `minimum` to `MAX_STEP`.

    Raises
    ------
    TypeError
        If `value` is neither an integer nor a sequence of integers.
    ValueError
        If it has another length than two, or an item is out of range.
    """
    if type(value) is int:
        vertical = horizontal = value
    elif type(value) is tuple and [type(item) for item in value] == [int, int]:
        vertical, horizontal = value
    else:
        vertical, horizontal = _items(function, name, value)
    if vertical < minimum or horizontal < minimum:
        raise ValueError(f"{function}: {name} must be at least {minimum} (got {value!r})")
    if vertical > MAX_STEP or horizontal > MAX_STEP:
        raise ValueError(f"{function}: {name} must be at most {MAX_STEP} (got {value!r})")
    return vertical, horizontal


def _items(function: str, name: str, value: object) -> tuple[int, int]:
    try:
        if isinstance(value, (tuple, Sequence, np.ndarray)) and not isinstance(value, (str, bytes)):
            items = [integer(function, name, item) for item in value]
        else:
            items = [integer(function, name, value)] * 2
    except TypeError:
        raise TypeError(
            f"{function}: {name} must be an int or a pair of ints (got {value!r})"
        ) from None
    if len(items) != 2:
        raise ValueError(f"{function}: {name} must have 2 items (got {len(items)}: {value!r})")
    return items[0], items[1]


def check_size(function: str, name: str, shape: Shape) -> None:
    """Raise ValueError if an array of this shape could not be addressed, whatever its dtype.

    An empty axis counts as one cell: NumPy, too, refuses empty arrays with absurd other axes.
    """
    cells = prod(shape) or prod(size or 1 for size in shape)
    if cells * MAX_ITEMSIZE > MAX_BYTES:
        raise ValueError(f"{function}: {name} would be too large (shape {shape})")


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Positions of a window on one axis, with `padding` in total over both ends."""
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def _padding(function: str, padding: Padding) -> tuple[int, int] | str:
    if not isinstance(padding, str):
        return pair(function, "padding", padding, 0)
    if padding not in ("valid", "same"):
        raise ValueError(
            f"{function}: padding must be a number, a pair, 'valid' or 'same' (got {padding!r})"
        )
    return padding


def _pad(
    function: str, padding: tuple[int, int] | str, kernel: tuple[int, int],
    stride: tuple[int, int], dilation: tuple[int, int],
) -> tuple[tuple[int, int], tuple[int, int]]:  # fmt: skip
    """(top, left) padding and the (vertical, horizontal) totals over both ends."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f"{function}: padding='same' needs stride 1 (got {stride})")
        total = dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)
        return (total[0] // 2, total[1] // 2), total
    assert not isinstance(padding, str)
    return padding, (2 * padding[0], 2 * padding[1])


def _check_fits(function: str, size: tuple[int, int], extent: tuple[int, int]) -> None:
    if extent[0] > size[0] or extent[1] > size[1]:
        raise ValueError(
            f"{function}: kernel_size, dilated, must fit into the padded input "
            f"(got {extent[0]}x{extent[1]} and {size[0]}x{size[1]})"
        )


def _window(
    function: str, x_shape: Shape, kernel: tuple[int, int], stride: tuple[int, int],
    padding: tuple[int, int] | str, dilation: tuple[int, int],
) -> Window2d:  # fmt: skip
    n, c, h, w = x_shape
    (ph, pw), (pad_h, pad_w) = _pad(function, padding, kernel, stride, dilation)
    extent = dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1
    _check_fits(function, (h + pad_h, w + pad_w), extent)
    oh = output_size(h, kernel[0], stride[0], pad_h, dilation[0])
    ow = output_size(w, kernel[1], stride[1], pad_w, dilation[1])
    check_size(function, "x", x_shape)
    check_size(function, "the padded x", (n, c, h + pad_h, w + pad_w))
    qh, qw = pad_h - ph, pad_w - pw
    return Window2d(n, c, h, w, *kernel, *stride, ph, pw, qh, qw, *dilation, oh, ow)


# What is cached is keyed by plain integers: (2, 2) and (2.0, 2.0) would be equal keys.


@lru_cache(maxsize=1024)
def _window2d(
    function: str, x_shape: Shape, kernel: tuple[int, int], stride: tuple[int, int],
    padding: tuple[int, int] | str, dilation: tuple[int, int],
) -> Window2d:  # fmt: skip
    window = _window(function, x_shape, kernel, stride, padding, dilation)
    check_size(function, "cols", window.cols_shape)
    return window


def window2d(
    function: str, x_shape: Shape, kernel_size: Size2d, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1,
) -> Window2d:  # fmt: skip
    """The geometry of im2col and col2im over a batch of shape (n, c, h, w)."""
    return _window2d(
        function, x_shape, pair(function, "kernel_size", kernel_size, 1),
        pair(function, "stride", stride, 1), _padding(function, padding),
        pair(function, "dilation", dilation, 1),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _conv2d(
    function: str, x_shape: Shape, weight_shape: Shape, stride: tuple[int, int],
    padding: tuple[int, int] | str, dilation: tuple[int, int], g: int,
) -> Conv2d:  # fmt: skip
    o, c_per_group, kh, kw = weight_shape
    if g < 1:
        raise ValueError(f"{function}: groups must be at least 1 (got {g})")
    for name, channels in (("x.shape[1]", x_shape[1]), ("weight.shape[0]", o)):
        if channels % g:
            raise ValueError(f"{function}: groups must divide {name} (got {g} and {channels})")
    if x_shape[1] // g != c_per_group:
        raise ValueError(
            f"{function}: weight.shape[1] must equal x.shape[1] / groups "
            f"(got {c_per_group} and {x_shape[1] // g})"
        )
    if kh < 1 or kw < 1:
        raise ValueError(f"{function}: weight.shape[2:] must be at least 1x1 (got {kh}x{kw})")
    window = _window(function, x_shape, (kh, kw), stride, padding, dilation)
    conv = Conv2d(*window, o, g)
    check_size(function, "weight", weight_shape)
    check_size(function, "the result", conv.y_shape)
    check_size(function, "one image unfolded", (1, *window.cols_shape[1:]))
    return conv


def conv2d(
    function: str, x_shape: Shape, weight_shape: Shape, stride: Size2d = 1, padding: Padding = 0,
    dilation: Size2d = 1, groups: int = 1,
) -> Conv2d:  # fmt: skip
    """The geometry of a convolution of (n, c, h, w) with weights (o, c / groups, kh, kw)."""
    return _conv2d(
        function, x_shape, weight_shape, pair(function, "stride", stride, 1),
        _padding(function, padding), pair(function, "dilation", dilation, 1),
        integer(function, "groups", groups),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _pool2d(
    function: str, x_shape: Shape, kernel: tuple[int, int], stride: tuple[int, int],
    padding: tuple[int, int], dilation: tuple[int, int], ceil_mode: bool,
) -> Window2d:  # fmt: skip
    n, c, h, w = x_shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    if 2 * ph > kernel[0] or 2 * pw > kernel[1]:
        raise ValueError(
            f"{function}: padding must be at most half of kernel_size (got {(ph, pw)} and {kernel})"
        )
    extent = dh * (kernel[0] - 1) + 1, dw * (kernel[1] - 1) + 1
    _check_fits(function, (h + 2 * ph, w + 2 * pw), extent)
    if h * w > MAX_PLANE:
        raise ValueError(f"{function}: an image must have at most {MAX_PLANE} pixels (got {h}x{w})")
    oh = _pooled_size(h, kernel[0], sh, ph, dh, ceil_mode)
    ow = _pooled_size(w, kernel[1], sw, pw, dw, ceil_mode)
    check_size(function, "x", x_shape)
    check_size(function, "the result", (n, c, oh, ow))
    return Window2d(n, c, h, w, *kernel, sh, sw, ph, pw, ph, pw, dh, dw, oh, ow)


def _pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    """As PyTorch: in `ceil_mode` a last, partial window counts if it starts before the padding."""
    if not ceil_mode:
        return output_size(size, kernel, stride, 2 * padding, dilation)
    count = -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def pool2d(
    function: str, x_shape: Shape, kernel_size: Size2d, stride: Size2d | None = None,
    padding: Size2d = 0, dilation: Size2d = 1, ceil_mode: bool = False,
) -> Window2d:  # fmt: skip
    """The geometry of a pooling; `stride` defaults to `kernel_size`."""
    kernel = pair(function, "kernel_size", kernel_size, 1)
    return _pool2d(
        function, x_shape, kernel,
        kernel if stride is None else pair(function, "stride", stride, 1),
        pair(function, "padding", padding, 0), pair(function, "dilation", dilation, 1),
        bool(ceil_mode),
    )  # fmt: skip
