"""Recurrent layers: one operation for all steps of sequences, with different cells."""

from collections.abc import Sequence
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..kernels.recurrent import CELLS as CELLS
from ..operations._sums import total
from ..replay import copied
from ..tensor import Tensor

__all__: list[str] = []

States = tuple[Array, ...]
"""The hidden state, and the cell state if the cell has one; each of shape (n, hidden)."""


class Span(NamedTuple):
    """Consecutive steps that the same sequences have."""

    rows: slice
    steps: int
    n: int


class Recurrent(Operation[tuple[Tensor, ...]]):
    """All steps of a layer in one direction.

    The rows of the sequences are in the order of the steps: first those of step 0, one for each
    sequence, and so on. `batch_sizes` is the number of sequences that have each step; they are
    sorted by descending length.

    The arguments are the rows, shape (rows, size), the two weights, the two biases or None, the
    weight of the projection of the hidden state or None, and the first states of all sequences. The
    results are the hidden states in the order of the rows, and the last states.
    """

    @staticmethod
    def forward(
        ctx: Context,
        x: Array,
        w_ih: Array,
        w_hh: Array,
        b_ih: Array | None,
        b_hh: Array | None,
        w_hr: Array | None,
        *states: Array,
        cell: str,
        batch_sizes: Sequence[int],
        reverse: bool,
    ) -> States:
        products, keep = kernels.linear(x, w_ih, b_ih), any(ctx.edges)
        ctx.cell, ctx.reverse, ctx.spans = cell, reverse, _spans(batch_sizes)
        if reverse:
            ctx.spans.reverse()
        results: list[Array] = []
        saved: list[Array | None] = []
        for rows, steps, n in ctx.spans:
            hx, cx = _first(states, n)
            y, cy, gates, kept = kernels.recurrent(
                products[rows].reshape(steps, n, products.shape[1]), w_hh, hx, cx,
                b_hh, w_hr, cell=cell, reverse=reverse, keep=keep,
            )  # fmt: skip
            results.append(_flat(y))
            saved += hx, y if gates is None else gates, kept, y
            hy = copied(y[0 if reverse else -1])
            states = _replaced(states, (hy,) if cy is None else (hy, cy), n)
        y = _in_rows(results, reverse)
        ctx.save_for_backward(x, w_ih, w_hh, w_hr, *saved)
        return y, *states

    @staticmethod
    def backward(ctx: Context, grad_y: Array, *grads: Any) -> Any:
        x, w_ih, w_hh, w_hr, *arrays = ctx.saved
        needs = ctx.needs_input_grad
        dxs: list[Array] = []
        dhs: list[Array] = []
        of_w_hh: list[Array] = []
        of_w_hr: list[Array] = []
        for number, (rows, _, n) in reversed([*enumerate(ctx.spans)]):
            hx, gates, kept, y = arrays[4 * number : 4 * number + 4]
            grad_hy, grad_cy = _first(grads, n)
            dx, dh, dy, dhx, dcx = kernels.recurrent_backward(
                grad_y[rows].reshape(y.shape), grad_hy, gates, w_hh, grad_cy, kept,
                w_hr, cell=ctx.cell, reverse=ctx.reverse,
            )  # fmt: skip
            dh = dx if dh is None else dh
            grads = _replaced(grads, (dhx,) if dcx is None else (dhx, dcx), n)
            dxs.append(_flat(dx))
            dhs.append(_flat(dh))
            if needs[2]:
                of_w_hh += _of_weight(dh, hx, y, ctx.reverse)
            if w_hr is not None and needs[5]:
                c = w_hr.shape[1]
                of_w_hr.append(kernels.matmul(_flat(dy).T, _flat(gates[..., -c:] * kept[..., c:])))
        dx, dh = (_in_rows(parts, not ctx.reverse) for parts in (dxs, dhs))
        return (
            kernels.matmul(dx, w_ih) if needs[0] else None,
            kernels.matmul(dx.T, x) if needs[1] else None,
            sum(of_w_hh) if needs[2] else None,
            total(dx, (0,)) if needs[3] else None,
            total(dh, (0,)) if needs[4] else None,
            sum(of_w_hr) if of_w_hr else None,
            *grads,
        )


def _first(states: States, count: int) -> tuple[Array, Array | None]:
    """The states of the first sequences; None without a cell state."""
    hidden, *cell = [state[:count] for state in states]
    return hidden, cell[0] if cell else None


def _flat(x: Array) -> Array:
    """The rows of all steps."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _in_rows(parts: list[Array], backwards: bool) -> Array:
    """The rows of all spans, which are in the opposite order if `backwards`."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts[:: -1 if backwards else 1])


def _of_weight(dh: Array, hx: Array, y: Array, reverse: bool) -> list[Array]:
    """Gradients of w_hh, which are to be added, from the first step and from the others."""
    first, later, before = (dh[-1], dh[:-1], y[1:]) if reverse else (dh[0], dh[1:], y[:-1])
    parts = [kernels.matmul(first.T, hx)]
    if len(later):
        parts.append(kernels.matmul(_flat(later).T, _flat(before)))
    return parts


def _replaced(states: States, following: Sequence[Array], count: int) -> States:
    """The states of all sequences after the steps of the first `count` of them."""
    if count == len(states[0]):
        return tuple(following)
    pairs = zip(states, following, strict=True)
    return tuple([np.concatenate([new, state[count:]]) for state, new in pairs])


def _spans(batch_sizes: Sequence[int]) -> list[Span]:
    """The steps of `batch_sizes`, joined where the number of sequences does not change."""
    spans, begin = [], 0
    for n, run in groupby(batch_sizes):
        steps = len([*run])
        spans.append(Span(slice(begin, begin + n * steps), steps, n))
        begin += n * steps
    return spans
