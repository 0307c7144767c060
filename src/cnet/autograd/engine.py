"""The graph. It is independent of the individual operations.

An `Operation` (in `calls`) computes on plain arrays. If an input requires grad, the `Context` of
the call is a node of the graph: its edges identify the node that produced each input, and it saves
only the values that the derivative needs. A leaf is its own node. The backward pass is in
`propagation`.
"""

import sys
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from .._warning import warn
from ..modes import current
from ..replay import constant, copied
from . import changes

if TYPE_CHECKING:
    from .calls import Operation

Array: TypeAlias = npt.NDArray[Any]
Meta: TypeAlias = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape and dtype of an array."""
Edge: TypeAlias = "tuple[Context | Variable, int]"
"""The origin of an array: a node, and the index of its output."""
Hooks: TypeAlias = dict[int, Callable[[Any], Any]]
_NO_HOOKS: dict[int, Hooks] = {}
AFTER_OTHER_HOOKS = sys.maxsize
"""The number of the hook that keeps a gradient for `Tensor.retain_grad`."""
_hook_numbers = count()


class HookHandle:
    """Removes a hook: ``handle.remove()``, or at the end of a ``with`` block."""

    __slots__ = ("_hooks", "_number")

    def __init__(self, hooks: Hooks, hook: Callable[[Any], Any]) -> None:
        self._hooks = hooks
        self._number = next(_hook_numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """Remove the hook, if it is still there."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def settle() -> None:
    """Compute the arrays of this thread's tensors that are not computed yet.

    To be called before an array changes in place, or is handed out: such a tensor may depend on it.
    """
    waiting, current.deferred = current.deferred, ()
    for reference in waiting:
        variable = reference()
        if variable is not None:
            variable._array  # noqa: B018, computed when it is read


class Variable:
    """The part of a tensor that the graph uses: its array, its origin and its gradient."""

    __slots__ = (
        "__weakref__", "_array", "_grad", "_grad_fn", "_hooks", "_output_index", "_requires_grad",
        "_view",
    )  # fmt: skip

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # PyTorch's older name of ``Tensor(data)`` is ``Variable(data)``.
        return object.__new__(tensor_type if cls is Variable else cls)

    def _init(self, array: Array, grad_fn: "Context | None" = None, output_index: int = 0) -> None:
        self._array = array
        self._grad_fn = grad_fn
        self._output_index = output_index
        self._grad: Variable | None = None
        self._hooks = _NO_HOOKS
        self._requires_grad = grad_fn is not None
        self._view: View | None = None

    @property
    def edge(self) -> Edge:
        """The origin of the array; for a leaf, the leaf itself."""
        if self._view is not None:
            self._renew()
        return self._grad_fn or self, self._output_index

    @property
    def outputs(self) -> tuple[Meta]:
        """The only output of a leaf, which is also a node of the graph."""
        return ((self._array.shape, self._array.dtype),)

    def accumulate(self, gradient: Array) -> None:
        """Add to `grad`, in place if it exists. The caller must not use `gradient` afterwards."""
        if current.recorder is not None:
            current.recorder.accumulate(self, gradient)
        elif self._grad is None:
            self._grad = wrap(gradient)
        else:
            np.add(self._grad._array, gradient, self._grad._array)
            self._grad.note_change("backward")

    def note_change(self, name: str) -> None:
        """Record for the backward pass that an operation changed the array in place."""
        if self._view is not UNWATCHED:
            changes.changed(self._array, name)

    def _share(self) -> Array:
        """The array, for a use in which changes of its elements are not noticed."""
        if current.deferred:
            settle()
        variable = self
        while variable._view is not None:
            if variable._grad_fn is not None:
                variable._grad_fn.is_shared = True
            variable = variable._view.parent
        if variable._grad_fn is not None:
            variable._grad_fn.is_shared = True
        return self._array

    def _rebase(self, node: "Context") -> None:
        """Make the node of an in-place operation the origin of the array."""
        old, index = self._grad_fn, self._output_index
        self._grad_fn, self._output_index, self._requires_grad = node, 0, True
        if old is not None and AFTER_OTHER_HOOKS in (hooks := old._hooks.get(index, {})):
            node._hooks = {0: {AFTER_OTHER_HOOKS: hooks.pop(AFTER_OTHER_HOOKS)}}

    def _renew(self) -> None:
        """Update the origin of a view after in-place operations on the tensor it is a view of."""
        stale = [self]
        while (above := stale[-1]._view[0])._view is not None:  # type: ignore[index]
            stale.append(above)
        for variable in reversed(stale):
            parent, operation, kwargs, history = variable._view  # type: ignore[misc]
            if history is not parent._grad_fn is not None:
                if operation is None:
                    raise RuntimeError(
                        "a view was created in no_grad mode, or by a Function, and the tensor that "
                        "it is a view of was modified in place with grad mode enabled; make the "
                        "view with grad mode enabled, or use clone()"
                    )
                node = Context(operation, (parent.edge,))
                array = _made_again(node, variable._array, parent._array, kwargs)
                node.number = next(changes.numbers)
                node.outputs = ((array.shape, array.dtype),)
                variable._rebase(node)
                variable._view = View(parent, operation, kwargs, parent._grad_fn)


