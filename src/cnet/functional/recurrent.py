"""Recurrent layers: one operation for all steps of a sequence, with different cells."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..kernels._memory import empty
from ..operations._sums import total
from ..tensor import Tensor

__all__: list[str] = []

_FEW = 4
"""Products of up to this many rows need no other layout of the weights."""

States = tuple[Array, ...]
"""The hidden state, and the cell state if the cell has one; each of shape (n, hidden)."""


def _sigmoid(x: Array) -> Array:
    return kernels.elementwise(x, "sigmoid")


def _tanh(x: Array) -> Array:
    return kernels.elementwise(x, "tanh")


class Cell:
    """One step: the next states from the products of the input and the hidden state.

    Products have shape (n, gates * hidden).
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    separate: ClassVar[bool] = False
    """Whether the gradients of both products, and so of their biases, differ."""

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        """Return the next states, and the arrays that `back` needs.

        `a` is the product of the input and `b` the product of the hidden state; `b` is without its
        bias, which is added to `a`, unless they are `separate`. `b` may be overwritten.
        """
        raise NotImplementedError

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any], da: Array, db: Array) -> list[Any]:
        """Write the gradients of the products, of shape (n, gates, hidden).

        `da` and `db` are the same array unless they are `separate`. Returns the gradients of the
        previous states that bypass the products.
        """
        raise NotImplementedError


class TanhCell(Cell):
    gates = 1

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        b += a
        y = _tanh(b)
        return (y,), (y,)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any], da: Array, db: Array) -> list[Any]:
        da[:, 0] = kernels.elementwise_backward(grads[0], kept[0], "tanh")
        return [0]


class ReLUCell(Cell):
    gates = 1

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        b += a
        y = np.maximum(b, 0, out=b)
        return (y,), (y,)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any], da: Array, db: Array) -> list[Any]:
        np.multiply(grads[0], kept[0] > 0, out=da[:, 0])
        return [0]


class LSTMCell(Cell):
    """The gates are input, forget, cell and output."""

    gates = 4
    states = 2

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        c = states[1]
        h, following, gates, tanh = kernels.lstm_cell(a, b, c)
        return (h, following), (gates, c, tanh)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any], da: Array, db: Array) -> list[Any]:
        (dh, dc), (gates, c, tanh) = grads, kept[:3]
        out = da.reshape(gates.shape)
        _, dc = kernels.lstm_cell_backward(dh, dc, gates, c, tanh, out=out)
        return [0, dc]


class GRUCell(Cell):
    """The gates are reset, update and new."""

    gates = 3
    separate = True

    @staticmethod
    def step(a: Array, b: Array, states: Sequence[Array]) -> tuple[States, States]:
        (h,) = states
        a, b = _by_gate(a, 3), _by_gate(b, 3)
        reset, update = _sigmoid(np.add(a[:2], b[:2], out=empty(a[:2].shape, a.dtype)))
        new = reset * b[2]
        new += a[2]
        new = _tanh(new)
        following = h - new
        following *= update
        following += new
        return (following,), (reset, update, new, b[2], h)

    @staticmethod
    def back(kept: Sequence[Array], grads: Sequence[Any], da: Array, db: Array) -> list[Any]:
        reset, update, new, b_new, h = kept[:5]
        (dh,) = grads
        da[:, 2] = d_new = dh * (1 - update) * (1 - new * new)
        da[:, 1] = db[:, 1] = dh * (h - new) * update * (1 - update)
        da[:, 0] = db[:, 0] = d_new * b_new * reset * (1 - reset)
        db[:, 2] = d_new * reset
        return [dh * update]


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
        if not cell.separate and b_ih is not None and b_hh is not None:
            b_ih, b_hh = b_ih + b_hh, None
        products = kernels.linear(x, w_ih, b_ih)
        steps, filters = _steps(batch_sizes, reverse), w_hh.T
        if len(steps) > 1 and batch_sizes[0] > _FEW:
            (filters,) = kernels.transpose(w_hh[np.newaxis])  # which all products read in place
        keeps = any(ctx.edges)
        kept: list[Array] = []
        shape = len(x), w_hh.shape[1]
        before, y = empty(shape, x.dtype), empty(shape, x.dtype)
        for rows, count in steps:
            active = states
            if count < len(states[0]):
                active = tuple([state[:count] for state in states])
            hidden = kernels.matmul(active[0], filters)
            if b_hh is not None:
                hidden += b_hh
            following, values = cell.step(products[rows], hidden, active)
            if w_hr is not None:
                values = *values, following[0]
                following = kernels.linear(following[0], w_hr), *following[1:]
            y[rows] = following[0]
            if keeps:
                before[rows] = active[0]
                kept.extend(values)
            states = _replaced(states, following, count)
        ctx.save_for_backward(x, w_ih, w_hh, w_hr, before, *kept)
        ctx.cell, ctx.steps = cell, steps
        return y, *states

    @staticmethod
    def backward(ctx: Context, dy: Array, *grads: Any) -> Any:
        x, w_ih, w_hh, w_hr, before, *kept = ctx.saved
        gates, dh = ctx.cell.gates, empty(dy.shape, x.dtype)
        da = empty((len(x), gates, len(w_hh) // gates), x.dtype)
        db = empty(da.shape, x.dtype) if ctx.cell.separate else da
        of_a, of_b = da.reshape(len(x), len(w_hh)), db.reshape(len(x), len(w_hh))
        width, hidden = len(kept) // len(ctx.steps), None
        if w_hr is not None:
            hidden = empty((len(x), w_hr.shape[1]), x.dtype)
        for step, (rows, count) in reversed([*enumerate(ctx.steps)]):
            values = kept[step * width : (step + 1) * width]
            if hidden is not None:
                hidden[rows] = values[-1]
            active = [grad[:count] for grad in grads]
            dh[rows] = active[0] + dy[rows]
            active[0] = dh[rows] if w_hr is None else kernels.matmul(dh[rows], w_hr)
            previous = ctx.cell.back(values, active, da[rows], db[rows])
            previous[0] = previous[0] + kernels.matmul(of_b[rows], w_hh)
            grads = _replaced(grads, previous, count)
        needs = ctx.needs_input_grad
        return (
            kernels.matmul(of_a, w_ih) if needs[0] else None,
            kernels.matmul(of_a.T, x) if needs[1] else None,
            kernels.matmul(of_b.T, before) if needs[2] else None,
            total(of_a, (0,)) if needs[3] else None,
            total(of_b, (0,)) if needs[4] else None,
            kernels.matmul(dh.T, hidden) if hidden is not None and needs[5] else None,
            *grads,
        )


def _by_gate(products: Array, gates: int) -> Array:
    """The products of each gate, shape (gates, n, hidden)."""
    rows, columns = products.shape
    return products.reshape(rows, gates, columns // gates).swapaxes(0, 1)


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
