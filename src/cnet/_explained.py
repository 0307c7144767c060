"""Exceptions of public functions: they name the function that was called, and the argument.

Only when a function fails, its arguments are compared with the annotations of its parameters, and
the first one that does not match is named. A call that succeeds is not checked.
"""

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from numbers import Real
from operator import index
from traceback import walk_tb
from types import FrameType, FunctionType, NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

import numpy as np

from .dtypes import DType, as_dtype

Public = TypeVar("Public", bound=Callable[..., Any])

_KINDS = {
    AttributeError, BufferError, IndexError, KeyError, NotImplementedError, OverflowError,
    RuntimeError, TypeError, ValueError, ZeroDivisionError, np.exceptions.AxisError,
    np.linalg.LinAlgError,
}  # fmt: skip
"""The classes of exceptions that wrong arguments lead to. Others have a meaning of their own."""

_HEAD = re.compile(r"[A-Za-z_][\w.]*: ")
"""The name of a function at the beginning of a message."""

_ARGUMENTS = " (arguments: "
"""What the arguments of the function follow in a message of Python or NumPy."""

_IS_WITHOUT_NAMES = re.compile(
    r": operands must be tensors, arrays or numbers | \(arguments: "
).search
"""Finds messages that do not name a parameter: of `_promotion`, of Python and NumPy."""

_INSIDE = {"cnet", "numpy", *sys.stdlib_module_names} - {"__main__"}
"""Packages whose exceptions are explained, unlike those of functions that the caller passed."""


def explained(function: Public) -> Public:
    """Decorate a public function: its exceptions name it, and the argument if one does not match.

    Examples
    --------
    >>> @explained
    ... def scaled(x: float, factor: int) -> float:
    ...     return x * factor
    >>> scaled(0.5, "a")
    Traceback (most recent call last):
    TypeError: scaled: factor must be an int (got 'a')
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain(error, function, args, kwargs)

    return call  # type: ignore[return-value]


def _constructor(function: Public) -> Public:
    """Explain a constructor, and refuse a string in the place of a number, size or tensor.

    Many constructors only keep the value, which would fail in a later call.
    """

    @wraps(function)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            function(self, *args, **kwargs)
        except Exception as error:
            explain(error, function, (self, *args), kwargs)
        if str in map(type, (*args, *kwargs.values())):
            for parameter, value, hint in _given(function, (self, *args), kwargs):
                if type(value) is str and bool not in _alternatives(hint):
                    _require(type(self).__name__, parameter, value, hint)

    return __init__  # type: ignore[return-value]


class Explained:
    """Base of public classes: the exceptions of their constructors are explained."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls) and cls.__module__.startswith("cnet."):
            cls.__init__ = _constructor(cls.__init__)  # type: ignore[method-assign]


def explain_module(name: str) -> None:
    """Explain the exceptions of all functions and methods of a module that are not private.

    Parameters
    ----------
    name : str
        The ``__name__`` of the module, whose last statement this is.
    """
    module = sys.modules[name]
    owners = [each for each in vars(module).values() if isinstance(each, type)]
    for owner in [module, *[each for each in owners if each.__module__ == name]]:
        decorated: dict[Any, Any] = {}
        for key, value in list(vars(owner).items()):
            function = getattr(value, "__func__", value)  # of a class method or static method
            is_own = isinstance(function, FunctionType) and function.__module__ == name
            if is_own and not re.match("_[^_]", key):
                if value not in decorated:
                    call = explained(function)
                    decorated[value] = call if function is value else type(value)(call)
                setattr(owner, key, decorated[value])


