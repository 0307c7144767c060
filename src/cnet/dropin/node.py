"""A graph of `Node` objects, a small `nn` on it, and Adam with the circular echo.

In float32. A node has `value`, `grad`, `parents` and `op`; ``topo = loss.backward()`` returns the
graph in the order of computation, and ``optimizer.step(topo_graph=topo)`` may go through it again:
``for node in reversed(topo): node._backward(node)`` adds, to the gradients of its parents, what the
gradient of each node says.

A convolution that is followed by ReLU and a 2x2 max-pool is computed with them, in one go. The nodes
in between are there all the same: their values and gradients are computed when they are read.

Where this differs from what such code often does:

- max pooling pads with -inf; its `stride` is its `kernel_size` unless given, also for a tuple;
- numbers and arrays may stand on either side of an operator;
- `train`, `eval` and `parameters` see modules and nodes inside lists, tuples and dicts, and give
  each parameter once;
- the gradient of an image is computed when it is read.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import geometry, kernels
from .._check import Array
from ._arrays import floats

Backward: TypeAlias = "Callable[[Node], None]"


def _sum_to_shape(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an array of this shape was broadcast."""
    if grad.shape == shape:
        return grad
    leading = tuple(range(grad.ndim - len(shape)))
    grad = grad.sum(axis=leading) if leading else grad
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and grad.shape[i] != 1)
    return grad.sum(axis=stretched, keepdims=True) if stretched else grad


class _Lazy:
    """A gradient that is an array once somebody looks at it."""

    def array(self) -> Array:
        raise NotImplementedError

    def plus(self, other: Any) -> Any:
        """The sum with another gradient, lazy or not."""
        return self.array() + (other.array() if isinstance(other, _Lazy) else other)


class _Unpooled(_Lazy):
    """The gradient of ReLU's result, or of its input, from that of the pooled result.

    A code says where the maximum of a window was, 0 to 3, or 4 where ReLU gave only zeros: then the
    first of these has the gradient, and the input none.
    """

    def __init__(
        self, values: Array, codes: Array, shape: tuple[int, ...], of_input: bool = False
    ) -> None:
        self.values, self.codes, self.shape, self.of_input = values, codes, shape, of_input

    def array(self) -> Array:
        codes = self.codes if self.of_input else self.codes & 3
        return kernels.relu_pool_backward(self.values, codes, self.shape)

    def plus(self, other: Any) -> Any:
        if isinstance(other, _Unpooled) and other.codes is self.codes:
            return _Unpooled(self.values + other.values, self.codes, self.shape, self.of_input)
        return super().plus(other)


class _Deferred(_Lazy):
    """The gradient of a leaf that may never be asked for."""

    def __init__(self, *parts: Callable[[], Array]) -> None:
        self.parts = parts

    def array(self) -> Array:
        total = self.parts[0]()
        for part in self.parts[1:]:
            total += part()
        return total

    def plus(self, other: Any) -> Any:
        if isinstance(other, _Deferred):
            return _Deferred(*self.parts, *other.parts)
        return super().plus(other)


