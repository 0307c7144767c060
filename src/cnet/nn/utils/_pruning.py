"""The methods of pruning, which are forward pre-hooks; the functions are in `prune`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

from ...operations import ones_like, rand, rand_like
from ...tensor import Tensor
from ..module import Module


def hook_of(module: Module, name: str) -> tuple[Any, "BasePruningMethod | None"]:
    """The number of the hook that prunes a parameter, and the hook; None without one."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook.call, BasePruningMethod) and hook.call._tensor_name == name:
            return number, hook.call
    return None, None


class BasePruningMethod(ABC):
    """A forward pre-hook that computes a pruned tensor from a parameter and a mask.

    A subclass defines ``compute_mask(t, default_mask)``. It also sets `PRUNING_TYPE`, which says
    what the method sees of a parameter that has been pruned before: ``"unstructured"`` for the
    elements that are left, ``"structured"`` for the slices along ``dim`` that are left, and
    ``"global"`` for everything.

    Examples
    --------
    >>> from cnet import nn
    >>> from cnet.nn.utils import prune
    >>> class EverySecond(prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[::2] = 0
    ...         return mask
    >>> layer = nn.Linear(4, 1)
    >>> method = EverySecond.apply(layer, "weight")
    >>> layer.weight_mask
    tensor([[0., 1., 0., 1.]])
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str
    is_recorded: ClassVar[bool] = True
    """Captured steps replay its operations."""

    @abstractmethod
    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Return the mask of a tensor: 0 for what is pruned, in the shape of `default_mask`."""

    def __call__(self, module: Module, inputs: Any) -> None:
        """Compute the pruned tensor before a call of the module."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned tensor: ``<name>_mask * <name>_orig``."""
        original: Tensor = getattr(module, f"{self._tensor_name}_orig")
        mask: Tensor = getattr(module, f"{self._tensor_name}_mask")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> Any:
        """Prune a parameter of a module by ``cls(*args, **kwargs)``, and return the hook.

        Parameters
        ----------
        module : Module
            The module, which is changed.
        name : str
            The parameter.
        importance_scores : Tensor, optional
            What the method sees in the place of the parameter; of the same shape.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise ValueError(
                f"{cls.__name__}: importance_scores must have the shape of {name} (got "
                f"{tuple(scores.shape)} and {tuple(original.shape)})"
            )
        number, before = hook_of(module, name)
        if before is None:
            mask = method.compute_mask(scores.detach(), ones_like(original.detach()))
            delattr(module, name)
            module.register_parameter(f"{name}_orig", original)
        else:
            earlier = list(before) if isinstance(before, PruningContainer) else [before]
            method = PruningContainer(*earlier, method)
            before_mask = getattr(module, f"{name}_mask")
            mask = method.compute_mask(scores.detach(), before_mask)
            del module._forward_pre_hooks[number]
        module.register_buffer(f"{name}_mask", mask)
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """Return a tensor times its mask; see `apply` for the importance scores."""
        default_mask = ones_like(t) if default_mask is None else default_mask
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(scores, default_mask)

    def remove(self, module: Any) -> None:
        """Make the pruned tensor the parameter of the module, without original and mask."""
        name = self._tensor_name
        pruned = self.apply_mask(module).detach()
        original = getattr(module, f"{name}_orig")
        original.data = pruned
        for part in (name, f"{name}_orig", f"{name}_mask"):
            delattr(module, part)
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several methods that prune the same parameter, one after the other.

    Parameters
    ----------
    *args : BasePruningMethod
        The methods, all of the same parameter.
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Append a method."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(
                f"PruningContainer: method must be a BasePruningMethod (got "
                f"{type(method).__name__})"
            )
        name = getattr(self, "_tensor_name", method._tensor_name)
        if name != method._tensor_name:
            raise ValueError(
                f"PruningContainer: all methods must prune the same parameter (got {name!r} and "
                f"{method._tensor_name!r})"
            )
        self._tensor_name = name
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask of the last method, of what `default_mask` has left."""
        method = self._pruning_methods[-1]
        left: Any
        match method.PRUNING_TYPE:
            case "unstructured":
                left = default_mask == 1
            case "structured":
                others = list(range(t.ndim))
                dim = others.pop(method.dim)  # type: ignore[attr-defined]
                left = (slice(None),) * dim + (default_mask.sum(others) != 0,)
            case "global":
                left = ()
            case kind:
                raise ValueError(
                    f"{type(method).__name__}: PRUNING_TYPE must be 'unstructured', 'structured' "
                    f"or 'global' (got {kind!r})"
                )
        mask = default_mask.clone()
        mask[left] = method.compute_mask(t[left], default_mask[left]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing: the mask is that of before."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return default_mask


class CustomFromMask(BasePruningMethod):
    """Prunes what is 0 in a mask.

    Parameters
    ----------
    mask : Tensor
        The mask, in the shape of the parameter.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        if default_mask.shape != self.mask.shape:
            raise ValueError(
                f"CustomFromMask: mask must have the shape of the parameter (got "
                f"{tuple(self.mask.shape)} and {tuple(default_mask.shape)})"
            )
        return default_mask * self.mask.to(default_mask.dtype)


class _ByScore(BasePruningMethod):
    """Prunes an amount of the elements, or of the slices, with the lowest scores."""

    def __init__(self, amount: float) -> None:
        if not isinstance(amount, Real):
            raise TypeError(
                f"{type(self).__name__}: amount must be a number (got {type(amount).__name__})"
            )
        if amount < 0 or (amount > 1 and not isinstance(amount, Integral)):
            raise ValueError(
                f"{type(self).__name__}: amount must be a fraction from 0 to 1 or an integer from "
                f"0 (got {amount})"
            )
        self.amount: float = amount

    @abstractmethod
    def _scores(self, t: Any) -> Any:
        """The scores, of shape (n,)."""

    def _lowest(self, t: Any, size: int) -> Any:
        """The positions of the `size` times `amount`, or `amount`, lowest scores."""
        whole = isinstance(self.amount, Integral)
        count = int(self.amount) if whole else round(self.amount * size)
        if count > size:
            raise ValueError(
                f"{type(self).__name__}: amount must be at most the size (got {count} and {size})"
            )
        return self._scores(t).argsort(stable=True)[:count]


class _Unstructured(_ByScore):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        mask = default_mask.clone()
        mask.view(-1)[self._lowest(t, t.numel())] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes random elements.

    Parameters
    ----------
    amount : float or int
        The fraction or the number of elements.
    """

    def _scores(self, t: Any) -> Any:
        return rand_like(t).reshape(-1)


class L1Unstructured(_Unstructured):
    """Prunes the elements with the smallest magnitudes; of equal ones the first.

    Parameters
    ----------
    amount : float or int
        The fraction or the number of elements.
    """

    def _scores(self, t: Any) -> Any:
        return t.abs().reshape(-1)


class _Structured(_ByScore):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        if t.ndim < 2:
            raise ValueError(
                f"{type(self).__name__}: the tensor must have at least two axes (got shape "
                f"{tuple(t.shape)})"
            )
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(
                f"{type(self).__name__}: dim must be an axis of the tensor (got {self.dim} and "
                f"shape {tuple(t.shape)})"
            )
        mask = default_mask.clone()
        mask.movedim(self.dim, 0)[self._lowest(t, t.shape[self.dim])] = 0
        return mask


class RandomStructured(_Structured):
    """Prunes random slices.

    Parameters
    ----------
    amount : float or int
        The fraction or the number of slices.
    dim : int, default -1
        The axis of the slices.
    """

    def _scores(self, t: Any) -> Any:
        return rand(t.shape[self.dim])


class LnStructured(_Structured):
    """Prunes the slices with the smallest norms; of equal ones the first.

    Parameters
    ----------
    amount : float or int
        The fraction or the number of slices.
    n : number or str
        The order of the norm, as `p` of `cnet.norm`.
    dim : int, default -1
        The axis of the slices.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Any) -> Any:
        others = list(range(t.ndim))
        others.pop(self.dim)
        return t.norm(self.n, others)
