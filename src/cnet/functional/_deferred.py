"""Batch norms that are computed together with what follows them.

`batch_norm` computes the statistics at once, but may leave its result, a `Deferred` tensor, to be
computed when it is first needed. If a residual is added to the tensor, it stays deferred. If an
activation function is applied to it, one kernel computes everything. In all other cases, the result
is computed as usual. Values have the same bits either way.

The graph is the same, too: each operation has its node. Only a backward pass in which nothing
observes the gradients between these nodes computes them together (see `Chained`).

What a deferred result is computed from must not change before. The inputs are therefore results of
operations whose arrays change only with notice (see `is_private`), and all deferred tensors are
computed before an operation in place, or before an array is handed out (see `engine.settle`).
"""

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import kernels
from ..autograd import changes
from ..autograd.calls import Operation
from ..autograd.engine import Array, Context, Edge, Variable, wrap
from ..kernels.norm import ACTIVATIONS, FROM_RESULT
from ..modes import current
from ..operations._elementwise import COMPILED, Elementwise
from ..operations.arithmetic import Add
from ..tensor import Tensor

_ARRAY: Any = Variable.__dict__["_array"]


class Chain(NamedTuple):
    """A batch norm and the addition after it: the arguments of `kernels.batch_norm`."""

    nodes: tuple[Context, ...]
    """The batch norm and, if there is a residual, the addition."""
    x: Array
    mean: Array
    var: Array
    weight: Array | None
    bias: Array | None
    eps: float
    from_batch: bool
    residual: Array | None = None
    source: Context | None = None
    """The concatenation of channels that computed `x`, if it is one."""

    def value(self, activation: str | None = None, a: float = 0.0, b: float = 0.0) -> Array:
        """The result; RuntimeError if an input was changed in place in the meantime."""
        for node, source in zip(self.nodes, (self.x, self.residual), strict=False):
            if node.number < changes.latest:
                changes.check(node.number, node.function.__name__, (source,))
        return kernels.batch_norm(
            self.x, self.mean, self.var, self.weight, self.bias, self.eps, self.residual,
            activation, a, b,
        )  # fmt: skip

    def allows(self, activation: str) -> bool:
        """Whether the kernel can compute the activation and its gradient."""
        return activation in (ACTIVATIONS if self.residual is None else FROM_RESULT)


class Source(NamedTuple):
    """What a result was computed from. It can be saved for the backward pass in place of it."""

    chain: Chain
    activation: str
    a: float
    b: float

    def value(self) -> Array:
        """The result, with the same bits."""
        return self.chain.value(self.activation, self.a, self.b)


class Chained(Context):
    """The node of an activation that was computed together with the operations before it."""

    chain: Chain | None
    activation: str

    @property
    def source(self) -> Source:
        """What the result was computed from; only without a residual."""
        return Source(self.chain, self.activation, *self.parameters)  # type: ignore[arg-type]

    @property
    def saves_result(self) -> bool:
        """Whether the derivative of the activation is computed from its result."""
        return self.activation in FROM_RESULT

    def propagate(
        self, gradients: Sequence[Array | None], changed: bool = False
    ) -> "list[tuple[Edge, Array]]":
        """Compute the gradient of the activation alone."""
        if self.saved or self.chain is None:
            return super().propagate(gradients, changed)
        self.saved = (self.source.value() if self.saves_result else self.chain.value(),)
        try:
            return super().propagate(gradients, changed=True)  # what was saved is new
        finally:
            self.saved = ()

    def propagate_through(
        self, gradients: Sequence[Array | None], pending: "dict[Edge, Array]"
    ) -> "list[tuple[Edge, Array]]":
        """Compute the gradients of the inputs of the whole chain."""
        chain, (grad,) = self.chain, gradients
        if chain is None or grad is None or any(node.released for node in chain.nodes):
            return self.propagate(gradients)
        norm, *additions = chain.nodes
        source = None if additions else chain.source
        if source is not None and source.released:
            return self.propagate(gradients)
        for node in (norm, self):
            if node.number < changes.latest:
                changes.check(node.number, node.function.__name__, node.saved)
        a, b = self.parameters
        inputs = norm.edges[:1] if source is None else source.edges
        found = kernels.batch_norm_backward(
            grad, chain.x, chain.mean, chain.var, chain.weight, chain.eps, chain.from_batch,
            norm.needs_input_grad, chain.bias, self.saved[0] if additions else None,
            self.activation, a, b,
            None if source is None else tuple([shape[1] for shape in source.shapes]),
            [None if edge is None else pending.pop(edge, None) for edge in inputs],
        )  # fmt: skip
        edges = (*inputs, *norm.edges[1:])
        if source is not None:
            found = (*found[0], *found[1:])
        for addition in additions:
            edges += tuple(edge for edge in addition.edges if edge != (norm, 0)) or (None,)
        return [
            (edge, gradient)
            for edge, gradient in zip(edges, found, strict=True)
            if edge is not None and gradient is not None
        ]

    def release(self) -> None:
        super().release()
        self.released, self.chain, self.spanned = True, None, ()


