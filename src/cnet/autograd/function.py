"""`Function`: operations on tensors, written as for PyTorch."""

from typing import Any, Generic, NoReturn, TypeVar

from .calls import Operation
from .engine import Array, Context, Variable, wrap
from .grad_mode import no_grad
from .inplace import adopt, note_shared_memory

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
