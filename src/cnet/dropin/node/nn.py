"""The modules."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from ... import geometry, kernels
from ..._explained import explain_module
from ...arrays import FLOAT32, Array
from .._arrays import floats, shape_of, size
from .graph import Deferred, Node, Unpooled


def _pair(function: str, name: str, value: Any, minimum: int) -> tuple[int, int]:
    vertical, horizontal = geometry.per_axis(function, name, value, 2, minimum)
    return vertical, horizontal


def _held(value: Any) -> Iterator[Any]:
    """Modules and nodes in an attribute, also inside lists, tuples and dicts."""
    if isinstance(value, (Module, Node)):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _held(item)
    elif isinstance(value, dict):
        yield from _held(list(value.values()))


class Module:
    """A layer or a network; modules and nodes in its attributes are part of it."""

    _is_training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def train(self) -> None:
        self._set_training(True)

    def eval(self) -> None:
        self._set_training(False)

    def _set_training(self, mode: bool) -> None:
        self._is_training = mode
        for item in _held(vars(self)):
            if isinstance(item, Module):
                item._set_training(mode)

    def parameters(self) -> Iterator[Node]:
        seen: set[int] = set()
        for item in _held(vars(self)):
            for node in item.parameters() if isinstance(item, Module) else [item]:
                if id(node) not in seen:
                    seen.add(id(node))
                    yield node

    def zero_grad(self) -> None:
        for node in self.parameters():
            node.grad = None


class Linear(Module):
    """``x @ weight + bias``; weights drawn by ``np.random.randn`` times √(2 / in_features)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        in_features = size("Linear", "in_features", in_features)
        out_features = size("Linear", "out_features", out_features)
        limit = np.sqrt(2 / in_features)
        self.weight = Node(np.random.randn(in_features, out_features) * limit)
        self.bias = Node(np.zeros(out_features))

    def forward(self, x: Node) -> Node:
        return x @ self.weight + self.bias


class ReLU(Module):
    """max(0, x)."""

    def forward(self, x: Node) -> Node:
        return x.relu()


class Flatten(Module):
    """(n, ...) as (n, -1)."""

    def forward(self, x: Node) -> Node:
        return x.reshape(x.value.shape[0], -1)


