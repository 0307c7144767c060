"""Hooks on the gradients of a module's inputs and outputs.

A `Boundary`, an operation that returns its inputs, stands before and after the module in the graph.
In the backward pass, the one after the module gets the gradients of the outputs, and the one before
it those of the inputs.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .._warning import warn
from ..autograd import Context, Operation
from ..autograd.grad_mode import is_grad_enabled
from ..autograd.inplace import note_replacement, note_shared_memory
from ..tensor import Tensor, array_of

Hooks: TypeAlias = Mapping[int, Callable[..., Any]]
Gradients: TypeAlias = tuple[Any, ...]


class Boundary(Operation[Any]):
    """Return the inputs; `backward` returns what `on_gradients` makes of the gradients."""

    @staticmethod
    def forward(ctx: Context, *arrays: Any, on_gradients: Callable[[Gradients], Gradients]) -> Any:
        ctx.on_gradients = on_gradients
        return arrays

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        given = tuple(map(Tensor, grad_outputs))
        returned = ctx.on_gradients(given)
        # Hooks may keep the gradients that they return, so that these are copied.
        return tuple(
            [
                old._array if new is old else None if new is None else array_of(new).copy()
                for new, old in zip(returned, given, strict=True)
            ]
        )


class BackwardHooks:
    """The hooks of one call of a module.

    With `in_place`, the module may change its input in place, and others its output.
    """

    def __init__(self, module: Any, pre_hooks: Hooks, hooks: Hooks, in_place: bool) -> None:
        self._module = module
        self._pre_hooks = tuple(pre_hooks.values())
        self._hooks = tuple(hooks.values())
        self._in_place = in_place
        self._inputs = 0
        self._has_gradient = False  # whether an input requires grad
        self._grad_output: Gradients | None = None

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Call the hooks when the gradients of these arguments are complete."""
        self._inputs = len(args)
        watched, self._has_gradient = _watched(args, self._call_hooks, self._in_place)
        return watched

    def watch_output(self, output: Any) -> Any:
        """Call the hooks when the gradients of the output, a tensor or a tuple, are complete."""
        if not isinstance(output, (Tensor, tuple)):
            warn(
                f"{type(self._module).__name__}: backward hooks need an output that is a tensor or "
                f"a tuple of tensors (got {type(output).__name__})"
            )
            return output
        outputs = output if isinstance(output, tuple) else (output,)
        watched, _ = _watched(outputs, self._on_grad_output, self._in_place)
        if isinstance(output, Tensor):
            return watched[0]
        return type(output)(*watched) if hasattr(output, "_fields") else watched

    def _on_grad_output(self, gradients: Gradients) -> Gradients:
        for hook in self._pre_hooks:
            gradients = self._replaced("grad_output", gradients, hook(self._module, gradients))
        self._grad_output = gradients
        if not self._has_gradient:
            self._call_hooks((None,) * self._inputs)
        return gradients

    def _call_hooks(self, grad_input: Gradients) -> Gradients:
        if self._hooks and self._grad_output is None:
            raise RuntimeError(
                f"{type(self._module).__name__}: backward reached the inputs of the module before "
                "its outputs, so that its backward hooks cannot be called"
            )
        for hook in self._hooks:
            returned = hook(self._module, grad_input, self._grad_output)
            grad_input = self._replaced("grad_input", grad_input, returned)
        self._grad_output = None
        return grad_input

    def _replaced(self, name: str, gradients: Gradients, returned: Any) -> Gradients:
        """The gradients after a hook that may have returned others."""
        if returned is None:
            return gradients
        replaced = returned if isinstance(returned, tuple) else (returned,)
        if len(replaced) != len(gradients):
            raise RuntimeError(
                f"{type(self._module).__name__}: a backward hook must return one gradient for each "
                f"{name} (got {len(replaced)} and {len(gradients)})"
            )
        if name == "grad_input" and not self._has_gradient and any(g is not None for g in replaced):
            raise RuntimeError(
                f"{type(self._module).__name__}: a backward hook must return None if no input "
                "requires grad"
            )
        return replaced


def _watched(
    values: tuple[Any, ...], function: Callable[[Gradients], Gradients], in_place: bool
) -> tuple[tuple[Any, ...], bool]:
    """The values after a `Boundary`, and whether one of them requires grad.

    `function` gets one gradient for each value, None for values without one, and returns the same.
    """
    positions = [
        position
        for position, value in enumerate(values)
        if isinstance(value, Tensor) and value.requires_grad
    ]
    if not positions or not is_grad_enabled():
        return values, False
    count = len(values)

    def on_gradients(gradients: Gradients) -> Gradients:
        given: list[Any] = [None] * count
        for position, gradient in zip(positions, gradients, strict=True):
            given[position] = gradient
        returned = function(tuple(given))
        return tuple([returned[position] for position in positions])

    tensors = Boundary.apply(
        *[values[position] for position in positions], on_gradients=on_gradients
    )
    watched = list(values)
    for position, tensor in zip(positions, tensors, strict=True):
        if in_place:
            note_replacement(tensor, values[position])
        watched[position] = tensor
    if not in_place:
        note_shared_memory(tensors, values)
    return tuple(watched), True
