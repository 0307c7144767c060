"""The goals of cnet's performance, and how to compute each from the records."""

from collections.abc import Callable
from typing import NamedTuple

from cnet.bench.record import Record
from figures import Records, fastest, figure, mean_ratio, ours, ratio
from work.architectures import ARCHITECTURES, SINGLE_IMAGES
from work.convolutions import BACKWARD, COMMON, FORWARD, ODD, Shape
from work.operations import CALLS, ONE_ELEMENT, SMALL

SHAPES = len(COMMON) + len(ODD)
PYTORCH, TUNED = "PyTorch", "tuned"
ONE_BY_ONE = "cnet, op by op"
AVX512, AVX2 = "avx512", "avx2"


class Goal(NamedTuple):
    """A figure that should be at least `wanted`, or at most if `at_most`.

    It is a goal for machines with the instruction set `isa` only, if that is given.
    """

    work: str
    wanted: float
    measured: Callable[[Records], float]
    at_most: bool = False
    isa: str | None = None

    def applies(self, records: Records) -> bool:
        return self.isa in (None, records.config["isa"])

    def reached(self, value: float) -> bool:
        return value <= self.wanted if self.at_most else value >= self.wanted


def _as_installed(case: Record) -> str:
    """The fastest PyTorch side without a tuned allocator."""
    untuned = {side: timing for side, timing in case["timings"].items() if TUNED not in side}
    return fastest(case | {"timings": untuned}, PYTORCH)


def _step(name: str, threads: int = 2, side: str | None = None) -> Callable[[Records], float]:
    def measured(records: Records) -> float:
        case = records.case("training", name, threads)
        return ratio(case, _as_installed(case), side)

    return measured


def _step_against_tuned(name: str) -> Callable[[Records], float]:
    def measured(records: Records) -> float:
        case = records.case("training", name)
        return ratio(case, fastest(case, PYTORCH))

    return measured


def _against_loops(records: Records) -> float:
    return ratio(records.case("numpy", "training_step"), "NumPy loops")


def _convolutions(records: Records, direction: str, suits: Callable[[Shape], bool]) -> list[Record]:
    return [
        records.case("convolutions", f"{shape.title}, {direction}", part=part)
        for part, shapes in (("common", COMMON), ("odd", ODD))
        for shape in shapes
        if suits(shape)
    ]


def _mean(direction: str, suits: Callable[[Shape], bool]) -> Callable[[Records], float]:
    return lambda records: mean_ratio(_convolutions(records, direction, suits))


def _worst(suits: Callable[[Shape], bool]) -> Callable[[Records], float]:
    def measured(records: Records) -> float:
        cases = [
            case
            for direction in (FORWARD, BACKWARD)
            for case in _convolutions(records, direction, suits)
        ]
        return min(ratio(case, fastest(case)) for case in cases)

    return measured


def _is_any(shape: Shape) -> bool:
    return True


def _is_dense_3x3(shape: Shape) -> bool:
    return (shape.k, shape.stride, shape.groups) == (3, 1, 1) and min(shape.c, shape.o) >= 32


def _worst_against(suite: str, peer: str) -> Callable[[Records], float]:
    return lambda records: min(
        ratio(case, peer) for record in records.suite(suite) for case in record["cases"]
    )


def _functions(records: Records, suits: Callable[[str], bool]) -> list[Record]:
    """The cases of the suite of operations whose titles suit."""
    return [
        case
        for record in records.suite("operations")
        for case in record["cases"]
        if suits(case["title"])
    ]


def _worst_function(suits: Callable[[str], bool]) -> Callable[[Records], float]:
    return lambda records: min(ratio(case, "PyTorch") for case in _functions(records, suits))


def _is_large(title: str) -> bool:
    return not title.endswith(CALLS)


def _is_small(title: str) -> bool:
    return title.endswith(SMALL)


def _is_one_element(title: str) -> bool:
    return title.endswith(ONE_ELEMENT)


def _longest_call(records: Records) -> float:
    """In microseconds."""
    return 1e3 * max(figure(case, ours(case)) for case in _functions(records, _is_one_element))


def _bandwidth(records: Records) -> float:
    cases = records.record("memory_bound")["cases"]
    return min(records.share_of_peak(case, 2) for case in cases)


def _inference(name: str, *threads: int) -> Callable[[Records], float]:
    return lambda records: min(
        ratio(records.case("inference", name, number), "ONNX Runtime") for number in threads
    )


def _inference_of_networks(records: Records) -> float:
    return min(
        ratio(records.case("networks", f"{name} {batch}", part="inference"), "ONNX Runtime")
        for name in SINGLE_IMAGES
        for batch in (1, 8)
    )


def _inference_of_integers(records: Records) -> float:
    return min(
        ratio(case, fastest(case, "ONNX Runtime"))
        for record in records.suite("quantized")
        for case in record["cases"]
    )


def _two_threads_over_one(suite: str, name: str) -> Callable[[Records], float]:
    def measured(records: Records) -> float:
        one, two = (records.case(suite, name, threads, "training") for threads in (1, 2))
        return figure(one, ours(one)) / figure(two, ours(two))

    return measured


def _network(name: str) -> Callable[[Records], float]:
    def measured(records: Records) -> float:
        case = records.case("networks", name, part="training")
        return ratio(case, fastest(case, PYTORCH))

    return measured


def _memory(name: str) -> Callable[[Records], float]:
    def measured(records: Records) -> float:
        case = records.case("memory", name)
        return 1 / ratio(case, fastest(case, PYTORCH))

    return measured


def _busy(records: Records) -> float:
    beside = records.case("busy", "reference 256")
    alone = records.case("training", "reference 256", threads=1)
    return figure(beside, "cnet") / figure(alone, "cnet")


