"""The graph: nodes, and values and gradients that are computed on access."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ... import kernels
from ..._explained import explain_module
from ...arrays import FLOAT32, Array
from .._arrays import axes, floats, numbers

Backward: TypeAlias = "Callable[[Node], None]"


def _sum_to_shape(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an array of this shape was broadcast."""
    if grad.shape == shape:
        return grad
    leading = tuple(range(grad.ndim - len(shape)))
    grad = grad.sum(axis=leading) if leading else grad
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and grad.shape[i] != 1)
    return grad.sum(axis=stretched, keepdims=True) if stretched else grad


LARGE = 4096
"""Elements from which the kernel adds faster: its results are in memory that is used again."""


def _sum(a: Array, b: Array) -> Array:
    if a.size >= LARGE and a.shape == b.shape and a.dtype == b.dtype == np.float32:
        return kernels.add(a, b)
    total: Array = a + b
    return total


class Lazy:
    """A value or gradient that becomes an array on access."""

    def array(self) -> Array:
        raise NotImplementedError

    def plus(self, other: Any) -> Any:
        """The sum with another gradient, lazy or not."""
        return _sum(_read(self), _read(other))


def _read(array: Any) -> Array:
    """The array of a value or gradient, lazy or not; the caller must not change it."""
    if isinstance(array, Shared):
        return array.values
    values: Array = array.array() if isinstance(array, Lazy) else array
    return values


class Unpooled(Lazy):
    """The gradient of ReLU's result, or of its input, from the gradient of the pooled result.

    A code is the position of the maximum in a window, 0 to 3, or 4 if all results of ReLU in the
    window are 0. For 4, the first result in the window gets the gradient, and no input gets any.
    """

    def __init__(
        self, values: Array, codes: Array, shape: tuple[int, ...], of_input: bool = False
    ) -> None:
        self.values, self.codes, self.shape, self.of_input = values, codes, shape, of_input

    def array(self) -> Array:
        codes = self.codes if self.of_input else self.codes & 3
        return kernels.relu_pool_backward(self.values, codes, self.shape)

    def plus(self, other: Any) -> Any:
        if isinstance(other, Unpooled) and other.codes is self.codes:
            values = _sum(self.values, other.values)
            return Unpooled(values, self.codes, self.shape, self.of_input)
        return super().plus(other)


