"""Functions of PyTorch that exist only to say why they are not supported."""

from collections.abc import Callable
from typing import Any, NoReturn


def refused(
    name: str, reason: str, error: type[Exception] = NotImplementedError
) -> Callable[..., NoReturn]:
    """A function that raises an error with its name and the reason, whatever its arguments are."""

    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise error(f"{name}{reason}")

    function.__name__ = name.rpartition(".")[2]
    function.__doc__ = f"Not supported: raises {error.__name__}."
    return function
