"""Convolutional networks on NumPy arrays: C kernels, autograd, a PyTorch-shaped API."""

from typing import TYPE_CHECKING, Any

from . import _lazy, dtypes

_FREE = {
    "_check", "_core", "_cpus", "_explained", "_files", "_locks", "_sizes", "_warning",
    "accelerate", "arrays", "dropin", "dtypes", "geometry", "kernels", "modes", "replay", "runtime",
}  # fmt: skip
"""Submodules that do not need the names of `_public`."""

if TYPE_CHECKING or not _lazy.runs("cnet.accelerate"):
    from ._public import *
else:  # a script that may need nothing of them
    _lazy.postpone(__name__, "_public", _FREE)

if TYPE_CHECKING:
    from . import accelerate as accelerate
    from . import accelerator as accelerator
    from . import amp as amp
    from . import backends as backends
    from . import cuda as cuda
    from . import datasets as datasets
    from . import distributed as distributed
    from . import distributions as distributions
    from . import func as func
    from . import hub as hub
    from . import io as io
    from . import jit as jit
    from . import linalg as linalg
    from . import metrics as metrics
    from . import models as models
    from . import multiprocessing as multiprocessing
    from . import nn as nn
    from . import onnx as onnx
    from . import ops as ops
    from . import optim as optim
    from . import plots as plots
    from . import serialization as serialization
    from . import special as special
    from . import testing as testing
    from . import training as training
    from . import transforms as transforms
    from . import types as types
    from . import utils as utils
    from . import version as version
    from .amp import GradScaler as GradScaler
    from .amp import autocast as autocast
    from .amp import is_autocast_enabled as is_autocast_enabled
    from .checking import check as check
    from .checkpoint import CheckpointError as CheckpointError
    from .checkpoint import load as load
    from .checkpoint import save as save
    from .datasets.folder import get_image_backend as get_image_backend
    from .datasets.folder import set_image_backend as set_image_backend
    from .generator import Generator as Generator
    from .generator import default_generator as default_generator
    from .graphs import graph as graph
    from .inspection import profile as profile
    from .inspection import summary as summary
    from .legacy import BoolTensor as BoolTensor
    from .legacy import ByteTensor as ByteTensor
    from .legacy import CharTensor as CharTensor
    from .legacy import DoubleTensor as DoubleTensor
    from .legacy import FloatTensor as FloatTensor
    from .legacy import HalfTensor as HalfTensor
    from .legacy import IntTensor as IntTensor
    from .legacy import LongTensor as LongTensor
    from .legacy import ShortTensor as ShortTensor
    from .legacy import set_default_tensor_type as set_default_tensor_type
    from .plan import compile as compile
    from .recording import CaptureError as CaptureError
    from .recording import capture as capture

__version__ = "0.1.0"
newaxis = None

_LAZY_MODULES = {
    "accelerate", "accelerator", "amp", "backends", "cuda", "datasets", "distributed",
    "distributions", "func", "hub", "io", "jit", "linalg", "metrics", "models", "multiprocessing",
    "nn", "onnx", "ops", "optim", "plots", "serialization", "special", "testing", "training",
    "transforms", "types", "utils", "version",
}  # fmt: skip
_LAZY = {
    "CheckpointError": "checkpoint",
    "Generator": "generator",
    "GradScaler": "amp",
    "autocast": "amp",
    "capture": "recording",
    "CaptureError": "recording",
    "check": "checking",
    "compile": "plan",
    "default_generator": "generator",
    "get_image_backend": "datasets.folder",
    "graph": "graphs",
    "is_autocast_enabled": "amp",
    "load": "checkpoint",
    "profile": "inspection",
    "save": "checkpoint",
    "set_default_tensor_type": "legacy",
    "set_image_backend": "datasets.folder",
    "summary": "inspection",
}
"""Names that are imported when they are used, each with its module."""
_LAZY.update(dict.fromkeys(dtypes.TENSOR_TYPES, "legacy"))

_ABSENT = {
    "ao": "use cnet.compile(model, example, dtype='int8') for inference with 8-bit integers",
    "export": "use cnet.compile(model, example) for inference with a compiled network",
    "fft": "complex numbers are not supported; numpy.fft transforms tensor.numpy()",
    "fx": "cnet.graph(output) shows the graph of a result",
    "profiler": "cnet.profile(model, x) measures the layers of a model",
    "quantization": "use cnet.compile(model, example, dtype='int8')",
    "sparse": "sparse tensors are not supported",
    "stft": "complex numbers are not supported; scipy.signal.stft transforms tensor.numpy()",
    "view_as_complex": "complex numbers are not supported",
    "vmap": "operations take batches of images as they are",
}
"""Names of PyTorch that do not exist here, with what to use in their place."""

_get, __dir__ = _lazy.attributes(__name__, _LAZY_MODULES | _FREE, _LAZY)


def __getattr__(name: str) -> Any:
    if _lazy.complete(__name__, name) and name in globals():
        return globals()[name]
    if name in _FREE or name in _LAZY_MODULES or name in _LAZY:
        return _get(name)
    if name[-1:] == "_" != name[-2:-1]:  # in place: exp_
        from .tensor import Tensor

        if hasattr(Tensor, name):
            return getattr(Tensor, name)
    reason = dtypes.REFUSED.get(name) or _ABSENT.get(name)
    explanation = f": {reason}" if reason else ""
    raise AttributeError(f"module 'cnet' has no attribute {name!r}{explanation}")
