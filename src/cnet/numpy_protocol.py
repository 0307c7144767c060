"""What NumPy's functions do with tensors.

Those that have a counterpart, registered in `cnet.operations`, give tensors and are recorded. The
others compute with the arrays of tensors, and refuse a tensor that requires grad, whose gradient
would be lost.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .changes import changed
from .engine import Variable

counterparts: dict[Any, Callable[..., Any]] = {}
"""The function of tensors for a ufunc or another function of NumPy."""

_OF_SHAPE_OR_MEMORY = {
    np.shape, np.ndim, np.size, np.shares_memory, np.may_share_memory, np.result_type, np.can_cast,
    np.iscomplexobj, np.isrealobj, np.zeros_like, np.ones_like, np.empty_like, np.full_like,
}  # fmt: skip
"""Functions that read no element: tensors that require grad are fine."""


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: Any) -> Any:
    """A ufunc of tensors; results written with `out` are not recorded."""
    counterpart = counterparts.get(ufunc)
    if counterpart is not None and method == "__call__" and not kwargs:
        return counterpart(*inputs)
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    _refuse_grad(name, (inputs, kwargs))
    result = getattr(ufunc, method)(*_plain(inputs), **_plain(kwargs))
    written = kwargs.get("out", ())
    for target in written:
        if isinstance(target, Variable):
            changed(target._array, name)
    return written[0] if len(written) == 1 and written[0] is not None else result


def call_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Another function of NumPy."""
    counterpart = counterparts.get(function)
    if counterpart is not None:
        return counterpart(*args, **kwargs)
    if function not in _OF_SHAPE_OR_MEMORY:
        _refuse_grad(function.__name__, (args, kwargs))
    return function(*_plain(args), **_plain(kwargs))


def _refuse_grad(name: str, values: Any) -> None:
    if isinstance(values, Variable):
        _, _ = values.edge
        if values._requires_grad:
            raise TypeError(
                f"np.{name}: there is no such operation on tensors, and a tensor that requires "
                "grad would lose its gradient; use tensor.detach()"
            )
    elif isinstance(values, (list, tuple)):
        for value in values:
            _refuse_grad(name, value)
    elif isinstance(values, dict):
        _refuse_grad(name, list(values.values()))


def _plain(values: Any) -> Any:
    """Arguments with arrays instead of tensors."""
    if isinstance(values, Variable):
        return values._array
    if type(values) in (list, tuple):
        return type(values)(map(_plain, values))
    if type(values) is dict:
        return {name: _plain(value) for name, value in values.items()}
    return values
