"""Containers of modules: Sequential, ModuleList and ModuleDict."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, groupby
from operator import index
from textwrap import indent
from typing import Any, Self, SupportsIndex

from .fusion import operations
from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Indexed(Module):
    """Base class of containers that are indexed by position."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if isinstance(key, slice):
            return self._slice(dict(list(self._modules.items())[key]))
        return self._modules[self._name(key)]

    def __setitem__(self, key: SupportsIndex, module: Module) -> None:
        _set(self, self._name(key), module)

    def __delitem__(self, key: SupportsIndex | slice) -> None:
        names = list(self._modules)[key] if isinstance(key, slice) else [self._name(key)]
        for name in names:
            del self._modules[name]
        self._number(list(self))

    def __add__(self, other: Iterable[Module]) -> "_Indexed":
        return self._slice({}).extend(self).extend(_iterable(self, "+", other))

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(_iterable(self, "+=", other))

    def append(self, module: Module) -> Self:
        """Add a module at the end, named by the first free number from the length on.

        Raises
        ------
        TypeError
            If `module` is not a Module, or None in a `ModuleList`.
        """
        taken = self._modules
        _set(self, next(str(i) for i in count(len(taken)) if str(i) not in taken), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(_iterable(self, "extend", modules)):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Insert a module before `index`, as in a list; all modules are numbered again."""
        _check(self, str(index), module)
        modules = list(self)
        modules.insert(index, module)
        self._number(modules)
        return self

    def pop(self, key: SupportsIndex | slice) -> Any:
        """Remove and return the module at a position."""
        removed = self[key]
        del self[key]
        return removed

    def _number(self, modules: list[Module]) -> None:
        """Make these modules the only ones, under the names "0", "1", ...."""
        self._modules.clear()
        self._modules.update({str(i): module for i, module in enumerate(modules)})

    def _name(self, key: SupportsIndex) -> str:
        try:
            names, position = list(self._modules), index(key)
        except TypeError:
            raise TypeError(
                f"{type(self).__name__}: index must be an int or a slice (got {key!r})"
            ) from None
        if not -len(names) <= position < len(names):
            raise IndexError(
                f"{type(self).__name__}: index must be in range for {len(names)} modules "
                f"(got {position})"
            )
        return names[position]

    def _slice(self, modules: dict[str, Any]) -> "_Indexed":
        raise NotImplementedError


class Sequential(_Indexed):
    """Modules that are called in sequence, each with the result of the previous one.

    Parameters
    ----------
    *modules : Module, or one mapping of str to Module
        The modules. Their names are "0", "1", ..., or the keys of the mapping.

    Raises
    ------
    TypeError
        If an item is not a Module.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> net(np.ones((5, 4), np.float32)).shape
    (5, 2)
    >>> net[0]
    Linear(in_features=4, out_features=3, bias=True)
    >>> len(net[1:] + net[:1])
    3
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named: Iterable[tuple[str, Any]]
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(modules))
        for name, module in named:
            _set(self, name, module)

    def forward(self, input: Any) -> Any:
        for operation in operations(list(self)):
            input = operation(input)
        return input

    def __mul__(self, times: int) -> "Sequential":
        return self._slice({}).extend(list(self) * _times(self, times))

    def __rmul__(self, times: int) -> "Sequential":
        return self * times

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (_times(self, times) - 1))

    def _slice(self, modules: dict[str, Any]) -> "Sequential":
        return Sequential(modules)


class ModuleList(_Indexed):
    """A list of modules. It has no `forward`: the module that owns it calls the items.

    Parameters
    ----------
    modules : iterable of Module, optional
        The modules. Their names are "0", "1", ....

    Raises
    ------
    TypeError
        If an item is not a Module.

    Examples
    --------
    >>> from cnet import nn
    >>> heads = nn.ModuleList(nn.Linear(8, n) for n in (2, 3))
    >>> [head.out_features for head in heads]
    [2, 3]
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __repr__(self) -> str:
        name = self._get_name()
        lines, start = [], 0
        for text, group in groupby(map(repr, self)):
            length = len(list(group))
            numbers, times = (
                (f"{start}", "")
                if length == 1
                else (f"{start}-{start + length - 1}", f"{length} x ")
            )
            lines.append(indent(f"({numbers}): {times}{text}", "  "))
            start += length
        return "\n".join([f"{name}(", *lines, ")"]) if lines else f"{name}()"

    def _slice(self, modules: dict[str, Any]) -> "ModuleList":
        return ModuleList(modules.values())


class ModuleDict(Module):
    """A dictionary of modules. It has no `forward`: the module that owns it calls the items.

    Parameters
    ----------
    modules : mapping of str to Module, or iterable of pairs, optional
        The modules by name. Names must not be those of other attributes, nor contain a dot.

    Raises
    ------
    TypeError, KeyError
        If a value is not a Module, or a name is not allowed.

    Examples
    --------
    >>> from cnet import nn
    >>> activations = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> activations["tanh"]
    Tanh()
    """

    def __init__(self, modules: "Mapping[str, Module] | Iterable[Any] | None" = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __getitem__(self, name: str) -> Any:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        _set(self, name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()

    def pop(self, key: str) -> Any:
        """Remove and return the module of that name."""
        return self._modules.pop(key)

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def update(self, modules: "Mapping[str, Module] | Iterable[Any]") -> None:
        """Add modules, or replace those of the same names.

        Parameters
        ----------
        modules : mapping of str to Module, ModuleDict, or iterable of pairs
            The modules by name.

        Raises
        ------
        TypeError, ValueError, KeyError
            If `modules` is of another type, an item is not a pair, or a name is not allowed.
        """
        for name, module in pairs(self, modules, (Mapping, ModuleDict)):
            self[name] = module


def _set(container: Module, name: str, module: Any) -> None:
    _check(container, name, module)
    container.add_module(name, module)


def _check(container: Module, name: str, module: Any) -> None:
    may_lack = module is None and not isinstance(container, Sequential)
    if not (isinstance(module, Module) or may_lack):
        raise TypeError(
            f"{type(container).__name__}: {name} must be a Module (got {type(module).__name__})"
        )


def _iterable(container: Module, operator: str, values: Any) -> Iterable[Any]:
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{type(container).__name__}: {operator} needs an iterable of modules "
            f"(got {type(values).__name__})"
        )
    return values


def _times(container: Module, times: Any) -> int:
    if not isinstance(times, int):
        raise TypeError(f"{type(container).__name__}: * needs an int (got {type(times).__name__})")
    if times < 1:
        raise ValueError(f"{type(container).__name__}: * needs a positive int (got {times})")
    return times


def pairs(container: Module, values: Any, mappings: tuple[type, ...]) -> Iterable[tuple[str, Any]]:
    """The items of a mapping, or of an iterable of pairs, for a dictionary of modules."""
    name = type(container).__name__
    if isinstance(values, mappings):
        items: Iterable[tuple[str, Any]] = values.items()  # type: ignore[attr-defined]
        return items
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(
            f"{name}: update needs a mapping or an iterable of pairs (got {type(values).__name__})"
        )
    listed = list(values)
    for position, item in enumerate(listed):
        if not isinstance(item, Iterable):
            raise TypeError(f"{name}: item {position} must be a pair (got {type(item).__name__})")
        if len(list(item)) != 2:
            raise ValueError(f"{name}: item {position} must have 2 values (got {len(list(item))})")
    return listed
