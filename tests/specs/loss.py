"""Cross entropy, negative log-likelihood and their gradients."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import reference
from specs.spec import Arrays, Bad, Call, Case, Spec, zeros


@dataclass(frozen=True)
class CrossEntropyCase(Case):
    n: int
    classes: int
    weighted: bool = False
    label_smoothing: float = 0.0
    ignore_index: int = -100

    @property
    def options(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing, "ignore_index": self.ignore_index}

    def arrays(self, dtype: Any) -> tuple[Any, ...]:
        """logits, target, weight, grad_losses."""
        rng = self.random()
        logits = 5 * rng.standard_normal((self.n, self.classes), dtype)
        target = rng.integers(0, max(self.classes, 1), self.n)
        target[rng.random(self.n) < (0.2 if self.classes else 1)] = self.ignore_index
        weight = rng.random(self.classes, dtype) if self.weighted else None
        return logits, target, weight, rng.standard_normal(self.n, dtype)


def _cross_entropy(case: CrossEntropyCase, dtype: Any) -> Call:
    *arrays, _ = case.arrays(dtype)
    return Call("cross_entropy", tuple(arrays), case.options, (case.classes + 2,) * 2)


def _cross_entropy_backward(case: CrossEntropyCase, dtype: Any) -> Call:
    logits, target, weight, grad_losses = case.arrays(dtype)
    _, logsumexp = reference.cross_entropy(logits, target, weight, **case.options)
    arrays = grad_losses, logits, target, logsumexp, weight
    return Call("cross_entropy_backward", arrays, case.options, (case.classes + 2,))


def _largest_weight(weight: np.ndarray | None) -> float:
    return 1 if weight is None else max(weight, default=1)


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    logits, _, weight = call.arrays
    top = np.abs(logits).max(1, initial=1)
    return 2 * top * _largest_weight(weight), top


def _scales_of_gradient(call: Call, expected: Arrays) -> tuple[Any, ...]:
    grad_losses, logits, _, _, weight = call.arrays
    top = np.abs(logits).max(initial=1)
    return (np.abs(grad_losses)[:, None] * _largest_weight(weight) * top,)


CROSS_ENTROPY_CASES = tuple(
    CrossEntropyCase(n, classes, weighted, smoothing, ignored)
    for n, classes in (
        (1, 1), (3, 2), (5, 7), (4, 8), (6, 9), (5, 10), (4, 16), (3, 17), (2, 33), (9, 100),
        (0, 3), (2, 0), (3000, 10),
    )
    for weighted, smoothing, ignored in (
        (False, 0.0, -100), (True, 0.0, -100), (False, 0.1, 0), (True, 0.3, -1), (True, 1.0, 2)
    )
)  # fmt: skip
TYPICAL = CrossEntropyCase(6, 9, weighted=True, label_smoothing=0.1)
LARGE = CrossEntropyCase(3001, 11, True, 0.1), CrossEntropyCase(20_000, 3)
_BAD: tuple[Bad, ...] = (
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
)  # fmt: skip

cross_entropy = Spec(
    "cross_entropy",
    call=_cross_entropy,
    cases=CROSS_ENTROPY_CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales,
    good={"logits": zeros(4, 5), "target": np.arange(4), "weight": zeros(5)},
    bad=(*_BAD, ({"logits": zeros(4, 0), "weight": None}, ValueError, "(got 0 and 0)")),
)

cross_entropy_backward = Spec(
    "cross_entropy_backward",
    call=_cross_entropy_backward,
    cases=CROSS_ENTROPY_CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales_of_gradient,
    good={
        "grad_losses": zeros(4),
        "logits": zeros(4, 5),
        "target": np.arange(4),
        "logsumexp": zeros(4),
        "weight": zeros(5),
    },
    bad=(
        *_BAD,
        ({"logsumexp": zeros(3)}, ValueError, "logsumexp.shape must equal target.shape"),
        ({"grad_losses": zeros(5)}, ValueError,
         "grad_losses.shape must equal target.shape (got (5,) and (4,))"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class LossesCase(Case):
    n: int
    weighted: bool = False
    mean: bool = True
    ignore_index: int = -100


def _reduce_losses(case: LossesCase, dtype: Any) -> Call:
    rng = case.random()
    target = rng.integers(0, 7, case.n)
    target[rng.random(case.n) < 0.2] = case.ignore_index
    weight = rng.random(7, dtype) if case.weighted else None
    arrays = rng.random(case.n, dtype), target, weight
    options = {"classes": 7, "mean": case.mean, "ignore_index": case.ignore_index}
    return Call("reduce_losses", arrays, options, (case.n + 1, case.n + 1))


def _reduce_losses_backward(case: LossesCase, dtype: Any) -> Call:
    grad, divisor = case.random().random((2, 1), dtype)
    return Call("reduce_losses_backward", (grad, divisor), {"n": case.n}, (1,))


LOSSES_CASES = tuple(
    LossesCase(n, weighted, mean)
    for n in (1, 2, 7, 16, 33, 1001)
    for weighted in (False, True)
    for mean in (False, True)
)

reduce_losses = Spec(
    "reduce_losses",
    call=_reduce_losses,
    cases=(*LOSSES_CASES, LossesCase(0, mean=False), LossesCase(40, ignore_index=3)),
    typical=LossesCase(7, weighted=True),
    large=(LossesCase(30_000, weighted=True),),
    scales=lambda call, expected: expected,
    good={"losses": zeros(3), "target": np.arange(3), "classes": 3, "weight": zeros(3)},
    bad=(
        ({"target": np.arange(2)}, ValueError, "target.shape must equal losses.shape"),
        ({"weight": zeros(4)}, ValueError, "weight.shape must equal (classes,) (got (4,) and (3,)"),
        ({"classes": 1.5}, TypeError, "classes must be an int"),
        ({"ignore_index": 2**63}, ValueError, "ignore_index"),
    ),
)

reduce_losses_backward = Spec(
    "reduce_losses_backward",
    call=_reduce_losses_backward,
    cases=(LossesCase(0), LossesCase(1), LossesCase(77)),
    typical=LossesCase(7),
    large=(LossesCase(30_000),),
    scales=lambda call, expected: expected,
    good={"grad_loss": zeros(1), "divisor": zeros(1), "n": 3},
    bad=(
        ({"n": -1}, ValueError, "n must not be negative (got -1)"),
        ({"divisor": zeros(2)}, ValueError, "divisor.shape must equal (1,) (got (2,) and (1,))"),
    ),
)


def _nll_loss(case: CrossEntropyCase, dtype: Any) -> Call:
    x, target, weight, _ = case.arrays(dtype)
    options = {"mean": case.label_smoothing == 0, "ignore_index": case.ignore_index}
    return Call("nll_loss", (x, target, weight), options, (2, case.n + 1, case.n + 1))


def _nll_loss_backward(case: CrossEntropyCase, dtype: Any) -> Call:
    _, target, weight, grad_losses = case.arrays(dtype)
    options = {"classes": case.classes, "ignore_index": case.ignore_index}
    return Call("nll_loss_backward", (grad_losses, target, weight), options, (2,))


def _scales_of_nll(call: Call, expected: Arrays) -> tuple[Any, ...]:
    losses, _, divisor = expected
    with np.errstate(all="ignore"):
        return np.abs(losses), np.abs(losses).sum() / divisor, divisor


_BAD_NLL: tuple[Bad, ...] = (
    ({"target": np.array([0, 5, -100])}, ValueError, "(got 5 and 5)"),
    ({"target": np.array([0, -1, 2])}, ValueError, "(got -1 and 5)"),
    ({"ignore_index": 2**63}, ValueError, "ignore_index"),
)

nll_loss = Spec(
    "nll_loss",
    call=_nll_loss,
    cases=CROSS_ENTROPY_CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales_of_nll,
    good={"x": zeros(3, 5), "target": np.arange(3), "weight": zeros(5)},
    bad=(
        *_BAD_NLL,
        ({"target": np.arange(2)}, ValueError, "target.shape must equal (x.shape[0],)"),
        ({"weight": zeros(4)}, ValueError, "weight.shape must equal (x.shape[1],)"),
    ),
)

nll_loss_backward = Spec(
    "nll_loss_backward",
    call=_nll_loss_backward,
    cases=CROSS_ENTROPY_CASES,
    typical=TYPICAL,
    large=(*LARGE, CrossEntropyCase(20_000, 11, weighted=True)),
    scales=lambda call, expected: tuple(map(np.abs, expected)),
    good={"grad_losses": zeros(3), "target": np.arange(3), "weight": zeros(5), "classes": 5},
    bad=(
        *_BAD_NLL,
        ({"target": np.arange(2)}, ValueError, "target.shape must equal grad_losses.shape"),
        ({"weight": zeros(4)}, ValueError, "weight.shape must equal (classes,)"),
        ({"classes": 1.5}, TypeError, "classes must be an int"),
    ),
)
