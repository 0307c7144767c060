"""What `cnet.compile` returns for code that was written for `torch.compile`."""

from typing import Any

from ..nn import Module


class OptimizedModule(Module):
    """A module that computes, trains and answers as the module that it holds.

    Its parameters and buffers are those of the module, with the names that `torch.compile` gives
    them: ``_orig_mod.`` is put before each. All other attributes are read from the module and
    assigned to it.
    """

    _orig_mod: Module

    def __init__(self, model: Module) -> None:
        super().__init__()
        del self.__dict__["training"]
        self.add_module("_orig_mod", model)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or "_modules" not in self.__dict__:
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module."""
        return self._orig_mod(*args, **kwargs)


def as_by_torch(model: Any) -> Any:
    """A module as `OptimizedModule`, and a function as it is; for None, the decorator that does so.

    TypeError if `model` cannot be called.
    """
    if model is None:
        return as_by_torch
    if isinstance(model, Module):
        return model if isinstance(model, OptimizedModule) else OptimizedModule(model)
    if not callable(model):
        raise TypeError(
            f"compile: model must be a Module or a function (got {type(model).__name__})"
        )
    return model
