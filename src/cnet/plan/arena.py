"""Places of the results of steps in one arena; results needed at the same time do not overlap."""

from collections.abc import Sequence
from math import prod

from .steps import Step

ALIGNMENT = 64  # CNET_ALIGNMENT in cnet.h
IN_PLACE = ("elementwise", "softmax", "add", "batch_norm", "group_norm")
"""Kernels whose result may overwrite their input."""


def place(
    steps: Sequence[Step], result: Step | None, images: int, itemsize: int
) -> tuple[dict[Step, int], int]:
    """Offsets of all results except that of `result`, and the total size, in bytes per image.

    A result is placed over the input that it overwrites, or else in the first gap between the
    results that are still needed. Steps that write into the same array have one place. Steps of
    branches, which run at the same time, have one number.
    """
    numbers: list[int] = []
    for i, step in enumerate(steps):
        is_beside = i > 0 and step.branch and steps[i - 1].branch
        numbers.append(numbers[-1] if is_beside else i)
    last = {
        source.buffer: number
        for number, step in zip(numbers, steps, strict=True)
        for source in step.dependencies()
    }
    y = result.buffer if result else None
    placed: dict[Step, int] = {}
    ends: dict[Step, int] = {}
    for number, step in zip(numbers, steps, strict=True):
        if step.onto or step is y:
            continue
        bytes_each = step.dtype.itemsize if step.dtype else itemsize
        size = -(-prod(step.memory) // images * bytes_each // ALIGNMENT) * ALIGNMENT
        source = step.inputs[0].buffer if step.inputs and step.inputs[0] else None
        is_last = source in placed and last[source] == number and not step.branch
        if source and is_last and step.kernel in IN_PLACE:
            placed[step], ends[step] = placed[source], ends[source]
            continue
        alive = [other for other in placed if last.get(other, -1) >= number]
        offset = 0
        for other in sorted(alive, key=placed.__getitem__):
            if placed[other] - offset >= size:
                break
            offset = max(offset, ends[other])
        placed[step], ends[step] = offset, offset + size
    places = {step: placed[step.buffer] for step in steps if step.buffer is not y}
    return places, max(ends.values(), default=0)
