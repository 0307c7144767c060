"""Layers that take the number of input features from their first input.

A lazy layer of class ``LazyX`` takes the arguments of ``X`` without the first one. Its parameters
are uninitialized until the first call, or until a state is loaded; then it becomes an ``X``.
"""

from inspect import signature
from typing import Any, ClassVar

import numpy as np

from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor, array_of
from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .norm.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .norm.instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
    "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
    "LazyModuleMixin",
]  # fmt: skip


class LazyModuleMixin(Module):
    """Base class of modules whose parameters get their shapes from the first input.

    A subclass assigns `UninitializedParameter` and `UninitializedBuffer` objects in ``__init__``,
    and materializes them in ``initialize_parameters``, which gets the arguments of the first call.

    Attributes
    ----------
    cls_to_become : type, optional
        The class that the module has after the first call.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import nn
    >>> layer = nn.LazyLinear(3)
    >>> layer.weight
    <UninitializedParameter>
    >>> layer(np.ones((2, 5), np.float32)).shape
    (2, 3)
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become: ClassVar[type[Module] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self.register_load_state_dict_pre_hook(_materialize)
        self._initialize_hook = self.register_forward_pre_hook(_initialize, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters for the arguments of the first call."""
        raise NotImplementedError(f"{type(self).__name__} must define initialize_parameters")

    def has_uninitialized_params(self) -> bool:
        """Whether the module has uninitialized parameters or buffers."""
        members = (*self._parameters.values(), *self._buffers.values())
        return any(map(is_lazy, members))


def _materialize(module: LazyModuleMixin, state_dict: Any, prefix: str, *_: Any) -> None:
    """Give uninitialized members the shapes of the values that are being loaded."""
    for name, tensor in module._own_state().items():
        value = state_dict.get(prefix + name)
        if is_lazy(tensor) and value is not None and not is_lazy(value):
            tensor.materialize(array_of(value).shape)  # type: ignore[attr-defined]


def _initialize(module: LazyModuleMixin, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Initialize a module before its first call."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(
            f"{type(module).__name__}: initialize_parameters must materialize all parameters"
        )
    module._load_hook.remove()
    module._initialize_hook.remove()
    del module._load_hook, module._initialize_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become  # type: ignore[assignment]


class _LazyLayer(LazyModuleMixin):
    """A lazy layer; `_size` names the first argument of its class, the size of the axis `_axis`."""

    _size: ClassVar[str]
    _axis: ClassVar[int]
    _defaults: ClassVar[dict[str, Any]]
    """Options whose defaults differ from those of the class."""
    cls_to_become: ClassVar[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        state = get_rng_state()
        given = [*signature(self.cls_to_become).parameters][1 : 1 + len(args)]
        kwargs = {n: v for n, v in self._defaults.items() if n not in given} | kwargs
        # Any valid size will do; that of a convolution must be a multiple of `groups`.
        valid = args[0] if args else kwargs.get("out_channels", 1)
        super().__init__(valid if self._size == "in_channels" else 1, *args, **kwargs)
        set_rng_state(state)
        self._arguments = args, kwargs
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(dtype=parameter.dtype)
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.ndim:
                self._buffers[name] = UninitializedBuffer(dtype=buffer.dtype)
        setattr(self, self._size, 0)

    def initialize_parameters(self, input: Any, *_: Any, **__: Any) -> None:
        shape = np.shape(input._array if isinstance(input, Tensor) else input)
        if not -len(shape) <= self._axis < len(shape):
            raise ValueError(f"{type(self).__name__}: input has too few dimensions (got {shape})")
        size = shape[self._axis]
        args, kwargs = self._arguments
        if self.has_uninitialized_params():
            layer = self.cls_to_become(size, *args, **kwargs)
            for name, tensor in {**self._parameters, **self._buffers}.items():
                if is_lazy(tensor):
                    values = getattr(layer, name)._array
                    tensor.materialize(values.shape)  # type: ignore[union-attr]
                    tensor._array[...] = values  # type: ignore[union-attr]
        setattr(self, self._size, size)
        del self._arguments


def _lazy(layer: type[Module], size: str, axis: int, **defaults: Any) -> Any:
    """The lazy class of a layer."""
    name = f"Lazy{layer.__name__}"
    differing = [f"``{option}={value}``" for option, value in defaults.items()]
    options = f"By default, {' and '.join(differing)}.\n\n    " if defaults else ""
    doc = f"""`{layer.__name__}` whose `{size}` is that of the first input; see `LazyModuleMixin`.

    {options}Examples
    --------
    >>> from cnet import nn
    >>> nn.{name}.cls_to_become is nn.{layer.__name__}
    True
    """
    attributes = {
        "__doc__": doc, "__module__": __name__, "_size": size, "_axis": axis,
        "_defaults": defaults, "cls_to_become": layer,
    }  # fmt: skip
    return type(name, (_LazyLayer, layer), attributes)


LazyLinear = _lazy(Linear, "in_features", -1)
LazyConv1d = _lazy(Conv1d, "in_channels", -2)
LazyConv2d = _lazy(Conv2d, "in_channels", -3)
LazyConv3d = _lazy(Conv3d, "in_channels", -4)
LazyConvTranspose1d = _lazy(ConvTranspose1d, "in_channels", -2)
LazyConvTranspose2d = _lazy(ConvTranspose2d, "in_channels", -3)
LazyConvTranspose3d = _lazy(ConvTranspose3d, "in_channels", -4)
LazyBatchNorm1d = _lazy(BatchNorm1d, "num_features", 1)
LazyBatchNorm2d = _lazy(BatchNorm2d, "num_features", 1)
LazyBatchNorm3d = _lazy(BatchNorm3d, "num_features", 1)
_TRACKING = {"affine": True, "track_running_stats": True}
LazyInstanceNorm1d = _lazy(InstanceNorm1d, "num_features", -2, **_TRACKING)
LazyInstanceNorm2d = _lazy(InstanceNorm2d, "num_features", -3, **_TRACKING)
LazyInstanceNorm3d = _lazy(InstanceNorm3d, "num_features", -4, **_TRACKING)
