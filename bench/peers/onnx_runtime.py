"""ONNX Runtime as a side: inference. Other networks than the reference CNN come from PyTorch."""

import io
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from cnet.bench.sides import Array
from work.networks import reference_cnn

Build = Callable[[Any], Any]

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))

asarray = np.ascontiguousarray


def _graph(parameters: Sequence[Array]) -> bytes:
    names = "w1", "b1", "w2", "b2", "w3", "b3", "w4", "b4"
    node, info = helper.make_node, helper.make_tensor_value_info
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], kernel_shape=[5, 5], pads=[2] * 4),
        node("Relu", ["c1"], ["r1"]),
        node("MaxPool", ["r1"], ["p1"], **pool),
        node("Conv", ["p1", "w2", "b2"], ["c2"], kernel_shape=[3, 3], pads=[1] * 4),
        node("Relu", ["c2"], ["r2"]),
        node("MaxPool", ["r2"], ["p2"], **pool),
        node("Flatten", ["p2"], ["f"]),
        node("Gemm", ["f", "w3", "b3"], ["h"], transB=1),
        node("Relu", ["h"], ["r3"]),
        node("Gemm", ["r3", "w4", "b4"], ["y"], transB=1),
    ]
    weights = zip(names, parameters, strict=True)
    graph = helper.make_graph(
        nodes,
        "reference_cnn",
        [info("x", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [info("y", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(values, name) for name, values in weights],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def _exported(parameters: Sequence[Array], example: Array, build: Build) -> bytes:
    import torch

    from peers import pytorch

    model = build(torch.nn).eval()
    pytorch.load(model, parameters)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.from_numpy(example),), file, input_names=["x"], dynamo=False
        )
    return file.getvalue()


def _session(model: bytes | str) -> Callable[[Array], Array]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def predictor(
    parameters: Sequence[Array], example: Array, build: Build = reference_cnn
) -> Callable[[Array], Array]:
    is_reference = build is reference_cnn
    return _session(_graph(parameters) if is_reference else _exported(parameters, example, build))


class _Images(CalibrationDataReader):
    """One batch of images."""

    def __init__(self, images: Array) -> None:
        self._batches = iter([{"x": images}])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._batches, None)


class Quantized:
    """Static quantization: unsigned images, signed weights with a scale for each output."""

    asarray = staticmethod(np.ascontiguousarray)

    def __init__(self, form: QuantFormat) -> None:
        self._form = form

    def predictor(
        self, parameters: Sequence[Array], example: Array, build: Build = reference_cnn
    ) -> Callable[[Array], Array]:
        with TemporaryDirectory() as folder:
            names = [str(Path(folder, f"{name}.onnx")) for name in ("exported", "prepared", "int8")]
            Path(names[0]).write_bytes(_exported(parameters, example, build))
            quant_pre_process(names[0], names[1])
            quantize_static(
                names[1], names[2], _Images(example), quant_format=self._form, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
            return _session(Path(names[2]).read_bytes())


qdq, qoperator = Quantized(QuantFormat.QDQ), Quantized(QuantFormat.QOperator)
