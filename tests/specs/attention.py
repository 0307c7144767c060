"""Attention."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from specs.spec import Arrays, Call, Case, Spec, zeros


@dataclass(frozen=True)
class AttentionCase(Case):
    n: int
    l: int  # noqa: E741, as in cnet_attention
    s: int
    e: int
    d: int
    masked: bool = False
    causal: bool = False
    sign: int = 1


def _attention(case: AttentionCase, dtype: Any) -> Call:
    random = case.random()
    shapes = (case.n, case.l, case.e), (case.n, case.s, case.e), (case.n, case.s, case.d)
    arrays = [random.standard_normal(shape, dtype) for shape in shapes]
    if case.masked:
        mask = random.standard_normal((case.l, case.s), dtype)
        mask[:, 1:][random.random((case.l, case.s - 1)) < 0.3] = -np.inf
        arrays.append(mask)
    options = {"causal": case.causal, "factor": case.sign * max(case.e, 1) ** -0.5}
    return Call("attention", tuple(arrays), options, (4 * case.e + case.s + 32,))


def _scale(call: Call, expected: Arrays) -> tuple[Any, ...]:
    """A weight has the relative error of the size of its score."""
    return (4 * np.abs(call.arrays[2]).max(initial=0),)


attention = Spec(
    "attention",
    call=_attention,
    cases=[
        AttentionCase(*arguments)
        for arguments in (
            (1, 1, 1, 1, 1), (2, 5, 7, 3, 4), (3, 17, 16, 16, 16), (1, 13, 33, 8, 17),
            (2, 6, 600, 5, 9), (1, 3, 5, 0, 2), (2, 3, 4, 5, 0), (0, 3, 4, 5, 6), (2, 0, 4, 5, 6),
            (2, 7, 9, 4, 6, True), (1, 130, 40, 8, 49, True), (2, 9, 9, 4, 6, False, True),
            (1, 150, 150, 16, 16, False, True), (1, 20, 7, 4, 3, False, True),
            (1, 7, 20, 4, 3, True, True), (1, 7, 20, 4, 3, False, False, -1),
        )
    ],
    typical=AttentionCase(2, 9, 12, 5, 6, True),
    large=(AttentionCase(8, 64, 100, 32, 32), AttentionCase(2, 400, 300, 16, 40, True, True)),
    scales=_scale,
    good={"q": zeros(2, 3, 4), "k": zeros(2, 5, 4), "v": zeros(2, 5, 6), "mask": zeros(3, 5)},
    bad=(
        ({"k": zeros(2, 5, 3)}, ValueError, "q, k and v must have the shapes (n, l, e), (n, s, e) "
         "and (n, s, d), with s at least 1 (got (2, 3, 4), (2, 5, 3) and (2, 5, 6))"),
        ({"v": zeros(1, 5, 6)}, ValueError, "q, k and v must have the shapes"),
        ({"k": zeros(2, 0, 4), "v": zeros(2, 0, 6)}, ValueError, "with s at least 1"),
        ({"mask": zeros(5, 3)}, ValueError, "mask.shape must equal (q.shape[1], k.shape[1])"),
        ({"factor": "1"}, TypeError, "factor must be a number"),
    ),
)  # fmt: skip
