"""Reshapes, which need no step."""

from typing import Any

import numpy as np

from ...operations.shape import Reshape
from ..steps import RULES, Value


@RULES.of(Reshape)
def reshape(x: Value, *, shape: Any) -> Value | None:
    shape = np.broadcast_to(0, x.shape).reshape(shape).shape
    return Value(shape, x.step, 0) if shape[:1] == x.shape[:1] else None