class Conv2d(Module):
    """Cross-correlate images with filters and add a bias.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or (int, int)
    stride : int or (int, int), default 1
    padding : int or (int, int), default 0

    Attributes
    ----------
    weight : Node, shape (out_channels, in_channels, kh, kw)
        Drawn by ``np.random.randn`` times √(2 / (in_channels * kh * kw)).
    bias : Node, shape (out_channels,)
        Zeros.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
    ) -> None:
        in_channels = size("Conv2d", "in_channels", in_channels)
        out_channels = size("Conv2d", "out_channels", out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = _pair("Conv2d", "stride", stride, 1)
        self.padding = _pair("Conv2d", "padding", padding, 0)
        kh, kw = self.kernel_size
        limit = np.sqrt(2 / (in_channels * kh * kw))
        self.weight = Node(np.random.randn(out_channels, in_channels, kh, kw) * limit)
        self.bias = Node(np.zeros(out_channels))

    def forward(self, x: Node) -> Node:
        return _Convolution(x, self.weight, self.bias, self.stride, self.padding)


class _Convolution(Node):
    """The node of a convolution; its value is computed on access."""

    def __init__(self, x: Node, weight: Node, bias: Node, stride: Any, padding: Any) -> None:
        images = floats("Conv2d", "x", x.value, FLOAT32, 4)
        # The lambda below uses local names, not self: the node must not refer to itself.
        self.options = options = {"stride": stride, "padding": padding}
        # Copies, because an optimizer may update them in place before the value is read.
        self.arrays = arrays = images, weight.value.copy(), bias.value.copy()
        g = geometry.conv("Conv2d", images.shape, weight.value.shape, stride, padding, 1, 1)
        self.shape = g.y_shape
        self._value = Deferred(lambda: kernels.conv2d(*arrays, **options))
        self._grad = None
        self._backward = _backward_of_convolution
        self.parents = (x, weight, bias)
        self.op = "conv2d"


def _backward_of_convolution(out: Any) -> None:
    x, weight, bias = out.parents
    images, filters, options = out.arrays[0], weight.value, out.options
    grad = out._grad if isinstance(out._grad, Unpooled) else out._given

    def gradients(filters: Array, needs: tuple[bool, bool, bool]) -> Any:
        if isinstance(grad, Unpooled):
            arrays = grad.values, grad.codes, images, filters
            return kernels.conv2d_relu_pool_backward(*arrays, **options, needs=needs)
        return kernels.conv2d_backward(grad, images, filters, **options, needs=needs)

    dx, dw, db = gradients(filters, (bool(x.parents), True, True))
    weight._add(dw)
    bias._add(db)
    if dx is not None:
        x._add(dx)
    else:
        at_this_time = filters.copy()
        only_dx = True, False, False
        x._add(Deferred(lambda: cast(Array, gradients(at_this_time, only_dx)[0])))


class MaxPool2d(Module):
    """The maximum of each window; the first of equal maxima gets the gradient.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        `kernel_size` by default.
    padding : int or (int, int), default 0
        Cells of -inf around the images.
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size = _pair("MaxPool2d", "kernel_size", kernel_size, 1)
        self.stride = (
            self.kernel_size if stride is None else _pair("MaxPool2d", "stride", stride, 1)
        )
        self.padding = _pair("MaxPool2d", "padding", padding, 0)

    def forward(self, x: Node) -> Node:
        if self._halves and _is_unread_convolution_with_relu(x):
            return _pooled_convolution(x)
        y, argmax = kernels.max_pool2d(x.value, self.kernel_size, self.stride, self.padding)

        def backward(out: Node) -> None:
            x._add(kernels.max_pool2d_backward(out._given, argmax, x.value.shape))

        return Node._of(y, (x,), "maxpool2d", backward)

    @property
    def _halves(self) -> bool:
        return (self.kernel_size, self.stride, self.padding) == ((2, 2), (2, 2), (0, 0))


def _is_unread_convolution_with_relu(x: Node) -> bool:
    if x.op != "ReLU" or not isinstance(x._value, Deferred):
        return False
    conv = x.parents[0]
    if not isinstance(conv, _Convolution) or not isinstance(conv._value, Deferred):
        return False
    if min(conv.shape[2:]) < 2:
        return False
    images, filters, _ = conv.arrays
    return kernels.conv2d_algorithm(images.shape, filters.shape, **conv.options) == "direct"


def _pooled_convolution(x: Node) -> Node:
    """Convolution, ReLU and pooling by one kernel; the gradient stays pooled until it is read."""
    conv: Any = x.parents[0]
    y, codes = kernels.conv2d_relu_pool(*conv.arrays, **conv.options)

    def backward(out: Node) -> None:
        x._add(Unpooled(out._given, codes, conv.shape))

    return Node._of(y, (x,), "maxpool2d", backward)


class Sequential(Module):
    """Layers in sequence."""

    def __init__(self, *layers: Any) -> None:
        self.layers = layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def _im2col(x: Any, KH: int, KW: int, SH: int, SW: int, PH: int, PW: int) -> tuple[Array, int, int]:
    """Columns (n, c*kh*kw, oh*ow) of the windows of images, and oh and ow."""
    images = floats("_im2col", "x", x, FLOAT32, 4)
    g = geometry.window("_im2col", images.shape, (KH, KW), (SH, SW), (PH, PW), 1)
    oh, ow = g.output
    return kernels.im2col(images, (KH, KW), (SH, SW), (PH, PW)), oh, ow


def _col2im(
    cols: Any, x_shape: Sequence[int], KH: int, KW: int, SH: int, SW: int, PH: int, PW: int
) -> Array:
    """Fold columns back into images of shape `x_shape`; overlapping values are added."""
    columns = floats("_col2im", "cols", cols, FLOAT32, 3)
    x_shape = shape_of("_col2im", "x_shape", x_shape)
    return kernels.col2im(columns, x_shape, (KH, KW), (SH, SW), (PH, PW))


explain_module(__name__)
