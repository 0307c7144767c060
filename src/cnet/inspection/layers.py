"""Hooks on the layers of a model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..nn import Module
from ..tensor import Tensor


def layers(model: Module) -> dict[Module, str]:
    """The modules without submodules, or with parameters of their own, and their names."""
    return {
        module: name or type(module).__name__
        for name, module in model.named_modules()
        if not any(True for _ in module.children())
        or any(True for _ in module.parameters(recurse=False))
    }


@contextmanager
def hooked(register: Callable[[Module], Any], modules: Iterator[Module]) -> Iterator[None]:
    """Register hooks on modules, and remove them afterwards."""
    handles = [handle for module in modules for handle in register(module)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def tensors(value: Any) -> list[Tensor]:
    """The tensors in a result of a module."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors(item)]
    return []


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Set the model to evaluation mode; afterwards every module has its former mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
