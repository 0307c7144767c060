"""Branches: parts of some layers that run at the same time, each on one thread.

For a few small images, threads share the channels of an image. If each of three successive layers
is a parallel step, all threads wait for each other three times, and the last layer reads channels
that other threads have computed. So the inner channels of a block, as in MobileNetV2, are divided:
a branch computes its channels, the filters of each channel, and its part of the sums of the last
layer, and the parts are added.
"""

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from .blocking import is_depthwise
from .steps import Step, Value

MOST_PIXELS = 256
"""With more pixels in all images, threads share rows."""
BRANCH_PRODUCTS = 1 << 19
"""Multiplications that are worth a branch."""
MOST_BRANCHES = 2
"""More would wait for each other less often, but each adds a part of the sums."""


def _is_pointwise(step: Step) -> bool:
    g: Any = step.arguments["g"]
    return (g.kh, g.kw, g.sh, g.sw, g.ph, g.pw, g.g) == (1, 1, 1, 1, 0, 0, 1)


def _branches(steps: Sequence[Step], readers: Counter[Step | None]) -> int:
    """The number of branches for three steps; less than 2 if they are not such a block."""
    if len(steps) < 3 or any(step.kernel != "blocked_conv2d" for step in steps):
        return 0
    wide, each, narrow = steps
    g: Any = wide.arguments["g"]
    pixels = g.n * g.oh * g.ow
    is_block = (
        _is_pointwise(wide)
        and is_depthwise(each.arguments["g"])
        and _is_pointwise(narrow)
        and len(wide.inputs) == len(each.inputs) == 1
        and (each.inputs[0], narrow.inputs[0]) == (wide, each)
        and readers[wide] == readers[each] == 1
        and (narrow.arguments["low"], narrow.arguments["high"]) == (-inf, inf)
    )
    if not is_block or pixels > MOST_PIXELS:
        return 0
    products: int = 2 * pixels * g.o * g.c
    return min(int(g.o) // wide.lanes, products // BRANCH_PRODUCTS, MOST_BRANCHES)


def _part(step: Step, x: Step | None, outputs: slice, branch: int) -> Step:
    """The step for some of its outputs, which reads `x`."""
    g: Any = step.arguments["g"]
    weight, bias = step.arguments["weight"][outputs], step.arguments["bias"]
    count = len(weight)
    sizes = {"c": count, "g": count} if g.g > 1 else {}
    arguments = step.arguments | {
        "weight": weight,
        "bias": None if bias is None else bias[outputs],
        "g": g._replace(o=count, **sizes),
    }
    shape = (step.shape[0], count, *step.shape[2:])
    return Step(step.kernel, (x,), shape, arguments, lanes=step.lanes, branch=branch)


def _divide(steps: Sequence[Step], branches: int) -> list[Step]:
    """A block in branches, and the sum of their results."""
    wide, each, narrow = steps
    made: list[Step] = []
    parts: list[Step] = []
    blocks, lanes = -(-wide.shape[1] // wide.lanes), wide.lanes
    for branch in range(branches):
        inner = slice(
            blocks * branch // branches * lanes,
            min(blocks * (branch + 1) // branches * lanes, wide.shape[1]),
        )
        first = _part(wide, wide.inputs[0], inner, branch + 1)
        second = _part(each, first, inner, branch + 1)
        weight = np.ascontiguousarray(narrow.arguments["weight"][:, inner])
        g = narrow.arguments["g"]
        arguments = narrow.arguments | {"weight": weight, "g": g._replace(c=weight.shape[1])}
        residuals = narrow.inputs[1:]
        if branch > 0:
            residuals = ()
            arguments |= {"bias": None, "residual": None}
        part = Step(
            narrow.kernel, (second, *residuals), narrow.shape, arguments, lanes=lanes,
            branch=branch + 1,
        )  # fmt: skip
        made += first, second, part
        parts.append(part)
    total = parts[0]
    for part in parts[1:]:
        total = Step("add", (total, part), narrow.shape, lanes=lanes)
        made.append(total)
    return made


def divide(steps: Sequence[Step], result: Value) -> list[Step]:
    """The steps with all such blocks in branches."""
    readers: Counter[Step | None] = Counter([result.step])
    for step in steps:
        readers.update(step.dependencies())
    replaced: dict[Step | None, Step] = {}
    made: list[Step] = []
    i = 0
    while i < len(steps):
        block = steps[i : i + 3]
        for step in block:
            step.inputs = tuple(replaced.get(x, x) for x in step.inputs)
        branches = _branches(block, readers)
        made += _divide(block, branches) if branches > 1 else block[:1]
        i += 3 if branches > 1 else 1
        replaced[steps[i - 1]] = made[-1]
    result.step = replaced.get(result.step, result.step)
    return made
