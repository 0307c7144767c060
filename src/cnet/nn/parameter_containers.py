"""Containers of parameters: ParameterList and ParameterDict."""

from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any, Self, SupportsIndex

from ..tensor import Tensor
from .containers import pairs
from .module import Module
from .parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


class ParameterList(Module):
    """A list of parameters. Tensors become parameters; other values are kept as they are.

    Parameters
    ----------
    values : iterable, optional
        The values. The names of parameters are "0", "1", ....

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> scales = nn.ParameterList([nn.Parameter(np.ones(n)) for n in (2, 3)])
    >>> [(name, parameter.shape) for name, parameter in scales.named_parameters()]
    [('0', (2,)), ('1', (3,))]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(position)) for position in range(self._size))

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if isinstance(key, slice):
            return type(self)(list(self)[key])
        return getattr(self, self._name(key))

    def __setitem__(self, key: SupportsIndex, value: Any) -> None:
        setattr(self, self._name(key), _parameter(value))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        setattr(self, str(self._size), _parameter(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end; TypeError if `values` is a single tensor or not iterable."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                f"{type(self).__name__}: extend needs an iterable of values "
                f"(got {type(values).__name__})"
            )
        for value in list(values):
            self.append(value)
        return self

    def _name(self, key: SupportsIndex) -> str:
        position = index(key)
        if not -self._size <= position < self._size:
            raise IndexError(
                f"{type(self).__name__}: index must be in range for {self._size} values "
                f"(got {position})"
            )
        return str(position % self._size)

    def extra_repr(self) -> str:
        return "\n".join(f"  ({i}): {_described(value)}" for i, value in enumerate(self))


class ParameterDict(Module):
    """A dictionary of parameters. Tensors become parameters; other values are kept as they are.

    Parameters
    ----------
    parameters : mapping of str to value, or iterable of pairs, optional
        The values by name. Names must not be those of other attributes, nor contain a dot.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> scales = nn.ParameterDict({"low": nn.Parameter(np.ones(2)), "high": np.ones(3)})
    >>> list(scales.keys()), [name for name, _ in scales.named_parameters()]
    (['low', 'high'], ['low'])
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"{type(self).__name__}: a key must be a str (got {key!r})")
        if key not in self._keys and hasattr(self, key):
            raise KeyError(f"{type(self).__name__}: {key!r} is the name of another attribute")
        if not key or "." in key:
            raise KeyError(f"{type(self).__name__}: a key must not be empty or have a dot: {key!r}")
        if key in self._keys:
            delattr(self, key)
        setattr(self, key, _parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __or__(self, other: "ParameterDict") -> "ParameterDict":
        return self.copy()._updated(other)

    def __ror__(self, other: "ParameterDict") -> "ParameterDict":
        return ParameterDict(other)._updated(self)

    def __ior__(self, other: "ParameterDict") -> Self:
        return self._updated(other)

    def _updated(self, other: Any) -> Self:
        self.update(other)
        return self

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """The values."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a name, or `default` if there is none."""
        return getattr(self, key) if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a name, which is set to `default` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove and return the value of a name."""
        value = self[key]
        del self._keys[key]
        delattr(self, key)
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last name and its value."""
        if not self._keys:
            raise KeyError(f"{type(self).__name__}: popitem of an empty dictionary")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self._keys):
            self.pop(key)

    def copy(self) -> "ParameterDict":
        """A dictionary with the same values."""
        return ParameterDict(dict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> "ParameterDict":
        """A dictionary with the value `default` for every name."""
        return ParameterDict((key, default) for key in keys)

    def update(self, parameters: Any) -> None:
        """Add values, or replace those of the same names.

        Parameters
        ----------
        parameters : mapping of str to value, ParameterDict, or iterable of pairs
            The values by name.
        """
        for key, value in pairs(self, parameters, (Mapping, ParameterDict)):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(f"  ({key}): {_described(value)}" for key, value in self.items())


def _parameter(value: Any) -> Any:
    is_plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
    return Parameter(value) if is_plain else value


def _described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(map(str, value.shape))
    return f"{kind} containing: [{value.dtype} of size {size}]"
