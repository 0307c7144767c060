"""The graph and the way back through it: knows arrays and functions, and no operation.

A `Function` computes on plain arrays. Where an input needs a gradient, the `Context` of that one
call stays as a node of the graph: its edges say where each input came from, and it keeps alive what
the derivative needs, nothing else. A leaf stands in the graph as a node of its own.

To propagate by another rule than `backward`, walk `topological` and call `Context.propagate`, which
turns the gradients of a node's outputs into those of its inputs and changes nothing.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Meta: TypeAlias = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape and dtype of an array."""
Edge: TypeAlias = "tuple[Context | Variable, int]"
"""Where an array came from: a node, and which of its outputs."""
Hooks: TypeAlias = dict[int, Callable[[Any], Any]]
Output = TypeVar("Output")

_NO_HOOKS: dict[int, Hooks] = {}
_numbers = count()


class Call(NamedTuple):
    """One call of `Function.apply`."""

    function: "type[Function[Any]]"
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: "tuple[Variable, ...]"


class _GradMode(threading.local):
    enabled = True
    calls: list[Call] | None = None


_mode = _GradMode()


@contextmanager
def _grad_mode(enabled: bool) -> Iterator[None]:
    previous = _mode.enabled
    _mode.enabled = enabled
    try:
        yield
    finally:
        _mode.enabled = previous


def no_grad() -> AbstractContextManager[None]:
    """Record no graph: for a ``with`` block or, as a decorator, a function.

    The mode belongs to the thread that sets it.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0], requires_grad=True)
    >>> with cnet.no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """
    return _grad_mode(False)


def enable_grad() -> AbstractContextManager[None]:
    """Record the graph again within `no_grad`; used in the same two ways.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor(1.0, requires_grad=True)
    >>> with cnet.no_grad(), cnet.enable_grad():
    ...     (2 * x).requires_grad
    True
    """
    return _grad_mode(True)


def is_grad_enabled() -> bool:
    """Whether operations record a graph in this thread.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_grad_enabled()
    True
    """
    return _mode.enabled


@contextmanager
def listing_calls() -> Iterator[list[Call]]:
    """A list that all calls of Functions go to which this thread makes in the ``with`` block."""
    calls: list[Call] = []
    previous, _mode.calls = _mode.calls, calls
    try:
        yield calls
    finally:
        _mode.calls = previous


def is_listing_calls() -> bool:
    """Whether calls of Functions are listed in this thread."""
    return _mode.calls is not None


def rename_last_output(variable: "Variable") -> None:
    """Say, where calls are listed, that the result of the last one is this variable."""
    if _mode.calls:
        _mode.calls[-1] = _mode.calls[-1]._replace(outputs=(variable,))


class Variable:
    """What the graph knows of a tensor: an array, where it came from, and its gradient."""

    __slots__ = (
        "__weakref__", "_grad", "_hooks", "_requires_grad", "data", "grad_fn", "output_index",
    )  # fmt: skip

    tensor_type: ClassVar[type["Variable"]]
    """What results and gradients are wrapped in; `cnet.tensor` puts its class here."""

    def _init(self, data: Array, grad_fn: "Context | None" = None, output_index: int = 0) -> None:
        self.data = data
        self.grad_fn = grad_fn
        self.output_index = output_index
        self._grad: Variable | None = None
        self._hooks = _NO_HOOKS
        self._requires_grad = grad_fn is not None

    @property
    def edge(self) -> Edge:
        """Where the array came from: itself, if it is a leaf."""
        return self.grad_fn or self, self.output_index

    @property
    def outputs(self) -> tuple[Meta]:
        """The one output of a leaf, as a node of the graph."""
        return ((self.data.shape, self.data.dtype),)

    def accumulate(self, gradient: Array) -> None:
        """Add to the gradient, in place where there is one; `gradient` is ours to keep."""
        if self._grad is None:
            self._grad = _wrap(gradient)
        else:
            np.add(self._grad.data, gradient, out=self._grad.data)


def _wrap(array: Array, grad_fn: "Context | None" = None, output_index: int = 0) -> Variable:
    """A tensor without the checks of its constructor."""
    variable = object.__new__(Variable.tensor_type)
    variable._init(array, grad_fn, output_index)
    return variable


