"""Spectral normalisation before each call; `parametrizations.spectral_norm` is its successor."""

from typing import Any, NamedTuple

from ..._explained import explained
from ...tensor import Tensor
from ..module import Module
from ..parameter import Parameter
from ._norms import as_matrix, largest_singular_value, power_iteration, random_unit
from .weight_norm import hook_of


class SpectralNorm(NamedTuple):
    """A forward pre-hook that divides a weight by its largest singular value."""

    name: str
    n_power_iterations: int
    dim: int
    eps: float

    @property
    def is_recorded(self) -> bool:
        """Captured steps replay its operations."""
        return True

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest singular value."""
        weight: Tensor = getattr(module, f"{self.name}_orig")
        u, v = (getattr(module, f"{self.name}_{part}")._array for part in "uv")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            power_iteration(matrix._array, u, v, self.n_power_iterations, self.eps, True)
        return weight / largest_singular_value(matrix, u, v)

    def __call__(self, module: Module, args: Any) -> None:
        """Compute the weight before a call of the module."""
        setattr(module, self.name, self.compute_weight(module, module.training))


@explained
def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Any:
    """Divide a weight by its largest singular value, which each call in training mode improves.

    The parameter `name` is replaced by the parameter ``<name>_orig``, and by the buffers
    ``<name>_u`` and ``<name>_v``, estimates of the singular vectors.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str, default "weight"
        The parameter.
    n_power_iterations : int, default 1
        The number of power iterations in each call.
    eps : float, default 1e-12
        The smallest norm that is divided by.
    dim : int, optional
        The axis of the outputs; by default 1 for transposed convolutions, 0 for others.

    Raises
    ------
    RuntimeError
        If the parameter has spectral normalisation already.
    ValueError
        If `n_power_iterations` is less than 1.

    References
    ----------
    T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.

    Examples
    --------
    >>> from cnet import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(4, 3))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if hook_of(module, SpectralNorm, name) is not None:
        raise RuntimeError(f"spectral_norm: {name} has spectral normalisation already")
    if n_power_iterations < 1:
        raise ValueError(
            f"spectral_norm: n_power_iterations must be at least 1 (got {n_power_iterations})"
        )
    if dim is None:
        dim = default_dim(module)
    weight = module.get_parameter(name)
    delattr(module, name)
    rows, columns = as_matrix(weight.detach(), dim).shape
    module.register_parameter(f"{name}_orig", Parameter(weight.detach(), weight.requires_grad))
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", random_unit(rows, weight.dtype, eps))
    module.register_buffer(f"{name}_v", random_unit(columns, weight.dtype, eps))
    hook: Any = SpectralNorm(name, n_power_iterations, dim, eps)
    module.register_forward_pre_hook(hook)
    return module


@explained
def remove_spectral_norm(module: Module, name: str = "weight") -> Any:
    """Make the present weight a parameter again; ValueError if it has no spectral normalisation."""
    number = hook_of(module, SpectralNorm, name)
    if number is None:
        raise ValueError(f"remove_spectral_norm: {name} of {module} has no spectral normalisation")
    hook = module._forward_pre_hooks.pop(number).call
    weight = hook.compute_weight(module, False).detach()  # type: ignore[attr-defined]
    for part in (name, f"{name}_u", f"{name}_v", f"{name}_orig"):
        delattr(module, part)
    setattr(module, name, Parameter(weight))
    return module


def default_dim(module: Module) -> int:
    """The axis of the outputs in the weight of a layer."""
    return int(type(module).__name__.startswith("ConvTranspose"))
