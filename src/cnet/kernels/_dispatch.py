"""The one place where a kernel is called: the compiled one, or its reference."""

from typing import Any

from .. import _core
from ..modes import current
from ..runtime import reference_is_active

call = _core.call
"""Run a kernel on finished arguments: checked, contiguous, with the results allocated.

``call(name, *arguments)`` takes the arguments in csrc/kernels.h. It returns the number of indices
that are out of range for kernels that read indices, and 0 for the others. The compiled module makes
the call itself, unless `runtime.redirect_kernels` redirects it to `_elsewhere`.
"""

call_each = _core.call_each
"""``call_each(name, rows, rest)`` is ``call(name, *row, *rest)`` for each row, a tuple of arrays.

One call of the compiled module makes all of them. The kernel computes each element by itself.
"""


def _elsewhere(name: str, arguments: tuple[Any, ...]) -> int:
    if current.recorder is not None:
        return current.recorder.call(name, arguments)  # type: ignore[no-any-return]
    return run(name, arguments)


_core.set_elsewhere(_elsewhere)


def run(name: str, arguments: tuple[Any, ...]) -> int:
    """`call`, without recording it."""
    if reference_is_active():
        from .. import reference  # not at import, which stays short

        return getattr(reference, name)(*arguments) or 0
    return _core.run(name, *arguments)


def choices(name: str, dtype_number: int, *arguments: Any) -> tuple[int, ...] | None:
    """What a compiled kernel chooses for these arguments, such as the algorithm of each pass.

    None if the kernel does not support the arguments. Arrays may be None.
    """
    return _core.choose(dtype_number, name, *arguments)
