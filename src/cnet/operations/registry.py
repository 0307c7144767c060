"""The registry of operations. Each operation registers once, where it is defined.

An entry lists everything that belongs to an operation: its public function, its `Operation`, the
methods and operators of `Tensor`, and the NumPy functions that it implements. Other packages
register their own rules for an operation, such as its computation in a plan, in `Rules`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from .. import numpy_protocol
from .._explained import explained
from .._methods import Methods
from ..autograd.calls import Operation
from ..autograd.engine import Variable
from ..autograd.inplace import apply_in_place
from ..modes import current
from ._common import weak as weak
from ._out import accepts_out, declares_out
from ._writing import write_back

Public = TypeVar("Public", bound=Callable[..., Any])
Rule = TypeVar("Rule")


class Entry(NamedTuple):
    """The registered properties of an operation."""

    call: Callable[..., Any]
    """The public function."""
    function: type[Operation[Any]] | None
    """The `Operation` that computes it; None if it has no derivative."""
    methods: tuple[str, ...]
    properties: tuple[str, ...]
    reflected: str | None
    in_place: tuple[str, ...]
    written: tuple[str, ...]
    numpy: tuple[Any, ...]


entries: list[Entry] = []


def operation(
    function: type[Operation[Any]] | None = None,
    *,
    methods: Sequence[str] = (),
    properties: Sequence[str] = (),
    reflected: str | None = None,
    in_place: Sequence[str] = (),
    written: Sequence[str] = (),
    numpy: Sequence[Any] = (),
    writes_out: bool = False,
    explains: bool = True,
) -> Callable[[Public], Public]:
    """Register a public function of tensors.

    Parameters
    ----------
    function : type of Operation, optional
        The operation that computes it.
    methods : sequence of str
        Methods and operators of `Tensor` that call the public function.
    properties : sequence of str
        Attributes of `Tensor` that call the public function.
    reflected : str, optional
        The method of the operator for a tensor on the right-hand side.
    in_place : sequence of str
        Methods and operators that apply `function` in place; it must take the same arguments as
        the public function.
    written : sequence of str
        Methods that call the public function and write its result into the tensor.
    numpy : sequence of ufuncs and functions
        NumPy functions that call the public function when their arguments are tensors. They must
        take the same arguments; see `numpy_function` for other signatures.
    writes_out : bool, default False
        Whether the public function itself handles the argument `out` that it declares. Otherwise
        the returned function handles it: see `_out`.
    explains : bool, default True
        Whether exceptions are explained, see `_explained`. It takes a tenth of a microsecond, so
        that a function as short as `relu` calls `explain` itself.

    Returns
    -------
    callable
        A decorator that returns the public function.
    """

    def register(call: Public) -> Public:
        computed = getattr(call, "operator", call)
        if not writes_out and declares_out(call):
            call = accepts_out(call)
        public = explained(call) if explains and not hasattr(call, "__wrapped__") else call
        for name in methods:
            _add_method(name, computed if name.startswith("__") else call, public)
        for name in properties:
            setattr(Methods, name, property(call))
        if reflected:
            _add_method(reflected, lambda right, left: call(left, right))
        for name in in_place:
            assert function is not None
            _add_method(name, _writing(function, call))
        for name in written:
            _add_method(name, _written_back(name, call))
        numpy_protocol.counterparts.update(dict.fromkeys(numpy, call))
        entries.append(
            Entry(
                call, function, tuple(methods), tuple(properties), reflected, tuple(in_place),
                tuple(written), tuple(numpy),
            )
        )  # fmt: skip
        return public

    return register


def _add_method(name: str, function: Callable[..., Any], public: Any = None) -> None:
    """Add a method to `Tensor`, where `pickle` finds it unless it is the public function."""
    qualified = function.__qualname__
    if "<locals>" in qualified or not (function is public or qualified.startswith("Tensor.")):
        if "<locals>" in qualified:
            function.__name__ = name
        function.__qualname__, function.__module__ = f"Tensor.{name}", "cnet.tensor"
    setattr(Methods, name, function)


def in_place_of(call: Callable[..., Any]) -> Callable[[Public], Public]:
    """A decorator of a function that does the same as another with this signature, but in place."""

    def decorate(function: Public) -> Public:
        function.__doc__ = f"Like `{call.__name__}`, but in place."
        function.__wrapped__ = call  # type: ignore[attr-defined]
        return function

    return decorate


def _writing(function: type[Operation[Any]], call: Callable[..., Any]) -> Callable[..., Any]:
    @in_place_of(call)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return apply_in_place(function, self, *map(weak, args), **kwargs)

    return method


def _written_back(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @in_place_of(call)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The graph may save the argument, which must not change then.
        recorded = False
        if current.enabled:
            for x in (self, *args):
                if isinstance(x, Variable):
                    if x._view is not None:
                        x._renew()
                    recorded = recorded or x._requires_grad
        return write_back(name, self, call(self.clone() if recorded else self, *args, **kwargs))

    return method


def numpy_function(*functions: Any) -> Callable[[Public], Public]:
    """Register an implementation of NumPy functions whose signature differs from the public one."""

    def register(call: Public) -> Public:
        numpy_protocol.counterparts.update(dict.fromkeys(functions, call))
        return call

    return register


class Rules(Generic[Rule]):
    """Rules of one kind, stored by `Operation`.

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
        """Return a decorator that registers the rule of an operation."""

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
