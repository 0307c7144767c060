"""What cnet needs of `dataclasses`, for classes that are made in a tenth of the time.

`dataclasses` compiles the methods of each class, which takes 0.1 to 0.5 ms. Here they are closures.
That a class is frozen is only checked by type checkers.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_Instance = TypeVar("_Instance")


class _Field:
    """What `field` returns."""

    def __init__(
        self, default_factory: Callable[[], Any] | None, init: bool, compare: bool
    ) -> None:
        self.make: Any = default_factory
        self.init, self.compare = init, compare


def field(
    *, default_factory: Callable[[], Any] | None = None, init: bool = True, compare: bool = True
) -> Any:
    """A field that is unlike the others.

    Parameters
    ----------
    default_factory : callable, optional
        Makes the default of each instance.
    init : bool, default True
        Whether the field is an argument; if not, ``__post_init__`` sets it.
    compare : bool, default True
        Whether instances that are equal must have it in common.
    """
    return _Field(default_factory, init, compare)


_REQUIRED = _Field(None, True, True)
"""A field without a default."""


@dataclass_transform(field_specifiers=(field,))
def dataclass(cls: Any = None, *, frozen: bool = False, eq: bool = True) -> Any:
    """As `dataclasses.dataclass`: the annotated names of a class are its fields.

    Parameters
    ----------
    cls : class
    frozen : bool, default False
        Whether instances never change, so that they have a hash.
    eq : bool, default True
        Whether instances with equal fields are equal.
    """
    if cls is None:
        return lambda one: dataclass(one, frozen=frozen, eq=eq)
    own = vars(cls)
    fields: dict[str, Any] = dict(getattr(cls, "__fields__", {}))
    fields.update({name: own.get(name, _REQUIRED) for name in own.get("__annotations__", ())})
    kinds = {name: one if type(one) is _Field else _REQUIRED for name, one in fields.items()}
    names = tuple(name for name, kind in kinds.items() if kind.init)
    defaults = {
        name: fields[name] for name in names
        if kinds[name].make or kinds[name] is not fields[name]
    }  # fmt: skip
    compared = attrgetter("__class__", *[name for name in names if kinds[name].compare])
    completes = hasattr(cls, "__post_init__")

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(names, args, strict=False))
        values = {**defaults, **given, **kwargs}
        is_more = len(given) < len(args) or not given.keys().isdisjoint(kwargs)
        if is_more or len(values) != len(names):
            raise TypeError(f"{cls.__name__} has the fields {names} (got {args}, {kwargs})")
        for name, value in values.items():
            setattr(self, name, value.make() if type(value) is _Field else value)
        if completes:
            self.__post_init__()

    def __repr__(self: Any) -> str:
        return f"{cls.__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def __eq__(self: Any, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return compared(self) == compared(other)

    def __hash__(self: Any) -> int:
        return hash(compared(self))

    methods: list[Any] = [__init__, __repr__, *[__eq__] * eq, *[__hash__] * (eq and frozen)]
    for method in methods:
        if method is __init__ or method.__name__ not in own:
            setattr(cls, method.__name__, method)
    if eq and not frozen:
        cls.__hash__ = None
    cls.__fields__ = fields
    return cls


def replace(instance: _Instance, **changes: Any) -> _Instance:
    """A copy with other values of some fields."""
    return type(instance)(**{**_values(instance), **changes})


def astuple(instance: Any) -> tuple[Any, ...]:
    """The values of all fields."""
    return tuple(_values(instance).values())


def _values(instance: Any) -> dict[str, Any]:
    return {
        name: getattr(instance, name) for name, kind in instance.__fields__.items()
        if type(kind) is not _Field or kind.init
    }  # fmt: skip
