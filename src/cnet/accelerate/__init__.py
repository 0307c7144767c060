"""Runs hand-written layers on the kernels of cnet, without a change of their code.

`cnet.accelerate` watches the forward and backward functions of layers. It learns from calls on
copies of their objects, with random data, what these functions compute: a convolution with some
layout, stride and padding, pooling, a dense layer, their gradients, an update of weights. If every
array that a function returns, sets or changes is explained, cnet computes it from then on. All
other functions stay as they are.

Results are checked against the original, at the first call of a plan and at the calls 2, 4, 16, 64,
and so on. If they differ, the result of the original is returned, a warning says so, and the
original computes everything from then on.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from ._targets import (
    BACKWARD,
    FORWARD,
    classes_in,
    function_role,
    places,
    places_of,
    unwatch,
    watch_class,
    watch_function,
    watch_module,
)
from ._watched import AccelerateError, AccelerateWarning, Active, Options

__all__ = ["AccelerateError", "AccelerateWarning", "accelerate", "off", "paused", "report"]


def accelerate(
    target: Any = None, *, forward: str | None = None, backward: str | None = None,
    keep: Iterable[str] = (), verify: str = "log", on_mismatch: str = "warn",
    rtol: float | None = None,
) -> Any:  # fmt: skip
    """Compute hand-written layers with the kernels of cnet.

    Parameters
    ----------
    target : class, function, tuple of functions, module or object
        A class with forward and backward methods, also as a decorator; a forward and a backward
        function; a module with such classes and functions; or an object, whose class and the
        classes of everything that it holds are meant, for example a network with a list of layers.
    forward, backward : str, optional
        The names of the methods, for a class. By default common names: ``forward``, ``__call__``,
        ``forward_pass``, ``backward``, ``backprop``, and so on.
    keep : iterable of str, optional
        Attributes that are always computed. By default, attributes that only the backward method of
        the original would read are computed when they are read.
    verify : {'log', 'always', 'never'}, default 'log'
        Which calls are also computed by the original and compared: 2, 4, 16, 64, ...; all; none but
        the first.
    on_mismatch : {'warn', 'raise'}, default 'warn'
        What happens after a difference: the result of the original is returned with an
        `AccelerateWarning`, or `AccelerateError` is raised.
    rtol : float, optional
        The largest difference that is rounding, relative to the largest element of an array. By
        default 2e-4 if float32 is involved, else 1e-8.

    Returns
    -------
    object
        The target itself; for functions their replacements, which are also put in the modules that
        hold the functions.

    Raises
    ------
    TypeError
        If the target or an argument is of another kind.
    ValueError
        If the target has no forward or backward function.

    Notes
    -----
    The first call with arguments of some shape is timed. At the second, the function is learned
    from four to eight calls on copies; ``python -m cnet.accelerate`` learns it later, when its
    calls have taken enough time. A plan that is not faster in its first ten calls, or at a later
    check, is dropped. Results have the strides of those of the original.
    `report` says what is computed by cnet, and why other functions are not.

    Examples
    --------
    >>> import cnet
    >>> import numpy as np
    >>> @cnet.accelerate
    ... class Dense:
    ...     def __init__(self, weight):
    ...         self.weight = weight
    ...
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x @ self.weight
    ...
    ...     def backward(self, grad):
    ...         self.grad = self.x.T @ grad
    ...         return grad @ self.weight.T
    >>> layer = Dense(np.ones((3, 2)))
    >>> layer.forward(np.ones((1, 3)))
    array([[3., 3.]])
    >>> cnet.accelerate.off(Dense)
    """
    options = _options(keep, verify, on_mismatch, rtol)
    if target is None:
        return lambda one: accelerate(
            one, forward=forward, backward=backward, keep=keep, verify=verify,
            on_mismatch=on_mismatch, rtol=rtol,
        )  # fmt: skip
    if isinstance(target, type):
        found = watch_class(target, options, forward, backward)
    elif isinstance(target, FunctionType):
        return watch_function(target, function_role(target.__name__) or "forward", options).wrapper
    elif isinstance(target, (tuple, list)) and all(isinstance(f, FunctionType) for f in target):
        return _functions(target, options)
    elif isinstance(target, ModuleType):
        found = watch_module(target, options)
    else:
        found = [w for cls in [*classes_in(target)] for w in watch_class(cls, options)]
    if not found:
        raise ValueError(
            f"accelerate: target must have a function named {FORWARD[0]!r}, {BACKWARD[0]!r} or "
            f"another usual name, or forward= and backward= must name them (got {target!r})"
        )
    return target


def _functions(target: Any, options: Options) -> Any:
    if len(target) != 2:
        raise TypeError(
            f"accelerate: target must be a forward and a backward function (got {len(target)})"
        )
    forward = watch_function(target[0], "forward", options)
    return forward.wrapper, watch_function(target[1], "backward", options, forward).wrapper


def _options(keep: Any, verify: Any, on_mismatch: Any, rtol: Any) -> Options:
    if isinstance(keep, str):
        raise TypeError(f"accelerate: keep must be a sequence of names (got {keep!r})")
    if verify not in ("log", "always", "never"):
        raise ValueError(f"accelerate: verify must be 'log', 'always' or 'never' (got {verify!r})")
    if on_mismatch not in ("warn", "raise"):
        raise ValueError(f"accelerate: on_mismatch must be 'warn' or 'raise' (got {on_mismatch!r})")
    if rtol is not None and not (isinstance(rtol, (int, float)) and rtol >= 0):
        raise ValueError(f"accelerate: rtol must be a number of at least 0 (got {rtol!r})")
    return Options(frozenset(keep), verify, on_mismatch, rtol)


def report() -> str:
    """A table of the watched functions that were called.

    Returns
    -------
    str
        For each function: what it computes, or why it is not taken over; how many calls cnet has
        computed; how many times as fast they were; the time that was saved, and that for learning.
    """
    from ._report import report_of

    return report_of(place.watched for place in places)


def off(target: Any = None) -> None:
    """Put the original functions back, the same objects.

    Parameters
    ----------
    target : class, function, tuple of functions, module or object, optional
        As in `accelerate`; by default everything.
    """
    unwatch(places if target is None else places_of(target))


@contextmanager
def paused() -> Iterator[None]:
    """Let the originals compute everything inside of a ``with`` block."""
    Active.paused += 1
    try:
        yield
    finally:
        Active.paused -= 1


class _Callable(ModuleType):
    """A module that can be called, so that `cnet.accelerate` is a function as well."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return accelerate(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
