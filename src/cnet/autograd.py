"""The graph, the backward pass, and how to define operations: what `cnet.autograd` offers."""

from typing import Any, Generic, TypeVar

from .engine import (
    Array,
    Call,
    Context,
    Edge,
    Hooks,
    Operation,
    Variable,
    ViewOperation,
    backward,
    gradients_of,
    is_listing_calls,
    listing_calls,
    starting_gradient,
    topological,
    wrap,
)
from .grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Array", "Call", "Context", "Edge", "Function", "Hooks", "Operation", "Variable",
    "ViewOperation", "backward", "enable_grad", "grad", "inference_mode", "is_grad_enabled",
    "is_listing_calls", "listing_calls", "no_grad", "set_grad_enabled", "starting_gradient",
    "topological",
]  # fmt: skip

Output = TypeVar("Output")


class Function(Generic[Output]):
    """An operation and its derivative on tensors, written as for PyTorch.

    A subclass defines two static methods. ``forward(ctx, *args)`` gets and returns tensors and
    records nothing; ``ctx.save_for_backward`` keeps tensors for ``backward(ctx, *grad_outputs)``,
    which finds them as ``ctx.saved_tensors`` and returns a gradient or None for each argument;
    ``ctx.needs_input_grad`` says which gradients are needed. As in PyTorch, the context can be left
    to a third method, ``setup_context(ctx, inputs, output)``; ``forward`` then has no ``ctx``.

    The parameter, as in ``Function[Tensor]``, tells type checkers what `apply` returns. For an
    operation on plain arrays see `Operation`.

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
    ...         x, = ctx.saved_tensors
    ...         return 2 * x * grad_output
    >>> x = cnet.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    _operation: type[Operation[Any]]

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """A tensor or a tuple of tensors; those of other than float dtypes have no gradient."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """A gradient or None for each positional argument of `apply`, in the argument's shape."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grad_outputs)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what `backward` needs, if `forward` has no ``ctx``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._operation = type(cls.__name__, (_OnTensors,), {"rule": cls})

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Output:
        """Call `forward`, and record the call if an input needs a gradient.

        `kwargs` have no gradient. The result is a tensor, or a tuple of them if `forward` returned
        one.
        """
        tensors = tuple([isinstance(arg, Variable) for arg in args])
        output: Output = cls._operation.apply(*args, _tensors=tensors, **kwargs)
        return output


class _OnTensors(Operation[Any]):
    """A `Function` as an operation on arrays."""

    rule: type[Function[Any]]

    @classmethod
    def forward(cls, ctx: Context, *args: Any, _tensors: tuple[bool, ...], **kwargs: Any) -> Any:
        inputs = tuple([wrap(a) if tensor else a for a, tensor in zip(args, _tensors, strict=True)])
        with no_grad():
            if cls.rule.setup_context is Function.setup_context:
                result = cls.rule.forward(ctx, *inputs, **kwargs)
            else:
                result = cls.rule.forward(*inputs, **kwargs)
                cls.rule.setup_context(ctx, inputs, result)
        ctx.saved = tuple(map(_plain, ctx.saved))
        return tuple(map(_plain, result)) if type(result) is tuple else _plain(result)

    @classmethod
    def backward(cls, ctx: Context, *grad_outputs: Any) -> Any:
        with no_grad():
            return cls.rule.backward(
                ctx, *[None if grad is None else wrap(grad) for grad in grad_outputs]
            )


def _plain(value: Any) -> Any:
    return value._array if isinstance(value, Variable) else value


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
) -> tuple[Any, ...]:
    """The gradients of tensors, which leaves every `grad` as it is.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated: the sum of all elements.
    inputs : Tensor or sequence of Tensor
        With respect to which; leaves or results of operations.
    grad_outputs : Tensor, ndarray or sequence of them, optional
        The gradient to start from at each output; None stands for 1 at an output of one element.
    retain_graph : bool, default False
        Keep what the graph saved, to go through it again.
    create_graph : bool, default False
        Not supported: gradients cannot be differentiated.
    allow_unused : bool, default False
        Whether inputs that the outputs do not depend on are allowed; their gradient is None.

    Returns
    -------
    tuple of Tensor or None
        One for each input, in its shape.

    Raises
    ------
    NotImplementedError
        If `create_graph` is true.
    RuntimeError
        If an input does not require grad or is unused, or as `Tensor.backward` raises.

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
    """Raise NotImplementedError if derivatives are to be recorded."""
    if create_graph:
        raise NotImplementedError(
            f"{function}: create_graph=True is not supported: gradients are not recorded, and "
            "cannot be differentiated"
        )


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (tuple, list)) else [tensors]
