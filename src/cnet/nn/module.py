"""Module: the container of parameters, buffers and submodules, which finds them by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import indent
from types import NoneType
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..tensor import Tensor, as_tensor, zero_grad
from . import state
from ._arguments import float_dtype
from .hooks import Hooked
from .parameter import Parameter

__all__ = ["Module"]

Kind = TypeVar("Kind")


class Module(Hooked):
    """Base class of all layers and models.

    A subclass calls ``super().__init__()``, assigns parameters and submodules to attributes, and
    defines ``forward``. `parameters`, `modules` and `state_dict` return the assigned objects under
    the names of their attributes, in the order of assignment. Names and order are those of PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(4, 3)
    ...         self.out = nn.Linear(3, 2)
    ...     def forward(self, x):
    ...         return self.out(self.hidden(x))
    >>> net = Net()
    >>> net(np.ones((5, 4), np.float32)).shape
    (5, 2)
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    # All attributes are stored in the instance's __dict__, and their type tells parameters and
    # submodules from others. Buffers are plain tensors, so `_buffer_names` stores their names, with
    # whether they are persistent.

    def __init__(self) -> None:
        super().__init__()
        self._buffer_names: dict[str, bool] = {}
        self.training = True

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        buffers: dict[str, bool] | None = vars(self).get("_buffer_names")
        if isinstance(value, (Parameter, Module)):
            if buffers is None:
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before assigning {name!r}"
                )
            buffers.pop(name, None)
        elif value is not None:
            held = vars(self).get(name)
            if isinstance(held, (Parameter, Module)):
                kind = "Parameter" if isinstance(held, Parameter) else "Module"
                raise TypeError(
                    f"{type(self).__name__}: {name} must be a {kind} or None "
                    f"(got {type(value).__name__})"
                )
            if buffers and name in buffers:
                value = as_tensor(value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._buffer_names.pop(name, None)

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name.isidentifier()]

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assign a parameter, or None, to the attribute `name`.

        Raises
        ------
        TypeError
            If `param` is neither a Parameter nor None.
        ValueError
            If `name` is empty, contains a dot, or is the name of another attribute.
        """
        self._register("register_parameter", "param", name, param, Parameter)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Assign a module, or None, to the attribute `name`.

        Raises
        ------
        TypeError
            If `module` is neither a Module nor None.
        ValueError
            If `name` is empty, contains a dot, or is the name of another attribute.
        """
        self._register("add_module", "module", name, module, Module)

    register_module = add_module

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
        ValueError
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
        self._register("register_buffer", "tensor", name, value, Tensor)
        self._buffer_names[name] = bool(persistent)

    def _register(self, function: str, argument: str, name: str, value: Any, kind: type) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{function}: name must be a str (got {name!r})")
        if not name or "." in name:
            raise ValueError(f"{function}: name must not be empty or have a dot (got {name!r})")
        if hasattr(self, name) and not isinstance(vars(self).get(name, ...), (kind, NoneType)):
            raise ValueError(f"{function}: name is taken by another attribute (got {name!r})")
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"{function}: {argument} must be a {kind.__name__} or None "
                f"(got {type(value).__name__})"
            )
        setattr(self, name, value)

    # Traversal

    def _held(self, kind: type[Kind]) -> dict[str, Kind]:
        """The attributes of one kind, in the order of assignment."""
        return {name: value for name, value in vars(self).items() if isinstance(value, kind)}

    def _held_buffers(self, persistent_only: bool = False) -> dict[str, Tensor]:
        return {
            name: vars(self)[name]
            for name, persistent in self._buffer_names.items()
            if vars(self)[name] is not None and (persistent or not persistent_only)
        }

    def _walk(
        self, held: "Callable[[Module], Mapping[str, Kind]]", prefix: str, recurse: bool
    ) -> Iterator[tuple[str, Kind]]:
        """The objects that this module and its submodules hold, each object once."""
        seen = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, value in held(module).items():
                if id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Module]]":
        """Iterate over this module and all submodules, with dotted names.

        Parameters
        ----------
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
        seen = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and module in seen:
                continue
            seen.add(module)
            yield path, module
            children = module._held(Module).items()
            stack.extend((_join(path, name), child) for name, child in reversed(children))

    def modules(self) -> "Iterator[Module]":
        """Iterate over this module and all submodules, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """Iterate over the direct submodules with their names, each once."""
        return self._walk(lambda module: module._held(Module), "", recurse=False)

    def children(self) -> "Iterator[Module]":
        """Iterate over the direct submodules, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over the parameters with their dotted names; a shared one appears only once.

        Parameters
        ----------
        prefix : str, default ""
            Precedes every name.
        recurse : bool, default True
            Whether to include the parameters of submodules.
        """
        return self._walk(lambda module: module._held(Parameter), prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters, each once; the usual argument of an optimizer."""
        return (parameter for _, parameter in self.named_parameters("", recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the buffers with their dotted names; see `named_parameters`."""
        return self._walk(Module._held_buffers, prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers("", recurse))

    # State

    def _state(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers; a shared tensor appears under each of its names."""
        return {
            _join(path, name): tensor
            for path, module in self.named_modules(remove_duplicate=False)
            for held in (module._held(Parameter), module._held_buffers(persistent_only=True))
            for name, tensor in held.items()
        }

    def state_dict(self) -> dict[str, Tensor]:
        """Return the parameters and persistent buffers.

        Returns
        -------
        dict of str to Tensor
            The tensors by dotted name. They share memory with the module, so training changes them;
            ``copy.deepcopy`` keeps the present values.

        Examples
        --------
        >>> from cnet import nn
        >>> {name: value.shape for name, value in nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: tensor.detach() for name, tensor in self._state().items()}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> state.IncompatibleKeys:
        """Copy values into parameters and persistent buffers, which keep their dtypes.

        Parameters
        ----------
        state_dict : mapping of str to ndarray or Tensor
            Values by dotted name; anything that `numpy.asarray` accepts, including PyTorch tensors.
        strict : bool, default True
            Whether the names must be exactly the names in `state_dict()`.

        Returns
        -------
        IncompatibleKeys
            The lists `missing_keys` and `unexpected_keys`, both empty if `strict`.

        Raises
        ------
        ValueError
            If names, shapes or dtypes do not match. The message lists all mismatches, and the
            module is unchanged.
        TypeError
            If `state_dict` is not a mapping.

        Examples
        --------
        >>> import numpy as np
        >>> from cnet import nn
        >>> layer = nn.Linear(1, 1)
        >>> layer.load_state_dict({"weight": [[2.0]], "bias": [1.0]})
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> layer(np.array([[3.0]], np.float32)).item()
        7.0
        """
        return state.load(type(self).__name__, self._state(), state_dict, strict)

    # Changes of the whole module

    def train(self, mode: bool = True) -> Self:
        """Set training mode, or evaluation mode if `mode` is False, here and in all submodules."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode must be a bool (got {mode!r})")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode, here and in all submodules; the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether the parameters require grad."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of the parameters to None, or to zero if `set_to_none` is False."""
        zero_grad(self.parameters(), set_to_none)

    def apply(self, fn: "Callable[[Module], Any]") -> Self:
        """Call `fn` on every submodule and then on this module, for example to initialise them."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, dtype: npt.DTypeLike) -> Self:
        """Convert parameters, their gradients and float buffers to float32 or float64.

        The tensors remain the same objects, so that optimizers stay valid. Tensors that already
        have the dtype keep their memory. TypeError for any other dtype.
        """
        dtype = float_dtype("to", dtype)
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.dtype.kind == "f":
                grad, tensor.grad = tensor.grad, None
                if tensor.dtype != dtype:
                    tensor.note_change("Module.to")
                tensor._array = tensor._array.astype(dtype, copy=False)
                tensor.grad = None if grad is None else grad._array.astype(dtype, copy=False)
        return self

    def float(self) -> Self:
        """Convert to float32; see `to`."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64; see `to`."""
        return self.to(np.float64)

    # Printing

    def extra_repr(self) -> str:
        """The text inside the parentheses of `repr`, in addition to the submodules."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {child!r}" for name, child in self._held(Module).items()]
        if not children and "\n" not in extra:
            return f"{type(self).__name__}({extra})"
        body = "\n".join([extra, *children] if extra else children)
        return f"{type(self).__name__}(\n{indent(body, '  ')}\n)"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
