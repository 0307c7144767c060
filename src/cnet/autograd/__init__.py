"""The public interface of the graph: the backward pass, and base classes for operations."""

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from ..calls import Call, Operation, ViewOperation, is_listing_calls, listing_calls
from ..engine import Array, Context, Edge, Hooks, Variable, wrap
from ..grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from ..inplace import adopt, note_shared_memory
from ..propagation import gradients_of, propagate_to_leaves, starting_gradient, topological

__all__ = [
    "Array", "Call", "Context", "Edge", "Function", "Hooks", "Operation", "Variable",
    "ViewOperation", "backward", "detect_anomaly", "enable_grad", "grad", "inference_mode",
    "is_grad_enabled", "is_listing_calls", "listing_calls", "no_grad", "once_differentiable",
    "set_detect_anomaly", "set_grad_enabled", "starting_gradient", "topological",
]  # fmt: skip

Output = TypeVar("Output")


class Function(Generic[Output]):
    """An operation and its derivative on tensors, written as for PyTorch.

    A subclass defines two static methods. ``forward(ctx, *args)`` takes and returns tensors, and
    nothing is recorded while it runs. ``ctx.save_for_backward`` keeps tensors for
    ``backward(ctx, *grad_outputs)``, which reads them from ``ctx.saved_tensors`` and returns a
    gradient or None for each argument. ``ctx.needs_input_grad`` tells which gradients are needed.
    As in PyTorch, a third method, ``setup_context(ctx, inputs, output)``, can save the values;
    ``forward`` then has no ``ctx``.

    The type parameter, as in ``Function[Tensor]``, is the return type of `apply`. For operations on
    plain arrays see `Operation`.

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
        """Return a tensor or a tuple of tensors; only those of a float dtype have a gradient."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return a gradient or None for each positional argument of `apply`, in its shape."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grad_outputs)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save the values that `backward` needs, if `forward` has no ``ctx``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._operation = type(cls.__name__, (_OnTensors,), {"rule": cls})

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not supported, as in PyTorch: methods that are not static were removed from it."""
        name = type(self).__name__
        raise RuntimeError(
            f"{name}: legacy functions with methods that are not static are not supported; make "
            f"forward and backward static methods with ctx as first parameter, and use {name}.apply"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Output:
        """Call `forward`, and record the call if an input requires grad.

        `kwargs` have no gradient. The result is a tensor, or a tuple of tensors if `forward`
        returns a tuple.
        """
        tensors = tuple([isinstance(arg, Variable) for arg in args])
        dirty: list[Array] = []
        output: Any = cls._operation.apply(*args, _tensors=tensors, _dirty=dirty, **kwargs)
        if dirty:
            results = output if type(output) is tuple else (output,)
            results = tuple([_changed_input(result, args, dirty) for result in results])
            output = results if type(output) is tuple else results[0]
        note_shared_memory(output if type(output) is tuple else (output,), args)
        return output  # type: ignore[no-any-return]


InplaceFunction = Function


def once_differentiable(function: Any) -> Any:
    """Decorates `Function.backward`; accepted because gradients are never differentiated again."""
    return function


def _changed_input(result: Variable, args: tuple[Any, ...], dirty: list[Array]) -> Variable:
    """The argument that a `Function` changed in place and returned, or the result itself."""
    for arg in args:
        if isinstance(arg, Variable) and any(
            result._array is array is arg._array for array in dirty
        ):
            adopt(arg, result)
            return arg
    return result


class _OnTensors(Operation[Any]):
    """Adapts a `Function` to an operation on arrays."""

    rule: type[Function[Any]]

    @classmethod
    def forward(
        cls,
        ctx: Context,
        *args: Any,
        _tensors: tuple[bool, ...],
        _dirty: list[Array],
        **kwargs: Any,
    ) -> Any:
        inputs = tuple([wrap(a) if tensor else a for a, tensor in zip(args, _tensors, strict=True)])
        with no_grad():
            if cls.rule.setup_context is Function.setup_context:
                result = cls.rule.forward(ctx, *inputs, **kwargs)
            else:
                result = cls.rule.forward(*inputs, **kwargs)
                cls.rule.setup_context(ctx, inputs, result)
        ctx.saved = tuple(map(_plain, ctx.saved))
        _dirty += map(_plain, ctx.dirty)
        results = result if type(result) is tuple else (result,)
        ctx.without_grad = tuple([
            index for index, one in enumerate(results)
            if any(one is marked for marked in ctx.non_differentiable)
        ])  # fmt: skip
        ctx.dirty = ctx.non_differentiable = ()
        return tuple(map(_plain, result)) if type(result) is tuple else _plain(result)

    @classmethod
    def backward(cls, ctx: Context, *grad_outputs: Any) -> Any:
        with no_grad():
            returned = cls.rule.backward(
                ctx, *[None if grad is None else wrap(grad) for grad in grad_outputs]
            )
        count = len(ctx.edges)
        if type(returned) is tuple and all(grad is None for grad in returned[count:]):
            return returned[:count]
        return returned


def _plain(value: Any) -> Any:
    return value._array if isinstance(value, Variable) else value


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


for _path in ("function", "variable"):  # modules in PyTorch
    globals()[_path] = sys.modules[f"{__name__}.{_path}"] = sys.modules[__name__]


def __getattr__(name: str) -> Any:
    if name == "gradcheck":  # it depends on tensors, and so on this module
        return import_module("..gradcheck", __package__).autograd_gradcheck
    if name == "functional":
        return import_module(".functional", __package__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