def explain(
    error: Exception,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> NoReturn:
    """Raise an exception of a public function again, with a message that begins with its name.

    Parameters
    ----------
    error : Exception
        What the function raised.
    function : callable
        The function, whose parameters have annotations.
    args, kwargs
        Its arguments.
    """
    if not _is_of_arguments(error) or _is_in_subclass(function, args):
        raise error
    name = _title(function, args)
    message = str(error.args[0]) if len(error.args) == 1 else str(error)  # no quotes of KeyError
    is_of_numpy = isinstance(error, np.exceptions.AxisError) and error.axis is not None
    if message.startswith(f"{name}: ") and not (is_of_numpy or _IS_WITHOUT_NAMES(message)):
        raise error
    head = _HEAD.match(message)
    try:
        given = _given(function, args, kwargs)
    except TypeError:  # Python's message names the function
        raise error from None
    for parameter, value, hint in given:
        # Sequences stand for arrays in some functions, unless the message names their type.
        _require(name, parameter, value, hint, type(value).__name__ not in message)
    if is_of_numpy:
        message = f"dim must be in range for {error.ndim} dimensions (got {error.axis})"  # type: ignore[attr-defined]
    elif head and (head.group() == f"{name}: " or _is_of_layer(error)):
        raise error
    else:
        message, is_listed, _ = message.partition(_ARGUMENTS)
        message = message[head.end() if head else 0 :]
        if is_listed or not head or _is_dropin(function):
            message += _listed(given)
    kind = next(kind for kind in type(error).__mro__ if kind in _KINDS)
    raise kind(f"{name}: {message}").with_traceback(error.__traceback__) from error.__cause__


def _is_dropin(function: Callable[..., Any]) -> bool:
    """Whether a function is that of a drop-in layer, whose parameters have names of their own."""
    module: str = inspect.unwrap(function).__globals__["__name__"]
    return module.startswith("cnet.dropin.")


def _is_in_subclass(function: Callable[..., Any], args: Sequence[Any]) -> bool:
    """Whether this is a constructor that the one of a subclass calls, which explains exceptions."""
    if function.__name__ != "__init__":
        return False
    constructors = [vars(base).get("__init__") for base in type(args[0]).__mro__]
    outermost = next((each for each in constructors if hasattr(each, "__wrapped__")), function)
    return inspect.unwrap(outermost) is not inspect.unwrap(function)  # type: ignore[arg-type]


def _is_of_layer(error: Exception) -> bool:
    """Whether an exception comes from a layer that the function has called."""
    frames = [frame.f_code for frame, _ in walk_tb(error.__traceback__)]
    return any(code.co_qualname == "Hooked.__call__" for code in frames)


def _is_of_arguments(error: Exception) -> bool:
    """Whether wrong arguments may have led to an exception inside of the package."""
    kind = type(error)
    is_of_numpy = kind.__module__.partition(".")[0] == "numpy"
    if kind not in _KINDS and not (is_of_numpy and issubclass(kind, tuple(_KINDS))):
        return False
    traceback = error.__traceback__
    while traceback is not None:
        if not _is_inside(traceback.tb_frame):
            return False
        traceback = traceback.tb_next
    return True


def _is_inside(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__")
    if module is None:  # compiled by Cython
        return "cnet/_core" in frame.f_code.co_filename
    return str(module).partition(".")[0] in _INSIDE


def _require(name: str, parameter: str, value: Any, hint: Any, convertible: bool = True) -> None:
    """TypeError if a value cannot be an argument with this annotation."""
    if not _fits(value, hint, convertible):
        raise TypeError(
            f"{name}: {parameter} must be {_wanted(hint)} (got {_shown(value)})"
        ) from None


def _title(function: Callable[..., Any], args: Sequence[Any]) -> str:
    """The name of a public function in messages; for methods, with that of the class."""
    name, is_dropin = function.__name__, _is_dropin(function)
    owner = type(args[0]) if args else object
    owner = args[0] if owner is type else owner
    if name in ("__init__", "__call__", "apply") or (name == "forward" and not is_dropin):
        return owner.__name__
    if hasattr(owner, name) and (is_dropin or issubclass(owner, Explained)):
        return f"{owner.__name__}.{name}"
    module = inspect.unwrap(function).__globals__["__name__"]
    return f"linalg.{name}" if module.startswith("cnet.linalg.") else name


# ---- Annotations ---------------------------------------------------------------------------------


def _given(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """The arguments of a call that are no defaults: names of parameters, values, annotations."""
    signature = inspect.signature(function)
    hints = _hints(function)
    given = []
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is not parameter.VAR_KEYWORD and value is not parameter.default:
            values = value if parameter.kind is parameter.VAR_POSITIONAL else (value,)
            given += [(name, each, hints.get(name, Any)) for each in values]
    return given


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of the parameters."""
    function = inspect.unwrap(function)
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {
            name: hint for name, hint in function.__annotations__.items() if type(hint) is not str
        }


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is_array(value: Any) -> bool:
    """Whether a value is a tensor or array of real numbers."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return hasattr(value, "ndim") and kind != "" and kind in "biuf"


def _fits(value: Any, hint: Any, convertible: bool = True) -> bool:
    """Whether a value may be an argument with this annotation."""
    if hint in _SCALARS:
        return _SCALARS[hint][1](value)
    origin, options = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, option, convertible) for option in options)
    if origin is Literal:
        return isinstance(value, (str, int, NoneType)) and value in options
    if hint in (None, NoneType):
        return value is None
    kind = origin if isinstance(origin, type) else hint
    if not isinstance(kind, type):
        return True
    if kind is np.generic:
        return isinstance(value, np.generic) and _is_array(value)
    if kind is np.ndarray or hasattr(kind, "_array"):  # arrays stand for tensors
        if convertible and isinstance(value, (list, tuple)) and value:
            return all(_fits(part, hint) or _fits(part, float) for part in value) and (
                len(set(map(_shape, value))) == 1
            )
        return _is_array(value)
    if issubclass(kind, Sequence) and not issubclass(kind, str):
        if isinstance(value, str) or not isinstance(value, (Sequence, np.ndarray)):
            return False
        if getattr(value, "ndim", 1) == 0:
            return False
        if kind is tuple and options[-1:] != (Ellipsis,):
            return not options or (len(value) == len(options) and all(map(_fits, value, options)))
        return not options or all(_fits(part, options[0], convertible) for part in value)
    if kind is Iterable and options and isinstance(value, Sequence):
        return all(_fits(part, options[0], convertible) for part in value)
    return not _is_plain(kind) or isinstance(value, kind)


def _is_plain(kind: type) -> bool:
    """Whether instances of a class are recognised by `isinstance`, and no other object is taken."""
    if getattr(kind, "_is_protocol", False):
        return False
    return kind in (str, dict) or kind.__module__.startswith(
        ("cnet.", "collections.abc", "numpy.random")
    )


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of an array, or of nested sequences whose parts have been compared."""
    if isinstance(value, (list, tuple)):
        return (len(value), *(_shape(value[0]) if value else ()))
    return tuple(getattr(value, "shape", ()))


def _is_integer(value: Any) -> bool:
    try:
        return -(2**63) <= index(value) < 2**64
    except (TypeError, ValueError):
        return False


def _is_number(value: Any) -> bool:
    if isinstance(value, Real):
        return True
    try:
        return _is_array(value) and isinstance(float(value), float)
    except (TypeError, ValueError):
        return False


def _is_dtype(value: Any) -> bool:
    try:
        return value is None or as_dtype("", value) is not None
    except (RuntimeError, TypeError):
        return False


_SCALARS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    bool: ("a bool", lambda value: isinstance(value, (bool, np.bool_))),
    int: ("an int", _is_integer),
    typing.SupportsIndex: ("an int", _is_integer),
    float: ("a number", _is_number),
    typing.SupportsFloat: ("a number", _is_number),
    DType: ("a dtype", _is_dtype),
}
"""For each type of numbers, its name in messages, and whether a value is one."""


def _wanted(hint: Any) -> str:
    """What an annotation asks for, in words."""
    if hint in _SCALARS:
        return _SCALARS[hint][0]
    names = list(dict.fromkeys(map(_name, _alternatives(hint))))
    return ", ".join(names[:-1]) + " or " * (len(names) > 1) + names[-1]


def _name(hint: Any) -> str:
    origin, options = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint][0]
    if hint in (None, NoneType):
        return "None"
    if origin is Literal:
        return " or ".join(map(repr, options))
    kind = origin if isinstance(origin, type) else hint
    if kind is np.ndarray:
        return "an array of real numbers"
    if kind is np.generic:
        return _SCALARS[float][0]
    is_sequence = isinstance(kind, type) and issubclass(kind, Sequence)
    if options and options[0] is not Any and (is_sequence or kind is Iterable):
        parts = [re.sub(r"^an? (\w+)", r"\1s", _name(part)) for part in _alternatives(options[0])]
        count = f"{len(options)} " if kind is tuple and Ellipsis not in options else ""
        return f"a{' sequence' if is_sequence else 'n iterable'} of {count}{' or '.join(parts)}"
    name = getattr(kind, "__name__", str(kind))
    if getattr(kind, "__module__", "") == "collections.abc":
        name = name.lower()
    return f"a{'n' * (name[0] in 'AEIOUaeiou')} {name}"


def _listed(given: Sequence[tuple[str, Any, Any]]) -> str:
    """The arguments of a call, for a message of Python or NumPy, which names none of them."""
    named = [each for each in given if each[0] not in ("self", "cls")]
    listed = ", ".join([f"{parameter}={_shown(value)}" for parameter, value, _ in named])
    return f"{_ARGUMENTS}{listed})" if listed else ""


def _shown(value: Any) -> str:
    """A value in a message: as it is written if that is short."""
    if hasattr(value, "dtype") and getattr(value, "ndim", False):
        return f"{type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
    try:
        written = repr(value)
    except Exception:  # an object whose constructor has failed
        return type(value).__name__
    if isinstance(value, int) and not _is_integer(value):
        return f"{written}, which has more than 64 bits"
    return written if len(written) <= 60 and "\n" not in written else type(value).__name__