class Node:
    """A float32 array with a place in the graph.

    Parameters
    ----------
    value : array_like
        Copied.
    parents : iterable of Node, default ()
        What it was computed from.
    op : str, default ''
        How.

    Examples
    --------
    >>> from cnet.dropin.node import Node
    >>> x, w = Node(2.0), Node(3.0)
    >>> y = (x * w - 4).relu()
    >>> [node.op for node in y.backward()]
    ['', '', '*', '', '', '*', '+', 'ReLU']
    >>> float(x.grad), float(w.grad)
    (3.0, 2.0)
    """

    __array_ufunc__ = None  # `array * node` is ours to compute

    def __init__(self, value: Any, parents: Sequence["Node"] = (), op: str = "") -> None:
        self._value: Array | None = np.array(value, dtype=np.float32)
        self._compute: Callable[[], Array] | None = None
        self._grad: Any = None
        self.parents = tuple(parents)
        self.op = op
        self._backward: Backward = _nothing

    @classmethod
    def _of(
        cls,
        value: Array | Callable[[], Array],
        parents: Sequence["Node"],
        op: str,
        backward: Backward,
    ) -> "Node":
        """A node with a fresh array, or with what computes it."""
        node = object.__new__(cls)
        node._value, node._compute = (None, value) if callable(value) else (value, None)
        node._grad = None
        node.parents = tuple(parents)
        node.op = op
        node._backward = backward
        return node

    @property
    def value(self) -> Array:
        if self._value is None:
            assert self._compute is not None
            self._value = self._compute()
        return self._value

    @value.setter
    def value(self, value: Array) -> None:
        self._value = value

    @property
    def grad(self) -> Array | None:
        if isinstance(self._grad, _Lazy):
            self._grad = self._grad.array()
        gradient: Array | None = self._grad
        return gradient

    @grad.setter
    def grad(self, grad: Array | None) -> None:
        self._grad = grad

    @property
    def _given(self) -> Array:
        """The gradient, when it is to be passed on."""
        return np.zeros_like(self.value) if self.grad is None else self.grad

    def _add(self, grad: Any) -> None:
        """Add to the gradient; arrays are never changed in place, so that they may be shared."""
        if not isinstance(grad, _Lazy):
            grad = _sum_to_shape(np.asarray(grad, np.float32), self.value.shape)
        if self._grad is None:
            self._grad = grad
        elif isinstance(self._grad, _Lazy):
            self._grad = self._grad.plus(grad)
        else:
            self._grad = self._grad + (grad.array() if isinstance(grad, _Lazy) else grad)

    # ---- Operators ---------------------------------------------------------------------------

    def _ensure(self, other: Any) -> "Node":
        return (
            other if isinstance(other, Node) else Node(floats(self.op, "other", other, np.float32))
        )

    def __add__(self, other: Any) -> "Node":
        other = self._ensure(other)

        def backward(out: Node) -> None:
            self._add(out._given.copy())
            other._add(out._given.copy())

        return Node._of(self.value + other.value, (self, other), "+", backward)

    def __mul__(self, other: Any) -> "Node":
        other = self._ensure(other)

        def backward(out: Node) -> None:
            grad = out._given
            self._add(other.value * grad)
            other._add(self.value * grad)

        return Node._of(self.value * other.value, (self, other), "*", backward)

    def __matmul__(self, other: Any) -> "Node":
        other = self._ensure(other)

        def backward(out: Node) -> None:
            grad = out._given
            self._add(kernels.matmul(grad, other.value.swapaxes(-1, -2)))
            other._add(kernels.matmul(self.value.swapaxes(-1, -2), grad))

        return Node._of(kernels.matmul(self.value, other.value), (self, other), "@", backward)

    def __pow__(self, power: float) -> "Node":
        def backward(out: Node) -> None:
            self._add(power * self.value ** (power - 1) * out._given)

        return Node._of(np.asarray(self.value**power), (self,), f"**{power}", backward)

    def __neg__(self) -> "Node":
        return self * -1

    def __sub__(self, other: Any) -> "Node":
        return self + self._ensure(other) * -1

    def __truediv__(self, other: Any) -> "Node":
        return self * self._ensure(other) ** -1

    def __radd__(self, other: Any) -> "Node":
        return self._ensure(other) + self

    def __rmul__(self, other: Any) -> "Node":
        return self._ensure(other) * self

    def __rmatmul__(self, other: Any) -> "Node":
        return self._ensure(other) @ self

    def __rsub__(self, other: Any) -> "Node":
        return self._ensure(other) - self

    def __rtruediv__(self, other: Any) -> "Node":
        return self._ensure(other) / self

    # ---- Functions ---------------------------------------------------------------------------

    def relu(self) -> "Node":
        """max(0, x)."""

        def backward(out: Node) -> None:
            grad = out._grad
            if isinstance(grad, _Unpooled):
                self._add(_Unpooled(grad.values, grad.codes, grad.shape, of_input=True))
            else:
                self._add(kernels.relu_backward(out._given, self.value))

        if self._value is None:
            return Node._of(lambda: kernels.relu(self.value), (self,), "ReLU", backward)
        return Node._of(kernels.relu(self.value), (self,), "ReLU", backward)

    def log(self) -> "Node":
        """The logarithm of max(x, 1e-10)."""
        positive = np.maximum(self.value, np.float32(1e-10))

        def backward(out: Node) -> None:
            self._add(np.float32(1) / positive * out._given)

        return Node._of(np.log(positive), (self,), "log", backward)

    def exp(self) -> "Node":
        """exp(x), for x between -100 and 100; beyond, as at the ends."""
        value = np.exp(np.clip(self.value, -100, 100))

        def backward(out: Node) -> None:
            self._add(value * out._given)

        return Node._of(value.copy(), (self,), "exp", backward)

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Node":
        """The sum over `axis`, or over all."""

        def backward(out: Node) -> None:
            grad = out._given
            if axis is not None and not keepdims:
                grad = np.expand_dims(grad, axis)
            self._add(np.broadcast_to(grad, self.value.shape).copy())

        value = np.asarray(self.value.sum(axis=axis, keepdims=keepdims))
        return Node._of(value, (self,), "sum", backward)

    def reshape(self, *shape: Any) -> "Node":
        """The same numbers in another shape."""

        def backward(out: Node) -> None:
            self._add(out._given.reshape(self.value.shape).copy())

        return Node._of(self.value.reshape(*shape).copy(), (self,), "reshape", backward)

    # ---- The graph ---------------------------------------------------------------------------

    def build_topo(self) -> list["Node"]:
        """All nodes that this one was computed from, and itself: each after its parents."""
        seen: set[int] = set()
        order: list[Node] = []
        stack = [(self, False)]
        while stack:
            node, complete = stack.pop()
            if complete:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent in reversed(node.parents))
        return order

    def backward(self) -> list["Node"]:
        """Compute the gradients of all nodes below anew, from 1 here; return `build_topo`."""
        order = self.build_topo()
        for node in order:
            node._grad = None
        self._grad = np.ones_like(self.value)
        for node in reversed(order):
            node._backward(node)
        return order


