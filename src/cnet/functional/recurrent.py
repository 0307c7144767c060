"""Recurrent layers: one operation for all steps of a sequence, with different cells."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..operations._sums import total
from ..tensor import Tensor

__all__: list[str] = []

States = tuple[Array, ...]
"""The hidden state, and the cell state if the cell has one; each of shape (n, hidden)."""


def _sigmoid(x: Array) -> Array:
    return kernels.elementwise(x, "sigmoid")


class Cell:
    """One step: the next states from the products of the input and the hidden state.

    Products have shape (n, gates * hidden): one block of columns for each gate.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        """Return the next states, and the arrays that `back` needs.

        `a` is the product of the input and `b` the product of the hidden state, with their biases.
        """
        raise NotImplementedError

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        """Return the gradients of `a`, `b`, and those of the previous states that bypass `b`."""
        raise NotImplementedError


class TanhCell(Cell):
    gates = 1

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        y = np.tanh(a + b)
        return (y,), (y,)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        (y,) = kept
        d = grads[0] * (1 - y * y)
        return d, d, [0]


class ReLUCell(Cell):
    gates = 1

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        y = np.maximum(a + b, 0)
        return (y,), (y,)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        d = grads[0] * (kept[0] > 0)
        return d, d, [0]


class LSTMCell(Cell):
    """The gates are input, forget, cell and output."""

    gates = 4
    states = 2

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        _, c = states
        i, f, g, o = np.split(a + b, 4, axis=1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        following = f * c + i * g
        squashed = np.tanh(following)
        return (o * squashed, following), (i, f, g, o, c, squashed)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        i, f, g, o, c, squashed = kept[:6]
        dh, dc = grads
        dc = dc + dh * o * (1 - squashed * squashed)
        gates = (
            dc * g * i * (1 - i),
            dc * c * f * (1 - f),
            dc * i * (1 - g * g),
            dh * squashed * o * (1 - o),
        )
        d = np.concatenate(gates, axis=1)
        return d, d, [0, dc * f]


class GRUCell(Cell):
    """The gates are reset, update and new."""

    gates = 3

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        (h,) = states
        a_reset, a_update, a_new = np.split(a, 3, axis=1)
        b_reset, b_update, b_new = np.split(b, 3, axis=1)
        reset, update = _sigmoid(a_reset + b_reset), _sigmoid(a_update + b_update)
        new = np.tanh(a_new + reset * b_new)
        return (new + update * (h - new),), (reset, update, new, b_new, h)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        reset, update, new, b_new, h = kept
        (dh,) = grads
        d_new = dh * (1 - update) * (1 - new * new)
        d_update = dh * (h - new) * update * (1 - update)
        d_reset = d_new * b_new * reset * (1 - reset)
        da = np.concatenate([d_reset, d_update, d_new], axis=1)
        db = np.concatenate([d_reset, d_update, d_new * reset], axis=1)
        return da, db, [dh * update]


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
        cell: type[Cell],
        batch_sizes: Sequence[int],
        reverse: bool,
    ) -> States:
        products = kernels.linear(x, w_ih, b_ih)
        before = np.empty((len(x), w_hh.shape[1]), x.dtype)
        y, kept = np.empty_like(before), []
        for rows, count in _steps(batch_sizes, reverse):
            active = [state[:count] for state in states]
            before[rows] = active[0]
            hidden = kernels.linear(active[0], w_hh, b_hh)
            following, values = cell.step(products[rows], hidden, active)
            if w_hr is not None:
                values = *values, following[0]
                following = kernels.linear(following[0], w_hr), *following[1:]
            y[rows] = following[0]
            kept.append(values)
            states = _replaced(states, following, count)
        if reverse:
            kept.reverse()
        by_row = map(np.concatenate, zip(*kept, strict=True))
        ctx.save_for_backward(x, w_ih, w_hh, w_hr, before, *by_row)
        ctx.cell, ctx.steps = cell, _steps(batch_sizes, reverse)
        return y, *states

    @staticmethod
    def backward(ctx: Context, dy: Array, *grads: Any) -> Any:
        x, w_ih, w_hh, w_hr, before, *kept = ctx.saved
        shape = len(x), len(w_hh)
        da, db, dh = np.empty(shape, x.dtype), np.empty(shape, x.dtype), np.empty_like(dy)
        for rows, count in reversed(ctx.steps):
            active = [grad[:count] for grad in grads]
            dh[rows] = active[0] + dy[rows]
            active[0] = dh[rows] if w_hr is None else kernels.matmul(dh[rows], w_hr)
            da[rows], db[rows], previous = ctx.cell.back([k[rows] for k in kept], active)
            previous[0] = previous[0] + kernels.matmul(db[rows], w_hh)
            grads = _replaced(grads, previous, count)
        needs = ctx.needs_input_grad
        return (
            kernels.matmul(da, w_ih) if needs[0] else None,
            kernels.matmul(da.T, x) if needs[1] else None,
            kernels.matmul(db.T, before) if needs[2] else None,
            total(da, (0,)) if needs[3] else None,
            total(db, (0,)) if needs[4] else None,
            kernels.matmul(dh.T, kept[-1]) if needs[5] else None,
            *grads,
        )


def _replaced(states: States, following: Sequence[Array], count: int) -> States:
    """The states of all sequences after a step of the first `count` of them."""
    if count == len(states[0]):
        return tuple(following)
    pairs = zip(states, following, strict=True)
    return tuple([np.concatenate([new, state[count:]]) for state, new in pairs])


def _steps(batch_sizes: Sequence[int], reverse: bool) -> list[tuple[slice, int]]:
    """The rows of each step and their number, in the order of computation."""
    ends = accumulate(batch_sizes)
    steps = [(slice(end - count, end), count) for end, count in zip(ends, batch_sizes, strict=True)]
    return steps[::-1] if reverse else steps
