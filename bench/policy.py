"""Compare the algorithm that each pass of a convolution takes with all that can compute it.

``python bench/policy.py`` prints the passes whose choice takes more than ``--tolerance`` times as
long as the fastest algorithm, and the mean and the largest of these ratios. ``CNET_ISA`` selects
the instruction set. Times are those of the processor, with one thread, so that other processes
disturb them little.
"""

import argparse
import os
import re
import time
from collections.abc import Callable, Iterator
from statistics import geometric_mean
from typing import Any

import numpy as np

import cnet
from cnet import geometry, kernels, runtime
from cnet.kernels._dispatch import choices
from cnet.kernels.algorithms import ALGORITHMS
from work.convolutions import COMMON, ODD, Shape

PASSES = "forward", "dx", "dw"
NAMES = [name for name in ALGORITHMS if name not in ("auto", "exact")]

LAYERS = (
    Shape("ResNet-18 3>64", 16, 3, 32, 32, 64, 3, padding=1),
    Shape("ResNet-18 64>64", 16, 64, 32, 32, 64, 3, padding=1),
    Shape("ResNet-18 64>128 s2", 16, 64, 32, 32, 128, 3, 2, 1),
    Shape("ResNet-18 256>512 s2", 16, 256, 8, 8, 512, 3, 2, 1),
    Shape("ResNet-18 512>512", 16, 512, 4, 4, 512, 3, padding=1),
    Shape("ResNet-18 64>128 k1 s2", 16, 64, 32, 32, 128, 1, 2),
    Shape("ResNet-20 3>16", 64, 3, 32, 32, 16, 3, padding=1),
    Shape("ResNet-20 16>16", 64, 16, 32, 32, 16, 3, padding=1),
    Shape("ResNet-20 16>32 s2", 64, 16, 32, 32, 32, 3, 2, 1),
    Shape("ResNet-20 32>64 s2", 64, 32, 16, 16, 64, 3, 2, 1),
    Shape("VGG-11 512>512 at 2x2", 32, 512, 2, 2, 512, 3, padding=1),
    Shape("MobileNetV2 3>32 s2", 16, 3, 96, 96, 32, 3, 2, 1),
    Shape("MobileNetV2 32>16", 16, 32, 48, 48, 16, 1),
    Shape("MobileNetV2 16>96", 16, 16, 48, 48, 96, 1),
    Shape("MobileNetV2 24>144", 16, 24, 24, 24, 144, 1),
    Shape("MobileNetV2 depthwise 144", 16, 144, 24, 24, 144, 3, 1, 1, 144),
    Shape("MobileNetV2 depthwise 960", 16, 960, 3, 3, 960, 3, 1, 1, 960),
    Shape("MobileNetV2 160>960", 16, 160, 3, 3, 960, 1),
    Shape("4 groups of 16", 16, 64, 28, 28, 64, 3, 1, 1, 4),
    Shape("2 groups of 128", 8, 256, 14, 14, 256, 3, 1, 1, 2),
    Shape("discriminator 64>128 k4 s2", 16, 64, 32, 32, 128, 4, 2, 1),
    Shape("12>24 k3 s2", 16, 12, 32, 32, 24, 3, 2, 1),
    Shape("16>20 k3 s2", 16, 16, 32, 32, 20, 3, 2, 1),
    Shape("20>24 k3 s2", 16, 20, 32, 32, 24, 3, 2, 1),
    Shape("8>48 k3 s2", 16, 8, 32, 32, 48, 3, 2, 1),
)


def passes_of(shape: Shape) -> Iterator[tuple[str, str, dict[str, Callable[[], object]]]]:
    """Each pass, the algorithm it takes, and calls of those that can compute it."""
    rng = np.random.default_rng(0)
    x, weight, grad_output = (
        rng.standard_normal(size, np.float32)
        for size in (
            (shape.n, shape.c, shape.h, shape.w),
            (shape.o, shape.c // shape.groups, shape.k, shape.k),
            (shape.n, shape.o, *shape.outputs()),
        )
    )
    options: dict[str, Any] = {
        "stride": shape.stride, "padding": shape.padding, "groups": shape.groups,
    }  # fmt: skip
    g = geometry.conv("policy", x.shape, weight.shape, shape.stride, shape.padding, 1, shape.groups)
    numbers = cnet._core.algorithms
    for i, name in enumerate(PASSES):
        needs = i == 1, i == 2, False

        def run(algorithm: str, i: int = i, needs: Any = needs) -> object:
            if i == 0:
                return kernels.conv2d(x, weight, **options, algorithm=algorithm)
            return kernels.conv2d_backward(
                grad_output, x, weight, **options, needs=needs, algorithm=algorithm
            )

        def chosen(number: int, i: int = i) -> tuple[int, ...] | None:
            wanted = (x if i == 1 else None), (x if i == 2 else None)
            if i == 0:
                return choices("conv2d", x.dtype.num, *[None] * 4, g.sizes2d, number)
            return choices(
                "conv2d_backward", x.dtype.num, *[None] * 3, *wanted, None, g.sizes2d, number
            )

        taken = chosen(numbers["auto"])
        assert taken is not None
        able = {a: (lambda a=a, run=run: run(a)) for a in NAMES if chosen(numbers[a])}
        yield name, next(a for a in NAMES if numbers[a] == taken[i]), able


def milliseconds(work: Callable[[], object], budget: float) -> float:
    """The shortest time of the processor, of at least three calls."""
    work()
    times: list[float] = []
    while sum(times) < budget or len(times) < 3:
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return 1e3 * min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="?", default="", help="a pattern of titles")
    parser.add_argument("--tolerance", type=float, default=1.1)
    parser.add_argument("--budget", type=float, default=0.02, help="seconds for each time")
    parser.add_argument("--all", action="store_true", help="print every pass")
    args = parser.parse_args()
    os.environ.setdefault("CNET_NUM_THREADS", "1")
    cnet.set_num_threads(1)
    print(f"{runtime.current_isa()}: the choice, and the times of all algorithms in ms")
    losses = []
    for shape in (*COMMON, *ODD, *LAYERS):
        if not re.search(args.shapes, shape.title):
            continue
        for name, taken, able in passes_of(shape):
            times = {a: milliseconds(work, args.budget) for a, work in able.items()}
            loss = times[taken] / min(times.values())
            losses.append(loss)
            if args.all or loss > args.tolerance:
                others = ", ".join(f"{a} {ms:.3g}" for a, ms in sorted(times.items()))
                print(f"{shape.title}, {name}: {taken} ({loss:.2f}): {others}", flush=True)
    if losses:
        mean, worst = geometric_mean(losses), max(losses)
        print(f"{len(losses)} passes: mean {mean:.3f}, worst {worst:.2f}")


if __name__ == "__main__":
    main()