def _nothing(out: Node) -> None:
    """A leaf passes nothing on."""


# ---- Modules -------------------------------------------------------------------------------------


def _pair(function: str, name: str, value: Any, minimum: int) -> tuple[int, int]:
    return geometry.pair(function, name, value, minimum)


def _held(value: Any) -> Iterator[Any]:
    """Modules and nodes in an attribute, also inside of lists, tuples and dicts."""
    if isinstance(value, (_Module, Node)):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _held(item)
    elif isinstance(value, dict):
        yield from _held(list(value.values()))


class _Module:
    """A layer or a network: what it holds in its attributes belongs to it."""

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
            if isinstance(item, _Module):
                item._set_training(mode)

    def parameters(self) -> Iterator[Node]:
        seen: set[int] = set()
        for item in _held(vars(self)):
            for node in item.parameters() if isinstance(item, _Module) else [item]:
                if id(node) not in seen:
                    seen.add(id(node))
                    yield node

    def zero_grad(self) -> None:
        for node in self.parameters():
            node.grad = None


class _Linear(_Module):
    """``x @ weight + bias``; weights drawn by ``np.random.randn`` times √(2 / in_features)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        limit = np.sqrt(2 / in_features)
        self.weight = Node(np.random.randn(in_features, out_features) * limit)
        self.bias = Node(np.zeros(out_features))

    def forward(self, x: Node) -> Node:
        return x @ self.weight + self.bias


class _ReLU(_Module):
    """max(0, x)."""

    def forward(self, x: Node) -> Node:
        return x.relu()


class _Flatten(_Module):
    """(n, ...) as (n, -1)."""

    def forward(self, x: Node) -> Node:
        return x.reshape(x.value.shape[0], -1)


class _Conv2d(_Module):
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
    """The node of a convolution: its value waits until somebody reads it."""

    def __init__(self, x: Node, weight: Node, bias: Node, stride: Any, padding: Any) -> None:
        images = floats("Conv2d", "x", x.value, np.float32, 4)
        self.options = {"stride": stride, "padding": padding}
        # As they are now: an optimizer updates them in place before the value may be read.
        self.arrays = images, weight.value.copy(), bias.value.copy()
        g = geometry.conv2d("Conv2d", images.shape, weight.value.shape, stride, padding, 1, 1)
        self.shape = g.y_shape
        self._value, self._grad = None, None
        self._compute = lambda: kernels.conv2d(*self.arrays, **self.options)
        self._backward = _backward_of_convolution
        self.parents = (x, weight, bias)
        self.op = "conv2d"


def _backward_of_convolution(out: Any) -> None:
    x, weight, bias = out.parents
    images, filters = out.arrays[0], weight.value
    grad = out._grad.array() if isinstance(out._grad, _Unpooled) else out._given

    def gradients(*needs: bool) -> Any:
        return kernels.conv2d_backward(grad, images, filters, **out.options, needs=needs)

    if x.parents:
        dx, dw, db = gradients(True, True, True)
        x._add(dx)
    else:
        _, dw, db = gradients(False, True, True)
        at_this_time = filters.copy()

        def dx_of_leaf() -> Array:
            needs = True, False, False
            dx: Any = kernels.conv2d_backward(
                grad, images, at_this_time, **out.options, needs=needs
            )[0]
            return dx  # type: ignore[no-any-return]

        x._add(_Deferred(dx_of_leaf))
    weight._add(dw)
    bias._add(db)


class _MaxPool2d(_Module):
    """The maximum of each window; of equal ones the first gets the gradient.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        `kernel_size`.
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
    if x.op != "ReLU" or x._value is not None:
        return False
    conv = x.parents[0]
    if not isinstance(conv, _Convolution) or conv._value is not None or min(conv.shape[2:]) < 2:
        return False
    images, filters, _ = conv.arrays
    return kernels.conv2d_algorithm(images.shape, filters.shape, **conv.options) == "direct"


