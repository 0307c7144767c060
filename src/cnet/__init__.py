"""Convolutional networks on NumPy arrays: C kernels, autograd, a PyTorch-shaped API."""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING, Any

from . import _lazy, dtypes
from . import autograd as autograd
from . import functional as functional
from . import kernels as kernels
from . import random as random
from .autograd import Function as Function
from .autograd import enable_grad as enable_grad
from .autograd import inference_mode as inference_mode
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import no_grad as no_grad
from .autograd import set_grad_enabled as set_grad_enabled
from .devices import *
from .dtypes import *
from .gradcheck import *
from .layouts import *
from .native import *
from .operations import *
from .printing import *
from .random import *
from .runtime import *
from .settings import *
from .size import *
from .tensor import *
from .tensor import Tensor as Tensor

if TYPE_CHECKING:
    from . import accelerate as accelerate
    from . import accelerator as accelerator
    from . import amp as amp
    from . import backends as backends
    from . import cuda as cuda
    from . import datasets as datasets
    from . import func as func
    from . import hub as hub
    from . import jit as jit
    from . import linalg as linalg
    from . import metrics as metrics
    from . import models as models
    from . import nn as nn
    from . import onnx as onnx
    from . import optim as optim
    from . import plots as plots
    from . import serialization as serialization
    from . import training as training
    from . import transforms as transforms
    from . import utils as utils
    from . import version as version
    from .amp import GradScaler as GradScaler
    from .amp import autocast as autocast
    from .checking import check as check
    from .checkpoint import CheckpointError as CheckpointError
    from .checkpoint import load as load
    from .checkpoint import save as save
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
    from .plan import compile as compile
    from .recording import CaptureError as CaptureError
    from .recording import capture as capture

__version__ = "0.1.0"
newaxis = None

_LAZY_MODULES = {
    "accelerate", "accelerator", "amp", "backends", "cuda", "datasets", "func", "hub", "jit",
    "linalg", "metrics", "models", "nn", "onnx", "optim", "plots", "serialization", "training",
    "transforms", "utils", "version",
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
    "graph": "graphs",
    "load": "checkpoint",
    "profile": "inspection",
    "save": "checkpoint",
    "summary": "inspection",
}
"""Names that are imported when they are used, each with its module."""
_LAZY.update(dict.fromkeys(dtypes.TENSOR_TYPES, "legacy"))

_get, __dir__ = _lazy.attributes(__name__, _LAZY_MODULES, _LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES or name in _LAZY:
        return _get(name)
    if name[-1:] == "_" != name[-2:-1] and hasattr(Tensor, name):  # in place: exp_
        return getattr(Tensor, name)
    reason = f": {dtypes.REFUSED[name]}" if name in dtypes.REFUSED else ""
    raise AttributeError(f"module 'cnet' has no attribute {name!r}{reason}")
