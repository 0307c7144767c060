"""The call of a module: its forward method, with hooks around it and around its backward pass."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from .._warning import warn
from ..autograd.engine import HookHandle
from ..modes import current
from .backward_hooks import BackwardHooks

Hook: TypeAlias = Callable[..., Any]


class _ForwardHook(NamedTuple):
    """A hook before or after `forward`, with the options of its registration."""

    call: Hook
    with_kwargs: bool
    always_call: bool = False


class Hooked:
    """Base class of `Module`: a call runs `forward` and the registered hooks."""

    _forward_pre_hooks: dict[int, _ForwardHook]
    _forward_hooks: dict[int, _ForwardHook]
    _backward_pre_hooks: dict[int, Hook]
    _backward_hooks: dict[int, Hook]
    _is_full_backward_hook: bool | None = None
    """Whether the backward hooks are full ones; None before any is registered."""

    def _no_forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    forward: Callable[..., Any] = _no_forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, with the registered hooks before and after it."""
        if current.recorder is not None:
            current.recorder.module(self)
        if self._has_hooks():
            return self._hooked_call(args, kwargs)
        return self.forward(*args, **kwargs) if kwargs else self.forward(*args)

    def _call_hooks(self) -> tuple[dict[int, Any], ...]:
        """The tables of the hooks that calls run."""
        return (
            self._forward_pre_hooks, self._forward_hooks,
            self._backward_hooks, self._backward_pre_hooks,
        )  # fmt: skip

    def _has_hooks(self) -> bool:
        """Whether a call runs more than `forward`."""
        return bool(
            self._forward_pre_hooks
            or self._forward_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        )

    def _hooked_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output, pending = None, dict(self._forward_hooks)
        try:
            for hook in tuple(self._forward_pre_hooks.values()):
                args, kwargs = _before(hook, self, args, kwargs)
            backward = None
            if self._backward_hooks or self._backward_pre_hooks:
                backward = BackwardHooks(
                    self,
                    self._backward_pre_hooks,
                    self._backward_hooks,
                    in_place=self._is_full_backward_hook is False,
                )
                args = backward.watch_inputs(args)
            output = self.forward(*args, **kwargs)
            pending = dict(self._forward_hooks)
            for number, hook in tuple(pending.items()):
                del pending[number]
                output = _after(hook, self, args, kwargs, output)
            return output if backward is None else backward.watch_output(output)
        except Exception:
            for hook in pending.values():
                if hook.always_call:
                    output = self._call_after_error(hook, args, kwargs, output)
            raise

    def _call_after_error(
        self, hook: _ForwardHook, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        try:
            return _after(hook, self, args, kwargs, output)
        except Exception as error:
            warn(
                f"{type(self).__name__}: a forward hook with always_call=True raised "
                f"{type(error).__name__} after another error in forward: {error}"
            )
            return output

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call ``hook(module, args)`` before `forward`; its result replaces the arguments.

        Parameters
        ----------
        hook : callable
            Gets the positional arguments as a tuple, and returns None, a tuple, or one argument.
        prepend : bool, default False
            Whether the hook is called before the hooks that are registered already.
        with_kwargs : bool, default False
            Whether to call ``hook(module, args, kwargs)``, which returns None or both.

        Returns
        -------
        HookHandle
            ``handle.remove()`` removes the hook.
        """
        return _register(self._forward_pre_hooks, _ForwardHook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """Call ``hook(module, args, output)`` after `forward`; its result replaces the output.

        Parameters
        ----------
        hook : callable
            Gets the positional arguments as a tuple and the output, and returns None or an output.
        prepend : bool, default False
            Whether the hook is called before the hooks that are registered already.
        with_kwargs : bool, default False
            Whether to call ``hook(module, args, kwargs, output)``.
        always_call : bool, default False
            Whether to call the hook also after an exception in `forward` or in another hook.

        Returns
        -------
        HookHandle
            ``handle.remove()`` removes the hook.

        Examples
        --------
        >>> import numpy as np
        >>> from cnet import nn
        >>> layer = nn.Linear(3, 2)
        >>> handle = layer.register_forward_hook(lambda module, args, y: print(y.shape))
        >>> y = layer(np.ones((5, 3), np.float32))
        (5, 2)
        >>> handle.remove()
        """
        record = _ForwardHook(hook, with_kwargs, always_call)
        return _register(self._forward_hooks, record, prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """Call ``hook(module, grad_output)`` in the backward pass, before that of the module.

        Parameters
        ----------
        hook : callable
            Gets the gradients of the outputs as a tuple, with None for outputs that are not
            tensors. It returns None, or gradients that replace them.
        prepend : bool, default False
            Whether the hook is called before the hooks that are registered already.

        Returns
        -------
        HookHandle
            ``handle.remove()`` removes the hook.
        """
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """Call ``hook(module, grad_input, grad_output)`` in every backward pass of the module.

        The hook is called when the gradients of the inputs are complete; if no input requires
        grad, when the gradients of the outputs are.

        Parameters
        ----------
        hook : callable
            Gets the gradients of the positional arguments and of the outputs as tuples, with None
            for those that are not tensors or do not require grad. It returns None, or gradients
            that replace `grad_input`.
        prepend : bool, default False
            Whether the hook is called before the hooks that are registered already.

        Returns
        -------
        HookHandle
            ``handle.remove()`` removes the hook.

        Examples
        --------
        >>> import cnet
        >>> relu = cnet.nn.ReLU()
        >>> handle = relu.register_full_backward_hook(lambda module, dx, dy: print(dx))
        >>> relu(cnet.tensor([-1.0, 1.0], requires_grad=True)).sum().backward()
        (tensor([0., 1.]),)
        """
        return self._register_backward("full", hook, prepend)

    def register_backward_hook(self, hook: Hook) -> HookHandle:
        """PyTorch's deprecated form of `register_full_backward_hook`.

        The module may change its input in place, as ``ReLU(inplace=True)`` does, and its output may
        be changed in place. `grad_input` is the same; PyTorch's is that of the last operation.
        """
        return self._register_backward("regular", hook, False)

    def _register_backward(self, kind: str, hook: Hook, prepend: bool) -> HookHandle:
        if self._is_full_backward_hook is (kind != "full"):
            raise RuntimeError(
                f"{type(self).__name__}: cannot use both regular backward hooks and full backward "
                "hooks on a single module"
            )
        self._is_full_backward_hook = kind == "full"
        return _register(self._backward_hooks, hook, prepend)


def _before(
    hook: _ForwardHook, module: Hooked, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not hook.with_kwargs:
        changed = hook.call(module, args)
        if changed is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs
    changed = hook.call(module, args, kwargs)
    if changed is None:
        return args, kwargs
    match changed:
        case (tuple(new_args), Mapping() as new_kwargs):
            return new_args, dict(new_kwargs)
    raise RuntimeError(
        f"{type(module).__name__}: a forward pre-hook with kwargs must return None or a tuple "
        f"(args, kwargs) (got {changed!r})"
    )


def _after(
    hook: _ForwardHook, module: Hooked, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> Any:
    given = (args, kwargs, output) if hook.with_kwargs else (args, output)
    changed = hook.call(module, *given)
    return output if changed is None else changed


def _register(hooks: dict[int, Any], hook: Any, prepend: bool = False) -> HookHandle:
    """Add a hook to `hooks`, at the end or at the beginning."""
    others = list(hooks.items()) if prepend else []
    if prepend:
        hooks.clear()
    handle = HookHandle(hooks, hook)
    hooks.update(others)
    return handle
