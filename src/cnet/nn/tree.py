"""The tree of a module and its submodules: iteration over it, and access by dotted names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from ..tensor import Tensor
from .members import Members
from .parameter import Parameter

Kind = TypeVar("Kind")


class Tree(Members):
    """Iteration over the members of a module and of its submodules."""

    def _walk(
        self,
        members: "Callable[[Any], Mapping[str, Kind | None]]",
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Kind]]:
        """The members of this module, and if `recurse` of its submodules, that are not None."""
        seen: set[int] = set()
        modules = [(prefix, self)]
        for path, module in (
            self.named_modules(None, prefix, remove_duplicate) if recurse else modules
        ):
            for name, value in members(module).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield join(path, name), value

    def named_modules(
        self, memo: "set[Tree] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Self]]":
        """Iterate over this module and all submodules, with dotted names.

        Parameters
        ----------
        memo : set of Module, optional
            Modules to leave out; the modules that are returned are added to it.
        prefix : str, default ""
            The name of this module, which precedes all other names.
        remove_duplicate : bool, default True
            Whether a module that has several names is returned only once.

        Examples
        --------
        >>> from cnet import nn
        >>> [name for name, _ in nn.Sequential(nn.Sequential(nn.ReLU())).named_modules()]
        ['', '0', '0.0']
        """
        seen = set() if memo is None else memo
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate:
                if module in seen:
                    continue
                seen.add(module)
            yield path, module
            children = reversed(module._modules.items())
            stack += [(join(path, name), child) for name, child in children if child is not None]

    def modules(self, remove_duplicate: bool = True) -> "Iterator[Self]":
        """Iterate over this module and all submodules, by default each once."""
        return (module for _, module in self.named_modules(None, "", remove_duplicate))

    def named_children(self) -> "Iterator[tuple[str, Self]]":
        """Iterate over the direct submodules with their names, each once."""
        return self._walk(lambda module: module._modules, recurse=False)

    def children(self) -> "Iterator[Self]":
        """Iterate over the direct submodules, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over the parameters with their dotted names.

        Parameters
        ----------
        prefix : str, default ""
            Precedes every name.
        recurse : bool, default True
            Whether to include the parameters of submodules.
        remove_duplicate : bool, default True
            Whether a parameter that has several names is returned only once.
        """
        return self._walk(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters, each once; the usual argument of an optimizer."""
        return (parameter for _, parameter in self.named_parameters("", recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the buffers with their dotted names; see `named_parameters`."""
        return self._walk(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers("", recurse))

    def get_submodule(self, target: str) -> Any:
        """Return the submodule with a dotted name; the module itself for an empty name.

        Raises
        ------
        AttributeError
            If there is no such submodule.

        Examples
        --------
        >>> from cnet import nn
        >>> nn.Sequential(nn.Sequential(nn.ReLU())).get_submodule("0.0")
        ReLU()
        """
        module: Any = self
        for name in target.split(".") if target else ():
            module = getattr(module, name, None)
            if not isinstance(module, Tree):
                raise AttributeError(
                    f"get_submodule: {type(self).__name__} has no submodule {target!r} "
                    f"(there is no module {name!r})"
                )
        return module

    def set_submodule(self, target: str, module: "Tree", strict: bool = False) -> None:
        """Replace or add the submodule with a dotted name.

        Parameters
        ----------
        target : str
            The name; all but its last part must name a submodule that exists.
        module : Module
            The new submodule.
        strict : bool, default False
            Whether a submodule of that name must exist already.

        Raises
        ------
        ValueError
            If `target` is empty or `module` is not a Module.
        AttributeError
            If a submodule does not exist.
        """
        if not target:
            raise ValueError("set_submodule: target must not be empty")
        if not isinstance(module, Tree):
            raise ValueError(
                f"set_submodule: module must be a Module (got {type(module).__name__})"
            )
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if strict or hasattr(owner, name):
            owner.get_submodule(name)
        setattr(owner, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter with a dotted name; AttributeError if there is none."""
        parameter = self._member("get_parameter", target)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"get_parameter: {target!r} is not a Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer with a dotted name; AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        buffer = self._member("get_buffer", target)
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"get_buffer: {target!r} is not a buffer")
        return buffer  # type: ignore[no-any-return]

    def _member(self, function: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{function}: {type(owner).__name__} has no attribute {name!r}")
        return getattr(owner, name)


def join(path: str, name: str) -> str:
    """The dotted name of a member of the module at `path`."""
    return f"{path}.{name}" if path else name
