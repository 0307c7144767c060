"""Graphs that can be inspected, drawn, and traversed by rules other than `backward`."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from . import autograd
from .autograd import Array, Context, Edge, Variable
from .tensor import Tensor

__all__ = ["graph"]


class Node(NamedTuple):
    """One node of a graph, in the form in which it is displayed."""

    number: int
    """The position in the order of computation."""
    name: str
    """The operation, or "leaf"."""
    shapes: tuple[tuple[int, ...], ...]
    """The shapes of the outputs."""
    inputs: tuple[int | None, ...]
    """For each input, the number of the node that produced it; None if it gets no gradient."""
    operations: int
    """The number of operations that the node represents: more than one for a fused chain."""

    @property
    def label(self) -> str:
        """The name and the shapes."""
        return f"{self.name} {', '.join(map(str, self.shapes))}"


class Graph:
    """The graph that tensors were computed in, kept for inspection and repeated backward passes.

    `cnet.graph` creates it. It contains all nodes that a gradient reaches, and the leaves that
    require one.

    Attributes
    ----------
    nodes : tuple of Node
        In the order of computation: each node comes after the nodes of its inputs.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0], requires_grad=True)
    >>> graph = cnet.graph((x * x + x).sum())
    >>> print(graph)
    0  leaf  (2,)
    1  Mul   (2,)  <- 0, 0
    2  Add   (2,)  <- 1, 0
    3  Sum   ()    <- 2
    >>> graph.gradients()[x]
    array([3., 5.], dtype=float32)
    """

    def __init__(self, roots: Sequence[Variable]) -> None:
        self.roots = tuple(roots)
        self.order = autograd.topological(roots)[::-1]
        """The contexts of the operations, in the order of computation."""
        self.nodes = tuple(self._read())

    def _read(self) -> Iterator[Node]:
        numbers: dict[Any, int] = {}

        def show(item: Any, name: str, inputs: tuple[int | None, ...], operations: int) -> Node:
            numbers[item] = len(numbers)
            shapes = tuple([shape for shape, _ in item.outputs])
            return Node(numbers[item], name, shapes, inputs, operations)

        for context in self.order:
            sources = [None if edge is None else edge[0] for edge in context.edges]
            for leaf in sources:
                if isinstance(leaf, Variable) and leaf not in numbers:
                    yield show(leaf, "leaf", (), 0)
            inputs = tuple([None if source is None else numbers[source] for source in sources])
            yield show(context, context.function.__name__, inputs, context.operations)
        for root in self.roots:
            if root.edge[0] is root and root not in numbers:
                yield show(root, "leaf", (), 0)

    def __str__(self) -> str:
        names = max((len(node.name) for node in self.nodes), default=0)
        shapes = [", ".join(map(str, node.shapes)) for node in self.nodes]
        width = max(map(len, shapes), default=0)
        lines = []
        for node, shape in zip(self.nodes, shapes, strict=True):
            sources = ", ".join("-" if i is None else str(i) for i in node.inputs)
            line = f"{node.number:<{len(str(len(self.nodes)))}}  {node.name:{names}}  "
            lines.append((line + (f"{shape:{width}}  <- {sources}" if sources else shape)).rstrip())
        return "\n".join(lines)

    def to_dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        lines = ["digraph {", "  rankdir=TB; node [shape=box];"]
        for node in self.nodes:
            style = ", style=rounded" if node.name == "leaf" else ""
            lines.append(f'  n{node.number} [label="{node.label}"{style}];')
        lines += [f"  n{source} -> n{target};" for source, target in self._arrows()]
        return "\n".join([*lines, "}"])

    def to_mermaid(self) -> str:
        """The graph in the Mermaid language, which many web pages and Markdown viewers render."""
        lines = ["flowchart TB"]
        for node in self.nodes:
            opening, closing = ("([", "])") if node.name == "leaf" else ("[", "]")
            lines.append(f'  n{node.number}{opening}"{node.label}"{closing}')
        lines += [f"  n{source} --> n{target}" for source, target in self._arrows()]
        return "\n".join(lines)

    def _arrows(self) -> Iterator[tuple[int, int]]:
        for node in self.nodes:
            for source in node.inputs:
                if source is not None:
                    yield source, node.number

    def output_of(self, leaf: Variable) -> "Edge | None":
        """The first output of the last operation that has the leaf as an input, or None."""
        for context in reversed(self.order):
            if any(edge is not None and edge[0] is leaf for edge in context.edges):
                return context, 0
        return None

    def gradients(self, gradient: Any = None) -> "Gradients":
        """Compute the gradients of all nodes; no `grad` is changed.

        Parameters
        ----------
        gradient : ndarray or Tensor, optional
            The gradient of the first tensor given to `cnet.graph`, in its shape; by default 1 for
            a tensor of one element.

        Returns
        -------
        Gradients

        Raises
        ------
        RuntimeError
            If `backward` of a tensor has freed the graph, or `gradient` is missing for a tensor
            of several elements.
        ValueError
            If `gradient` does not have the shape of its tensor.
        """
        gradients = Gradients(self)
        for root, start in zip(self.roots, (gradient, *[None] * len(self.roots[1:])), strict=True):
            gradients.add(root, autograd.starting_gradient(root, start))
        gradients.sweep()
        return gradients

    def backward(self, gradient: Any = None) -> "Gradients":
        """Like `gradients`, but add the gradients of leaves to `grad`. Does not free the graph."""
        gradients = self.gradients(gradient)
        for edge in {edge for context in self.order for edge in context.edges if edge}:
            leaf, array = edge[0], gradients.at(edge)
            if isinstance(leaf, Variable) and array is not None:
                leaf.accumulate(array.copy())
        return gradients


class Gradients:
    """Gradients of the nodes of a graph, which can be changed and propagated again.

    ``gradients[tensor]`` is the gradient of a tensor of the graph as an array, or None.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        # A node of a fused chain has one gradient for each operation of the chain, starting with
        # the last operation. All have the shape of the chain's result, because the backward kernel
        # of the chain takes a gradient of this shape.
        self._kept: dict[Edge, list[Array]] = {}

    def copy(self) -> "Gradients":
        """An independent copy: changes of one do not affect the other."""
        other = Gradients(self.graph)
        other._kept = {edge: list(arrays) for edge, arrays in self._kept.items()}
        return other

    def __getitem__(self, tensor: Variable) -> Array | None:
        return self.at(tensor.edge)

    def __setitem__(self, tensor: Variable, gradient: Array | None) -> None:
        self._kept.pop(tensor.edge, None)
        if gradient is not None:
            self.add(tensor, gradient)

    def at(self, edge: Edge) -> Array | None:
        """The gradient of one output of a node."""
        return self._kept.get(edge, [None])[0]

    def add(self, tensor: Variable, gradient: Array) -> None:
        """Add to the gradient of a tensor of the graph."""
        self.add_at(tensor.edge, gradient)

    def add_at(self, edge: Edge, gradient: Array) -> None:
        """Add to the gradient of one output of a node."""
        arrays = self._kept.setdefault(edge, [gradient])
        if arrays[0] is not gradient:
            arrays[0] = arrays[0] + gradient

    def sweep(self, changed: bool = False) -> None:
        """Traverse the graph once, from the end: each node propagates its gradients to its inputs.

        Each node keeps its own gradients, and the propagated gradients are added to those of its
        inputs. A first sweep from a single gradient is therefore back-propagation. In each further
        sweep, every node adds its accumulated gradient to its inputs again. A node of a fused chain
        gives the same results as separate nodes would. Hooks of tensors are not called.

        RuntimeError if an array that the graph saved was changed in place. If `changed` is true,
        there is no error, and the derivatives are evaluated at the present values.
        """
        for context in reversed(self.graph.order):
            arrived = [self._advance(context, index) for index in range(len(context.outputs))]
            if any(gradient is not None for gradient in arrived):
                for edge, gradient in context.propagate(arrived, changed):
                    self.add_at(edge, gradient)

    def _advance(self, context: Context, index: int) -> Array | None:
        """Propagate a gradient through the operations of a fused chain, up to the first one."""
        arrays = self._kept.get((context, index))
        if arrays is None:
            return None
        for i in range(1, context.operations):
            if i < len(arrays):
                arrays[i] = arrays[i] + arrays[i - 1]
            else:
                arrays.append(arrays[i - 1])
        return arrays[-1]


def graph(*tensors: Tensor) -> Graph:
    """Return the graph that tensors were computed in.

    Parameters
    ----------
    *tensors : Tensor
        Usually one, the loss. All must require grad.

    Returns
    -------
    Graph
        It can be printed, drawn (`to_dot`, `to_mermaid`) and propagated (`gradients`, `backward`)
        until `backward` of a tensor frees it.

    Raises
    ------
    TypeError
        If an argument is not a tensor.
    ValueError
        If there are no arguments, or a tensor does not require grad.

    Examples
    --------
    >>> import cnet
    >>> w = cnet.tensor(3.0, requires_grad=True)
    >>> print(cnet.graph(w * w).to_mermaid())
    flowchart TB
      n0(["leaf ()"])
      n1["Mul ()"]
      n0 --> n1
      n0 --> n1
    """
    if not tensors:
        raise ValueError("graph: tensors must not be empty")
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"graph: tensors must be tensors (got {type(tensor).__name__})")
        if not tensor.requires_grad:
            raise ValueError("graph: tensors must require grad")
    return Graph(tensors)
