"""The sections that the documentation of elementwise functions has in common."""

from collections.abc import Callable
from functools import cache
from textwrap import indent
from typing import Any, TypeVar

from . import _promotion

Documented = TypeVar("Documented", bound=Callable[..., Any])

_DTYPES = {
    _promotion.common: "",
    _promotion.common_float: "Booleans and integers are converted to float32.",
    _promotion.common_number: "Numbers; booleans are refused.",
    _promotion.only_floats: "Floats; booleans and integers are refused.",
    _promotion.only_integers: "Integers; booleans and floats are refused.",
    _promotion.only_bits: "Booleans or integers; floats are refused.",
}
"""What the rules of promotion do."""

_UNARY = """Parameters
----------
input : Tensor or ndarray, any shape
    {dtypes}
out : Tensor, optional
    A tensor of the same shape that the result is written into; it is not part of the graph.

Returns
-------
Tensor
    In the shape of `input`.

Raises
------
TypeError
    If `input` is not a tensor or array, or has another dtype.

"""
_BINARY = """Parameters
----------
input, other : Tensor, ndarray or number
    Operands whose shapes broadcast. {dtypes}
out : Tensor, optional
    A tensor of the same shape that the result is written into; it is not part of the graph.

Returns
-------
Tensor
    In the broadcast shape.

Raises
------
TypeError
    If an operand is not a tensor, array or number, or has another dtype.
ValueError
    If the shapes do not broadcast.

"""


@cache
def _sections(unary: bool, promote: Callable[..., Any], indentation: str) -> str:
    text = (_UNARY if unary else _BINARY).format(dtypes=_DTYPES.get(promote, ""))
    return indent(text, indentation)[len(indentation) :]


def documented(function: Documented, promote: Callable[..., Any]) -> Documented:
    """Insert the sections on arguments, results and errors before the examples."""
    unary = function.__wrapped__.__code__.co_argcount == 1  # type: ignore[attr-defined]
    assert function.__doc__ is not None
    before, title, after = function.__doc__.partition("Examples\n")
    indentation = before[before.rindex("\n") + 1 :]
    function.__doc__ = before + _sections(unary, promote, indentation) + indentation + title + after
    return function
