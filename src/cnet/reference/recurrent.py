"""A step of an LSTM."""

import numpy as np

from ..arrays import Array


def lstm_cell(
    a: Array, b: Array, cx: Array, gates: Array, cy: Array, tanh_cy: Array, hy: Array,
    g: tuple[int, int],
) -> None:  # fmt: skip
    """cy = f·cx + i·g and hy = o·tanh(cy), with i, f, o = σ(a + b) and g = tanh(a + b)."""
    with np.errstate(over="ignore"):
        gates[...] = 1 / (1 + np.exp(-(a + b)))
    candidate = _by_gate(gates, g)[2]
    candidate[...] = np.tanh(_by_gate(a + b, g)[2])
    i, f, candidate, o = _by_gate(gates, g)
    cy[...] = f * cx + i * candidate
    tanh_cy[...] = np.tanh(cy)
    hy[...] = o * tanh_cy


def lstm_cell_backward(
    grad_hy: Array, grad_cy: Array, gates: Array, cx: Array, tanh_cy: Array, dgates: Array,
    dcx: Array, g: tuple[int, int],
) -> None:  # fmt: skip
    """The gradients of a + b and of cx."""
    i, f, candidate, o = _by_gate(gates, g)
    dcy = grad_cy + grad_hy * o * (1 - tanh_cy**2)
    dcx[...] = dcy * f
    of_gates = (
        dcy * candidate * i * (1 - i), dcy * cx * f * (1 - f), dcy * i * (1 - candidate**2),
        grad_hy * tanh_cy * o * (1 - o),
    )  # fmt: skip
    for to, gradient in zip(_by_gate(dgates, g), of_gates, strict=True):
        to[...] = gradient


def _by_gate(x: Array, g: tuple[int, int]) -> Array:
    """Views of the gates i, f, g and o."""
    n, hidden = g
    return x.reshape(n, 4, hidden).swapaxes(0, 1)
