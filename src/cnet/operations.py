"""Where operations register: once each, at their definition.

An entry says what belongs to an operation: its public function, its `Operation`, the methods and
operators of `Tensor`, and the functions of NumPy that it stands for. Rules that other packages have
for an operation, such as how a plan computes it, are kept under its `Operation` with `Rules`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from . import numpy_protocol
from ._methods import Methods
from .engine import Operation
from .inplace import apply_in_place

Public = TypeVar("Public", bound=Callable[..., Any])
Rule = TypeVar("Rule")


class Entry(NamedTuple):
    """What is registered of an operation."""

    call: Callable[..., Any]
    """The public function."""
    function: type[Operation[Any]] | None
    """What computes it; None if it has no derivative."""
    methods: tuple[str, ...]
    properties: tuple[str, ...]
    reflected: str | None
    in_place: tuple[str, ...]
    numpy: tuple[Any, ...]


entries: list[Entry] = []


def operation(
    function: type[Operation[Any]] | None = None,
    *,
    methods: Sequence[str] = (),
    properties: Sequence[str] = (),
    reflected: str | None = None,
    in_place: Sequence[str] = (),
    numpy: Sequence[Any] = (),
) -> Callable[[Public], Public]:
    """Register a public function of tensors.

    Parameters
    ----------
    function : type of Operation, optional
        What computes it.
    methods : sequence of str
        Methods and operators of `Tensor` that call the public function.
    properties : sequence of str
        Attributes of `Tensor` that call the public function.
    reflected : str, optional
        The operator for a tensor on the right.
    in_place : sequence of str
        Methods and operators that let `function` write into the tensor; its arguments must be
        those of the public function.
    numpy : sequence of ufuncs and functions
        Functions of NumPy that give tensors when called with tensors; their arguments must be
        those of the public function, see `numpy_function` for others.

    Returns
    -------
    callable
        A decorator that returns the public function as it is.
    """

    def register(call: Public) -> Public:
        for name in methods:
            setattr(Methods, name, call)
        for name in properties:
            setattr(Methods, name, property(call))
        if reflected:
            setattr(Methods, reflected, lambda right, left: call(left, right))
        for name in in_place:
            assert function is not None
            setattr(Methods, name, _writing(function))
        numpy_protocol.counterparts.update(dict.fromkeys(numpy, call))
        entries.append(
            Entry(
                call, function, tuple(methods), tuple(properties), reflected, tuple(in_place),
                tuple(numpy),
            )
        )  # fmt: skip
        return call

    return register


def _writing(function: type[Operation[Any]]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return apply_in_place(function, self, *map(weak, args), **kwargs)

    return method


def numpy_function(*functions: Any) -> Callable[[Public], Public]:
    """Register what functions of NumPy do with tensors, where the arguments are others."""

    def register(call: Public) -> Public:
        numpy_protocol.counterparts.update(dict.fromkeys(functions, call))
        return call

    return register


def weak(operand: Any) -> Any:
    """NumPy's scalars as Python's, which do not change the dtype of the other operand."""
    return operand.item() if isinstance(operand, np.generic) else operand


class Rules(Generic[Rule]):
    """Rules of one kind, found by the `Operation` they are for.

    Examples
    --------
    >>> from cnet.autograd import Operation
    >>> class Double(Operation):
    ...     pass
    >>> rules = Rules()
    >>> @rules.of(Double)
    ... def rule(x):
    ...     return "double"
    >>> rules[Double](None)
    'double'
    """

    def __init__(self) -> None:
        self._rules: dict[type[Operation[Any]], Rule] = {}

    def of(self, function: type[Operation[Any]]) -> Callable[[Rule], Rule]:
        """A decorator that registers the rule of an operation."""

        def register(rule: Rule) -> Rule:
            self._rules[function] = rule
            return rule

        return register

    def __getitem__(self, function: type[Operation[Any]]) -> Rule:
        return self._rules[function]

    def __contains__(self, function: object) -> bool:
        return function in self._rules

    def __iter__(self) -> Any:
        return iter(self._rules)
