"""The one place where a kernel is called: the compiled one, or its reference."""

from typing import Any

from .. import _core, runtime
from ..grad_mode import current

_NUMBERS = {name: number for name, (number, _) in _core.kernels.items()}


def call(name: str, *arguments: Any) -> int:
    """Run a kernel on finished arguments: checked, contiguous, with the results allocated.

    The arguments are those in csrc/kernels.h. Returns the number of indices that are out of range
    for kernels that read indices, and 0 for the others.
    """
    if current.recorder is not None:
        return current.recorder.call(name, arguments)  # type: ignore[no-any-return]
    return run(name, arguments)


def run(name: str, arguments: tuple[Any, ...]) -> int:
    """`call`, without recording it."""
    if runtime.reference_is_active():
        from .. import reference  # not at import, which stays short

        return getattr(reference, name)(*arguments) or 0
    return _core.call(_NUMBERS[name], *arguments)


def choices(name: str, dtype_number: int, *arguments: Any) -> tuple[int, ...] | None:
    """What a compiled kernel chooses for these arguments, such as the algorithm of each pass.

    None if the kernel does not support the arguments. Arrays may be None.
    """
    return _core.choose(dtype_number, _NUMBERS[name], *arguments)
