"""The argument `out`: a tensor, or one for each result, that takes the elements of a result.

A public function that declares ``out: Tensor | None = None`` does not use it: the registry calls
the function without it, and writes the result into the tensor.
"""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

import numpy as np

from .._explained import explain
from ..autograd import Array
from ..modes import current
from ..tensor import Tensor
from ._strided import may_overlap

Public = TypeVar("Public", bound=Callable[..., Any])

_KINDS = "?buif"
"""Kinds of dtypes: pairs for booleans, integers and floats, in the order of allowed casts."""


_SEPARATE = frozenset({"cat", "concat", "concatenate", "gather", "take"})
"""Functions whose `out` must not share memory with an argument."""

_OF_THE_SAME_DTYPE = frozenset({"gather"})
"""Functions whose `out` must have the dtype of the result."""

_SUMS = {
    **dict.fromkeys(("cumprod", "cumsum", "prod", "sum"), "buif"),
    **dict.fromkeys(("mean", "nanmean", "nansum"), "f"),
}
"""Functions whose `dtype` is by default that of `out`, and the kinds for which it is."""


def declares_out(call: Callable[..., Any]) -> bool:
    """Whether a function has a parameter `out`."""
    while hasattr(call, "__wrapped__"):
        call = call.__wrapped__
    code = call.__code__
    return "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def accepts_out(call: Public) -> Public:
    """Write the result of a function into the argument `out`, which the function does not get."""

    direct: Any = getattr(call, "direct", call)
    others: set[str] = getattr(call, "others", set())

    @wraps(call)
    def function(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        try:
            if out is None:
                if not kwargs:
                    return direct(*args)
                return (direct if others.isdisjoint(kwargs) else call)(*args, **kwargs)
            if isinstance(out, Tensor) and call.__name__ in _SEPARATE:
                _check_separate(call.__name__, (args, kwargs), out)
            if isinstance(out, Tensor) and out.dtype.kind in _SUMS.get(call.__name__, ""):
                args, kwargs = _with_dtype(call, args, kwargs, out.dtype)
            result = call(*args, **kwargs)
        except Exception as error:
            explain(error, call, args, kwargs)
        if isinstance(out, Tensor) and call.__name__ in _OF_THE_SAME_DTYPE:
            _check_dtype(call.__name__, result, out)
        return written(call.__name__, result, out)

    return function  # type: ignore[return-value]


def _check_separate(function: str, arguments: Any, out: Tensor) -> None:
    if isinstance(arguments, Tensor):
        if arguments is out or np.may_share_memory(arguments._array, out._array):
            raise RuntimeError(
                f"{function}: unsupported operation: out shares memory with another argument"
            )
    elif isinstance(arguments, (tuple, list, dict)):
        for argument in arguments.values() if isinstance(arguments, dict) else arguments:
            _check_separate(function, argument, out)


def _with_dtype(
    call: Callable[..., Any], args: Any, kwargs: dict[str, Any], dtype: "np.dtype[Any]"
) -> Any:
    """The arguments with a `dtype`, which is the last positional one, if it is not given."""
    position = [*signature(call).parameters].index("dtype")
    given = args[position] if len(args) > position else kwargs.get("dtype")
    return (args[:position], {**kwargs, "dtype": dtype}) if given is None else (args, kwargs)


def _check_dtype(function: str, result: Tensor, out: Tensor) -> None:
    if out.dtype != result.dtype:
        raise RuntimeError(
            f"{function}: out.dtype must equal the dtype of the result "
            f"(got {out.dtype} and {result.dtype})"
        )


def written(function: str, result: Any, out: Any) -> Any:
    """Write a result, which is an array, a tensor or a tuple of them, into `out`, and return that.

    Raises
    ------
    RuntimeError
        If the graph is recorded, and the result or `out` requires grad; if the dtype cannot be cast
        to that of `out`; or if elements of `out` share memory.
    TypeError
        If `out` is not a tensor, or, for several results, not a tensor for each.
    ValueError
        If `out` has another shape, and has elements.
    """
    if isinstance(result, tuple):
        if not (isinstance(out, (tuple, list)) and len(out) == len(result)):
            raise TypeError(f"{function}: out must be a tuple of {len(result)} tensors")
        parts = [written(function, *pair) for pair in zip(result, out, strict=True)]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    if not isinstance(out, Tensor):
        raise TypeError(f"{function}: out must be a Tensor (got {type(out).__name__})")
    if current.enabled and (out.requires_grad or getattr(result, "requires_grad", False)):
        raise RuntimeError(
            f"{function}: functions with out=... don't support automatic differentiation, but one "
            "of the arguments requires grad"
        )
    array: Array = result._array if isinstance(result, Tensor) else np.asarray(result)
    target = out._array
    if _KINDS.index(array.dtype.kind) // 2 > _KINDS.index(target.dtype.kind) // 2:
        raise RuntimeError(
            f"{function}: result type {array.dtype} can't be cast to the desired output type "
            f"{target.dtype}"
        )
    if may_overlap(target):
        raise RuntimeError(
            f"{function}: unsupported operation: elements of out share memory with each other"
        )
    if target.shape == array.shape:
        target[...] = array
        out.note_change(function)
    elif target.size == 0:
        out._array = array.astype(target.dtype)
    else:
        raise ValueError(
            f"{function}: out.shape must equal the shape of the result (got {target.shape} and "
            f"{array.shape})"
        )
    return out
