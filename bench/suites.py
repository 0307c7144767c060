"""The suites: which cases, sides and thread counts are measured. Absent peers are left out."""

import shutil
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

from cnet.bench.measure import AGAINST_NUMPY, Comparison
from cnet.bench.sides import Contender
from peers.machine import COMPILER
from peers.styles import SEEDS

TUNED = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 28),
}
"""Settings by which glibc's allocator keeps memory instead of returning it after every step."""

AVX2 = {
    "CNET_ISA": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
"""Settings by which cnet, PyTorch and its libraries use no instructions beyond AVX2."""

WITH_AVX2 = "training", "convolutions"
"""The suites without other libraries, which these settings do not limit."""

Sides = Mapping[str, Contender]


class Part(NamedTuple):
    """One comparison, measured with each number of threads while `busy` other processes run."""

    name: str
    comparison: Comparison
    threads: tuple[int, ...] = (1, 2)
    busy: int = 0


@cache
def _absent(what: str, why: str) -> Sides:
    print(f"{what} is left out: {why}", file=sys.stderr)
    return {}


def _pytorch(*variants: str, tuned: bool = False) -> Sides:
    if find_spec("torch") is None:
        return _absent("PyTorch", "it is not installed")
    suffix, variables = (" tuned", TUNED) if tuned else ("", {})
    names = {"nchw": " NCHW", "library": ""}
    return {
        f"PyTorch{names.get(variant, f' {variant}')}{suffix}": Contender(
            f"peers.pytorch:{variant}", variables
        )
        for variant in variants
    }


def _compiled_pytorch() -> Sides:
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        return _absent("compiled PyTorch", "there is no C++ compiler")
    return _pytorch("compiled")


def _onnx_runtime() -> Sides:
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        return _absent("ONNX Runtime", "onnx and onnxruntime are not both installed")
    return {"ONNX Runtime": Contender("peers.onnx_runtime")}


def _quantized_onnx_runtime() -> Sides:
    if not _onnx_runtime():
        return {}
    return {
        "ONNX Runtime QDQ": Contender("peers.onnx_runtime:qdq"),
        "ONNX Runtime QOperator": Contender("peers.onnx_runtime:qoperator"),
    }


def _machine() -> tuple[Part, ...]:
    if shutil.which(COMPILER) is None:
        _absent("the machine's peak", f"there is no C compiler {COMPILER!r}")
        return ()
    sides = {"machine": Contender("peers.machine:MACHINE")}
    return (Part("machine", Comparison("work.peak:CASES", sides)),)


def suites() -> dict[str, tuple[Part, ...]]:
    """The suites by name, which is also the name of the record's file."""
    ours = {"cnet": Contender("peers.ours")}
    captured = {"cnet captured": Contender("peers.ours:captured")}
    plan = {"cnet plan": Contender("peers.ours:plan")}
    bfloat16_plan = {"cnet bfloat16": Contender("peers.ours:bfloat16_plan")}
    quantized_plan = {"cnet int8": Contender("peers.ours:quantized_plan")}
    library = {"cnet": Contender("peers.ours:library")}
    one_by_one = {"cnet, op by op": Contender("peers.ours:one_by_one")}
    blas = {"NumPy best": Contender("peers.blas")}
    layouts = _pytorch("nchw", "channels_last")
    tuned = _pytorch("nchw", "channels_last", tuned=True)
    compiled = _compiled_pytorch()

    def part(name: str, cases: str, *sides: Sides, threads: tuple[int, ...] = (1, 2)) -> Part:
        everyone = {key: side for group in sides for key, side in group.items()}
        return Part(name, Comparison(f"work.{cases}", everyone), threads)

    steps, inferences = "networks:STEP_CASES", "networks:INFERENCE_CASES"
    networks = ours, captured, layouts, tuned
    training = ours, captured, one_by_one, layouts, tuned
    inference = plan, ours, layouts, _onnx_runtime()
    doubles = "convolutions:FLOAT64_CASES"
    numpy_best = {"NumPy best": AGAINST_NUMPY.sides["NumPy best"]}
    one_blas_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    styles = {
        "cnet": Contender("peers.styles:ours", one_blas_thread),
        "original": Contender("peers.styles:originals", one_blas_thread),
    }
    dropin = "dropin:CASES" if SEEDS.exists() else "dropin:OF_LIBRARIES"
    layouts_of_images = {
        "cnet": Contender("peers.layouts:channels_last"),
        "channels first": Contender("peers.layouts:channels_first"),
    }
    busy = part("busy", "networks:BUSY_CASES", ours, layouts, threads=(2,))
    # torch.compile takes half a minute for each case and number of threads.
    return {
        "machine": _machine(),
        "numpy": (Part("numpy", AGAINST_NUMPY),),
        "training": (
            part("training", steps, *training, threads=(1,)),
            part("training", steps, *training, compiled, threads=(2,)),
        ),
        "inference": (
            part("inference", inferences, *inference, threads=(1,)),
            part("inference", inferences, *inference, compiled, threads=(2,)),
        ),
        "convolutions": (
            part("common", "convolutions:COMMON_CASES", ours, layouts),
            part("odd", "convolutions:ODD_CASES", ours, layouts, threads=(2,)),
        ),
        "float64": (part("float64", doubles, ours, numpy_best, _pytorch("nchw")),),
        "products": (part("products", "products:CASES", ours, blas),),
        "networks": (
            part("training", "architectures:STEP_CASES", *networks, threads=(1,)),
            part("training", "architectures:STEP_CASES", *networks, compiled, threads=(2,)),
            part("inference", "architectures:INFERENCE_CASES", *inference),
        ),
        "quantized": (
            part("quantized", "architectures:NARROW_CASES", quantized_plan, plan,
                 _quantized_onnx_runtime()),
        ),
        "bfloat16": (
            part("bfloat16", "architectures:NARROW_CASES", bfloat16_plan, plan,
                 _pytorch("bfloat16", "channels_last"), _onnx_runtime()),
        ),
        "operations": tuple([
            part(name, f"{name}:CASES", library, _pytorch("library"), threads=(1,))
            for name in ("operations", "moving")
        ]),
        "calls": (part("calls", "calls:CASES", library, _pytorch("library"), threads=(1,)),),
        "memory_bound": (
            part("memory_bound", "memory_bound:CASES", ours, _pytorch("nchw"),
                 _pytorch("nchw", tuned=True)),
        ),
        "busy": (busy._replace(busy=1),),
        "dropin": (part("dropin", dropin, styles, threads=(2,)),),
        "layouts": (part("layouts", "layouts:CASES", layouts_of_images, threads=(1,)),),
    }  # fmt: skip
