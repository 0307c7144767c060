"""Steps of the optimizers. Every operation is rounded separately, as in NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import Call, Case, Shape, Spec, zeros


@dataclass(frozen=True)
class StepCase(Case):
    """One step of SGD or of Adam, with the options of both and of each."""

    shape: Shape
    weight_decay: float = 0.0
    maximize: bool = False
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    first: bool = False
    decoupled: bool = False
    step: int = 1

    def options(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}

    def arrays(self, dtype: Any) -> tuple[np.ndarray, ...]:
        """param, grad, and averages of the gradient and of its square."""
        rows = self.random().standard_normal((4, *self.shape), dtype)
        param, grad, average, square = map(np.array, rows)
        np.square(square, out=square)
        return param, grad, average, square


def _sgd_step(case: StepCase, dtype: Any) -> Call:
    param, grad, average, _ = case.arrays(dtype)
    options = case.options("momentum", "dampening", "weight_decay", "nesterov", "maximize", "first")
    arrays = param, grad, average if case.momentum else None
    return Call("sgd_step", arrays, {"lr": 0.1, **options}, (None,) * (1 + bool(case.momentum)))


def _adam_step(case: StepCase, dtype: Any) -> Call:
    constants = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
    options = case.options("weight_decay", "step", "maximize", "decoupled")
    return Call("adam_step", case.arrays(dtype), {**constants, **options}, (None,) * 3)


STEP_CASES = (
    StepCase((5,)),
    StepCase((1,), 0.1, True),
    StepCase((), momentum=0.9, step=3),
    StepCase((0,), 0.1, momentum=0.9),
    StepCase((7,), momentum=0.9, first=True, step=2),
    StepCase((8,), 0.1, momentum=0.9, dampening=0.5, step=7),
    StepCase((9,), 0.1, True, momentum=0.9, nesterov=True, decoupled=True, step=10),
    StepCase((17,), 0.01, False, 0.9, 0.0, True, True, True, 1000),
    StepCase((16,), 0.01, True, 0.5, 0.2, False, True, True, 100000),
    StepCase((33, 3, 3, 3), 1e-4, momentum=0.9, step=4),
    StepCase((100_003,), 1e-4, momentum=0.9, decoupled=True, step=5),
)
TYPICAL = StepCase((5, 7), 0.1, momentum=0.9, nesterov=True, step=3)
LARGE = (StepCase((3, 70_001), 0.1, momentum=0.9, step=3),)

sgd_step = Spec(
    "sgd_step",
    call=_sgd_step,
    cases=STEP_CASES,
    typical=TYPICAL,
    large=LARGE,
    in_place=("param", "momentum_buffer"),
    any_rank=("param", "grad", "momentum_buffer"),
    good={
        "param": zeros(3, 4),
        "grad": zeros(3, 4),
        "momentum_buffer": zeros(3, 4),
        "lr": 0.1,
        "momentum": 0.9,
    },
    bad=(
        ({"grad": zeros(4, 3)}, ValueError,
         "grad.shape must equal param.shape (got (4, 3) and (3, 4))"),
        ({"momentum_buffer": zeros(3)}, ValueError, "momentum_buffer.shape must equal param.shape"),
        ({"momentum_buffer": None}, ValueError, "momentum_buffer must be given"),
        *(({name: "a"}, TypeError, f"{name} must be a number (got 'a')")
          for name in ("lr", "momentum", "dampening", "weight_decay")),
    ),
)  # fmt: skip

adam_step = Spec(
    "adam_step",
    call=_adam_step,
    cases=STEP_CASES,
    typical=TYPICAL,
    large=LARGE,
    in_place=("param", "exp_avg", "exp_avg_sq"),
    any_rank=("param", "grad", "exp_avg", "exp_avg_sq"),
    good={
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
    bad=(
        ({"exp_avg": zeros(4, 3)}, ValueError, "exp_avg.shape must equal param.shape"),
        ({"exp_avg_sq": zeros(12)}, ValueError, "exp_avg_sq.shape must equal param.shape"),
        ({"step": 0}, ValueError, "step must be at least 1 (got 0)"),
        ({"step": 1.5}, TypeError, "step must be an int (got 1.5)"),
        ({"step": 2**63}, ValueError, "step"),
        *(({name: None}, TypeError, f"{name} must be a number (got None)")
          for name in ("lr", "beta1", "beta2", "eps", "weight_decay")),
    ),
)  # fmt: skip
