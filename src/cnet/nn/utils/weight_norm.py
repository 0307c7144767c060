"""Weight normalisation before each call; `parametrizations.weight_norm` is its successor."""

from typing import Any, NamedTuple

from ..._explained import explained
from ...tensor import Tensor
from ..module import Module
from ..parameter import Parameter
from ._norms import norm_except


class WeightNorm(NamedTuple):
    """A forward pre-hook that computes a weight from its direction and length."""

    name: str
    dim: int | None

    @property
    def is_recorded(self) -> bool:
        """Captured steps replay its operations."""
        return True

    def compute_weight(self, module: Module) -> Tensor:
        """The weight: ``v * g / norm(v)``."""
        v: Tensor = getattr(module, f"{self.name}_v")
        g: Tensor = getattr(module, f"{self.name}_g")
        return v * (g / norm_except(v, self.dim))

    def __call__(self, module: Module, args: Any) -> None:
        """Compute the weight before a call of the module."""
        setattr(module, self.name, self.compute_weight(module))


@explained
def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Any:
    """Train the length and the direction of a weight instead of its elements.

    The parameter `name` is replaced by ``<name>_g``, the lengths, and ``<name>_v``, the directions.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str, default "weight"
        The parameter.
    dim : int or None, default 0
        The axis of the vectors that have a length each; None for one length.

    Raises
    ------
    RuntimeError
        If the parameter has weight normalisation already.

    References
    ----------
    T. Salimans, D. Kingma, "Weight normalization", NIPS 2016.

    Examples
    --------
    >>> from cnet import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(4, 3))
    >>> {name: p.shape for name, p in layer.named_parameters()}
    {'bias': (3,), 'weight_g': (3, 1), 'weight_v': (3, 4)}
    """
    if hook_of(module, WeightNorm, name) is not None:
        raise RuntimeError(f"weight_norm: {name} has weight normalisation already")
    dim = None if dim == -1 else dim
    weight = module.get_parameter(name)
    delattr(module, name)
    g = norm_except(weight.detach(), dim)
    module.register_parameter(f"{name}_g", Parameter(g))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook = WeightNorm(name, dim)
    hook(module, ())
    module.register_forward_pre_hook(hook)  # type: ignore[arg-type]
    return module


@explained
def remove_weight_norm(module: Module, name: str = "weight") -> Any:
    """Make the present weight a parameter again; ValueError if it has no weight normalisation."""
    number = hook_of(module, WeightNorm, name)
    if number is None:
        raise ValueError(f"remove_weight_norm: {name} of {module} has no weight normalisation")
    hook = module._forward_pre_hooks.pop(number).call
    weight = hook.compute_weight(module).detach()  # type: ignore[attr-defined]
    for part in (name, f"{name}_g", f"{name}_v"):
        delattr(module, part)
    setattr(module, name, Parameter(weight))
    return module


def hook_of(module: Module, kind: type, name: str) -> int | None:
    """The number of the forward pre-hook of a class and a parameter, or None."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook.call, kind) and hook.call.name == name:  # type: ignore[attr-defined]
            return number
    return None
