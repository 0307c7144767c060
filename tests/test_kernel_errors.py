"""Bad input to every kernel: an exception that names kernel, argument and values, from every ISA.

`GOOD` holds arguments that a kernel takes; each row of the tables spoils one or two of them.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cnet import kernels, runtime

IMPLEMENTATIONS = "reference", runtime.available_isas()[-1]


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


GOOD: dict[str, dict[str, Any]] = {
    "im2col": {"x": zeros(2, 4, 5, 6), "kernel_size": (3, 2)},
    "col2im": {"cols": zeros(2, 24, 15), "x_shape": (2, 4, 5, 6), "kernel_size": (3, 2)},
    "conv2d": {
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "bias": zeros(6),
        "padding": 1,
        "groups": 2,
    },
    "conv2d_backward": {
        "grad_output": zeros(2, 6, 5, 7),
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "padding": 1,
        "groups": 2,
    },
    "conv2d_relu_pool": {
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "bias": zeros(6),
        "padding": 1,
        "groups": 2,
    },
    "conv2d_relu_pool_backward": {
        "grad_output": zeros(2, 6, 2, 3),
        "codes": np.zeros((2, 6, 2, 3), np.uint8),
        "x": zeros(2, 4, 5, 6),
        "weight": zeros(6, 2, 3, 2),
        "padding": 1,
        "groups": 2,
    },
    "relu_pool": {"x": zeros(2, 3, 4, 5)},
    "relu_pool_backward": {
        "grad_output": zeros(2, 3, 2, 2),
        "codes": np.zeros((2, 3, 2, 2), np.uint8),
        "x_shape": (2, 3, 4, 5),
    },
    "max_pool2d": {"x": zeros(2, 4, 5, 6), "kernel_size": (3, 2)},
    "max_pool2d_backward": {
        "grad_output": zeros(2, 3, 2, 2),
        "indices": np.zeros((2, 3, 2, 2), np.int32),
        "x_shape": (2, 3, 4, 5),
    },
    "avg_pool2d": {"x": zeros(2, 4, 5, 6), "kernel_size": (3, 2)},
    "avg_pool2d_backward": {
        "grad_output": zeros(2, 4, 1, 3),
        "x_shape": (2, 4, 5, 6),
        "kernel_size": (3, 2),
    },
    "matmul": {"a": zeros(3, 4), "b": zeros(4, 5)},
    "linear": {"x": zeros(3, 4), "weight": zeros(5, 4), "bias": zeros(5)},
    "relu": {"x": zeros(3, 4)},
    "relu_backward": {"grad_output": zeros(3, 4), "y": zeros(3, 4)},
    "batch_norm_stats": {"x": zeros(3, 4, 5)},
    "batch_norm": {"x": zeros(3, 4, 5), "mean": zeros(4), "var": zeros(4), "weight": zeros(4)},
    "batch_norm_backward": {
        "grad_output": zeros(3, 4, 5),
        "x": zeros(3, 4, 5),
        "mean": zeros(4),
        "var": zeros(4),
        "weight": zeros(4),
    },
    "cross_entropy": {"logits": zeros(4, 5), "target": np.arange(4), "weight": zeros(5)},
    "cross_entropy_backward": {
        "grad_losses": zeros(4),
        "logits": zeros(4, 5),
        "target": np.arange(4),
        "logsumexp": zeros(4),
        "weight": zeros(5),
    },
    "sgd_step": {
        "param": zeros(3, 4),
        "grad": zeros(3, 4),
        "momentum_buffer": zeros(3, 4),
        "lr": 0.1,
        "momentum": 0.9,
    },
    "adam_step": {
        "param": zeros(3, 4),
        "grad": zeros(3, 4),
        "exp_avg": zeros(3, 4),
        "exp_avg_sq": zeros(3, 4),
        "lr": 0.1,
        "beta1": 0.9,
        "beta2": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "step": 1,
    },
}

IN_PLACE = {"param", "momentum_buffer", "exp_avg", "exp_avg_sq"}
OPTIONAL = {"bias", "weight", "momentum_buffer"}
ANY_RANK = {"relu", "relu_backward", "sgd_step", "adam_step", "matmul"}
IMAGES_OF_ANY_RANK = {
    ("linear", "x"),
    ("batch_norm_stats", "x"),
    ("batch_norm", "x"),
    ("batch_norm_backward", "x"),
    ("batch_norm_backward", "grad_output"),
}
HUGE = np.broadcast_to(np.float32(0), (1 << 15,) * 4)
"""2**60 elements: as float64 they would not fit into memory that 63 bits can address."""

Row = tuple[str, dict[str, Any], type[Exception], str]


def _misaligned(x: np.ndarray) -> np.ndarray:
    return np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)


def _read_only(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y.flags.writeable = False
    return y


def _arrays() -> Iterator[Row]:
    """What no array may be, for each array of each kernel."""
    for function, arguments in GOOD.items():
        arrays = {name: x for name, x in arguments.items() if isinstance(x, np.ndarray)}
        for name, x in arrays.items():

            def row(value: Any, error: type[Exception], text: str) -> Row:
                return function, {name: value}, error, text  # noqa: B023

            yield row(x.tolist(), TypeError, f"{name} must be a NumPy array (got list)")
            yield row(1.5, TypeError, f"{name} must be a NumPy array (got float)")
            if name not in OPTIONAL or (name, function[:4]) == ("weight", "conv"):
                yield row(None, TypeError, f"{name} must be a NumPy array (got NoneType)")
            if function not in ANY_RANK and (function, name) not in IMAGES_OF_ANY_RANK:
                text = f"{name} must have {x.ndim} dimensions (got {x.ndim + 1}, shape (1, "
                yield row(x[np.newaxis], ValueError, text)
                yield row(np.asarray(x[0]), ValueError, f"{name} must have {x.ndim} dimensions")
            if x.dtype.kind in "iu":
                for bad in ("f4", "f8", "?", "O", "c8", "U1"):
                    text = f"{name}.dtype must be an integer dtype (got {np.dtype(bad)})"
                    yield row(x.astype(bad), TypeError, text)
                continue
            for bad in ("i4", "i8", "u1", "?", "f2", "g", "c8", "c16", "O", "U1", "M8[s]"):
                text = f"{name}.dtype must be "
                yield row(x.astype(bad), TypeError, text)
            if len([y for y in arrays.values() if y.dtype == x.dtype]) > 1:
                yield row(x.astype(np.float64), TypeError, ".dtype must equal ")
            if name in IN_PLACE:
                text = f"{name} must be C-contiguous, aligned and writable"
                for layout in (np.asfortranarray, _misaligned, _read_only):
                    yield row(layout(x), ValueError, text)
                swapped = x.astype(x.dtype.newbyteorder())
                yield row(swapped, TypeError, f"{name}.dtype must be native")


def _windows() -> Iterator[Row]:
    """Sizes of windows: wrong types, lengths, values."""
    at_least_1 = {
        "im2col": ("kernel_size", "stride", "dilation"),
        "col2im": ("kernel_size", "stride", "dilation"),
        "conv2d": ("stride", "dilation"),
        "conv2d_backward": ("stride", "dilation"),
        "conv2d_relu_pool": ("stride", "dilation"),
        "conv2d_relu_pool_backward": ("stride", "dilation"),
        "max_pool2d": ("kernel_size", "stride", "dilation"),
        "avg_pool2d": ("kernel_size", "stride"),
        "avg_pool2d_backward": ("kernel_size", "stride"),
    }
    for function, names in at_least_1.items():
        for name in (*names, "padding"):
            if name == "padding":
                lowest = 0
            else:
                lowest = 1
                yield function, {name: "2"}, TypeError, f"{name} must be an int or a pair of ints"
            for value in (1.0, (1.0, 1), (1.0, 1.0), [1.0, 1.0], True, (1, True), (1, "1"), ("1",),
                          1j, ([1], [1]), {1, 2}, {1: 1, 2: 2}, b"\x01\x02", np.float64(1),
                          np.ones(2), object(), (None, 1)):  # fmt: skip
                yield function, {name: value}, TypeError, f"{name} must be an int or a pair of ints"
            if (name, function[-4:]) != ("stride", "ol2d") and "avg_pool2d" not in function:
                yield function, {name: None}, TypeError, f"{name} must be an int or a pair of ints"
            for value in ((), (1,), (1, 1, 1), [1, 1, 1], np.ones(3, int)):
                yield function, {name: value}, ValueError, f"{name} must have 2 items"
            for value in (lowest - 1, (1, lowest - 1), (lowest - 1, 1), -(2**70)):
                yield function, {name: value}, ValueError, f"{name} must be at least {lowest}"
            for value in (2**70, (1, 2**63), (2**64, 1)):
                yield function, {name: value}, ValueError, f"{name} must be at most 2147483647"
    for function in ("im2col", "col2im", "conv2d", "conv2d_backward", "conv2d_relu_pool",
                     "conv2d_relu_pool_backward"):  # fmt: skip
        yield function, {"padding": "full"}, ValueError, "'valid' or 'same' (got 'full')"
        same = {"padding": "same", "stride": (1, 2)}
        yield function, same, ValueError, "padding='same' needs stride 1 (got (1, 2))"


LARGE = "must fit into the padded input"
ROWS: tuple[Row, ...] = (
    ("im2col", {"kernel_size": (6, 2)}, ValueError, f"{LARGE} (got 6x2 and 5x6)"),
    ("im2col", {"dilation": (3, 1)}, ValueError, f"{LARGE} (got 7x2 and 5x6)"),
    ("im2col", {"x": zeros(1, 1, 0, 4), "kernel_size": 1}, ValueError, "(got 1x1 and 0x4)"),
    ("im2col", {"x": HUGE}, ValueError, "x would be too large"),
    ("im2col", {"padding": 2**30}, ValueError, "the padded x would be too large"),
    ("im2col", {"x": zeros(0, 4, 5, 6), "padding": 2**30}, ValueError, "would be too large"),
    ("col2im", {"cols": zeros(2, 24, 14)}, ValueError, "cols.shape must equal (n, c*kh*kw, oh*ow)"),
    ("col2im", {"cols": zeros(1, 24, 15)}, ValueError, "(got (1, 24, 15) and (2, 24, 15))"),
    ("col2im", {"x_shape": (2, 4, 5)}, ValueError, "x_shape must be 4 sizes, none negative"),
    ("col2im", {"x_shape": (2, 4, 5, -6)}, ValueError, "x_shape must be 4 sizes, none negative"),
    ("col2im", {"x_shape": (2, 4, 5, 6.0)}, TypeError, "x_shape must be a sequence of ints"),
    ("col2im", {"x_shape": "2456"}, TypeError, "x_shape must be a sequence of ints"),
    ("col2im", {"x_shape": 5}, TypeError, "x_shape must be a sequence of ints"),
    ("col2im", {"x_shape": (2**20,) * 4}, ValueError, "would be too large"),
    ("col2im", {"x_shape": (0, 4, 2**40, 2**40)}, ValueError, "would be too large"),
    ("conv2d", {"weight": zeros(6, 3, 3, 2)}, ValueError,
     "weight.shape[1] must equal x.shape[1] / groups (got 3 and 2)"),
    ("conv2d", {"x": zeros(2, 5, 5, 6)}, ValueError, "groups must divide x.shape[1] (got 2 and 5)"),
    ("conv2d", {"weight": zeros(5, 2, 3, 2)}, ValueError,
     "groups must divide weight.shape[0] (got 2 and 5)"),
    ("conv2d", {"groups": 0}, ValueError, "groups must be at least 1 (got 0)"),
    ("conv2d", {"groups": -2}, ValueError, "groups must be at least 1 (got -2)"),
    ("conv2d", {"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
    ("conv2d", {"groups": 2**70}, ValueError, "groups must divide x.shape[1]"),
    *(("conv2d", {"groups": value}, TypeError, "groups must be an int (got ")
      for value in (2.0, "2", None, [2], (2,), np.ones(2, int), True)),
    ("conv2d", {"weight": zeros(6, 2, 0, 2)}, ValueError,
     "weight.shape[2:] must be at least 1x1 (got 0x2)"),
    ("conv2d", {"weight": zeros(6, 2, 8, 2)}, ValueError, f"{LARGE} (got 8x2 and 7x8)"),
    ("conv2d", {"dilation": 4}, ValueError, f"{LARGE} (got 9x5 and 7x8)"),
    ("conv2d", {"bias": zeros(5)}, ValueError,
     "bias.shape must equal (weight.shape[0],) (got (5,) and (6,))"),
    ("conv2d", {"x": HUGE}, ValueError, "x would be too large"),
    ("conv2d", {"padding": 2**30}, ValueError, "the padded x would be too large"),
    ("conv2d", {"x": zeros(0, 4, 5, 6), "padding": 2**30}, ValueError, "would be too large"),
    ("conv2d", {"x": zeros(2, 0, 5, 6), "weight": zeros(6, 0, 3, 2), "padding": 2**30}, ValueError,
     "would be too large"),
    ("conv2d_backward", {"grad_output": zeros(2, 6, 5, 6)}, ValueError,
     "grad_output.shape must equal (n, o, oh, ow) (got (2, 6, 5, 6) and (2, 6, 5, 7))"),
    ("conv2d_backward", {"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
    ("conv2d_backward", {"needs": (True, True)}, ValueError, "needs must be 3 booleans"),
    ("conv2d_backward", {"needs": None}, TypeError, "needs must be 3 booleans"),
    ("conv2d_backward", {"needs": True}, TypeError, "needs must be 3 booleans"),
    *((function, {"algorithm": value}, ValueError,
       "algorithm must be one of auto, exact, depthwise, winograd, pointwise, direct, fold, "
       f"product (got {value!r})")
      for function in ("conv2d", "conv2d_backward")
      for value in ("fastest", "", "Winograd", "auto ", None, 1, ("auto",))),
    ("conv2d_relu_pool", {"groups": 3}, ValueError, "groups must divide x.shape[1] (got 3 and 4)"),
    ("conv2d_relu_pool", {"bias": zeros(5)}, ValueError, "(got (5,) and (6,))"),
    ("conv2d_relu_pool", {"dilation": 4}, ValueError, f"{LARGE} (got 9x5 and 7x8)"),
    ("conv2d_relu_pool", {"dilation": (3, 1)}, ValueError, f"{LARGE} (got 2x2 and 1x7)"),
    ("conv2d_relu_pool", {"stride": (1, 9)}, ValueError, f"{LARGE} (got 2x2 and 5x1)"),
    ("conv2d_relu_pool_backward", {"grad_output": zeros(2, 6, 2, 2)}, ValueError,
     "grad_output.shape must equal (n, o, oh / 2, ow / 2) (got (2, 6, 2, 2) and (2, 6, 2, 3))"),
    ("conv2d_relu_pool_backward", {"codes": np.zeros((2, 6, 2, 2), np.uint8)}, ValueError,
     "codes.shape must equal grad_output.shape (got (2, 6, 2, 2) and (2, 6, 2, 3))"),
    ("conv2d_relu_pool_backward", {"codes": np.full((2, 6, 2, 3), 256)}, ValueError,
     "codes must fit into uint8"),
    ("conv2d_relu_pool_backward", {"groups": 3}, ValueError, "groups must divide x.shape[1]"),
    ("conv2d_relu_pool_backward", {"dilation": (3, 1)}, ValueError, f"{LARGE} (got 2x2 and 1x7)"),
    *(("conv2d_relu_pool_backward", {"needs": value}, TypeError, "needs must be 3 booleans")
      for value in (None, True, 1)),
    ("conv2d_relu_pool_backward", {"needs": (True, True)}, ValueError, "needs must be 3 booleans"),
    ("relu_pool", {"x": zeros(2, 3, 1, 5)}, ValueError, f"{LARGE} (got 2x2 and 1x5)"),
    ("relu_pool_backward", {"grad_output": zeros(2, 3, 2, 3)}, ValueError,
     "grad_output.shape must equal (n, c, h / 2, w / 2) (got (2, 3, 2, 3) and (2, 3, 2, 2))"),
    ("relu_pool_backward", {"codes": np.zeros((2, 3, 4, 5), np.uint8)}, ValueError,
     "codes.shape must equal grad_output.shape (got (2, 3, 4, 5) and (2, 3, 2, 2))"),
    ("relu_pool_backward", {"codes": np.full((2, 3, 2, 2), 256)}, ValueError,
     "codes must fit into uint8 (got 256 to 256)"),
    ("relu_pool_backward", {"codes": np.full((2, 3, 2, 2), -1)}, ValueError,
     "codes must fit into uint8 (got -1 to -1)"),
    ("relu_pool_backward", {"x_shape": (2, 3, 4)}, ValueError, "x_shape must be 4 sizes"),
    ("relu_pool_backward", {"x_shape": (2, 3, 6, 5)}, ValueError,
     "(got (2, 3, 2, 2) and (2, 3, 3, 2))"),
    ("relu_pool_backward", {"x_shape": (2, 3, 1, 5)}, ValueError, f"{LARGE} (got 2x2 and 1x5)"),
    ("relu_pool_backward", {"x_shape": (2, 3, 2**16, 2**15)}, ValueError, "2147483647 pixels"),
    ("max_pool2d", {"kernel_size": (6, 2)}, ValueError, f"{LARGE} (got 6x2 and 5x6)"),
    ("max_pool2d", {"padding": (2, 1)}, ValueError,
     "padding must be at most half of kernel_size (got (2, 1) and (3, 2))"),
    ("max_pool2d", {"padding": "same"}, TypeError, "padding must be an int or a pair of ints"),
    ("max_pool2d", {"x": zeros(0, 1, 2**16, 2**15)}, ValueError,
     "an image must have at most 2147483647 pixels (got 65536x32768)"),
    ("max_pool2d", {"x": HUGE}, ValueError, "x would be too large"),
    ("max_pool2d_backward", {"indices": np.full((2, 3, 2, 2), 20)}, ValueError,
     "indices must be at least -1 and less than x_shape[2] * x_shape[3] (got 20 and 20)"),
    ("max_pool2d_backward", {"indices": np.full((2, 3, 2, 2), -2)}, ValueError, "(got -2 and 20)"),
    ("max_pool2d_backward", {"indices": np.full((2, 3, 2, 2), 2**31)}, ValueError,
     "indices must fit into int32"),
    ("max_pool2d_backward", {"indices": np.full((2, 3, 2, 2), 2**63, np.uint64)}, ValueError,
     "indices must fit into int32"),
    ("max_pool2d_backward", {"x_shape": (2, 3, 0, 5)}, ValueError, "(got 0 and 0)"),
    ("max_pool2d_backward", {"indices": np.zeros((2, 3, 2, 3), int)}, ValueError,
     "indices.shape must equal grad_output.shape (got (2, 3, 2, 3) and (2, 3, 2, 2))"),
    ("max_pool2d_backward", {"x_shape": (2, 4, 4, 5)}, ValueError,
     "must equal x_shape[:2] (got (2, 3) and (2, 4))"),
    ("max_pool2d_backward", {"x_shape": (2, 3, 4)}, ValueError, "x_shape must be 4 sizes"),
    ("max_pool2d_backward", {"x_shape": (2, 3, 2**16, 2**15)}, ValueError, "2147483647 pixels"),
    ("max_pool2d_backward", {"x_shape": (2, 3, 2**40, 2**40)}, ValueError, "would be too large"),
    ("avg_pool2d", {"kernel_size": (6, 2)}, ValueError, f"{LARGE} (got 6x2 and 5x6)"),
    ("avg_pool2d", {"padding": (2, 1)}, ValueError, "padding must be at most half of kernel_size"),
    ("avg_pool2d", {"divisor_override": 0}, ValueError, "divisor_override must not be zero"),
    ("avg_pool2d", {"divisor_override": 2**70}, ValueError, "divisor_override"),
    *(("avg_pool2d", {"divisor_override": value}, TypeError, "divisor_override must be an int")
      for value in (2.5, "2", (2,), np.nan)),
    ("avg_pool2d_backward", {"grad_output": zeros(2, 4, 1, 2)}, ValueError,
     "grad_output.shape must equal (n, c, oh, ow) (got (2, 4, 1, 2) and (2, 4, 1, 3))"),
    ("avg_pool2d_backward", {"x_shape": (2, 4, 5, 6, 7)}, ValueError, "x_shape must be 4 sizes"),
    ("avg_pool2d_backward", {"divisor_override": 0}, ValueError, "divisor_override must not be"),
    ("matmul", {"a": np.array(1.0)}, ValueError, "a must have at least 1 dimension (got 0)"),
    ("matmul", {"b": np.array(1.0)}, ValueError, "b must have at least 1 dimension (got 0)"),
    ("matmul", {"b": zeros(3, 5)}, ValueError, "a.shape[-1] must equal b.shape[-2] (got 4 and 3)"),
    ("matmul", {"b": zeros(3)}, ValueError, "a.shape[-1] must equal b.shape[-1] (got 4 and 3)"),
    ("matmul", {"a": zeros(2, 3, 4), "b": zeros(3, 4, 5)}, ValueError,
     "a.shape[:-2] and b.shape[:-2] must broadcast (got (2,) and (3,))"),
    ("matmul", {"a": zeros(2**31, 0), "b": zeros(0, 2**31)}, ValueError, "would be too large"),
    ("matmul", {"a": zeros(2**31, 2, 0), "b": zeros(0, 2**31)}, ValueError, "would be too large"),
    ("matmul", {"a": zeros(2**21, 1, 2**21, 0), "b": zeros(2**21, 0, 1)}, ValueError,
     "would be too large"),
    ("linear", {"x": np.array(1.0, "f4")}, ValueError, "x must have at least 1 dimension (got 0)"),
    ("linear", {"x": zeros(3, 5)}, ValueError,
     "x.shape[-1] must equal weight.shape[1] (got 5 and 4)"),
    ("linear", {"bias": zeros(4)}, ValueError, "(got (4,) and (5,))"),
    ("linear", {"x": zeros(2**31, 0), "weight": zeros(2**31, 0), "bias": None}, ValueError,
     "would be too large"),
    ("relu", {"x": HUGE}, ValueError, "x would be too large"),
    ("relu_backward", {"y": zeros(4, 3)}, ValueError,
     "grad_output.shape must equal y.shape (got (3, 4) and (4, 3))"),
    *((function, *row) for function in ("batch_norm", "batch_norm_backward") for row in (
        ({"mean": zeros(5)}, ValueError,
         "mean.shape must equal (x.shape[1],) (got (5,) and (4,))"),
        ({"weight": zeros(4, 1)}, ValueError, "weight must have 1 dimensions"),
        ({"x": zeros(4)}, ValueError, "x must have at least 2 dimensions (got 1, shape (4,))"),
        ({"eps": "a"}, TypeError, "eps must be a number (got 'a')"),
    )),
    ("batch_norm_backward", {"grad_output": zeros(3, 4, 6)}, ValueError,
     "grad_output.shape must equal x.shape (got (3, 4, 6) and (3, 4, 5))"),
    ("batch_norm_backward", {"needs": (True, True)}, ValueError, "needs must be 3 booleans"),
    ("batch_norm_backward", {"needs": None}, TypeError, "needs must be 3 booleans"),
    *((function, *row) for function in ("cross_entropy", "cross_entropy_backward") for row in (
        ({"target": np.array([0, 1, 5, 3])}, ValueError,
         "target must be at least 0 and less than logits.shape[1] (got 5 and 5)"),
        ({"target": np.array([0, 1, 2, -1])}, ValueError, "(got -1 and 5)"),
        ({"target": np.array([-100, 1, 2, 3]), "ignore_index": 1}, ValueError, "(got -100 and 5)"),
        ({"target": np.array([2**63, 1, 2, 3], np.uint64)}, ValueError, "must fit into int64"),
        ({"target": np.arange(3)}, ValueError, "target.shape must equal (logits.shape[0],)"),
        ({"weight": zeros(4)}, ValueError, "weight.shape must equal (logits.shape[1],)"),
        ({"label_smoothing": -0.1}, ValueError, "label_smoothing must be between 0 and 1"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing must be between 0 and 1 (got 1.5)"),
        ({"label_smoothing": np.nan}, ValueError, "label_smoothing must be between 0 and 1"),
        ({"label_smoothing": "a"}, TypeError, "label_smoothing must be a number"),
        ({"ignore_index": 1.5}, TypeError, "ignore_index must be an int"),
        ({"ignore_index": 2**63}, ValueError, "ignore_index"),
    )),
    ("cross_entropy", {"logits": zeros(4, 0), "weight": None}, ValueError, "(got 0 and 0)"),
    ("cross_entropy_backward", {"logsumexp": zeros(3)}, ValueError,
     "logsumexp.shape must equal target.shape"),
    ("cross_entropy_backward", {"grad_losses": zeros(5)}, ValueError,
     "grad_losses.shape must equal target.shape (got (5,) and (4,))"),
    ("sgd_step", {"grad": zeros(4, 3)}, ValueError,
     "grad.shape must equal param.shape (got (4, 3) and (3, 4))"),
    ("sgd_step", {"momentum_buffer": zeros(3)}, ValueError,
     "momentum_buffer.shape must equal param.shape"),
    ("sgd_step", {"momentum_buffer": None}, ValueError, "momentum_buffer must be given"),
    *(("sgd_step", {name: "a"}, TypeError, f"{name} must be a number (got 'a')")
      for name in ("lr", "momentum", "dampening", "weight_decay")),
    ("adam_step", {"exp_avg": zeros(4, 3)}, ValueError, "exp_avg.shape must equal param.shape"),
    ("adam_step", {"exp_avg_sq": zeros(12)}, ValueError, "exp_avg_sq.shape must equal param.shape"),
    ("adam_step", {"step": 0}, ValueError, "step must be at least 1 (got 0)"),
    ("adam_step", {"step": 1.5}, TypeError, "step must be an int (got 1.5)"),
    ("adam_step", {"step": 2**63}, ValueError, "step"),
    *(("adam_step", {name: None}, TypeError, f"{name} must be a number (got None)")
      for name in ("lr", "beta1", "beta2", "eps", "weight_decay")),
)  # fmt: skip


def _id(row: Row) -> str:
    values = [
        f"{name}={value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray)
        else f"{name}={re.sub(' at 0x[0-9a-f]+', '', repr(value)):.30}"
        for name, value in row[1].items()
    ]  # fmt: skip
    return "-".join([row[0], *values])


def _copies(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: x.copy() if isinstance(x, np.ndarray) and name in IN_PLACE else x
        for name, x in arguments.items()
    }


@pytest.mark.parametrize("function", GOOD)
@pytest.mark.parametrize("isa", IMPLEMENTATIONS)
def test_good_arguments_are_taken(isa: str, function: str) -> None:
    with runtime.use_isa(isa):
        getattr(kernels, function)(**_copies(GOOD[function]))


@pytest.mark.parametrize("row", [*_arrays(), *_windows(), *ROWS], ids=_id)
def test_bad_argument_is_named(row: Row) -> None:
    function, bad, error, text = row
    arguments = {**GOOD[function], **bad}
    before = {name: np.copy(arguments[name]) for name in IN_PLACE & arguments.keys()}
    messages = set()
    for isa in IMPLEMENTATIONS:
        with runtime.use_isa(isa), pytest.raises(error) as raised:
            getattr(kernels, function)(**arguments)
        assert raised.type is error
        assert str(raised.value).startswith(f"{function}: ")
        assert text in str(raised.value)
        messages.add(str(raised.value))
        for name, x in before.items():
            np.testing.assert_array_equal(arguments[name], x)
    assert len(messages) == 1


def test_every_kernel_has_bad_arguments() -> None:
    assert set(kernels.__all__) - {"conv2d_algorithm", "conv2d_choice"} == set(GOOD)


@pytest.mark.parametrize("bad", range(6))
def test_bad_index_is_found_in_every_plane(impl: str, threads: int, bad: int) -> None:
    indices = np.full((2, 3, 30, 30), 1599)
    grad_output = np.ones(indices.shape)
    kernels.max_pool2d_backward(grad_output, indices, (2, 3, 40, 40))
    indices.reshape(6, -1)[bad, 7 * bad] = 1600
    with pytest.raises(ValueError, match=r"got 1600 and 1600"):
        kernels.max_pool2d_backward(grad_output, indices, (2, 3, 40, 40))


@pytest.mark.parametrize("bad", [0, 1, 4999, 9998, 9999])
def test_bad_target_is_found_in_every_row(impl: str, threads: int, bad: int) -> None:
    logits, target = np.zeros((10_000, 3), np.float32), np.zeros(10_000, int)
    target[bad] = 3
    with pytest.raises(ValueError, match=r"cross_entropy: target .* \(got 3 and 3\)"):
        kernels.cross_entropy(logits, target)
    ones = np.ones(10_000, np.float32)
    with pytest.raises(ValueError, match=r"cross_entropy_backward: target .* \(got 3 and 3\)"):
        kernels.cross_entropy_backward(ones, logits, target, ones)