def _pooled_convolution(x: Node) -> Node:
    """Convolution, ReLU and pooling at once; the gradient stays pooled on its way to the first."""
    conv: Any = x.parents[0]
    y, codes = kernels.conv2d_relu_pool(*conv.arrays, **conv.options)

    def backward(out: Node) -> None:
        x._add(_Unpooled(out._given, codes, conv.shape))

    return Node._of(y, (x,), "maxpool2d", backward)


class _Sequential(_Module):
    """Layers one after the other."""

    def __init__(self, *layers: Any) -> None:
        self.layers = layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def _im2col(x: Any, KH: int, KW: int, SH: int, SW: int, PH: int, PW: int) -> tuple[Array, int, int]:
    """Columns (n, c*kh*kw, oh*ow) of the windows of images, and oh and ow."""
    images = floats("_im2col", "x", x, np.float32, 4)
    g = geometry.window2d("_im2col", images.shape, (KH, KW), (SH, SW), (PH, PW), 1)
    return kernels.im2col(images, (KH, KW), (SH, SW), (PH, PW)), g.oh, g.ow


def _col2im(
    cols: Any, x_shape: Sequence[int], KH: int, KW: int, SH: int, SW: int, PH: int, PW: int
) -> Array:
    """Columns back into images of shape `x_shape`, adding where windows overlap."""
    columns = floats("_col2im", "cols", cols, np.float32, 3)
    return kernels.col2im(columns, x_shape, (KH, KW), (SH, SW), (PH, PW))


class nn:
    """The modules, as a namespace."""

    Module = _Module
    Linear = _Linear
    ReLU = _ReLU
    Flatten = _Flatten
    Conv2d = _Conv2d
    MaxPool2d = _MaxPool2d
    Sequential = _Sequential
    _im2col = staticmethod(_im2col)
    _col2im = staticmethod(_col2im)


# ---- Training ------------------------------------------------------------------------------------


