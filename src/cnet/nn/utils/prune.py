"""Pruning: parameters whose least important elements or slices are zero, also after training."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..._explained import explained
from ...operations import cat, ones_like
from ._pruning import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    hook_of,
)

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


@explained
def identity(module: Any, name: str) -> Any:
    """Give a parameter a mask of ones, and return the module."""
    Identity.apply(module, name)
    return module


@explained
def random_unstructured(module: Any, name: str, amount: float) -> Any:
    """Prune random elements of a parameter; see `l1_unstructured`."""
    RandomUnstructured.apply(module, name, amount)
    return module


@explained
def l1_unstructured(module: Any, name: str, amount: float, importance_scores: Any = None) -> Any:
    """Prune the elements of a parameter with the smallest magnitudes.

    The parameter ``<name>`` is replaced by ``<name>_orig``, which is trained, and the buffer
    ``<name>_mask``. Their product is the tensor ``<name>``, computed before each call. A parameter
    can be pruned several times; each call sees what is left.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str
        The parameter.
    amount : float or int
        The fraction of the elements, from 0 to 1, or their number.
    importance_scores : Tensor, optional
        Their magnitudes decide in the place of those of the parameter; of the same shape.

    Raises
    ------
    TypeError
        If `amount` is not a number.
    ValueError
        If `amount` is negative, or larger than the number of elements.

    Examples
    --------
    >>> import cnet
    >>> from cnet import nn
    >>> from cnet.nn.utils import prune
    >>> layer = nn.Linear(3, 1, bias=False)
    >>> layer.load_state_dict({"weight": cnet.tensor([[0.1, -0.5, 0.3]])})
    <All keys matched successfully>
    >>> prune.l1_unstructured(layer, "weight", amount=1).weight.detach()
    tensor([[ 0. , -0.5,  0.3]])
    >>> list(layer.state_dict())
    ['weight_orig', 'weight_mask']
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


@explained
def random_structured(module: Any, name: str, amount: float, dim: int) -> Any:
    """Prune random slices of a parameter along an axis; see `ln_structured`."""
    RandomStructured.apply(module, name, amount, dim)
    return module


@explained
def ln_structured(
    module: Any, name: str, amount: float, n: Any, dim: int, importance_scores: Any = None
) -> Any:
    """Prune the slices of a parameter with the smallest norms, such as the filters of a layer.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str
        The parameter, with at least two axes.
    amount : float or int
        The fraction of the slices, from 0 to 1, or their number.
    n : number or str
        The order of the norm, as `p` of `cnet.norm`.
    dim : int
        The axis of the slices.
    importance_scores : Tensor, optional
        Their norms decide in the place of those of the parameter; of the same shape.

    Raises
    ------
    IndexError
        If `dim` is not an axis of the parameter.
    TypeError
        If `amount` is not a number.
    ValueError
        If `amount` is negative or larger than the number of slices, or the parameter has one axis.

    Examples
    --------
    >>> from cnet import nn
    >>> from cnet.nn.utils import prune
    >>> layer = prune.ln_structured(nn.Conv2d(3, 8, 3), "weight", amount=0.25, n=2, dim=0)
    >>> int((layer.weight.abs().sum((1, 2, 3)) == 0).sum())
    2
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


@explained
def custom_from_mask(module: Any, name: str, mask: Any) -> Any:
    """Prune the elements of a parameter that are 0 in a mask of its shape; return the module."""
    CustomFromMask.apply(module, name, mask)
    return module


@explained
def global_unstructured(
    parameters: Iterable[tuple[Any, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Any, str], Any] | None = None,
    **kwargs: Any,
) -> None:
    """Prune elements of several parameters by a common ranking.

    Parameters
    ----------
    parameters : iterable of (Module, str)
        The modules, each with the name of a parameter.
    pruning_method : type
        A class of methods whose `PRUNING_TYPE` is ``"unstructured"``, such as `L1Unstructured`.
    importance_scores : dict, optional
        A tensor for some of the pairs, which decides in the place of the parameter.
    **kwargs
        The arguments of the class, such as ``amount``.

    Raises
    ------
    TypeError
        If the class prunes slices, or `importance_scores` is not a dict.

    Examples
    --------
    >>> from cnet import nn
    >>> from cnet.nn.utils import prune
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> weights = [(model[0], "weight"), (model[2], "weight")]
    >>> prune.global_unstructured(weights, prune.L1Unstructured, amount=0.2)
    >>> sum(int((module.weight == 0).sum()) for module, name in weights)
    3
    """
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, Mapping):
        raise TypeError(
            f"global_unstructured: importance_scores must be a dict (got {type(scores).__name__})"
        )
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f"global_unstructured: pruning_method must be unstructured (got "
            f"{pruning_method.__name__}, which is {method.PRUNING_TYPE})"
        )
    method._tensor_name = ""
    pairs = list(parameters)
    tensors = [getattr(module, name).detach() for module, name in pairs]
    seen = [scores.get(pair, tensor) for pair, tensor in zip(pairs, tensors, strict=True)]
    masks = [
        getattr(module, f"{name}_mask", ones_like(tensor))
        for (module, name), tensor in zip(pairs, tensors, strict=True)
    ]
    flat = [cat([t.detach().reshape(-1) for t in group]) for group in (seen, masks)]
    parts = PruningContainer(method).compute_mask(*flat).split([t.numel() for t in tensors])
    for (module, name), tensor, part in zip(pairs, tensors, parts, strict=True):
        custom_from_mask(module, name, part.reshape(tensor.shape))


@explained
def remove(module: Any, name: str) -> Any:
    """Make the pruned tensor a parameter again; what was pruned stays zero.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    name : str
        The parameter.

    Raises
    ------
    ValueError
        If the parameter is not pruned.
    """
    number, hook = hook_of(module, name)
    if hook is None:
        raise ValueError(f"remove: {name} of {type(module).__name__} is not pruned")
    hook.remove(module)
    del module._forward_pre_hooks[number]
    return module


@explained
def is_pruned(module: Any) -> bool:
    """Whether a parameter of the module, or of a module in it, is pruned."""
    hooks = (hook for part in module.modules() for hook in part._forward_pre_hooks.values())
    return any(isinstance(hook.call, BasePruningMethod) for hook in hooks)
