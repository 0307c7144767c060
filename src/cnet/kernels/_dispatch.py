"""The one place where a kernel is called: the compiled one, or its reference."""

from typing import Any

from .. import _core, reference, runtime
from ..geometry import Conv2d, Window2d


def call(name: str, *arguments: Any) -> Any:
    """Run a kernel on finished arguments: checked, contiguous, with the results allocated.

    Arguments are those that `cnet.reference` names. Gives what the kernel counts, if it counts.
    """
    if runtime.reference_is_active():
        return getattr(reference, name)(*arguments)
    return getattr(_core, name)(*_old_arguments(name, arguments))


# ---- Until the boundary is one function: its arguments as they were ------------------------------

_GEOMETRY = {
    "im2col": 2, "col2im": 2, "conv2d": 4, "conv2d_backward": 6, "conv2d_relu_pool": 5,
    "conv2d_relu_pool_backward": 7, "relu_pool": 3, "relu_pool_backward": 3, "max_pool2d": 3,
    "max_pool2d_backward": 3, "avg_pool2d": 2, "avg_pool2d_backward": 2,
}  # fmt: skip
_NO_GEOMETRY = {"cross_entropy": 5, "cross_entropy_backward": 6}


def _old_arguments(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    at = _GEOMETRY.get(name)
    if at is not None:
        return (*arguments[:at], old_sizes(arguments[at]), *arguments[at + 1 :])
    at = _NO_GEOMETRY.get(name)
    return arguments if at is None else arguments[:at] + arguments[at + 1 :]


def old_sizes(g: Window2d | Conv2d) -> tuple[int, ...]:
    """A geometry without the padding below and to the right."""
    return g[:10] + g[12:]
