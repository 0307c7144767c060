"""The hooks of an optimizer: functions that run before and after its methods."""

from collections.abc import Callable
from typing import Any, TypeAlias

from ..autograd.engine import HookHandle

Hook: TypeAlias = Callable[..., Any]


class Hooks:
    """The registered hooks of one optimizer, by the moment at which they run."""

    def __init__(self) -> None:
        self._hooks: dict[str, dict[int, Hook]] = {}

    def add(self, moment: str, hook: Hook, prepend: bool = False) -> HookHandle:
        """Register a hook after, or before, all others of the same moment."""
        hooks = self._hooks.setdefault(moment, {})
        earlier = tuple(hooks)
        handle = HookHandle(hooks, hook)
        if prepend:
            for number in earlier:
                hooks[number] = hooks.pop(number)
        return handle

    def __bool__(self) -> bool:
        """Whether there are hooks."""
        return any(self._hooks.values())

    def run(self, moment: str, *args: Any) -> None:
        """Call the hooks of a moment."""
        for hook in tuple(self._hooks.get(moment, {}).values()):
            hook(*args)

    def replaced(self, moment: str, optimizer: Any, *values: Any) -> Any:
        """The last argument, or arguments as a tuple, after hooks that may replace them."""
        for hook in tuple(self._hooks.get(moment, {}).values()):
            changed = hook(optimizer, *values)
            if changed is None:
                continue
            if len(values) == 1:
                values = (changed,)
            elif isinstance(changed, tuple) and len(changed) == len(values):
                values = changed
            else:
                raise RuntimeError(
                    f"{type(optimizer).__name__}: a hook must return None or a tuple of "
                    f"{len(values)} values (got {changed!r})"
                )
        return values if len(values) > 1 else values[0]
