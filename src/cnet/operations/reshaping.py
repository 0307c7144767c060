"""Methods that change the shape of a tensor itself, in place."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..autograd.inplace import take_over
from ..tensor import Tensor
from ._options import sizes
from .axes import t, transpose
from .registry import in_place_of, operation
from .shape import squeeze, unsqueeze
from .splitting import as_strided

__all__: list[str] = []


def _method(name: str, function: Callable[..., Tensor]) -> None:
    """Register a method that gives a tensor the shape of a view of it."""

    @operation(methods=(name,))
    @in_place_of(function)
    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        take_over(self, function, *args, **kwargs)
        return self


_METHODS: dict[str, Callable[..., Tensor]] = {
    "squeeze_": squeeze, "unsqueeze_": unsqueeze, "transpose_": transpose, "swapaxes_": transpose,
    "swapdims_": transpose, "t_": t, "as_strided_": as_strided,
}  # fmt: skip
for _name, _function in _METHODS.items():
    _method(_name, _function)


@operation(methods=("resize_",))
def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Change the shape in place; elements keep their order, and new ones are arbitrary.

    The tensor gets new memory, unless the number of elements stays the same and it is contiguous.
    """
    return _resized("resize_", self, sizes("resize_", size))


@operation(methods=("resize_as_",))
def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """Change the shape in place to that of another tensor, like `resize_`."""
    return _resized("resize_as_", self, the_template.shape)


def _resized(function: str, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    if x.requires_grad:
        raise RuntimeError(f"{function}: cannot resize tensors that require grad")
    old, count = x._array, prod(shape)
    if count == old.size and old.flags.c_contiguous:
        x._array = old.reshape(shape)
    else:
        array = np.empty(count, old.dtype)
        kept = min(count, old.size)
        array[:kept] = old.reshape(-1)[:kept]
        x._array, x._view = array.reshape(shape), None
    return x


@operation(methods=("detach_",))
def detach_(self: Tensor) -> Tensor:
    """Take the tensor out of the graph, in place."""
    if self._view is not None and self._view.operation is not None:
        raise RuntimeError("detach_: views cannot be detached in place; use detach()")
    self._grad_fn, self._output_index, self._requires_grad = None, 0, False
    return self
