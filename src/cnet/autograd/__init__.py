"""The graph of operations: its nodes, the backward pass, and base classes for operations."""

import sys
from importlib import import_module
from typing import Any

from .calls import Call, Operation, ViewOperation, is_listing_calls, listing_calls
from .engine import Array, Context, Edge, Hooks, Variable
from .function import Function, once_differentiable
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .propagation import (
    backward,
    detect_anomaly,
    grad,
    set_detect_anomaly,
    starting_gradient,
    topological,
)

__all__ = [
    "Array", "Call", "Context", "Edge", "Function", "Hooks", "Operation",
    "Variable", "ViewOperation", "backward", "detect_anomaly", "enable_grad", "grad",
    "inference_mode", "is_grad_enabled", "is_listing_calls", "listing_calls", "no_grad",
    "once_differentiable", "set_detect_anomaly", "set_grad_enabled", "starting_gradient",
    "topological",
]  # fmt: skip

variable = sys.modules[f"{__name__}.variable"] = sys.modules[__name__]  # a module in PyTorch


def __getattr__(name: str) -> Any:
    if name == "gradcheck":  # it depends on tensors, and so on this module
        return import_module("..gradcheck", __package__).autograd_gradcheck
    if name == "functional":
        return import_module(".functional", __package__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
