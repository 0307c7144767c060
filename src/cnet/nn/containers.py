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
        return len(self._held(Module))

    def __iter__(self) -> Iterator[Module]:
        return iter(self._held(Module).values())

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        modules = self._held(Module)
        if isinstance(key, slice):
            return self._slice(dict(list(modules.items())[key]))
        return modules[self._name(key)]

    def __setitem__(self, key: SupportsIndex, module: Module) -> None:
        _set(self, self._name(key), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end, named by the first free number from the length on.

        Raises
        ------
        TypeError
            If `module` is not a Module.
        """
        taken = self._held(Module)
        _set(self, next(str(i) for i in count(len(taken)) if str(i) not in taken), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def _name(self, key: SupportsIndex) -> str:
        names, position = list(self._held(Module)), index(key)
        if not -len(names) <= position < len(names):
            raise IndexError(
                f"{type(self).__name__}: index must be in range for {len(names)} modules "
                f"(got {position})"
            )
        return names[position]

    def _slice(self, modules: dict[str, Module]) -> "_Indexed":
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
    >>> len(net[1:])
    2
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

    def _slice(self, modules: dict[str, Module]) -> "Sequential":
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

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __repr__(self) -> str:
        name = type(self).__name__
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

    def _slice(self, modules: dict[str, Module]) -> "ModuleList":
        return ModuleList(modules.values())


class ModuleDict(Module):
    """A dictionary of modules. It has no `forward`: the module that owns it calls the items.

    Parameters
    ----------
    modules : mapping of str to Module, optional
        The modules by name. Names must not be those of other attributes, nor contain a dot.

    Raises
    ------
    TypeError, ValueError
        If a value is not a Module, or a name is not allowed.

    Examples
    --------
    >>> from cnet import nn
    >>> activations = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> activations["tanh"]
    Tanh()
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module

    def __len__(self) -> int:
        return len(self._held(Module))

    def __iter__(self) -> Iterator[str]:
        return iter(self._held(Module))

    def __contains__(self, name: object) -> bool:
        return name in self._held(Module)

    def __getitem__(self, name: str) -> Module:
        return self._held(Module)[name]

    def __setitem__(self, name: str, module: Module) -> None:
        _set(self, name, module)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        delattr(self, name)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._held(Module).keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._held(Module).values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._held(Module).items()


def _set(container: Module, name: str, module: Any) -> None:
    if not isinstance(module, Module):
        raise TypeError(
            f"{type(container).__name__}: {name} must be a Module (got {type(module).__name__})"
        )
    container.add_module(name, module)
