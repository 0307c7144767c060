"""`cnet.check`: are the gradients of a hand-written layer right, and if not, why?"""

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from ..arrays import Array
from .checker import Checker
from .result import CheckResult, Fault, Quantity
from .subject import subject_of

__all__ = ["CheckResult", "Fault", "Quantity", "check"]


def check(
    layer: Any,
    *inputs: Any,
    grad_output: Array | None = None,
    forward: str | None = None,
    backward: str | None = None,
    backward_arguments: Mapping[str, Any] | None = None,
    seconds: float = 10.0,
    seed: int = 0,
) -> CheckResult:
    """Check the gradients of a layer, and name likely mistakes."""
    subject = subject_of(layer, inputs, forward, backward, backward_arguments or {})
    subject = prepared(subject, np.random.default_rng(seed))
    checker = Checker(subject, seconds, seed)
    with redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        findings = checker.check(grad_output)
    return CheckResult(
        "title", tuple(findings.quantities), tuple(findings.faults), tuple(findings.notes)
    )


def prepared(subject, rng):
    return subject
