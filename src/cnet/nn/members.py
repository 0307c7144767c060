"""The members of a module: its parameters, buffers and submodules, stored by name."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor, as_tensor
from .parameter import Buffer, Parameter


class Members:
    """Assigned parameters and modules go to dictionaries of their own, as in PyTorch.

    `_parameters`, `_buffers` and `_modules` hold the members in the order of assignment; a member
    may be None. All other attributes are in the instance's ``__dict__``.
    """

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: "dict[str, Members | None]"
    _non_persistent_buffers_set: set[str]

    def __getattr__(self, name: str) -> Any:
        attributes = self.__dict__
        if "_parameters" in attributes:  # not a loop, because every read of a parameter is here
            members = attributes["_parameters"]
            if name in members:
                return members[name]
            members = attributes["_buffers"]
            if name in members:
                return members[name]
            members = attributes["_modules"]
            if name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if "_parameters" not in attributes:
            if isinstance(value, (Parameter, Members, Buffer)):
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before assigning {name!r}"
                )
            object.__setattr__(self, name, value)
        elif isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._store(name, value, self._parameters)
        elif isinstance(value, Members):
            self._store(name, value, self._modules)
        elif isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        elif name in self._buffers:
            self._buffers[name] = None if value is None else as_tensor(value)
        elif name in self._parameters or name in self._modules:
            self._replace_member(name, value)
        else:
            object.__setattr__(self, name, value)

    def _replace_member(self, name: str, value: Any) -> None:
        """Set a parameter or a submodule to None; TypeError for any other value."""
        members: dict[str, Any]
        members, kind = self._parameters, "Parameter"
        if name in self._modules:
            members, kind = self._modules, "Module"
        if value is not None:
            raise TypeError(
                f"{type(self).__name__}: {name} must be a {kind} or None "
                f"(got {type(value).__name__})"
            )
        members[name] = None

    def __delattr__(self, name: str) -> None:
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> Iterable[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if name.isidentifier())

    def _store(self, name: str, value: Any, members: dict[str, Any]) -> None:
        """Store a member, and remove any other attribute of that name from the instance."""
        if hasattr(type(self), name):
            raise KeyError(f"{type(self).__name__}: {name!r} is an attribute of the class")
        for others in (self.__dict__, self._parameters, self._buffers, self._modules):
            if others is not members:
                others.pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        members[name] = value

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assign a parameter, or None, to the attribute `name`.

        Raises
        ------
        TypeError
            If `param` is neither a Parameter nor None.
        KeyError
            If `name` is empty, contains a dot, or is the name of another attribute.
        """
        self._register("register_parameter", "param", name, param, Parameter, "_parameters")

    def add_module(self, name: str, module: "Members | None") -> None:
        """Assign a module, or None, to the attribute `name`.

        Raises
        ------
        TypeError
            If `module` is neither a Module nor None.
        KeyError
            If `name` is empty, contains a dot, or is the name of another attribute.
        """
        self._register("add_module", "module", name, module, Members, "_modules")

    def register_module(self, name: str, module: "Members | None") -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Assign a tensor that is part of the state but is not trained, such as a running mean.

        Parameters
        ----------
        name : str
            The name of the attribute.
        tensor : Tensor, ndarray or None
            The value; the memory of an ndarray is shared. Later assignments to the attribute
            replace the value.
        persistent : bool, default True
            Whether the buffer is part of `state_dict`.

        Raises
        ------
        TypeError
            If `tensor` is not a Tensor, ndarray or None.
        KeyError
            If `name` is empty, contains a dot, or is the name of another attribute.

        Examples
        --------
        >>> import numpy as np
        >>> from cnet import nn
        >>> module = nn.Module()
        >>> module.register_buffer("mean", np.zeros(3))
        >>> list(module.state_dict())
        ['mean']
        """
        value = as_tensor(tensor) if isinstance(tensor, np.ndarray) else tensor
        self._register("register_buffer", "tensor", name, value, Tensor, "_buffers")
        if not persistent:
            self._non_persistent_buffers_set.add(name)

    def _register(
        self, function: str, argument: str, name: str, value: Any, kind: type, place: str
    ) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before {function}"
            )
        members = self.__dict__[place]
        if not isinstance(name, str):
            raise TypeError(f"{function}: name must be a str (got {name!r})")
        if not name or "." in name:
            raise KeyError(f"{function}: name must not be empty or have a dot (got {name!r})")
        if name not in members and getattr(self, name, None) is not None:
            raise KeyError(f"{function}: name is taken by another attribute (got {name!r})")
        if value is not None and not isinstance(value, kind):
            wanted = "Module" if kind is Members else kind.__name__
            raise TypeError(
                f"{function}: {argument} must be a {wanted} or None (got {type(value).__name__})"
            )
        self._store(name, value, members)
