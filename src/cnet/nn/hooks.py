"""The call of a module: its forward method, with hooks before and after it."""

from collections.abc import Callable
from typing import Any, TypeAlias

from ..tensor import HookHandle

Hook: TypeAlias = Callable[..., Any]


class Hooked:
    """Base class of `Module`: a call runs `forward` and the registered hooks."""

    def __init__(self) -> None:
        self._forward_pre_hooks: dict[int, Hook] = {}
        self._forward_hooks: dict[int, Hook] = {}

    def _no_forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    forward: Callable[..., Any] = _no_forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, with the registered hooks before and after it."""
        for pre_hook in tuple(self._forward_pre_hooks.values()):
            changed = pre_hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*args, **kwargs)
        for hook in tuple(self._forward_hooks.values()):
            changed = hook(self, args, output)
            if changed is not None:
                output = changed
        return output

    def register_forward_pre_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(module, args)`` before `forward`; its result replaces the arguments.

        Parameters
        ----------
        hook : callable
            Gets the positional arguments as a tuple, and returns None, a tuple, or one argument.

        Returns
        -------
        HookHandle
            ``handle.remove()`` removes the hook.
        """
        return HookHandle(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(module, args, output)`` after `forward`; its result replaces the output.

        Parameters
        ----------
        hook : callable
            Gets the positional arguments as a tuple and the output, and returns None or an output.

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
        return HookHandle(self._forward_hooks, hook)