def _made_again(node: "Context", view: Array, parent: Array, kwargs: dict[str, Any]) -> Array:
    """Repeat the operation that made a view, for a new node."""
    try:
        array: Array = node.function.forward(node, parent, **kwargs)
        if array.strides == view.strides and array.__array_interface__ == view.__array_interface__:
            return array
    except (IndexError, ValueError):
        pass
    raise RuntimeError("the shape of a tensor was changed in place after a view of it was made")


class View(NamedTuple):
    """How a tensor shares the memory of another."""

    parent: Variable
    operation: "type[Operation[Any]] | None"
    """The operation that created the view; None if the graph was not recorded."""
    kwargs: dict[str, Any]
    history: "Context | None"
    """The parent's node at the time when the view's node was created."""


def _unwatched() -> View:
    parent = object.__new__(Variable)
    parent._init(np.empty(0))
    return View(parent, None, {}, None)


UNWATCHED = _unwatched()
"""Marks `Tensor.data` and views of it: changes through them are not recorded."""


tensor_type = Variable
"""The class of results and gradients; set by `cnet.tensor`."""

_new: Any = object.__new__  # a call of a class takes twice as long


def wrap(array: Array, grad_fn: "Context | None" = None, output_index: int = 0) -> Variable:
    """Create a tensor without the checks of its constructor."""
    variable: Variable = _new(tensor_type)
    variable._array = array
    variable._grad_fn = grad_fn
    variable._output_index = output_index
    variable._grad = variable._view = None
    variable._hooks = _NO_HOOKS
    variable._requires_grad = grad_fn is not None
    return variable


