"""The backward pass: gradients are propagated from results to leaves.

To propagate by a rule other than `Tensor.backward`, iterate over `topological` and call
`Context.propagate`, which computes the gradients of a node's inputs from those of its outputs and
changes nothing.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..modes import current
from ..replay import constant, copied, refuse, repeated
from .engine import Array, Context, Edge, Variable, fitting, wrap

adding: Callable[[Array, Array, Array | None], Any] = np.add
"""Adds two gradients, in the third array if it is given; `cnet.operations` sets a faster one."""


class Gradients(dict[Edge, Array]):
    """The gradients that arrived at edges, until they are complete and taken."""

    def __init__(self) -> None:
        super().__init__()
        self._sums: set[Edge] = set()  # their arrays have no other users

    def add(self, edge: Edge, gradient: Array) -> None:
        """Add a gradient to those that arrived at an edge before."""
        partial = self.get(edge)
        if partial is None:
            self[edge] = gradient
        elif current.recorder is not None:
            self[edge] = current.recorder.added(partial, gradient)
        else:
            out = partial if edge in self._sums and partial.ndim else None
            self[edge] = np.asarray(adding(partial, gradient, out))
            self._sums.add(edge)

    def take(self, edge: Edge) -> Array | None:
        """Remove and return a complete gradient, after the hooks of its tensor were called."""
        node, index = edge
        gradient = self.pop(edge, None)
        self._sums.discard(edge)
        if gradient is not None and index in node._hooks:
            refuse("a tensor has a hook, or retains its gradient")
            for _, hook in sorted(node._hooks[index].items()):
                replacement = hook(wrap(gradient))
                gradient = fitting(gradient if replacement is None else replacement, edge, "hook")
            gradient = gradient.copy()  # hooks may keep references to their arguments and results
        return gradient


def topological(variables: Iterable[Variable]) -> list[Context]:
    """All nodes that `variables` depend on, each before the nodes of its inputs."""
    nodes: set[Context] = set()
    stack: list[Edge | None] = [variable.edge for variable in variables]
    while stack:
        edge = stack.pop()
        if edge is not None and edge[0] not in nodes and isinstance(edge[0], Context):
            nodes.add(edge[0])
            stack.extend(edge[0].edges)
    return sorted(nodes, key=attrgetter("number"), reverse=True)


def propagate_to_leaves(
    tensors: Sequence[Variable], gradients: Sequence[Any], retain_graph: bool
) -> None:
    """Add the gradient of the sum of all tensors to `grad` of every leaf.

    If an error occurs, no leaf is changed.
    """
    pending = _started(tensors, gradients, _first_gradient)
    for node in topological(tensors):
        _pass_on(pending, node, retain_graph)
    for leaf, total in [(edge[0], pending.take(edge)) for edge in tuple(pending)]:
        if isinstance(leaf, Variable) and leaf._requires_grad and total is not None:
            leaf.accumulate(total)


def gradients_of(
    outputs: Sequence[Variable], inputs: Sequence[Variable], gradients: Sequence[Any] | None,
    retain_graph: bool,
) -> list[Array | None]:  # fmt: skip
    """The gradients of `inputs`; None for inputs that `outputs` do not depend on.

    Only nodes on a path from `inputs` to `outputs` are propagated and freed.
    """
    edges = [tensor.edge for tensor in inputs]
    wanted = set(edges)
    order = topological(outputs)
    between: set[Context] = set()
    for node in reversed(order):
        if any(edge is not None and (edge in wanted or edge[0] in between) for edge in node.edges):
            between.add(node)
    pending = _started(outputs, gradients, starting_gradient)
    found: dict[Edge, Array | None] = {}
    for node in order:
        for edge in wanted:
            if edge[0] is node:
                # The hooks are called once, before the gradient is propagated.
                found[edge] = pending.get(edge) if node in between else pending.take(edge)
        if node in between:
            _pass_on(pending, node, retain_graph, wanted)
    return [
        found[edge] if edge in found else found.setdefault(edge, pending.take(edge))
        for edge in edges
    ]


def _pass_on(
    pending: Gradients, node: Context, retain_graph: bool, wanted: Collection[Edge] = ()
) -> None:
    """Propagate the gradients of a node's outputs to its inputs.

    If the node was computed together with earlier ones, and nothing needs the gradients in between,
    it is propagated together with them. `wanted` lists edges whose gradients are needed.
    """
    arrived = [pending.take((node, index)) for index in range(len(node.outputs))]
    for gradient in arrived:
        if gradient is not None:
            if node.spanned and not any(
                edge in pending or edge in wanted or edge[0]._hooks.get(edge[1])
                for edge in node.spanned
            ):
                found = node.propagate_through(arrived, pending)
            else:
                found = node.propagate(arrived)
            for edge, input_gradient in found:
                pending.add(edge, input_gradient)
            break
    if not retain_graph:
        node.release()


def starting_gradient(tensor: Variable, gradient: Any) -> Array:
    """The gradient that back-propagation starts with at a tensor; 1 if `gradient` is None.

    It shares no memory with `gradient`.
    """
    first = _first_gradient(tensor, gradient)
    return first if gradient is None else copied(first)


def _first_gradient(tensor: Variable, gradient: Any) -> Array:
    """`starting_gradient`, which may share memory unless it is the gradient of a leaf."""
    edge = tensor.edge
    if not tensor._requires_grad:
        raise RuntimeError("backward: the tensor does not require grad and has no grad_fn")
    if gradient is not None:
        array = gradient._array if isinstance(gradient, Variable) else gradient
        fitted = fitting(array, edge, "backward")
        return copied(fitted) if isinstance(edge[0], Variable) else fitted
    if tensor._array.size != 1:
        raise RuntimeError(
            "backward: grad can be implicitly created only for scalar outputs "
            f"(got shape {tensor._array.shape})"
        )
    return constant(np.ones_like(tensor._array))


def _started(
    tensors: Sequence[Variable], gradients: Sequence[Any] | None,
    first: Callable[[Variable, Any], Array],
) -> Gradients:  # fmt: skip
    pending = Gradients()
    for tensor, gradient in zip(tensors, gradients or [None] * len(tensors), strict=True):
        pending.add(tensor.edge, first(tensor, gradient))
    return pending


def zero_grad(tensors: Iterable[Any], set_to_none: bool) -> None:
    """Set the gradients of tensors to None, or to zero."""
    for tensor in tensors:
        if set_to_none:
            tensor.grad = None
        elif tensor._grad is not None:
            repeated("zero_grad", np.copyto, tensor._grad._array, 0)
            tensor._grad.note_change("zero_grad")


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    inputs: Any = None,
) -> None:
    """Compute the gradients of the sum of all tensors, and add them to `grad` of the leaves.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
    grad_tensors : Tensor, ndarray or iterable of them, optional
        The gradient of each tensor, in its shape; None means 1 for a tensor of one element.
    retain_graph : bool, default False
        Keep the values that the graph saved, so that it can be propagated again.
    create_graph : bool, default False
        Not supported: gradients cannot be differentiated again.
    inputs : Tensor or iterable of Tensor, optional
        The tensors that get a gradient; by default all leaves.

    Raises
    ------
    NotImplementedError
        If `create_graph` is true.
    RuntimeError, ValueError
        For the same reasons as in `Tensor.backward`. No leaf is changed then.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0], requires_grad=True)
    >>> cnet.autograd.backward([x.sum(), (x * x).sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    refuse_create_graph("backward", create_graph)
    sources = _listed(tensors)
    starts = [None] * len(sources) if grad_tensors is None else _listed(grad_tensors)
    if inputs is None:
        propagate_to_leaves(sources, starts, bool(retain_graph))
        return
    targets = _listed(inputs)
    if not targets:
        raise RuntimeError("backward: inputs must not be empty")
    found = gradients_of(sources, targets, starts, bool(retain_graph))
    for target, gradient in zip(targets, found, strict=True):
        if gradient is not None:
            target.accumulate(gradient.copy())


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
) -> tuple[Any, ...]:
    """Compute the gradients of `outputs` with respect to `inputs`; no `grad` is changed.

    Parameters
    ----------
    outputs : Tensor or iterable of Tensor
        The sum of all their elements is differentiated.
    inputs : Tensor or iterable of Tensor
        The tensors to differentiate with respect to: leaves or results of operations.
    grad_outputs : Tensor, ndarray or iterable of them, optional
        The gradient of each output, in its shape; None means 1 for an output of one element.
    retain_graph : bool, default False
        Keep the values that the graph saved, so that it can be propagated again.
    create_graph : bool, default False
        Not supported: gradients cannot be differentiated again.
    allow_unused : bool, default False
        Whether inputs on which no output depends are allowed; their gradient is None.

    Returns
    -------
    tuple of Tensor or None
        One gradient for each input, in its shape and dtype.

    Raises
    ------
    NotImplementedError
        If `create_graph` is true.
    RuntimeError
        If an input does not require grad, or is unused and `allow_unused` is false; and for the
        same reasons as in `Tensor.backward`.
    ValueError
        If a gradient in `grad_outputs` does not have the shape of its output.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0], requires_grad=True)
    >>> cnet.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    refuse_create_graph("grad", create_graph)
    sources, targets = _listed(outputs), _listed(inputs)
    starts = [None] * len(sources) if grad_outputs is None else _listed(grad_outputs)
    for target in targets:
        if not target.requires_grad:
            raise RuntimeError("grad: one of the inputs does not require grad")
    found = gradients_of(sources, targets, starts, bool(retain_graph))
    if not allow_unused and any(gradient is None for gradient in found):
        raise RuntimeError(
            "grad: one of the inputs appears to not have been used in the graph; "
            "set allow_unused=True if this is the desired behavior"
        )
    return tuple([None if gradient is None else wrap(gradient.copy()) for gradient in found])


def refuse_create_graph(function: str, create_graph: bool) -> None:
    """Raise NotImplementedError if `create_graph` is true."""
    if create_graph:
        raise NotImplementedError(
            f"{function}: create_graph=True is not supported: gradients are not recorded and "
            "cannot be differentiated again"
        )


class set_detect_anomaly:
    """A function or context without an effect: errors of a backward pass name the operation anyway.

    Parameters
    ----------
    mode : bool
        Not used.
    check_nan : bool, default True
        Not used: gradients are not searched for NaN.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class detect_anomaly(set_detect_anomaly):
    """A context without an effect; see `set_detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def _listed(tensors: Any) -> list[Any]:
    several = isinstance(tensors, Iterable) and not isinstance(tensors, (Variable, np.ndarray))
    return list(tensors) if several else [tensors]
