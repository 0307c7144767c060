"""Derivatives of functions of tensors, as in ``torch.autograd.functional``."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._explained import explained
from ..tensor import Tensor
from .grad_mode import enable_grad
from .propagation import grad, refuse_create_graph

__all__ = ["jacobian", "vjp"]


def __getattr__(name: str) -> Any:
    if name in ("hessian", "hvp", "vhp", "jvp"):
        raise AttributeError(
            f"module 'cnet.autograd.functional' has no attribute {name!r}: it needs derivatives of "
            "gradients, which cnet does not compute; jacobian and vjp need none"
        )
    raise AttributeError(f"module 'cnet.autograd.functional' has no attribute {name!r}")


STRATEGIES = ("reverse-mode", "forward-mode")


@explained
def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs of a function, and the product of a vector and its Jacobian.

    Parameters
    ----------
    func : callable
        Takes the inputs and returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
        The arguments of `func`.
    v : Tensor or tuple of Tensor, optional
        A vector for each output, in its shape; 1 by default if there is one output of one element.
    create_graph : bool, default False
        Not supported: gradients cannot be differentiated again.
    strict : bool, default False
        Whether inputs on which no output depends are an error. Otherwise their gradient is zero.

    Returns
    -------
    outputs : Tensor or tuple of Tensor
        The result of `func`, without graph.
    vjp : Tensor or tuple of Tensor
        A gradient for each input, in its shape.

    Raises
    ------
    NotImplementedError
        If `create_graph` is true.
    RuntimeError
        If `v` is missing or does not fit the outputs, or if `strict` is true and an output does not
        depend on an input.
    TypeError
        If inputs or outputs are not tensors.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0])
    >>> cnet.autograd.functional.vjp(lambda x: x * x, x, cnet.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    refuse_create_graph("vjp", create_graph)
    leaves, outputs, results = _called("vjp", func, inputs)
    if v is None:
        if len(outputs) > 1 or outputs[0].numel() != 1:
            raise RuntimeError("vjp: v must be given if func does not return one element")
        vectors = [Tensor(np.ones_like(outputs[0]._array))]
    else:
        vectors = _tensors("vjp", "v", v)
        shapes = [[tuple(x.shape) for x in xs] for xs in (vectors, outputs)]
        if shapes[0] != shapes[1]:
            raise RuntimeError(
                f"vjp: v must have the shapes of the outputs (got {shapes[0]} and {shapes[1]})"
            )
    gradients = _gradients("vjp", outputs, leaves, vectors, strict)
    return _like(results, [x.detach() for x in outputs]), _like(inputs, gradients)


@explained
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function: the derivative of each element of its outputs.

    Parameters
    ----------
    func : callable
        Takes the inputs and returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
        The arguments of `func`.
    create_graph : bool, default False
        Not supported: gradients cannot be differentiated again.
    strict : bool, default False
        Whether an output that does not depend on an input is an error. Otherwise the derivative is
        zero.
    vectorize : bool, default False
        Has no effect.
    strategy : {"reverse-mode", "forward-mode"}, default "reverse-mode"
        Has no effect: there is a backward pass for each element of the outputs.

    Returns
    -------
    Tensor, shape ``(*output.shape, *input.shape)``
        If the inputs or outputs are a tuple, a tuple with a tensor for each; if both are, a tuple
        of tuples, ``result[i][j]`` for output i and input j.

    Raises
    ------
    NotImplementedError
        If `create_graph` is true.
    RuntimeError
        If `strict` is true and an output does not depend on an input.
    TypeError
        If inputs or outputs are not tensors.
    ValueError
        If `strategy` has another value.

    Examples
    --------
    >>> import cnet
    >>> cnet.autograd.functional.jacobian(lambda x: x * x, cnet.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    refuse_create_graph("jacobian", create_graph)
    if strategy not in STRATEGIES:
        raise ValueError(f"jacobian: strategy must be one of {STRATEGIES} (got {strategy!r})")
    leaves, outputs, results = _called("jacobian", func, inputs)
    rows = []
    for output in outputs:
        parts = [np.zeros((output.numel(), *leaf.shape), leaf.dtype) for leaf in leaves]
        direction = np.zeros(output.numel(), output.dtype)
        for i in range(output.numel()):
            direction[:] = 0
            direction[i] = 1
            start = Tensor(direction.reshape(output.shape))
            found = _gradients("jacobian", [output], leaves, [start], strict)
            for part, gradient in zip(parts, found, strict=True):
                part[i] = gradient._array
        derivatives = [
            Tensor(part.reshape(*output.shape, *leaf.shape))
            for part, leaf in zip(parts, leaves, strict=True)
        ]
        rows.append(_like(inputs, derivatives))
    return _like(results, rows)


def _called(
    function: str, func: Callable[..., Any], inputs: Any
) -> tuple[list[Tensor], list[Tensor], Any]:
    """New leaves with the values of the inputs, the outputs for them, and the result of `func`."""
    leaves = [x.detach().requires_grad_() for x in _tensors(function, "inputs", inputs)]
    with enable_grad():
        results = func(*leaves)
    return leaves, _tensors(function, "the result of func", results), results


def _tensors(function: str, name: str, values: Any) -> list[Tensor]:
    listed = list(values) if isinstance(values, tuple) else [values]
    for value in listed:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{function}: {name} must be a tensor or a tuple of tensors "
                f"(got {type(value).__name__})"
            )
    return listed


def _gradients(
    function: str,
    outputs: Sequence[Tensor],
    leaves: list[Tensor],
    vectors: Sequence[Tensor],
    strict: bool,
) -> list[Tensor]:
    """The gradient of each leaf; zeros where no output depends on it."""
    pairs = [pair for pair in zip(outputs, vectors, strict=True) if pair[0].requires_grad]
    found: tuple[Any, ...] = (None,) * len(leaves)
    if pairs:
        sources, starts = zip(*pairs, strict=True)
        found = grad(sources, leaves, starts, retain_graph=True, allow_unused=True)
    if strict and (len(pairs) < len(outputs) or any(gradient is None for gradient in found)):
        raise RuntimeError(f"{function}: strict is true, and an output does not depend on an input")
    return [
        Tensor(np.zeros_like(leaf._array)) if gradient is None else gradient
        for gradient, leaf in zip(found, leaves, strict=True)
    ]


def _like(example: Any, values: list[Any]) -> Any:
    """A tuple if the example is one, else the only value."""
    return tuple(values) if isinstance(example, tuple) else values[0]
