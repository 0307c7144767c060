"""Helpers that several families of functions share."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from .._explained import explain
from ..autograd import Array
from ._sums import total

__all__ = ["also_dim", "also_numbers_first", "unbroadcast", "weak"]

Public = TypeVar("Public", bound=Callable[..., Any])
Result = TypeVar("Result")

_NUMPY_OPTIONS = {"dtype", "out", "kind", "order", "stable"}
_EQUAL_NAMES = {"dim": "axis", "keepdim": "keepdims", "correction": "ddof", "input": "x"}
_EQUAL_NAMES |= {numpys: pytorchs for pytorchs, numpys in _EQUAL_NAMES.items()}


def also_dim(function: Callable[..., Result]) -> Callable[..., Result]:
    """Accept the names of both PyTorch and NumPy: `dim` or `axis`, `keepdim` or `keepdims`.

    The function can also be called with the options of the NumPy function of the same name, if they
    are None, so that for example `np.sum` can call it as a method. The attribute `direct` of the
    result is the given function, for calls without the names in its attribute `others`.
    """
    code: Any = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    our_names = {
        other: name
        for other, name in _EQUAL_NAMES.items()
        if name in parameters and other not in parameters
    }

    others = {*our_names, *_NUMPY_OPTIONS}

    @wraps(function)
    def either_name(*args: Any, **kwargs: Any) -> Result:
        if not others.isdisjoint(kwargs):
            if "axis" in kwargs and "dim" in kwargs:
                raise TypeError(f"{function.__name__}: axis and dim are the same argument")
            kwargs = {
                our_names.get(name, name): value
                for name, value in kwargs.items()
                if value is not None or name not in _NUMPY_OPTIONS
            }
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain(error, function, args, kwargs)

    either_name.direct, either_name.others = function, others  # type: ignore[attr-defined]
    return either_name


def also_numbers_first(*names: str) -> Callable[[Public], Public]:
    """A decorator: numbers may precede the tensors that they multiply, as in older PyTorch code.

    For example, ``x.add_(-0.1, grad)`` is ``x.add_(grad, alpha=-0.1)``. `names` are the parameters
    of the numbers, in this order. The attribute `operator` of the result is the given function.
    """

    def decorate(function: Public) -> Public:
        count = function.__code__.co_argcount

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if len(args) > count:
                numbers = [arg for arg in args if isinstance(arg, Real)]
                if len(args) - len(numbers) == count and len(numbers) <= len(names):
                    args = tuple([arg for arg in args if not isinstance(arg, Real)])
                    kwargs.update(zip(names, numbers, strict=False))
            return function(*args, **kwargs)

        call.operator = function  # type: ignore[attr-defined]
        call.__signature__ = signature(function)  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which an input of this shape was broadcast."""
    if grad.shape == shape:
        return grad
    leading = grad.ndim - len(shape)
    stretched = [leading + axis for axis, size in enumerate(shape) if size == 1]
    return total(grad, (*range(leading), *stretched)).reshape(shape)


def weak(operand: Any) -> Any:
    """Convert a NumPy scalar to a Python number, so that it does not change the other dtype."""
    return operand.item() if isinstance(operand, np.generic) else operand
