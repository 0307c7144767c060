"""The one place where a kernel is called: the compiled one, or its reference."""

from typing import Any

from .. import _core, reference, runtime

_NUMBERS = {name: number for name, (number, _) in _core.kernels.items()}


def call(name: str, *arguments: Any) -> int:
    """Run a kernel on finished arguments: checked, contiguous, with the results allocated.

    Arguments are those of csrc/kernels.h. Returns how many indices are out of range, in kernels
    that follow indices, and 0 from the others.
    """
    if runtime.reference_is_active():
        return getattr(reference, name)(*arguments) or 0
    return _core.call(_NUMBERS[name], *arguments)


def choices(name: str, dtype_number: int, *arguments: Any) -> tuple[int, ...] | None:
    """What a compiled kernel chooses for these arguments, a number for each pass of a convolution.

    None if it cannot compute them. Arrays may be None: only results that are wanted count.
    """
    return _core.choose(dtype_number, _NUMBERS[name], *arguments)