class Deferred(Tensor):
    """A tensor whose array is computed when it is first read. Then it is an ordinary tensor."""

    __slots__ = ()

    @property
    def _array(self) -> Array:
        stored = _ARRAY.__get__(self)
        if isinstance(stored, Chain):
            stored = stored.value()
            self._array = stored
        return stored  # type: ignore[no-any-return]

    @_array.setter
    def _array(self, array: Array) -> None:
        _ARRAY.__set__(self, array)
        self.__class__ = Tensor  # type: ignore[assignment]

    @property
    def shape(self) -> tuple[int, ...]:
        return self._grad_fn.outputs[0][0]  # type: ignore[union-attr]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._grad_fn.outputs[0][1]  # type: ignore[union-attr]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __add__(self, other: Any) -> Tensor:
        chain = self._plus(other)
        return super().__add__(other) if chain is None else deferred(chain)

    def __radd__(self, other: Any) -> Tensor:
        chain = self._plus(other, reflected=True)
        return super().__radd__(other) if chain is None else deferred(chain)

    def __iadd__(self, other: Any) -> Tensor:  # type: ignore[override]
        chain = self._plus(other)
        if chain is None:
            return super().__iadd__(other)
        self._rebase(chain.nodes[-1])
        _ARRAY.__set__(self, chain)
        return self

    def relu_(self, inplace: bool = False) -> Tensor:  # type: ignore[override]
        result = self.activated(COMPILED["relu"], 0.0, 0.0, inplace=True)
        return super().relu_() if result is None else result

    def _plus(self, other: Any, reflected: bool = False) -> Chain | None:
        """The chain with `other` as residual; None if the sum cannot be deferred."""
        chain = _ARRAY.__get__(self)
        if (
            isinstance(chain, Chain)
            and chain.residual is None
            and isinstance(other, Tensor)
            and other is not self
            and is_private(other)
            and (other.shape, other.dtype) == (self.shape, self.dtype)
        ):
            edges = (self.edge, other.edge)
            node = recorded(Add, edges[::-1] if reflected else edges, self.shape, self.dtype)
            return chain._replace(nodes=(*chain.nodes, node), residual=other._array)
        return None

    def activated(
        self, operation: type[Elementwise], a: float, b: float, inplace: bool
    ) -> Tensor | None:
        """Compute the chain with an activation; None if that is not possible."""
        chain = _ARRAY.__get__(self)
        if not (isinstance(chain, Chain) and is_recording() and chain.allows(operation.title)):
            return None
        y = chain.value(operation.title, a, b)
        node = recorded(operation, (self.edge,), y.shape, y.dtype, Chained)
        node.parameters, node.activation = (a, b), operation.title
        node.chain = chain._replace(residual=None)  # the backward pass does not need it
        inner = chain.nodes
        if chain.source is not None and chain.residual is None:
            inner = chain.source, *inner
        node.spanned = tuple([(each, 0) for each in inner])
        if node.saves_result and chain.residual is not None:
            node.save_for_backward(y)
        if not inplace:
            return wrap(y, node)  # type: ignore[return-value]
        self._rebase(node)
        self._array = y
        return self


def is_recording() -> bool:
    """Whether operations are recorded in a graph, and their calls are not listed."""
    return current.enabled and current.calls is None


def is_private(x: Any) -> bool:
    """Whether a tensor is the result of an operation, and its array changes only with notice."""
    if not (isinstance(x, Variable) and x._view is None and is_recording()):
        return False
    node = x._grad_fn
    return node is not None and node.function.owns_result and not node.is_shared


def source_of(x: Any) -> Source | None:
    """What a tensor was computed from, if that is kept for the backward pass anyway."""
    node = x._grad_fn if is_private(x) else None
    if type(node) is not Chained or node.chain is None or len(node.chain.nodes) > 1:
        return None
    return node.source if changes.last_change(x._array)[0] < node.number else None


def origin(x: Any) -> "Edge | None":
    """The edge of an argument that requires grad."""
    return x.edge if isinstance(x, Tensor) and x.requires_grad else None


def recorded(
    operation: type[Operation[Any]],
    edges: "tuple[Edge | None, ...]",
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    kind: type[Context] = Context,
) -> Context:
    """A new node of the graph with one output."""
    node = kind(operation, edges)
    node.number = next(changes.numbers)
    node.outputs = ((shape, dtype),)
    return node


def deferred(chain: Chain) -> Deferred:
    """The result of a chain, as output of its last node."""
    tensor: Any = wrap(chain, chain.nodes[-1])  # type: ignore[arg-type]
    tensor.__class__ = Deferred
    waiting = [reference for reference in current.deferred if type(reference()) is Deferred]
    current.deferred = [*waiting, weakref.ref(tensor)]
    return tensor  # type: ignore[no-any-return]