class AdamOptimizer:
    r"""Adam, followed by the circular echo where `circular_strength` is positive.

    With :math:`g_t` the gradient of a parameter at step t,

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        \theta \leftarrow \theta - \alpha \,
        \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}.

    The echo, every `echo_freq` steps: the gradients of all parameters are set to 0, that of the last
    one to :math:`e = s\,g_t / \sqrt{\mathrm{size}}`, shortened to the norm `echo_norm_clip`, with s
    the `circular_strength`. Then the whole graph is gone through `neumann_steps` times more, in which
    every node adds what its own gradient says to those of its parents. The other nodes keep theirs,
    and the loss keeps 1: so each pass adds the gradient again, once for every way that passes allow.
    Last, :math:`\theta \leftarrow \theta - \alpha s\,g`.

    Parameters
    ----------
    params : iterable of Node
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
    eps : float, default 1e-8
    circular_strength : float, default 0
    echo_freq, neumann_steps : int, default 1
    echo_norm_clip : float, optional

    Examples
    --------
    >>> from cnet.dropin.node import AdamOptimizer, Node
    >>> w = Node(1.0)
    >>> optimizer = AdamOptimizer([w], lr=0.1)
    >>> topo = (w * w).backward()
    >>> optimizer.step(topo_graph=topo)
    >>> print(round(float(w.value), 6))
    0.9
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        circular_strength: float = 0.0,
        echo_freq: int = 1,
        neumann_steps: int = 1,
        echo_norm_clip: float | None = None,
    ) -> None:
        self.params: list[Any] = list(params)
        if not self.params:
            raise ValueError("AdamOptimizer: params must hold a Node (got none)")
        self.lr, self.eps = lr, eps
        self.beta1, self.beta2 = betas
        self.t = 0
        self.m = {id(p): np.zeros_like(p.value) for p in self.params}
        self.v = {id(p): np.zeros_like(p.value) for p in self.params}
        self.circular_strength = circular_strength
        self.echo_freq, self.neumann_steps = echo_freq, max(1, neumann_steps)
        self.echo_norm_clip = echo_norm_clip

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    def step(self, topo_graph: Sequence[Node] | None = None) -> None:
        """Update the parameters; the echo needs the graph that `Node.backward` returned."""
        self.t += 1
        for p in self.params:
            p.original_grad = np.zeros_like(p.value) if p.grad is None else p.grad.copy()
            self._adam(p, p.original_grad)
        echoes = self.circular_strength > 0 and topo_graph is not None
        if echoes and self.t % self.echo_freq == 0:
            self._echo(topo_graph)  # type: ignore[arg-type]

    def _adam(self, p: Node, grad: Array) -> None:
        m, v = self.m[id(p)], self.v[id(p)]
        m *= self.beta1
        m += (1 - self.beta1) * grad
        v *= self.beta2
        v += (1 - self.beta2) * (grad * grad)
        deviation = np.sqrt(v / (1 - self.beta2**self.t)) + self.eps
        p.value -= self.lr * (m / (1 - self.beta1**self.t)) / deviation

    def _echo(self, topo_graph: Sequence[Node]) -> None:
        last = next((p for p in reversed(self.params) if p.value.ndim), self.params[-1])
        size = np.sqrt(np.prod(last.value.shape)).astype(np.float32)
        echo = last.original_grad.astype(np.float32) / (size + 1e-12) * self.circular_strength
        if self.echo_norm_clip is not None:
            norm = np.linalg.norm(echo.ravel())
            if norm > self.echo_norm_clip:
                echo *= self.echo_norm_clip / (norm + 1e-12)
        for p in self.params:
            p.grad = None
        last.grad = echo
        for _ in range(self.neumann_steps):
            for node in reversed(topo_graph):
                node._backward(node)
        for p in self.params:
            if p.grad is not None:
                p.value -= self.lr * p.grad * self.circular_strength


def set_seed(seed: int = 42) -> None:
    """Seed the generators of NumPy and of Python."""
    np.random.seed(seed)
    random.seed(seed)


def batch_iterator(
    X: Array, y: Array, batch_size: int = 256, shuffle: bool = True
) -> Iterator[tuple[Array, Array]]:
    """Batches of rows, in an order drawn by ``np.random.shuffle``."""
    order = np.arange(len(X))
    if shuffle:
        np.random.shuffle(order)
    for start in range(0, len(X), batch_size):
        batch = order[start : start + batch_size]
        yield X[batch], y[batch]


def init_model_weights(model: Any) -> None:
    """Draw the weights of the layers of a `Sequential` anew, and set their biases to 0."""
    for layer in getattr(model, "layers", []):
        if not isinstance(layer, (_Linear, _Conv2d)):
            continue
        shape = layer.weight.value.shape
        inputs = shape[0] if isinstance(layer, _Linear) else np.prod(shape[1:])
        layer.weight.value[:] = np.random.randn(*shape) * np.sqrt(2 / inputs)
        layer.bias.value[:] = 0


def cross_entropy_loss_stable(logits_node: Node, labels_numpy: Any) -> Node:
    """The mean cross-entropy of rows of scores with integer labels.

    Parameters
    ----------
    logits_node : Node, shape (n, c)
    labels_numpy : array_like of int, shape (n,)

    Returns
    -------
    Node, shape ()
    """
    logits = logits_node.value
    labels = np.asarray(labels_numpy)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "cross_entropy_loss_stable: labels_numpy must have shape (n,) for logits (n, c) "
            f"(got {labels.shape} and {logits.shape})"
        )
    n, c = logits.shape
    if n and not -c <= labels.min() <= labels.max() < c:
        raise ValueError(
            "cross_entropy_loss_stable: labels_numpy must be less than the number of classes "
            f"(got {labels.max()} and {c})"
        )
    shifted = logits_node - Node(np.max(logits, axis=1, keepdims=True))
    log_probs = shifted - shifted.exp().sum(axis=1, keepdims=True).log()
    one_hot = np.zeros((n, c), dtype=np.float32)
    one_hot[np.arange(n), labels] = 1
    return -(Node(one_hot) * log_probs).sum() * (1.0 / n)
