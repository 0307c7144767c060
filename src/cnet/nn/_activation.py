"""The base of activation layers."""

from typing import ClassVar

from .module import Module


class Activation(Module):
    """Base class of layers that apply a function of `cnet.functional`."""

    shown: ClassVar[tuple[str, ...]] = ()
    """The attributes that `repr` shows."""

    def extra_repr(self) -> str:
        parts = [f"{name}={getattr(self, name)!r}" for name in self.shown]
        if getattr(self, "inplace", False):
            parts.append("inplace=True")
        return ", ".join(parts)