class Shared(Lazy):
    """The array of another node, in the shape of this one; reading it makes a copy."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def array(self) -> Array:
        return self.values.copy()


class Deferred(Lazy):
    """The sum of parts that are computed on access, or never."""

    def __init__(self, *parts: Callable[[], Array]) -> None:
        self.parts = parts

    def array(self) -> Array:
        total = self.parts[0]()
        for part in self.parts[1:]:
            total += part()
        return total

    def plus(self, other: Any) -> Any:
        if isinstance(other, Deferred):
            return Deferred(*self.parts, *other.parts)
        return super().plus(other)


class Node:
    """A float32 array with a place in the graph.

    Parameters
    ----------
    value : array_like
        Copied.
    parents : iterable of Node, default ()
        The nodes that it was computed from.
    op : str, default ''
        The name of the operation.

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

    __array_ufunc__ = None  # so that `array * node` calls __rmul__

    def __init__(self, value: Any, parents: Sequence["Node"] = (), op: str = "") -> None:
        self._value: Any = np.array(numbers("Node", "value", value), dtype=np.float32)
        self._grad: Any = None
        self.parents = tuple(parents)
        self.op = op
        self._backward: Backward = _nothing

    @classmethod
    def _of(
        cls, value: Array | Lazy, parents: Sequence["Node"], op: str, backward: Backward
    ) -> "Node":
        """A node with a new array or a lazy value."""
        node = object.__new__(cls)
        node._value = value if isinstance(value, Lazy) else np.asarray(value)
        node._grad = None
        node.parents = tuple(parents)
        node.op = op
        node._backward = backward
        return node

    @property
    def value(self) -> Array:
        if isinstance(self._value, Lazy):
            self._value = self._value.array()
        value: Array = self._value
        return value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = np.asarray(value)

    @property
    def grad(self) -> Array | None:
        if isinstance(self._grad, Lazy):
            self._grad = self._grad.array()
        gradient: Array | None = self._grad
        return gradient

    @grad.setter
    def grad(self, grad: Array | None) -> None:
        self._grad = grad

    @property
    def _content(self) -> Array:
        """The value, for reading only."""
        return self._value.values if isinstance(self._value, Shared) else self.value

    @property
    def _given(self) -> Array:
        """The gradient, for reading only."""
        if isinstance(self._grad, Shared):
            return self._grad.values
        return np.zeros_like(self.value) if self.grad is None else self.grad

    def _share(self, grad: Array) -> None:
        """Add a gradient whose array belongs to another node."""
        shape = self._content.shape
        self._add(Shared(grad) if grad.shape == shape else _sum_to_shape(grad, shape))

    def _add(self, grad: Any) -> None:
        """Add to the gradient without changing arrays in place, because they may be shared."""
        if not isinstance(grad, Lazy):
            grad = _sum_to_shape(np.asarray(grad, np.float32), self._content.shape)
        if self._grad is None:
            self._grad = grad
        elif isinstance(self._grad, Lazy):
            self._grad = self._grad.plus(grad)
        else:
            self._grad = _sum(self._grad, _read(grad))

    # ---- Operators ---------------------------------------------------------------------------

    def _ensure(self, other: Any) -> "Node":
        return other if isinstance(other, Node) else Node(floats("Node", "other", other, FLOAT32))

    def __add__(self, other: Any) -> "Node":
        other = self._ensure(other)

        def backward(out: Node) -> None:
            self._share(out._given)
            other._share(out._given)

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
            self._add(kernels.matmul(grad, other._content.swapaxes(-1, -2)))
            other._add(kernels.matmul(self._content.swapaxes(-1, -2), grad))

        return Node._of(kernels.matmul(self._content, other._content), (self, other), "@", backward)

    def __pow__(self, power: float) -> "Node":
        def backward(out: Node) -> None:
            self._add(power * self.value ** (power - 1) * out._given)

        return Node._of(self.value**power, (self,), f"**{power}", backward)

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
            if isinstance(grad, Unpooled):
                self._add(Unpooled(grad.values, grad.codes, grad.shape, of_input=True))
            else:
                self._add(kernels.relu_backward(out._given, self.value))

        if isinstance(self._value, Deferred):
            return Node._of(Deferred(lambda: kernels.relu(self.value)), (self,), "ReLU", backward)
        return Node._of(kernels.relu(self.value), (self,), "ReLU", backward)

    def log(self) -> "Node":
        """The logarithm of max(x, 1e-10)."""
        positive = np.maximum(self.value, np.float32(1e-10))

        def backward(out: Node) -> None:
            self._add(np.float32(1) / positive * out._given)

        return Node._of(np.log(positive), (self,), "log", backward)

    def exp(self) -> "Node":
        """exp(x), with x clipped to the range from -100 to 100."""
        value = np.exp(np.clip(self.value, -100, 100))

        def backward(out: Node) -> None:
            self._add(value * out._given)

        return Node._of(value.copy(), (self,), "exp", backward)

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Node":
        """The sum over `axis`, or over all axes."""
        axis = axes(axis)

        def backward(out: Node) -> None:
            grad = out._given
            if axis is not None and not keepdims:
                grad = np.expand_dims(grad, axis)
            self._add(np.broadcast_to(grad, self._content.shape).copy())

        value = self.value.sum(axis=axis, keepdims=keepdims)
        return Node._of(value, (self,), "sum", backward)

    def reshape(self, *shape: Any) -> "Node":
        """The same numbers in another shape."""

        def backward(out: Node) -> None:
            self._share(out._given.reshape(self._content.shape))

        values = self._content.reshape(*shape)
        # A node without parents may be a parameter, which is updated in place.
        shared = Shared(values) if self.parents else values.copy()
        return Node._of(shared, (self,), "reshape", backward)

    # ---- The graph ---------------------------------------------------------------------------

    def build_topo(self) -> list["Node"]:
        """This node and all nodes that it was computed from, each after its parents."""
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
        """Compute the gradients of all nodes in the graph; return the result of `build_topo`."""
        order = self.build_topo()
        for node in order:
            node._grad = None
        self._grad = np.ones_like(self.value)
        for node in reversed(order):
            node._backward(node)
        return order


def _nothing(out: Node) -> None:
    """A leaf has no parents to propagate to."""


explain_module(__name__)
