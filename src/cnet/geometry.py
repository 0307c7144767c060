"""Output sizes, padding and bounds for any number of axes. No other module computes shapes.

`window`, `conv`, `pool` and `transposed` take and check the arguments of a user (``stride=2``,
``padding="same"``), and return a geometry: a batch of ``n`` images with ``c`` channels,
and an `Axis` for each spatial axis. Python integers do not overflow, so bounds are checked
here, before anything is allocated. Equal arguments return the same object.

The kernels in C and their reference work on two spatial axes. They receive the integers of
`Window.sizes2d` or `Conv.sizes2d`, and compute no other size. Letters, as in the whole package:
``n c h w`` input, ``o`` output channels, ``kh kw`` kernel, ``sh sw`` stride, ``ph pw`` padding
above and to the left, ``qh qw`` padding below and to the right, ``dh dw`` dilation, ``oh ow``
output, ``g`` groups.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain
from math import prod
from typing import Any, NamedTuple

from ._sizes import (
    Padding,
    Plain,
    PlainPadding,
    bounded,
    check_size,
    ends_of_axes,
    integer,
    output_size,
    per_axis,
    plain,
    plain_padding,
    pooled_size,
)
from .arrays import Shape, Size

__all__ = [
    "Axis", "Conv", "Conv2d", "Padding", "Window", "Window2d", "check_size", "conv", "integer",
    "output_size", "per_axis", "pool", "scatter", "transposed", "window",
]  # fmt: skip

MAX_PLANE = 2**31 - 1  # an index of max pooling is an int32 position within its plane


class Window2d(NamedTuple):
    """A window over images, with the fields of ``cnet_window2d`` in C."""

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


class Conv2d(NamedTuple):
    """A convolution, with the fields of ``cnet_conv2d`` in C."""

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


class Axis(NamedTuple):
    """A window that slides along one axis of an image."""

    size: int
    kernel: int
    stride: int
    begin: int
    """Padding before the first cell."""
    end: int
    """Padding after the last cell."""
    dilation: int
    output: int
    """Number of positions of the window."""

    @property
    def extent(self) -> int:
        """Number of cells from the first tap of the window to the last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> int:
        return self.begin + self.size + self.end

    @property
    def is_partition(self) -> bool:
        """Whether each cell, in order, is one tap of one position: windows side by side."""
        return (
            self.kernel == self.stride and self.kernel * self.output == self.size
            and self.begin == 0 and (self.dilation == 1 or self.kernel == 1)
        )  # fmt: skip

    def cells(self, tap: int) -> tuple[slice, slice]:
        """The positions of the window at which a tap is in the image, and the cells it reads."""
        offset = tap * self.dilation - self.begin
        first = max(0, -(offset // self.stride))
        last = min(self.output, (self.size - 1 - offset) // self.stride + 1)
        start = first * self.stride + offset
        stop = start + max(last - first, 0) * self.stride
        return slice(first, max(first, last)), slice(start, stop, self.stride)


def _cells(size: int) -> Axis:
    """An axis on which a window of one cell slides over all cells."""
    return Axis(size, 1, 1, 0, 0, 1, size)


class _Geometry:
    """`n` images with `c` channels, and a window on each spatial axis; never changed.

    A plain class, so that ``import cnet`` does not import `dataclasses`, which takes 0.8 ms.
    """

    def __init__(self, n: int, c: int, axes: tuple[Axis, ...]) -> None:
        self.n, self.c, self.axes = n, c, axes

    def _arguments(self) -> tuple[object, ...]:
        return self.n, self.c, self.axes

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash(self._arguments())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._arguments()}"

    @cached_property
    def x_shape(self) -> Shape:
        return self.n, self.c, *(axis.size for axis in self.axes)

    @cached_property
    def cols_shape(self) -> Shape:
        """Shape (n, c * kernel, output) of the images as columns."""
        kernel = prod(axis.kernel for axis in self.axes)
        return self.n, self.c * kernel, prod(axis.output for axis in self.axes)

    @cached_property
    def output(self) -> Shape:
        """Positions of the window on each axis."""
        return tuple(axis.output for axis in self.axes)

    def _flat(self) -> tuple[int, ...]:
        """The integers of `Window2d`."""
        if len(self.axes) > 2:
            raise ValueError(f"the kernels take up to 2 spatial axes (got {len(self.axes)})")
        vertical, horizontal = (_cells(1), *self.axes)[-2:]
        return self.n, self.c, *chain.from_iterable(zip(vertical, horizontal, strict=True))


class Window(_Geometry):
    """A window that slides over the images of a batch: columns and pooling."""

    @cached_property
    def y_shape(self) -> Shape:
        """Shape of a pooling result."""
        return self.n, self.c, *self.output

    @cached_property
    def stages(self) -> "tuple[Window, ...]":
        """The windows on two axes that, one after another, have the effect of one on three axes.

        The first pools planes, the second across planes, so that the first of equal maxima is
        found.
        """
        first, *others = self.axes
        planes = Window(self.n, self.c * first.size, tuple(others))
        return planes, Window(self.n, self.c, (first, _cells(prod(planes.output))))

    @cached_property
    def mean_stages(self) -> "tuple[Window, ...]":
        """As `stages`, for means: the first pools across planes, whose rows are long."""
        first, *others = self.axes
        across = Window(self.n, self.c, (first, _cells(prod([axis.size for axis in others]))))
        return across, Window(self.n, self.c * first.output, tuple(others))

    @cached_property
    def sizes2d(self) -> Window2d:
        """The sizes for the kernels, for one or two axes."""
        return Window2d._make(self._flat())


class Conv(_Geometry):
    """A convolution: a window with output channels and groups."""

    def __init__(self, n: int, c: int, axes: tuple[Axis, ...], o: int, groups: int) -> None:
        super().__init__(n, c, axes)
        self.o, self.groups = o, groups

    def _arguments(self) -> tuple[object, ...]:
        return *super()._arguments(), self.o, self.groups

    @cached_property
    def weight_shape(self) -> Shape:
        return self.o, self.c // self.groups, *(axis.kernel for axis in self.axes)

    @cached_property
    def y_shape(self) -> Shape:
        return self.n, self.o, *self.output

    @cached_property
    def images(self) -> "Conv":
        """The same convolution on two axes.

        A single axis becomes the horizontal one. Of three axes, the positions of the window on the
        first become images, and the taps on it channels.
        """
        first, n, c = self.axes[0], self.n, self.c
        if len(self.axes) == 1:
            return Conv(n, c, (_cells(1), first), self.o, self.groups)
        if len(self.axes) == 2:
            return self
        return Conv(n * first.output, c * first.kernel, self.axes[1:], self.o, self.groups)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The arguments of `conv` besides the shapes."""
        return {
            "stride": tuple(axis.stride for axis in self.axes),
            "padding": tuple((axis.begin, axis.end) for axis in self.axes),
            "dilation": tuple(axis.dilation for axis in self.axes),
            "groups": self.groups,
        }

    @cached_property
    def sizes2d(self) -> Conv2d:
        """The sizes for the kernels, for one or two axes."""
        return Conv2d._make([*self._flat(), self.o, self.groups])


def _check_fits(function: str, axes: Sequence[Axis], text: str = "") -> None:
    if min(axis.output for axis in axes) < 1:
        extent, padded = (_by([getattr(axis, x) for axis in axes]) for x in ("extent", "padded"))
        raise ValueError(
            f"{function}: kernel_size, dilated, must fit into the padded input{text} "
            f"(got {extent} and {padded})"
        )


def _by(sizes: Sequence[int]) -> str:
    """Sizes as text, for example 3x3."""
    return "x".join(map(str, sizes))


def _slide(
    function: str, x_shape: Shape, kernel: Shape, stride: Plain, padding: PlainPadding,
    dilation: Plain,
) -> tuple[Axis, ...]:  # fmt: skip
    """The axes of a window; ValueError if it does not fit into the padded images."""
    sizes = x_shape[2:]
    strides = bounded(function, "stride", stride, len(sizes), 1)
    dilations = bounded(function, "dilation", dilation, len(sizes), 1)
    begins, ends = ends_of_axes(function, padding, kernel, strides, dilations)
    axes = tuple(
        Axis(size, k, s, begin, end, d, output_size(size, k, s, begin + end, d))
        for size, k, s, begin, end, d in zip(
            sizes, kernel, strides, begins, ends, dilations, strict=True
        )
    )
    _check_fits(function, axes)
    check_size(function, "x", x_shape)
    check_size(function, "the padded x", (*x_shape[:2], *(axis.padded for axis in axes)))
    return axes


# ---- Geometries ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _window(
    function: str, x_shape: Shape, kernel_size: Plain, stride: Plain, padding: PlainPadding,
    dilation: Plain,
) -> Window:  # fmt: skip
    n, c, *sizes = x_shape
    kernel = bounded(function, "kernel_size", kernel_size, len(sizes), 1)
    g = Window(n, c, _slide(function, x_shape, kernel, stride, padding, dilation))
    check_size(function, "cols", g.cols_shape)
    return g


def window(
    function: str, x_shape: Shape, kernel_size: Size, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1,
) -> Window:  # fmt: skip
    """The geometry of im2col and col2im over a batch of shape (n, c, ...)."""
    axes = len(x_shape) - 2
    return _window(
        function, x_shape, plain(function, "kernel_size", kernel_size, axes),
        plain(function, "stride", stride, axes), plain_padding(function, padding, axes),
        plain(function, "dilation", dilation, axes),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _conv(
    function: str, x_shape: Shape, weight_shape: Shape, stride: Plain, padding: PlainPadding,
    dilation: Plain, groups: int,
) -> Conv:  # fmt: skip
    (n, c, *_), (o, c_per_group, *_), kernel = x_shape, weight_shape, weight_shape[2:]
    _check_groups(function, groups, {"x.shape[1]": c, "weight.shape[0]": o})
    if c // groups != c_per_group:
        raise ValueError(
            f"{function}: weight.shape[1] must equal x.shape[1] / groups "
            f"(got {c_per_group} and {c // groups})"
        )
    _check_weight(function, weight_shape)
    g = Conv(n, c, _slide(function, x_shape, kernel, stride, padding, dilation), o, groups)
    check_size(function, "the result", g.y_shape)
    check_size(function, "one image unfolded", (1, *g.cols_shape[1:]))
    return g


def conv(
    function: str, x_shape: Shape, weight_shape: Shape, stride: Size = 1, padding: Padding = 0,
    dilation: Size = 1, groups: int = 1,
) -> Conv:  # fmt: skip
    """The geometry of a convolution of (n, c, ...) with weights (o, c / groups, ...)."""
    if type(stride) is type(padding) is type(dilation) is type(groups) is int:
        return _conv(function, x_shape, weight_shape, stride, padding, dilation, groups)
    axes = len(x_shape) - 2
    return _conv(
        function, x_shape, weight_shape, plain(function, "stride", stride, axes),
        plain_padding(function, padding, axes), plain(function, "dilation", dilation, axes),
        integer(function, "groups", groups),
    )  # fmt: skip


def _check_groups(function: str, groups: int, channels: dict[str, int]) -> None:
    if groups < 1:
        raise ValueError(f"{function}: groups must be at least 1 (got {groups})")
    for name, count in channels.items():
        if count % groups:
            raise ValueError(f"{function}: groups must divide {name} (got {groups} and {count})")


def _check_weight(function: str, weight_shape: Shape) -> None:
    kernel = weight_shape[2:]
    if min(kernel) < 1:
        raise ValueError(
            f"{function}: weight.shape[2:] must be at least {_by([1] * len(kernel))} "
            f"(got {_by(kernel)})"
        )
    check_size(function, "weight", weight_shape)


@lru_cache(maxsize=1024)
def _pool(
    function: str, x_shape: Shape, kernel_size: Plain, stride: Plain, padding: PlainPadding,
    dilation: Plain, ceil_mode: bool, any_padding: bool,
) -> Window:  # fmt: skip
    n, c, *sizes = x_shape
    count = len(sizes)
    kernel = bounded(function, "kernel_size", kernel_size, count, 1)
    strides = bounded(function, "stride", stride, count, 1)
    dilations = bounded(function, "dilation", dilation, count, 1)
    begins, ends = ends_of_axes(function, padding, kernel, strides, dilations)
    if not any_padding and any(2 * p > k for p, k in zip(begins, kernel, strict=True)):
        raise ValueError(
            f"{function}: padding must be at most half of kernel_size (got {begins} and {kernel})"
        )
    axes = tuple(
        Axis(size, k, s, begin, end, d, pooled_size(size, k, s, begin, end, d, ceil_mode))
        for size, k, s, begin, end, d in zip(
            sizes, kernel, strides, begins, ends, dilations, strict=True
        )
    )
    _check_fits(function, axes, ", or hang over it by less than stride" if ceil_mode else "")
    check_plane(function, "an image", sizes)
    g = Window(n, c, axes)
    check_size(function, "x", x_shape)
    check_size(function, "the result", g.y_shape)
    return g


def pool(
    function: str, x_shape: Shape, kernel_size: Size, stride: Size | None = None,
    padding: Padding = 0, dilation: Size = 1, ceil_mode: bool = False, any_padding: bool = False,
) -> Window:  # fmt: skip
    """The geometry of pooling, as in PyTorch; `stride` defaults to `kernel_size`.

    `any_padding` allows more than half of the window, and a pair (begin, end) for each axis.
    """
    stride = kernel_size if stride is None else stride
    if type(kernel_size) is type(stride) is type(padding) is type(dilation) is int:
        sizes: tuple[Any, ...] = kernel_size, stride, padding, dilation
    else:
        axes = len(x_shape) - 2
        sizes = (
            plain(function, "kernel_size", kernel_size, axes),
            plain(function, "stride", stride, axes),
            plain_padding(function, padding, axes) if any_padding
            else plain(function, "padding", padding, axes),
            plain(function, "dilation", dilation, axes),
        )  # fmt: skip
    return _pool(function, x_shape, *sizes, bool(ceil_mode), any_padding)


def check_plane(function: str, name: str, sizes: Sequence[int]) -> None:
    """ValueError if the positions of a plane do not fit into the indices of max pooling."""
    if prod(sizes) > MAX_PLANE:
        raise ValueError(
            f"{function}: {name} must have at most {MAX_PLANE} pixels (got {_by(sizes)})"
        )


@lru_cache(maxsize=1024)
def scatter(function: str, x_shape: Shape, y_shape: Shape) -> Window:
    """The geometry of values (n, c, ...) that are added to images at given positions."""
    n, c, *sizes = x_shape
    check_size(function, "the result", x_shape)
    check_plane(function, "x_shape", sizes)
    outputs = y_shape[2:]
    axes = (Axis(size, 1, 1, 0, 0, 1, output) for size, output in zip(sizes, outputs, strict=True))
    return Window(n, c, tuple(axes))


@lru_cache(maxsize=1024)
def _transposed(
    function: str, x_shape: Shape, weight_shape: Shape, stride: Plain, padding: Plain,
    output_padding: Plain, dilation: Plain, groups: int,
) -> Conv:  # fmt: skip
    (n, c, *sizes), count = x_shape, len(x_shape) - 2
    _check_groups(function, groups, {"x.shape[1]": c})
    if weight_shape[0] != c:
        raise ValueError(
            f"{function}: weight.shape[0] must equal x.shape[1] (got {weight_shape[0]} and {c})"
        )
    _check_weight(function, weight_shape)
    strides = bounded(function, "stride", stride, count, 1)
    paddings = bounded(function, "padding", padding, count, 0)
    extras = bounded(function, "output_padding", output_padding, count, 0)
    dilations = bounded(function, "dilation", dilation, count, 1)
    if any(e >= max(s, d) for e, s, d in zip(extras, strides, dilations, strict=True)):
        raise ValueError(
            f"{function}: output_padding must be less than stride or dilation "
            f"(got {extras}, {strides} and {dilations})"
        )
    axes = tuple(
        Axis((size - 1) * s - 2 * p + d * (k - 1) + extra + 1, k, s, p, p, d, size)
        for size, k, s, p, extra, d in zip(
            sizes, weight_shape[2:], strides, paddings, extras, dilations, strict=True
        )
    )
    result = [axis.size for axis in axes]
    if min(result) < 1:
        raise ValueError(f"{function}: the result must be at least 1 on every axis (got {result})")
    g = Conv(n, weight_shape[1] * groups, axes, c, groups)
    for name, shape in (("x", g.y_shape), ("the result", g.x_shape)):
        check_size(function, name, shape)
    check_size(function, "one image unfolded", (1, *g.cols_shape[1:]))
    return g


def transposed(
    function: str, x_shape: Shape, weight_shape: Shape, stride: Size = 1, padding: Size = 0,
    output_padding: Size = 0, dilation: Size = 1, groups: int = 1,
) -> Conv:  # fmt: skip
    """The geometry of the convolution whose adjoint is the transposed convolution of (n, c, ...).

    The transposed convolution of x with weights (c, o / groups, ...) is the gradient of that
    convolution with respect to its input, with x as the gradient of its result. So `y_shape` is the
    shape of x, and `x_shape` the shape of the transposed convolution's result. `output_padding`
    is the number of additional cells at the end of the result.
    """
    axes = len(x_shape) - 2
    return _transposed(
        function, x_shape, weight_shape, plain(function, "stride", stride, axes),
        plain(function, "padding", padding, axes),
        plain(function, "output_padding", output_padding, axes),
        plain(function, "dilation", dilation, axes), integer(function, "groups", groups),
    )  # fmt: skip
