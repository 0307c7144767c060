"""Names without an underscore at the end, which warn and call the functions with one."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..._warning import warn


def deprecated(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that warns that its name is deprecated, and calls another."""
    name = function.__name__

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn(f"nn.init.{name[:-1]} is deprecated; use nn.init.{name}", FutureWarning)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name[:-1]
    call.__doc__ = f"Deprecated name of `{name}`."
    return call
