"""Connectionist temporal classification and its gradient."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import reference
from specs.spec import Arrays, Bad, Call, Case, Spec, zeros


@dataclass(frozen=True)
class CTCCase(Case):
    steps: int
    n: int
    classes: int
    labels: int
    blank: int = 0
    equal: bool = False
    """Whether all labels of a sequence are equal, so that each needs a blank after it."""

    def arrays(self, dtype: Any) -> tuple[Any, ...]:
        """log_probs, targets, input_lengths, target_lengths."""
        rng = self.random()
        x = rng.standard_normal((self.steps, self.n, self.classes), dtype)
        log_probs = x - np.log(np.exp(x).sum(2, keepdims=True))
        targets = rng.integers(0, self.classes - 1, (self.n, self.labels))
        if self.equal:
            targets[...] = targets[:, :1]
        targets[targets >= self.blank] += 1
        inputs = rng.integers(self.steps // 2, self.steps + 1, self.n)
        lengths = rng.integers(self.labels // 2, self.labels + 1, self.n)
        for row, length in zip(targets, lengths, strict=True):
            row[length:] = -1
        return log_probs, targets, inputs, lengths

    @property
    def terms(self) -> int:
        return 16 * (self.steps + 1)


def _ctc_loss(case: CTCCase, dtype: Any) -> Call:
    return Call("ctc_loss", case.arrays(dtype), {"blank": case.blank}, (case.terms,) * 2)


def _ctc_loss_backward(case: CTCCase, dtype: Any) -> Call:
    arrays = case.arrays(dtype)
    losses, alpha = reference.ctc_loss(*arrays, blank=case.blank)
    grad = case.random().standard_normal(case.n, dtype)
    grad[~np.isfinite(losses)] = 0
    grad[1::5] = 0
    options = {"blank": case.blank}
    return Call("ctc_loss_backward", (grad, *arrays, losses, alpha), options, (case.terms,))


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """Each step rounds a sum of logarithms."""
    return tuple(np.abs(x) + 4 for x in expected)


def _scales_of_gradient(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """The error of a probability is that of its logarithm."""
    grad, losses = call.arrays[0], call.arrays[-2]
    return (np.abs(grad * np.where(grad == 0, 0, losses))[:, np.newaxis],)


CASES = [
    CTCCase(*sizes)
    for sizes in (
        (5, 1, 2, 1), (7, 2, 4, 3), (12, 3, 9, 5), (30, 4, 20, 10), (6, 5, 5, 6), (9, 2, 40, 3),
        (3, 2, 3, 0), (0, 2, 3, 2), (0, 2, 3, 0), (4, 0, 3, 2),
    )
]  # fmt: skip
CASES += [CTCCase(20, 3, 6, 4, blank=5), CTCCase(20, 3, 6, 5, 2, equal=True)]
TYPICAL = CTCCase(8, 3, 5, 3)
LARGE = CTCCase(40, 60, 20, 12), CTCCase(12, 300, 7, 3, blank=3), CTCCase(2, 17000, 3, 1)

_GOOD = {
    "log_probs": zeros(4, 3, 5), "targets": np.ones((3, 2), int),
    "input_lengths": np.full(3, 4), "target_lengths": np.full(3, 2),
}  # fmt: skip
_BAD: tuple[Bad, ...] = (
    ({"targets": np.ones((2, 2), int)}, ValueError, "targets.shape must equal (n, s) (got (2, 2)"),
    ({"input_lengths": np.ones(2, int)}, ValueError, "input_lengths.shape must equal (n,)"),
    ({"target_lengths": np.ones(2, int)}, ValueError, "target_lengths.shape must equal (n,)"),
    ({"input_lengths": np.array([4, 5, 4])}, ValueError,
     "input_lengths must be at least 0 and at most log_probs.shape[0] (got 5 and 4)"),
    ({"input_lengths": np.array([4, -1, 4])}, ValueError, "(got -1 and 4)"),
    ({"target_lengths": np.array([4, 1, 1])}, ValueError,
     "target_lengths must be at least 0 and at most targets.shape[1] (got 4 and 2)"),
    ({"target_lengths": np.array([1, -3, 1])}, ValueError, "(got -3 and 2)"),
    ({"targets": np.full((3, 2), 5)}, ValueError,
     "targets must be at least 0 and less than the number of classes (got 5 and 5)"),
    ({"targets": np.full((3, 2), -1)}, ValueError, "(got -1 and 5)"),
    ({"blank": 5}, ValueError, "blank must be at least 0 and less than the number of classes"),
    ({"blank": 0.5}, TypeError, "blank must be an int"),
)  # fmt: skip

ctc_loss = Spec(
    "ctc_loss",
    call=_ctc_loss,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales,
    good=_GOOD,
    bad=_BAD,
)

ctc_loss_backward = Spec(
    "ctc_loss_backward",
    call=_ctc_loss_backward,
    cases=CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales_of_gradient,
    good={"grad_losses": zeros(3), **_GOOD, "losses": zeros(3), "alpha": zeros(3, 4, 5)},
    bad=(
        *_BAD,
        ({"grad_losses": zeros(2)}, ValueError, "grad_losses.shape must equal (n,)"),
        ({"losses": zeros(2)}, ValueError, "losses.shape must equal (n,)"),
        ({"alpha": zeros(3, 4, 4)}, ValueError, "alpha.shape must equal (n, t, 2 * s + 1)"),
    ),
)