class Context:
    """One call of a `Function`: what `forward` leaves for `backward`, and a node of the graph.

    `forward` may set further attributes. Arrays belong into `save_for_backward`, which lets go of
    them as soon as they have served.
    """

    edges: "tuple[Edge | None, ...]"
    """Where each positional argument of `Function.apply` came from; None where no gradient goes."""
    outputs: tuple[Meta, ...] = ()
    saved: tuple[Any, ...] = ()
    operations = 1
    """How many operations the call stands for: more where a chain has one kernel."""
    released = False
    number = -1
    """Higher than those of the nodes that this one was computed from."""
    _hooks: dict[int, Hooks] = _NO_HOOKS

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, function: "type[Function[Any]]", edges: "tuple[Edge | None, ...]") -> None:
        self.function = function
        self.edges = edges

    def __repr__(self) -> str:
        return f"<{self.function.__name__}>"

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each positional argument of `Function.apply`, whether its gradient is needed."""
        return tuple([edge is not None for edge in self.edges])

    def _output(self, result: Any) -> Variable:
        """The next result of `forward` as a tensor, which knows of this node if it is recorded."""
        array = np.asarray(result)
        if self.number < 0:
            return _wrap(array)
        index, dtype = len(self.outputs), array.dtype
        self.outputs += ((array.shape, dtype),)
        return _wrap(array, self, index) if dtype.kind == "f" else _wrap(array)

    def save_for_backward(self, *values: Any) -> None:
        """Keep values, arrays above all, as `saved` until `backward` has used them."""
        self.saved = values

    def input_shape(self, position: int) -> tuple[int, ...]:
        """The shape of an input whose gradient is needed."""
        node, index = self.edges[position]  # type: ignore[misc]
        return node.outputs[index][0]

    def propagate(self, gradients: Sequence[Array | None]) -> list[tuple[Edge, Array]]:
        """The gradients of the inputs that need one, each with its edge, from those of the outputs.

        None stands for zeros. Gradients come in shape and dtype of their inputs. One that goes to a
        leaf is C-contiguous and shares memory with nothing else. RuntimeError if the node was
        released, ValueError if what `backward` of the Function returns does not fit.
        """
        if self.released:
            raise RuntimeError(
                f"backward: an earlier backward freed the graph (at {self.function.__name__}); "
                "give that one retain_graph=True to go through the graph again"
            )
        grad_outputs = [
            np.zeros(shape, dtype) if gradient is None and dtype.kind == "f" else gradient
            for gradient, (shape, dtype) in zip(gradients, self.outputs, strict=True)
        ]
        returned = self.function.backward(self, *grad_outputs)
        if type(returned) is not tuple:
            returned = (returned,)
        name = f"{self.function.__name__}.backward"
        if len(returned) != len(self.edges):
            raise ValueError(
                f"{name}: must return one gradient for each input "
                f"(got {len(returned)} and {len(self.edges)} inputs)"
            )
        held = [*map(id, (*grad_outputs, *self.saved, *vars(self).values(), *returned))]
        inputs = []
        for gradient, edge in zip(returned, self.edges):  # noqa: B905, of the same length
            if gradient is not None and edge is not None:
                gradient = _fitting(gradient, edge, name)
                if isinstance(edge[0], Variable):
                    gradient = _unshared(gradient, held)
                inputs.append((edge, gradient))
        return inputs

    def release(self) -> None:
        """Let go of the saved values: the node can still be read, but not propagated again."""
        self.saved = ()
        self.released = True


class Function(Generic[Output]):
    """An operation and its derivative: two static methods on plain arrays, called by `apply`.

    The parameter, as in ``Function[Tensor]``, tells type checkers what `apply` returns.

    Examples
    --------
    >>> import cnet
    >>> class Square(cnet.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         return 2 * ctx.saved[0] * grad_output
    >>> x = cnet.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(ctx: Context, *args: Any, **kwargs: Any) -> Any:
        """An array or a tuple of arrays; outputs of other than float dtypes have no gradient."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        """A gradient or None for each positional argument of `apply`, in the argument's shape.

        Others may hold `grad_outputs` too: they must not be changed.
        """
        raise NotImplementedError("a Function needs a static method backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Output:
        """Call `forward`, and record the call if an input needs a gradient.

        Tensors among `args` reach `forward` as arrays, anything else as it is; `kwargs` have no
        gradient. The result is a tensor, or a tuple of them if `forward` returned one.
        """
        enabled, recorded = _mode.enabled, False
        inputs: list[Any] = []
        edges: list[Edge | None] = []
        for arg in args:
            edge = None
            if isinstance(arg, Variable):
                if enabled and arg._requires_grad:
                    edge, recorded = arg.edge, True
                arg = arg.data
            inputs.append(arg)
            edges.append(edge)
        ctx = Context(cls, tuple(edges))
        result = cls.forward(ctx, *inputs, **kwargs)
        if recorded:
            ctx.number = next(_numbers)
        output: Any
        if type(result) is tuple:
            output = tuple([ctx._output(array) for array in result])
        else:
            output = ctx._output(result)
        if _mode.calls is not None:
            outputs = output if type(output) is tuple else (output,)
            _mode.calls.append(Call(cls, args, kwargs, outputs))
        return output  # type: ignore[no-any-return]


def topological(variables: Iterable[Variable]) -> list[Context]:
    """The nodes that `variables` come from, each before those that it was computed from."""
    nodes: set[Context] = set()
    stack: list[Edge | None] = [variable.edge for variable in variables]
    while stack:
        edge = stack.pop()
        if edge is not None and edge[0] not in nodes and isinstance(edge[0], Context):
            nodes.add(edge[0])
            stack.extend(edge[0].edges)
    return sorted(nodes, key=attrgetter("number"), reverse=True)


def backward(
    tensors: Sequence[Variable], gradients: Sequence[Any] | None = None, retain_graph: bool = False
) -> None:
    """Add to `grad` of every leaf its gradient of the sum of several tensors.

    Arguments and errors are those of `Tensor.backward`, with one of `gradients` for each tensor.
    If an error occurs, no leaf is touched.
    """
    pending: dict[Edge, Array] = {}
    for tensor, gradient in zip(tensors, gradients or [None] * len(tensors), strict=True):
        _add(pending, tensor.edge, starting_gradient(tensor, gradient))
    for node in topological(tensors):
        arrived = [_take(pending, (node, index)) for index in range(len(node.outputs))]
        if any(gradient is not None for gradient in arrived):
            for edge, input_gradient in node.propagate(arrived):
                _add(pending, edge, input_gradient)
        if not retain_graph:
            node.release()
    for leaf, total in [(edge[0], _take(pending, edge)) for edge in tuple(pending)]:
        if isinstance(leaf, Variable) and total is not None:
            leaf.accumulate(total)


def starting_gradient(tensor: Variable, gradient: Any) -> Array:
    """What back-propagation begins with at a tensor, which is 1 unless given."""
    if not tensor._requires_grad:
        raise RuntimeError("backward: the tensor does not require grad and has no grad_fn")
    if gradient is not None:
        return _fitting(gradient, tensor.edge, "backward").copy()
    if tensor.data.size != 1:
        raise RuntimeError(
            "backward: grad can be implicitly created only for scalar outputs "
            f"(got shape {tensor.data.shape})"
        )
    return np.ones_like(tensor.data)


def _fitting(gradient: Any, edge: Edge, source: str) -> Array:
    """The gradient as an array of the dtype of its tensor, whose shape it must have."""
    node, index = edge
    shape, dtype = node.outputs[index]
    array: Array = gradient.data.copy() if isinstance(gradient, Variable) else np.asarray(gradient)
    if array.shape != shape:
        raise ValueError(
            f"{source}: gradient.shape must equal its tensor's (got {array.shape} and {shape})"
        )
    return array if array.dtype is dtype else array.astype(dtype, copy=False)


def _unshared(array: Array, held: list[int]) -> Array:
    """The array, or a copy if it may share memory with what it stands among, by `id`, in `held`."""
    fresh = array.flags.carray and not isinstance(array.base, np.ndarray)
    return array if fresh and held.count(id(array)) < 2 else array.copy()


def _add(pending: dict[Edge, Array], edge: Edge, gradient: Array) -> None:
    partial = pending.get(edge)
    pending[edge] = gradient if partial is None else np.asarray(partial + gradient)


def _take(pending: dict[Edge, Array], edge: Edge) -> Array | None:
    """A gradient that is complete, once the hooks of its tensor have seen it."""
    node, index = edge
    gradient = pending.pop(edge, None)
    if gradient is not None and index in node._hooks:
        for _, hook in sorted(node._hooks[index].items()):
            replacement = hook(_wrap(gradient))
            gradient = _fitting(gradient if replacement is None else replacement, edge, "hook")
        gradient = gradient.copy()  # hooks may keep what they saw or returned
    return gradient
