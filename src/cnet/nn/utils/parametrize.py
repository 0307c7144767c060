"""Parametrizations: parameters that are computed from others whenever they are read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd.grad_mode import no_grad
from ...tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

_cache: dict[tuple[int, str], Any] = {}
_cached_contexts = 0


@contextmanager
def cached() -> Iterator[None]:
    """A context in which each parametrized tensor is computed once, and then kept.

    Examples
    --------
    >>> from cnet import nn
    >>> from cnet.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(nn.Linear(2, 1))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cached_contexts
    _cached_contexts += 1
    try:
        yield
    finally:
        _cached_contexts -= 1
        if not _cached_contexts:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and what it is computed from.

    The result of ``right_inverse`` of the modules is stored as `original`, or as `original0`,
    `original1`, ... if it is a sequence of tensors.

    Parameters
    ----------
    modules : sequence of Module
        The parametrizations, in the order of their calls.
    original : Tensor
        The tensor before.
    unsafe : bool, default False
        Whether they may change the shape and dtype of the tensor.
    """

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            new = self._inverse(original.detach())
        self.is_tensor = isinstance(new, Tensor)
        if isinstance(new, Tensor):
            self._keep("original", new, original)
            self.ntensors = 1
        elif isinstance(new, Sequence):
            self.ntensors = len(new)
            for i, part in enumerate(new):
                self._keep(f"original{i}", part, None)
        else:
            raise ValueError(
                "register_parametrization: right_inverse must return a Tensor or a sequence of "
                f"Tensors (got {type(new).__name__})"
            )
        if not unsafe:
            self._check(original)

    def _keep(self, name: str, new: Tensor, original: Any) -> None:
        """Store a tensor as a parameter, the given one if possible, or as a buffer."""
        if isinstance(original, Parameter):
            original.data = new
            self.register_parameter(name, original)
        elif original is None and new.dtype.kind == "f":
            self.register_parameter(name, Parameter(new))
        else:
            self.register_buffer(name, new)

    def _check(self, original: Tensor) -> None:
        with no_grad():
            result = self()
        if not isinstance(result, Tensor):
            raise ValueError(
                f"register_parametrization: a parametrization must return a Tensor "
                f"(got {type(result).__name__})"
            )
        for name in ("shape", "dtype"):
            before, after = getattr(original, name), getattr(result, name)
            if before != after:
                raise ValueError(
                    f"register_parametrization: a parametrization may change the {name} only if "
                    f"unsafe=True (got {after} and {before})"
                )

    def _inverse(self, value: Any) -> Any:
        for module in reversed(list(self)):
            inverse = getattr(module, "right_inverse", None)
            if inverse is not None:
                value = inverse(value)
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Change the stored tensors so that the parametrized tensor becomes `value`."""
        with no_grad():
            new = self._inverse(value)
            names = self._names()
            parts = [new] if self.is_tensor else list(new)
            for name, part in zip(names, parts, strict=True):
                getattr(self, name).data = part

    def _names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]

    def forward(self) -> Any:
        value, *others = (getattr(self, name) for name in self._names())
        for module in self:
            value, others = module(value, *others), []
        return value


def register_parametrization(
    module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Any:
    """Compute a parameter or buffer by another module whenever it is read.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    tensor_name : str
        The parameter or buffer.
    parametrization : Module
        Its call returns the new tensor from the old one. If it has a method ``right_inverse``, its
        result, one or several tensors, is what is stored and trained.
    unsafe : bool, default False
        Whether the result may have another shape or dtype.

    Raises
    ------
    ValueError
        If there is no such tensor, or the result does not have its shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x + x.T
    >>> layer = nn.Linear(2, 2)
    >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> weight = layer.weight.detach().numpy()
    >>> bool((weight == weight.T).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        parametrizations = module.parametrizations[tensor_name]
        if not unsafe:
            _check_appended(parametrizations, parametrization, getattr(module, tensor_name))
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer "
            f"{tensor_name!r}"
        )
    parametrizations = ParametrizationList(
        [parametrization], getattr(module, tensor_name), unsafe=unsafe
    )
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = parametrizations
    _set_class(module)
    return module


def _check_appended(
    parametrizations: ParametrizationList, parametrization: Any, tensor: Tensor
) -> None:
    """Check that another parametrization keeps shape and dtype, and store its inverse."""
    with no_grad():
        inverse = getattr(parametrization, "right_inverse", None)
        value = tensor.detach() if inverse is None else inverse(tensor.detach())
        result = parametrization(value)
    if (result.shape, result.dtype) != (tensor.shape, tensor.dtype):
        raise ValueError(
            "register_parametrization: a parametrization may change shape and dtype only if "
            f"unsafe=True (got {result.shape} {result.dtype} and {tensor.shape} {tensor.dtype})"
        )
    if inverse is not None:
        parametrizations.right_inverse(value)


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations, or one of the given tensor."""
    parametrizations = module._modules.get("parametrizations")
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make a parametrized tensor an ordinary parameter or buffer again.

    Parameters
    ----------
    module : Module
        The module, which is changed and returned.
    tensor_name : str
        The tensor.
    leave_parametrized : bool, default True
        Whether it keeps its present value instead of that of the stored tensor.

    Raises
    ------
    ValueError
        If the tensor is not parametrized, or `leave_parametrized` is false and several tensors are
        stored.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"remove_parametrizations: {type(module).__name__} has no parametrization of "
            f"{tensor_name!r}"
        )
    parametrizations = module.parametrizations[tensor_name]
    if not (leave_parametrized or parametrizations.is_tensor):
        raise ValueError(
            "remove_parametrizations: leave_parametrized must be true if several tensors are stored"
        )
    tensor = parametrizations.original if parametrizations.is_tensor else None
    if leave_parametrized:
        value = getattr(module, tensor_name).detach()
        if tensor is None:
            tensor = Parameter(value)
        else:
            tensor.data = value
    del module.parametrizations[tensor_name]
    _set_class(module)
    if not is_parametrized(module):
        del module.parametrizations
    if isinstance(tensor, Parameter):
        module.register_parameter(tensor_name, tensor)
    else:
        module.register_buffer(tensor_name, tensor)
    return module


def type_before_parametrizations(module: Any) -> type:
    """The class of a module without its parametrizations."""
    kind = type(module)
    return kind.__bases__[0] if "_parametrized" in vars(kind) else kind


def _set_class(module: Any) -> None:
    """Give the module a class with a property for each of its parametrized tensors."""
    base: Any = type_before_parametrizations(module)
    names = tuple(module.parametrizations.keys())
    if not names:
        module.__class__ = base
        return
    attributes: dict[str, Any] = {name: _property(name) for name in names}
    attributes |= {"_parametrized": names, "__module__": base.__module__}
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), attributes)


def _property(name: str) -> property:
    def read(module: Any) -> Any:
        parametrizations = module.parametrizations[name]
        if not _cached_contexts:
            return parametrizations()
        key = id(module), name
        if key not in _cache:
            _cache[key] = parametrizations()
        return _cache[key]

    def write(module: Any, value: Any) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(read, write)
