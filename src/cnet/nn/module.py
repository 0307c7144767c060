"""Module: the base class of layers and models."""

from collections.abc import Callable
from textwrap import indent
from typing import Any, Self

from .._explained import Explained
from ..autograd.propagation import zero_grad
from .conversion import Convertible
from .hooks import Hooked
from .state import Stateful

__all__ = ["Module"]

_DICTIONARIES = (
    "_parameters", "_buffers", "_modules",
    "_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks",
    "_state_dict_pre_hooks", "_state_dict_hooks",
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip
"""The members and hooks of a module."""


class Module(Explained, Hooked, Stateful, Convertible):
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

    training: bool

    def __init__(self) -> None:
        Module.__setstate__(self, {})  # a subclass may have a method of its own

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes of a copy; those that `state` lacks are as in a new module."""
        attributes = self.__dict__
        attributes.update({name: {} for name in _DICTIONARIES})
        attributes["_non_persistent_buffers_set"] = set()
        attributes["training"] = True
        attributes.update(state)

    def train(self, mode: bool = True) -> Self:
        """Set training mode, or evaluation mode if `mode` is False, here and in all submodules."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be a bool (got {mode!r})")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode, here and in all submodules; the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether the parameters require grad."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
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

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accept PyTorch's request to compile the module; calls compute the same values as before.

        For a compiled plan of one input shape, see `cnet.compile`.
        """

    # Printing

    def _get_name(self) -> str:
        """The name of the class in `repr`."""
        return type(self).__name__

    def extra_repr(self) -> str:
        """The text inside the parentheses of `repr`, in addition to the submodules."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {child!r}" for name, child in self._modules.items()]
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        body = "\n".join([extra, *children] if extra else children)
        return f"{self._get_name()}(\n{indent(body, '  ')}\n)"
