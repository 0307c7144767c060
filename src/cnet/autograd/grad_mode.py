"""Grad mode, which tells whether operations record a graph. Each thread has its own mode."""

import threading
from collections.abc import Callable, Generator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar

from ..arrays import boolean
from ..modes import current

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class GradMode:
    """Set the mode of the thread, in a ``with`` block or, as a decorator, in a function.

    The mode holds while the body of a decorated generator function runs, not in the code that
    iterates over it. One object can be used several times, also nested.
    """

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._previous: list[tuple[int, bool]] = []  # with the thread: an object can be shared

    def __enter__(self) -> None:
        self._previous.append((threading.get_ident(), current.enabled))
        current.enabled = self._enabled

    def __exit__(self, *_: object) -> None:
        thread = threading.get_ident()
        last = max(i for i, (owner, _) in enumerate(self._previous) if owner == thread)
        current.enabled = self._previous.pop(last)[1]

    def __call__(self, function: Decorated) -> Decorated:
        if isgeneratorfunction(function):
            return _resumed_in(self._enabled, function)  # type: ignore[return-value]

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with GradMode(self._enabled):
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]


def _resumed_in(enabled: bool, function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator function whose body runs in a mode."""
    mode = GradMode(enabled)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        resume, value = generator.send, None
        while True:
            try:
                with mode:
                    item = resume(value)
            except StopIteration as stop:
                return stop.value
            try:
                value = yield item
                resume = generator.send
            except GeneratorExit:
                with mode:
                    generator.close()
                raise
            except BaseException as error:
                resume, value = generator.throw, error

    return call


class _FixedMode(GradMode):
    """A mode that is also a decorator without a call: ``@no_grad`` is ``@no_grad()``."""

    _records: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        GradMode.__init__(self, cls._records)
        return self(function)

    def __init__(self) -> None:
        super().__init__(self._records)


class no_grad(_FixedMode):
    """Do not record a graph, in a ``with`` block or, as a decorator, in a function.

    The mode applies to the current thread.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor([1.0, 2.0], requires_grad=True)
    >>> with cnet.no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    >>> @cnet.no_grad()
    ... def doubled(x):
    ...     return 2 * x
    >>> doubled(x).requires_grad
    False
    """

    _records = False


class enable_grad(_FixedMode):
    """Record the graph inside `no_grad`; a context manager and decorator like `no_grad`.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor(1.0, requires_grad=True)
    >>> with cnet.no_grad(), cnet.enable_grad():
    ...     (2 * x).requires_grad
    True
    """

    _records = True


class set_grad_enabled(GradMode):
    """Set whether to record a graph, from now on or, in a ``with`` block, until its end.

    Parameters
    ----------
    mode : bool
        Whether to record.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor(1.0, requires_grad=True)
    >>> with cnet.set_grad_enabled(False):
    ...     (2 * x).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(boolean("set_grad_enabled", "mode", mode))
        self._before: bool | None = current.enabled
        current.enabled = self._enabled

    def __enter__(self) -> None:
        super().__enter__()
        if self._before is not None:  # the block ends where the object was made
            self._previous[-1] = (self._previous[-1][0], self._before)
            self._before = None

    def __call__(self, function: Decorated) -> Decorated:
        if self._before is not None:
            current.enabled, self._before = self._before, None
        return super().__call__(function)


class inference_mode(GradMode):
    """Same as `no_grad`: results are ordinary tensors that can be used in a graph later.

    Parameters
    ----------
    mode : bool, default True
        False records the graph.

    Examples
    --------
    >>> import cnet
    >>> x = cnet.tensor(1.0, requires_grad=True)
    >>> with cnet.inference_mode():
    ...     (2 * x).requires_grad
    False
    """

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if not callable(mode):
            return self
        GradMode.__init__(self, False)
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


def is_grad_enabled() -> bool:
    """Whether operations record a graph in this thread.

    Examples
    --------
    >>> import cnet
    >>> cnet.is_grad_enabled()
    True
    """
    return current.enabled