def _dropin(name: str) -> Callable[[Records], float]:
    return lambda records: ratio(records.case("dropin", name), "original")


_INFERENCE = "inference, reference CNN, against ONNX Runtime"
_DENSE = "3x3 convolutions of 32 channels and more"

GOALS = (
    Goal("training, reference CNN, batch 256, against PyTorch", 3.6, _step("reference 256"),
         isa=AVX512),
    Goal("training, reference CNN, batch 256, against PyTorch", 2.5,
         _step_against_tuned("reference 256"), isa=AVX2),
    Goal("training, reference CNN, batch 32, against PyTorch", 4.5, _step("reference 32")),
    Goal("training, reference CNN, batch 256, 1 thread, against PyTorch", 3.0,
         _step("reference 256", 1)),
    Goal("training, reference CNN, batch 256, against hand-written NumPy", 60, _against_loops),
    Goal("training, reference CNN, batch 256, op by op, against PyTorch", 1.8,
         _step("reference 256", side=ONE_BY_ONE)),
    Goal("training, CIFAR CNN, against PyTorch as installed", 3.0, _step("cifar 128")),
    Goal("training, CIFAR CNN, against PyTorch with its allocator tuned", 2.3,
         _step_against_tuned("cifar 128")),
    *(
        Goal(f"training, {each.title}, against PyTorch", 1.5 if name == "mobilenet_v2" else 2.0,
             _network(name))
        for name, each in ARCHITECTURES.items()
    ),
    Goal(f"{_DENSE}, forward, mean", 2.5, _mean(FORWARD, _is_dense_3x3)),
    Goal(f"{_DENSE}, backward, mean", 2.5, _mean(BACKWARD, _is_dense_3x3)),
    Goal(f"{_DENSE}, the worst", 2.0, _worst(_is_dense_3x3)),
    *(
        Goal(f"{SHAPES} convolutions, {what}", wanted, measured, isa=isa)
        for what, measured, goals in (
            ("forward, mean", _mean(FORWARD, _is_any), {AVX512: 1.7, AVX2: 1.4}),
            ("backward, mean", _mean(BACKWARD, _is_any), {AVX512: 2.1, AVX2: 1.7}),
            ("the worst", _worst(_is_any), {AVX512: 1.0, AVX2: 0.95}),
        )
        for isa, wanted in goals.items()
    ),
    Goal("float64 convolutions against NumPy best, the worst", 1.0,
         _worst_against("float64", "NumPy best")),
    Goal("ReLU, pooling, im2col, col2im: fraction of the bandwidth, the worst", 0.7, _bandwidth),
    Goal(f"{_INFERENCE}, batch 256", 1.6, _inference("reference 256", 2)),
    Goal(f"{_INFERENCE}, batch 32", 1.6, _inference("reference 32", 2)),
    Goal(f"{_INFERENCE}, batch 1, worse of 1 and 2 threads", 1.7,
         _inference("reference 1", 1, 2)),
    Goal("inference of known architectures, against ONNX Runtime, batch 1 and 8, the worst", 1.2,
         _inference_of_networks),
    Goal("inference with 8-bit integers, against ONNX Runtime's, batch 1 and 8, the worst", 1.0,
         _inference_of_integers),
    Goal("matrix products against NumPy, the worst", 1.0,
         _worst_against("products", "NumPy best")),
    Goal("functions of 10⁶ elements, 1 thread, against PyTorch, the worst", 0.67,
         _worst_function(_is_large)),
    Goal("functions of a row or a small image, 1 thread, against PyTorch, the worst", 0.67,
         _worst_function(_is_small)),
    Goal("functions of one element, 1 thread, µs, the longest", 5, _longest_call, at_most=True),
    Goal("training, reference CNN, batch 256, speed-up by a second thread", 1.8,
         _two_threads_over_one("training", "reference 256")),
    Goal("training, ResNet-18, speed-up by a second thread", 1.85,
         _two_threads_over_one("networks", "resnet18")),
    Goal("training, CIFAR CNN, peak memory divided by PyTorch's", 0.6, _memory("cifar 128"),
         at_most=True),
    *(
        Goal(f"training, {ARCHITECTURES[name].title}, peak memory divided by PyTorch's", 0.6,
             _memory(name), at_most=True)
        for name in ("resnet20", "resnet18", "mobilenet_v2")
    ),
    Goal("training, reference CNN, time beside a busy process / time of 1 thread alone", 1.6,
         _busy, at_most=True),
    Goal("drop-in `node`, training step", 45, _dropin("node")),
    Goal("drop-in `node`, training step with the circular echo", 40, _dropin("node_circular")),
    Goal("drop-in `layerwise`, Conv2d of one image", 50, _dropin("layerwise_conv")),
    Goal("drop-in `layerwise`, Pooling of one image", 50, _dropin("layerwise_pooling")),
    Goal("drop-in `stateless`, SimpleConv of 8 images", 80, _dropin("simple_conv")),
    Goal("drop-in `op`, step of an MLP", 1.0, _dropin("op")),
    Goal("drop-in `mlp`, XOR", 1.0, _dropin("mlp")),
    Goal("drop-in `cs231n`, convolution", 1.5, _dropin("cs231n_conv")),
    Goal("drop-in `cs231n`, max pooling", 4.0, _dropin("cs231n_pool")),
    Goal("drop-in `dlfs`, training step", 5.0, _dropin("dlfs")),
    Goal("drop-in `kernels`, 1 thread, channels last divided by channels first, the worst",
         1.2, lambda records: 1 / _worst_against("layouts", "channels first")(records),
         at_most=True),
)  # fmt: skip
