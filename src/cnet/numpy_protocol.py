"""How NumPy functions handle tensors.

Functions with a counterpart, registered in `cnet.operations`, return tensors and are recorded. The
others compute with the arrays of the tensors, and raise TypeError for a tensor that requires grad,
because its gradient would be lost.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd.changes import changed
from .autograd.engine import Variable

counterparts: dict[Any, Callable[..., Any]] = {}
"""For each ufunc or other NumPy function, the function of tensors that replaces it."""

_OF_SHAPE_OR_MEMORY = {
    np.shape, np.ndim, np.size, np.shares_memory, np.may_share_memory, np.result_type, np.can_cast,
    np.iscomplexobj, np.isrealobj, np.zeros_like, np.ones_like, np.empty_like, np.full_like,
}  # fmt: skip
"""Functions that read no elements, so that they accept tensors that require grad."""


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: Any) -> Any:
    """Call a ufunc with tensors; results written with `out` are not recorded."""
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
    """Call another NumPy function with tensors."""
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
                f"np.{name}: there is no such operation on tensors, and the gradient of a tensor "
                "that requires grad would be lost; use tensor.detach()"
            )
    elif isinstance(values, (list, tuple)):
        for value in values:
            _refuse_grad(name, value)
    elif isinstance(values, dict):
        _refuse_grad(name, list(values.values()))


def _plain(values: Any) -> Any:
    """The arguments with tensors replaced by their arrays."""
    if isinstance(values, Variable):
        return values._array
    if type(values) in (list, tuple):
        return type(values)(map(_plain, values))
    if type(values) is dict:
        return {name: _plain(value) for name, value in values.items()}
    return values
