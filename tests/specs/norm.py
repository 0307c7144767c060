"""Batch and group normalisation and their gradients. The scale of x - mean is |x| + |mean|."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oracle import reference
from specs.conv import NEEDS
from specs.spec import Arrays, Bad, Call, Case, Shape, Spec, doubles, map_arrays, zeros

EPS = 1e-3


@dataclass(frozen=True)
class BatchNormCase(Case):
    shape: Shape
    affine: bool = True
    offset: float = 0.0
    """The mean of x, in standard deviations."""
    from_batch: bool = True

    @property
    def terms(self) -> int:
        """Number of elements per channel."""
        channels = max(self.shape[1], 1)
        return max(int(np.prod(self.shape)) // channels, 1)

    def arrays(self, dtype: Any) -> tuple[Any, ...]:
        """grad_output, x, mean, var, weight, bias."""
        rng = self.random()
        x, grad_output = rng.standard_normal((2, *self.shape), dtype)
        x += dtype(self.offset)
        weight, bias, mean = rng.standard_normal((3, self.shape[1]), dtype)
        var = rng.random(self.shape[1], dtype)
        return grad_output, x, mean, var, *((weight, bias) if self.affine else (None, None))


def _batch_norm_stats(case: BatchNormCase, dtype: Any) -> Call:
    _, x, *_ = case.arrays(dtype)
    return Call("batch_norm_stats", (x,), {}, (case.terms,) * 2)


def _batch_norm(case: BatchNormCase, dtype: Any) -> Call:
    _, *arrays = case.arrays(dtype)
    return Call("batch_norm", tuple(arrays), {"eps": EPS}, (3,))


def _batch_norm_backward(case: BatchNormCase, dtype: Any) -> Call:
    *arrays, _ = case.arrays(dtype)
    options = {"eps": EPS, "from_batch": case.from_batch}
    terms = case.terms + 3, case.terms + 1, case.terms
    return Call("batch_norm_backward", tuple(arrays), options, terms)


def _axes(x: np.ndarray) -> tuple[int, ...]:
    return 0, *range(2, x.ndim)


def _magnitudes(call: Call) -> tuple[Any, ...]:
    return map_arrays(lambda x: np.abs(doubles(x)), call.arrays)


def _scales_of_stats(call: Call, expected: Arrays) -> tuple[Any, ...]:
    (x,) = _magnitudes(call)
    if not x.size:
        return expected
    mean = x.mean(_axes(x), keepdims=True)
    return mean.ravel(), ((x + mean) ** 2).mean(_axes(x))


def _scales(call: Call, expected: Arrays) -> tuple[Any, ...]:
    x, mean, var, weight, bias = _magnitudes(call)
    return (reference.batch_norm(x, -mean, var, weight, bias, EPS),)


def _scales_of_gradients(call: Call, expected: Arrays) -> tuple[Any, ...]:
    grad_output, x, mean, var, weight = _magnitudes(call)
    normalised = reference.batch_norm(x, -mean, var, None, None, EPS)
    dw = (grad_output * normalised).sum(_axes(x), keepdims=True)
    db = grad_output.sum(_axes(x), keepdims=True)
    count = max(x.size // max(x.shape[1], 1), 1)
    spread = grad_output + (db + normalised * dw) / count
    dx = reference.batch_norm(spread, 0 * mean, var, weight, None, EPS)
    return dx, dw.ravel(), db.ravel()


BATCH_NORM_CASES = tuple(
    BatchNormCase(*arguments)
    for arguments in (
        ((4, 3),), ((1, 1, 1, 1), False), ((2, 3, 5, 7),), ((2, 5, 15), False), ((3, 2, 16),),
        ((3, 4, 17), True, 100.0), ((2, 3, 4, 8),), ((5, 7, 3, 11), False, -30.0), ((0, 3, 4),),
        ((2, 0, 3),), ((2, 3, 0),), ((33, 8, 28, 28),), ((8, 200),), ((2, 3, 2, 2, 5),),
    )
)  # fmt: skip
TYPICAL = BatchNormCase((3, 4, 5, 7))
LARGE = BatchNormCase((80, 9, 13, 13)), BatchNormCase((6, 20_000))
_BAD: tuple[Bad, ...] = (
    ({"mean": zeros(5)}, ValueError, "mean.shape must equal (x.shape[1],) (got (5,) and (4,))"),
    ({"weight": zeros(4, 1)}, ValueError, "weight must have 1 dimensions"),
    ({"x": zeros(4)}, ValueError, "x must have at least 2 dimensions (got 1, shape (4,))"),
    ({"eps": "a"}, TypeError, "eps must be a number (got 'a')"),
)

batch_norm_stats = Spec(
    "batch_norm_stats",
    call=_batch_norm_stats,
    cases=BATCH_NORM_CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales_of_stats,
    any_rank=("x",),
    good={"x": zeros(3, 4, 5)},
    bad=(({"x": zeros(4)}, ValueError, "x must have at least 2 dimensions (got 1, shape (4,))"),),
)

batch_norm = Spec(
    "batch_norm",
    call=_batch_norm,
    cases=BATCH_NORM_CASES,
    typical=TYPICAL,
    large=LARGE,
    scales=_scales,
    any_rank=("x",),
    good={"x": zeros(3, 4, 5), "mean": zeros(4), "var": zeros(4), "weight": zeros(4)},
    bad=_BAD,
)

batch_norm_backward = Spec(
    "batch_norm_backward",
    call=_batch_norm_backward,
    cases=[replace(case, from_batch=b) for case in BATCH_NORM_CASES for b in (True, False)],
    typical=TYPICAL,
    large=LARGE,
    scales=_scales_of_gradients,
    any_rank=("grad_output", "x"),
    good={
        "grad_output": zeros(3, 4, 5),
        "x": zeros(3, 4, 5),
        "mean": zeros(4),
        "var": zeros(4),
        "weight": zeros(4),
    },
    bad=(
        *_BAD,
        *NEEDS,
        ({"grad_output": zeros(3, 4, 6)}, ValueError,
         "grad_output.shape must equal x.shape (got (3, 4, 6) and (3, 4, 5))"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class GroupNormCase(Case):
    shape: Shape
    groups: int
    affine: bool = True
    centred: bool = True
    """Whether there is a mean."""

    def arrays(self, dtype: Any) -> tuple[Any, ...]:
        """grad_output, x, var, mean, weight, bias."""
        rng = self.random()
        x, grad_output = rng.standard_normal((2, *self.shape), dtype)
        weight, bias = rng.standard_normal((2, self.shape[1]), dtype)
        mean = rng.standard_normal((self.shape[0], self.groups), dtype)
        var = rng.random((self.shape[0], self.groups), dtype)
        affine = (weight, bias) if self.affine else (None, None)
        return grad_output, x, var, mean if self.centred else None, *affine

    @property
    def terms(self) -> int:
        """Number of elements per group."""
        return max(int(np.prod(self.shape[1:])) // self.groups, 1)

    @property
    def channel_terms(self) -> int:
        """Number of elements per channel."""
        return max(int(np.prod((self.shape[0], *self.shape[2:]))), 1)


def _group_norm(case: GroupNormCase, dtype: Any) -> Call:
    _, *arrays = case.arrays(dtype)
    return Call("group_norm", tuple(arrays), {"eps": EPS}, (4,))


def _group_norm_backward(case: GroupNormCase, dtype: Any) -> Call:
    *arrays, _ = case.arrays(dtype)
    terms = case.terms + 4, case.channel_terms + 2, case.channel_terms
    return Call("group_norm_backward", tuple(arrays), {"eps": EPS}, terms)


def _without_sign(mean: Any) -> Any:
    return None if mean is None else -mean


def _scales_of_groups(call: Call, expected: Arrays) -> tuple[Any, ...]:
    x, var, mean, weight, bias = _magnitudes(call)
    return (reference.group_norm(x, var, _without_sign(mean), weight, bias, EPS),)


def _scales_of_group_gradients(call: Call, expected: Arrays) -> tuple[Any, ...]:
    grad_output, x, var, mean, weight = _magnitudes(call)
    normalised = reference.group_norm(x, var, _without_sign(mean), None, None, EPS)
    dw, db = ((grad_output * y).sum(_axes(x)) for y in (normalised, 1))
    v = reference.group_norm(grad_output, 0 * var + 1 - EPS, None, weight, None, EPS)
    rows = *var.shape, x.size // max(var.size, 1)
    h, v = normalised.reshape(rows), v.reshape(rows)
    if x.size:
        v = v + v.mean(2, keepdims=True) + h * (v * h).mean(2, keepdims=True)
    dx = reference.group_norm(v.reshape(x.shape), var, None, None, None, EPS)
    return dx, dw, db


GROUP_NORM_CASES = tuple(
    GroupNormCase(*arguments)
    for arguments in (
        ((4, 6), 1), ((4, 6), 3, False), ((5, 8), 2, True, False), ((1, 1, 1), 1),
        ((2, 6, 5, 7), 2), ((2, 6, 15), 6, False), ((3, 4, 16), 1, True, False),
        ((3, 4, 17), 4, False, False),
        ((0, 3, 4), 3), ((2, 4, 0), 2), ((0, 6), 2), ((33, 200), 1), ((7, 300), 4),
        ((9, 8, 28, 28), 4), ((1030, 70), 1), ((2, 4, 2, 2, 5), 2),
    )
)  # fmt: skip
TYPICAL_GROUPS = GroupNormCase((3, 4, 5, 7), 2)
LARGE_GROUPS = GroupNormCase((67, 9, 13, 13), 3), GroupNormCase((10, 20_000), 1)
_BAD_GROUPS: tuple[Bad, ...] = (
    ({"mean": zeros(3, 4)}, ValueError, "mean.shape must equal var.shape (got (3, 4) and (3, 2))"),
    ({"var": zeros(3, 3)}, ValueError, "var.shape[1] must divide x.shape[1] (got 3 and 4)"),
    ({"var": zeros(3, 0)}, ValueError, "var.shape[1] must divide x.shape[1] (got 0 and 4)"),
    ({"var": zeros(2, 2)}, ValueError,
     "var.shape must equal (x.shape[0], groups) (got (2, 2) and (3, 2))"),
    ({"weight": zeros(5)}, ValueError, "weight.shape must equal (x.shape[1],) (got (5,) and (4,))"),
    ({"x": zeros(4)}, ValueError, "x must have at least 2 dimensions (got 1, shape (4,))"),
    ({"eps": "a"}, TypeError, "eps must be a number (got 'a')"),
)  # fmt: skip

group_norm = Spec(
    "group_norm",
    call=_group_norm,
    cases=GROUP_NORM_CASES,
    typical=TYPICAL_GROUPS,
    large=LARGE_GROUPS,
    scales=_scales_of_groups,
    any_rank=("x",),
    good={"x": zeros(3, 4, 5), "mean": zeros(3, 2), "var": zeros(3, 2), "weight": zeros(4)},
    bad=_BAD_GROUPS,
)

group_norm_backward = Spec(
    "group_norm_backward",
    call=_group_norm_backward,
    cases=GROUP_NORM_CASES,
    typical=TYPICAL_GROUPS,
    large=LARGE_GROUPS,
    scales=_scales_of_group_gradients,
    any_rank=("grad_output", "x"),
    good={
        "grad_output": zeros(3, 4, 5),
        "x": zeros(3, 4, 5),
        "mean": zeros(3, 2),
        "var": zeros(3, 2),
        "weight": zeros(4),
    },
    bad=(
        *_BAD_GROUPS,
        *NEEDS,
        ({"grad_output": zeros(3, 4, 6)}, ValueError,
         "grad_output.shape must equal x.shape (got (3, 4, 6) and (3, 4, 5))"),
    ),
)  # fmt: skip