class Context:
    """One call of an `Operation`: a node of the graph, and the values that `backward` needs.

    `forward` may set further attributes. Arrays must be passed to `save_for_backward`, so that they
    are freed as soon as they are no longer needed.
    """

    edges: "tuple[Edge | None, ...]"
    """The origin of each positional argument of `apply`; None if it gets no gradient."""
    outputs: tuple[Meta, ...] = ()
    saved: tuple[Any, ...] = ()
    operations = 1
    """The number of operations that the call represents: more than one for a fused chain."""
    released = False
    materialize_grads = True
    """Whether `backward` gets zeros for outputs without a gradient, not None."""
    without_grad: tuple[int, ...] = ()
    """The outputs of a float dtype that have no gradient."""
    dirty: tuple[Any, ...] = ()
    non_differentiable: tuple[Any, ...] = ()
    is_shared = False
    """Whether the array of the output may change without notice."""
    spanned: "tuple[Edge, ...]" = ()
    """The edges between the operations that were computed together, as this node."""
    number = -1
    """Higher than the numbers of the nodes of the inputs; -1 if the call is not recorded."""
    _hooks: dict[int, Hooks] = _NO_HOOKS

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, function: "type[Operation[Any]]", edges: "tuple[Edge | None, ...]") -> None:
        self.function = function
        self.edges = edges

    def __repr__(self) -> str:
        return f"<{self.function.__name__}>"

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each positional argument of `apply`, whether its gradient is needed."""
        return tuple(map(bool, self.edges))

    def _outputs(self, result: Any) -> Any:
        """Record the call: the results of `forward` as tensors that this node is the origin of."""
        self.number = next(changes.numbers)
        if type(result) is np.ndarray and not self.without_grad:
            dtype = result.dtype
            if dtype.kind == "f":
                self.outputs = ((result.shape, dtype),)
                return wrap(result, self)
        results = [np.asarray(each) for each in (result if type(result) is tuple else (result,))]
        self.outputs = tuple([(array.shape, array.dtype) for array in results])
        tensors = tuple([
            wrap(array) if array.dtype.kind != "f" or index in self.without_grad
            else wrap(array, self, index)
            for index, array in enumerate(results)
        ])  # fmt: skip
        return tensors if type(result) is tuple else tensors[0]

    def save_for_backward(self, *values: Any) -> None:
        """Keep arrays and other values as `saved` until `backward` has used them.

        If one of these arrays is changed in place before that, `backward` raises RuntimeError.
        """
        self.saved = values

    def mark_dirty(self, *args: Any) -> None:
        """Tell that `Function.forward` changed these inputs in place; it must return them."""
        self.dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Tell that these outputs of `Function.forward` have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Set whether `backward` gets zeros, not None, for outputs without a gradient."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved values, with arrays as tensors."""
        return tuple([wrap(v) if isinstance(v, np.ndarray) else v for v in self.saved])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The former name of `saved_tensors`."""
        warn("saved_variables is deprecated; use saved_tensors", FutureWarning)
        return self.saved_tensors

    def input_shape(self, position: int) -> tuple[int, ...]:
        """The shape of an input that requires grad."""
        node, index = self.edges[position]  # type: ignore[misc]
        return node.outputs[index][0]

    def propagate(
        self, gradients: Sequence[Array | None], changed: bool = False
    ) -> list[tuple[Edge, Array]]:
        """Compute the gradients of the inputs, each with its edge, from those of the outputs.

        None as a gradient of an output means zeros. Inputs that do not require grad are left out.
        Gradients have the shape and dtype of their inputs. The gradient of a leaf is C-contiguous
        and shares no memory. RuntimeError if the node was released, or if a saved array was changed
        in place and `changed` is false; ValueError if `backward` of the operation returns gradients
        of the wrong number or shape.
        """
        if self.released:
            raise RuntimeError(
                f"backward: an earlier backward freed the graph (at {self.function.__name__}); "
                "pass retain_graph=True to that call to propagate through the graph again"
            )
        if self.number < changes.latest and not changed:
            changes.check(self.number, self.function.__name__, self.saved)
        grad_outputs = [
            constant(np.zeros(shape, dtype))
            if gradient is None and dtype.kind == "f" and self.materialize_grads
            else gradient
            for gradient, (shape, dtype) in zip(gradients, self.outputs, strict=True)
        ]
        if current.recorder is not None:
            returned = current.recorder.backward(self, grad_outputs)
        else:
            returned = self.function.backward(self, *grad_outputs)
        if type(returned) is not tuple:
            returned = (returned,)
        name = f"{self.function.__name__}.backward"
        if len(returned) != len(self.edges):
            raise ValueError(
                f"{name}: must return one gradient for each input "
                f"(got {len(returned)} and {len(self.edges)} inputs)"
            )
        held: list[int] = []
        inputs = []
        for gradient, edge in zip(returned, self.edges):  # noqa: B905, of the same length
            if gradient is not None and edge is not None:
                gradient = fitting(gradient, edge, name)
                if isinstance(edge[0], Variable):
                    if not held:
                        others = (*grad_outputs, *self.saved, *vars(self).values(), *returned)
                        held = [*map(id, others)]
                    gradient = _unshared(gradient, held)
                inputs.append((edge, gradient))
        return inputs

    def propagate_through(
        self, gradients: Sequence[Array | None], pending: dict[Edge, Array]
    ) -> list[tuple[Edge, Array]]:
        """Like `propagate`, but for the inputs of all operations that were computed together.

        It may take gradients that arrived before out of `pending`, and return the sums.
        """
        return self.propagate(gradients)

    def release(self) -> None:
        """Free the saved arrays. A node that had any can be inspected, but not propagated again."""
        if next(changes.arrays(self.saved), None) is not None:
            self.saved, self.released = (), True


def fitting(gradient: Any, edge: Edge, source: str) -> Array:
    """Convert a gradient to an array in the dtype of its tensor, and check its shape."""
    node, index = edge
    shape, dtype = node.outputs[index]
    array: Array
    if isinstance(gradient, Variable):
        array = copied(gradient._array)
    else:
        array = np.asarray(gradient)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{source}: gradient must be real numbers (got dtype {array.dtype})")
    if array.shape != shape:
        raise ValueError(
            f"{source}: gradient.shape must equal its tensor's (got {array.shape} and {shape})"
        )
    return array if array.dtype is dtype else array.astype(dtype, copy=False)


def _unshared(array: Array, held: list[int]) -> Array:
    """The array, or a copy if it may share memory; `held` lists the `id` of all arrays in use."""
    shared = isinstance(array.base, np.ndarray) and (
        array.base.size != array.size
        or isinstance(array.base.base, np.ndarray)
        or sys.getrefcount(array.base) > 2  # those of the array and of this call
    )
    return copied(array) if shared or not array.flags.carray or held.count(id(array)) > 1 else array
