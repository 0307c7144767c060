"""Chains of modules that `Sequential` runs as one operation, with the same values and gradients.

A chain runs module by module if one of its modules has hooks or an overridden `forward`, or while
calls of operations are listed.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..autograd import is_listing_calls
from ..functional.fused import conv2d_relu_pool, linear_relu
from ..geometry import per_axis
from .conv import Conv2d
from .linear import Linear
from .module import Module
from .pooling import MaxPool2d
from .rectifiers import ReLU

Operation: TypeAlias = Callable[[Any], Any]


def _halves(pool: MaxPool2d) -> bool:
    options = pool.kernel_size, pool.stride, pool.padding, pool.dilation
    pairs = [per_axis("MaxPool2d", "options", option, 2, 0) for option in options]
    return pairs == [(2, 2), (2, 2), (0, 0), (1, 1)] and not (pool.return_indices or pool.ceil_mode)


def _conv_relu_pool(conv: Conv2d, _: ReLU, pool: MaxPool2d) -> Operation | None:
    if conv.padding_mode != "zeros" or not _halves(pool):
        return None
    return lambda x: conv2d_relu_pool(
        x,
        conv.weight,
        conv.bias,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
    )


def _linear_relu(linear: Linear, _: ReLU) -> Operation:
    return lambda x: linear_relu(x, linear.weight, linear.bias)


Pattern: TypeAlias = tuple[tuple[type[Module], ...], Callable[..., Operation | None]]
"""The classes of a chain, and a function that returns its operation, or None if not possible."""

PATTERNS: dict[type[Module], Pattern] = {
    classes[0]: (classes, fuse)
    for classes, fuse in (
        ((Conv2d, ReLU, MaxPool2d), _conv_relu_pool),
        ((Linear, ReLU), _linear_relu),
    )
}
_FORWARDS = {kind: kind.forward for classes, _ in PATTERNS.values() for kind in classes}


def operations(modules: Sequence[Module]) -> list[Operation]:
    """The operations to call in sequence for modules that are called in sequence."""
    if is_listing_calls():
        return list(modules)
    found: list[Operation] = []
    position = 0
    while position < len(modules):
        operation, length = _operation_at(modules, position)
        found.append(operation)
        position += length
    return found


def _operation_at(modules: Sequence[Module], position: int) -> tuple[Operation, int]:
    first = modules[position]
    if type(first) in PATTERNS:
        classes, fuse = PATTERNS[type(first)]
        chain = modules[position : position + len(classes)]
        if tuple(map(type, chain)) == classes and not any(map(_is_watched, chain)):
            operation = fuse(*chain)
            if operation is not None:
                return operation, len(chain)
    return first, 1


def _is_watched(module: Module) -> bool:
    return bool(
        module._has_hooks()
        or "forward" in module.__dict__
        or type(module).forward is not _FORWARDS[type(module)]
    )
