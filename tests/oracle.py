"""The kernels in plain NumPy, called as users call them: ``reference.conv2d(x, weight)``."""

from collections.abc import Callable
from typing import Any

from cnet import kernels, runtime


class _Reference:
    """The functions of `cnet.kernels`, each run with ``use_isa("reference")``."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        kernel = getattr(kernels, name)

        def call(*args: Any, **options: Any) -> Any:
            with runtime.use_isa("reference"):
                return kernel(*args, **options)

        return call


reference = _Reference()
