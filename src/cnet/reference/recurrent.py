"""Recurrent layers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array

Sizes = tuple[int, int, int, int]


def _sigmoid(x: Array) -> Any:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _lstm(x: Any, h: Any, hx: Array, cx: Array) -> Any:
    i, f, o = (_sigmoid(x[gate] + h[gate]) for gate in (0, 1, 3))
    g = np.tanh(x[2] + h[2])
    cy = f * cx + i * g
    return (i, f, g, o), (cx, np.tanh(cy)), o * np.tanh(cy), cy


def _lstm_back(dhy: Array, dcy: Array, gates: Any, kept: Any) -> Any:
    (i, f, g, o), (cx, tanh) = gates, kept
    dcy = dcy + dhy * o * (1 - tanh**2)
    di, df, dg = dcy * g * i * (1 - i), dcy * cx * f * (1 - f), dcy * i * (1 - g**2)
    dx = di, df, dg, dhy * tanh * o * (1 - o)
    return dx, dx, 0, dcy * f


def _gru(x: Any, h: Any, hx: Array, cx: Array) -> Any:
    r, z = _sigmoid(x[0] + h[0]), _sigmoid(x[1] + h[1])
    n = np.tanh(x[2] + r * h[2])
    return (r, z, n), (h[2], hx), n + z * (hx - n), None


def _gru_back(dhy: Array, dcy: Array, gates: Any, kept: Any) -> Any:
    (r, z, n), (h, hx) = gates, kept
    dn = dhy * (1 - z) * (1 - n**2)
    dr, dz = dn * h * r * (1 - r), dhy * (hx - n) * z * (1 - z)
    return (dr, dz, dn), (dr, dz, dn * r), dhy * z, None


def _single(value: Callable[[Array], Array], slope: Callable[[Array], Array]) -> tuple[Any, Any]:
    """A cell with one gate, and the derivative from its value."""

    def step(x: Any, h: Any, hx: Array, cx: Array) -> Any:
        return (), (), value(x[0] + h[0]), None

    def back(dhy: Array, dcy: Array, gates: Any, kept: Any) -> Any:
        dx = (np.where(slope(gates[0]) == 0, 0, dhy * slope(gates[0])),)
        return dx, dx, 0, None

    return step, back


class _Cell(NamedTuple):
    gates: int
    step: Callable[..., Any]
    back: Callable[..., Any]


CELLS = (
    _Cell(1, *_single(np.tanh, lambda y: 1 - y**2)),
    _Cell(1, *_single(lambda x: np.maximum(x, 0), lambda y: (y > 0) * 1)),
    _Cell(4, _lstm, _lstm_back),
    _Cell(3, _gru, _gru_back),
)
"""The cells in the order of the kernel."""


def recurrent(
    products: Array, w_hh: Array, b_hh: Array | None, w_hr: Array | None, hx: Array, cx: Any,
    gates: Array | None, kept: Array | None, y: Array, cy: Array | None, g: Sizes, cell: int,
    reversed: int,
) -> None:  # fmt: skip
    """The steps of `kernels.recurrent`, one after the other."""
    count, step, _ = CELLS[cell]
    for t in _order(g, reversed):
        h = hx @ w_hh.T + (0 if b_hh is None else b_hh)
        of_gates, to_keep, hy, cx = step(_runs(products[t], count), _runs(h, count), hx, cx)
        y[t] = hx = (hy if w_hr is None else hy @ w_hr.T).astype(y.dtype)
        if gates is not None and kept is not None:
            gates[t], kept[t] = np.concatenate(of_gates, 1), np.concatenate(to_keep, 1)
    if cy is not None:
        cy[...] = cx


def recurrent_backward(
    grad_y: Array, grad_hy: Array, grad_cy: Any, gates: Array, kept: Array | None, w_hh: Array,
    w_hr: Array | None, dx: Array, dh: Array | None, dy: Array, dhx: Array, dcx: Array | None,
    g: Sizes, cell: int, reversed: int,
) -> None:  # fmt: skip
    """The chain rule for these steps, from the last to the first."""
    count, _, back = CELLS[cell]
    dhx[...] = grad_hy
    for t in _order(g, reversed)[::-1]:
        dy[t] = grad_y[t] + dhx
        dhy = dy[t] if w_hr is None else dy[t] @ w_hr
        saved = () if kept is None else _runs(kept[t], 2)
        of_x, of_h, bypass, grad_cy = back(dhy, grad_cy, _runs(gates[t], count), saved)
        dx[t], of_h = np.concatenate(of_x, 1), np.concatenate(of_h, 1)
        if dh is not None:
            dh[t] = of_h
        dhx[...] = bypass + of_h @ w_hh
    if dcx is not None:
        dcx[...] = grad_cy


def _order(g: Sizes, reversed: int) -> Sequence[int]:
    steps = range(g[1])
    return steps[::-1] if reversed else steps


def _runs(x: Array, count: int) -> Any:
    """Views of the runs of an array (n, count * c), shape (count, n, c)."""
    return x.reshape(len(x), count, x.shape[1] // count).swapaxes(0, 1)
