"""Recurrent layers: one operation for all steps of a sequence, with different cells."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from ..autograd import Array, Context, Operation
from ..kernels._memory import empty
from ..operations._sums import total
from ..operations.products import as_matrix
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
    def step(a: Array, b: Array, states: States) -> tuple[States, States]:
        """Return the next states, and the arrays that `back` needs.

        `a` is the product of the input and `b` the product of the hidden state, with their biases.
        Both may be overwritten.
        """
        raise NotImplementedError

    @staticmethod
    def back(kept: States, grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        """Return the gradients of `a`, `b`, and those of the previous states that bypass `b`."""
        raise NotImplementedError


class TanhCell(Cell):
    gates = 1

    @staticmethod
    def step(a: Array, b: Array, states: States) -> tuple[States, States]:
        a += b
        y = np.tanh(a, out=a)
        return (y,), (y,)

    @staticmethod
    def back(kept: States, grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        (y,) = kept
        d = grads[0] * (1 - y * y)
        return d, d, [0]


class ReLUCell(Cell):
    gates = 1

    @staticmethod
    def step(a: Array, b: Array, states: States) -> tuple[States, States]:
        a += b
        y = np.maximum(a, 0, out=a)
        return (y,), (y,)

    @staticmethod
    def back(kept: States, grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        d = grads[0] * (kept[0] > 0)
        return d, d, [0]


class LSTMCell(Cell):
    """The gates are input, forget, cell and output."""

    gates = 4
    states = 2

    @staticmethod
    def step(a: Array, b: Array, states: States) -> tuple[States, States]:
        _, c = states
        h = c.shape[1]
        a += b
        gates = _sigmoid(a)  # that of g is not used
        i, f, o = gates[:, :h], gates[:, h : 2 * h], gates[:, 3 * h :]
        g = np.tanh(a[:, 2 * h : 3 * h])
        following = f * c
        following += i * g
        squashed = np.tanh(following)
        return (o * squashed, following), (i, f, g, o, c, squashed)

    @staticmethod
    def back(kept: States, grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
        i, f, g, o, c, squashed = kept
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
    def step(a: Array, b: Array, states: States) -> tuple[States, States]:
        (h,) = states
        size = h.shape[1]
        a_new, b_new = a[:, 2 * size :], b[:, 2 * size :]
        gates = _sigmoid(a[:, : 2 * size] + b[:, : 2 * size])
        reset, update = gates[:, :size], gates[:, size:]
        new = reset * b_new
        new += a_new
        np.tanh(new, out=new)
        following = h - new
        following *= update
        following += new
        return (following,), (reset, update, new, b_new, h)

    @staticmethod
    def back(kept: States, grads: Sequence[Any]) -> tuple[Array, Array, list[Any]]:
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

    The arguments are the sequence, shape (length, n, size), the two weights and the two biases or
    None, and the first states. The results are the hidden states of all steps, and the last states.
    """

    @staticmethod
    def forward(
        ctx: Context,
        x: Array,
        w_ih: Array,
        w_hh: Array,
        b_ih: Array | None,
        b_hh: Array | None,
        *states: Array,
        cell: type[Cell],
        reverse: bool,
    ) -> States:
        products = kernels.linear(x, w_ih, b_ih)
        shape = *x.shape[:2], w_hh.shape[1]
        before, y = empty(shape, x.dtype), empty(shape, x.dtype)
        kept: list[Array] = []
        for t in _order(len(x), reverse):
            before[t] = states[0]
            hidden = kernels.linear(states[0], w_hh, b_hh)
            states, values = cell.step(products[t], hidden, states)
            y[t] = states[0]
            kept.extend(values)
        ctx.save_for_backward(x, w_ih, w_hh, before, *kept)
        ctx.cell, ctx.reverse = cell, reverse
        return y, *states

    @staticmethod
    def backward(ctx: Context, dy: Array, *grads: Any) -> Any:
        x, w_ih, w_hh, before, *kept = ctx.saved
        shape = len(x), x.shape[1], len(w_hh)
        da, db = empty(shape, x.dtype), empty(shape, x.dtype)
        carried, width = list(grads), len(kept) // len(x)
        for step, t in reversed([*enumerate(_order(len(x), ctx.reverse))]):
            carried[0] = carried[0] + dy[t]
            values = tuple(kept[step * width : (step + 1) * width])
            da[t], db[t], carried = ctx.cell.back(values, carried)
            carried[0] = carried[0] + kernels.matmul(db[t], w_hh)
        flat_a, flat_b = as_matrix(da), as_matrix(db)
        needs = ctx.needs_input_grad
        return (
            kernels.matmul(flat_a, w_ih).reshape(x.shape) if needs[0] else None,
            kernels.matmul(flat_a.T, as_matrix(x)) if needs[1] else None,
            kernels.matmul(flat_b.T, as_matrix(before)) if needs[2] else None,
            total(flat_a, (0,)) if needs[3] else None,
            total(flat_b, (0,)) if needs[4] else None,
            *carried,
        )


def _order(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)
