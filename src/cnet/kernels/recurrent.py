"""Recurrent layers."""

from functools import partial
from typing import NamedTuple

from .. import _check
from ..arrays import Array, Shape
from . import _memory
from ._dispatch import call


class Cell(NamedTuple):
    """The sizes of the arrays of a cell, in runs of the size of the hidden layer."""

    gates: int
    kept: int
    states: int
    """1, or 2 with a cell state."""
    separate: bool
    """Whether the gradients of both products, and so of their biases, differ."""


CELLS = {
    "tanh": Cell(1, 0, 1, False),
    "relu": Cell(1, 0, 1, False),
    "lstm": Cell(4, 2, 2, False),
    "gru": Cell(3, 2, 1, True),
}
"""The cells, in the order of the kernel."""


def recurrent(
    products: Array, w_hh: Array, hx: Array, cx: Array | None = None, b_hh: Array | None = None,
    w_hr: Array | None = None, *, cell: str, reverse: bool = False, keep: bool = False,
) -> tuple[Array, Array | None, Array | None, Array | None]:  # fmt: skip
    """All steps of a recurrent layer, from the products of its inputs.

    Each step computes the product of the hidden state, ``h = hx @ w_hh.T + b_hh``, and with ``x``,
    the product of the input:

    - tanh, relu: ``hy = tanh(x + h)`` or ``max(x + h, 0)``
    - lstm: ``i, f, o = sigmoid(x + h)``, ``g = tanh(x + h)``, ``cy = f * cx + i * g`` and
      ``hy = o * tanh(cy)``; the gates are in the order i, f, g, o
    - gru: ``r, z = sigmoid(x + h)``, ``n = tanh(x + r * h)`` and ``hy = n + z * (hx - n)``

    Parameters
    ----------
    products : ndarray, shape (steps, n, gates * hidden)
        The products of the inputs, float32 or float64; at least 1 step.
    w_hh : ndarray, shape (gates * hidden, size)
        The weights of the hidden state; `size` is `hidden` without a projection.
    hx : ndarray, shape (n, size)
        The first hidden state.
    cx : ndarray, shape (n, hidden), optional
        The first cell state, of an lstm only.
    b_hh : ndarray, shape (gates * hidden,), optional
    w_hr : ndarray, shape (size, hidden), optional
        The weights of the projection of the hidden state of an lstm, ``hy @ w_hr.T``.
    cell : {"tanh", "relu", "lstm", "gru"}
    reverse : bool, default False
        Start at the last step.
    keep : bool, default False
        Return what `recurrent_backward` needs.

    Returns
    -------
    y : ndarray, shape (steps, n, size)
        The hidden states.
    cy : ndarray, shape (n, hidden), or None
        The last cell state.
    gates : ndarray, shape (steps, n, gates * hidden), or None
    kept : ndarray, shape (steps, n, 2 * hidden), or None
        None without `keep`, and for cells with one gate.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or shape, or does not fit the cell.

    References
    ----------
    Elman (1990), "Finding structure in time"; Hochreiter and Schmidhuber (1997), "Long short-term
    memory"; Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> x, w = np.ones((2, 1, 1)), np.ones((1, 1))
    >>> kernels.recurrent(x, w, np.zeros((1, 1)), cell="relu")[0].ravel()
    array([1., 2.])
    """
    f = "recurrent"
    kind, number = _cell(f, cell)
    products, w_hh, w_hr, g = _layer(f, kind, "products", products, w_hh, w_hr)
    n, steps, hidden, size = g
    like = partial(_like, f, "products", products)
    hx = like("hx", hx, (n, size), "(n, w_hh.shape[1])")
    _state(f, "cx", cx, kind)
    cx = None if cx is None else like("cx", cx, (n, hidden), "(n, hidden)")
    if b_hh is not None:
        b_hh = like("b_hh", b_hh, products.shape[2:], "(products.shape[2],)")
    dtype = products.dtype
    y = _memory.empty((steps, n, size), dtype)
    cy = None if cx is None else _memory.empty(cx.shape, dtype)
    gates = kept = None
    if keep and kind.kept:
        gates = _memory.empty(products.shape, dtype)
        kept = _memory.empty((steps, n, kind.kept * hidden), dtype)
    call("recurrent", products, w_hh, b_hh, w_hr, hx, cx, gates, kept, y, cy, g, number, reverse)
    return y, cy, gates, kept


def recurrent_backward(
    grad_y: Array, grad_hy: Array, gates: Array, w_hh: Array, grad_cy: Array | None = None,
    kept: Array | None = None, w_hr: Array | None = None, *, cell: str, reverse: bool = False,
) -> tuple[Array, Array | None, Array, Array, Array | None]:  # fmt: skip
    """Gradients of `recurrent`.

    Parameters
    ----------
    grad_y : ndarray, shape (steps, n, size)
        The gradients with respect to the hidden states.
    grad_hy : ndarray, shape (n, size)
        The gradient with respect to the hidden state after the last step, to be added.
    gates : ndarray, shape (steps, n, gates * hidden)
        From `recurrent`; for cells with one gate, its `y`.
    w_hh : ndarray, shape (gates * hidden, size)
        As given to `recurrent`.
    grad_cy : ndarray, shape (n, hidden), optional
        The gradient with respect to the last cell state, for an lstm only.
    kept : ndarray, shape (steps, n, 2 * hidden), optional
        From `recurrent`; None for cells with one gate.
    w_hr, cell, reverse
        As given to `recurrent`.

    Returns
    -------
    dx : ndarray, shape (steps, n, gates * hidden)
        With respect to the products of the inputs.
    dh : ndarray, shape of `dx`, or None
        With respect to the products of the hidden states and their bias; None if they equal `dx`.
    dy : ndarray, shape (steps, n, size)
        With respect to the hidden states, through all later steps.
    dhx : ndarray, shape (n, size)
    dcx : ndarray, shape (n, hidden), or None
        With respect to the first states.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or shape, or does not fit the cell.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> y, one = np.array([[[1.0]], [[2.0]]]), np.ones((1, 1))
    >>> kernels.recurrent_backward(np.ones((2, 1, 1)), 0 * one, y, one, cell="relu")[2]
    array([[[2.]],
    <BLANKLINE>
           [[1.]]])
    """
    f = "recurrent_backward"
    kind, number = _cell(f, cell)
    gates, w_hh, w_hr, g = _layer(f, kind, "gates", gates, w_hh, w_hr)
    n, steps, hidden, size = g
    like = partial(_like, f, "gates", gates)
    grad_y = like("grad_y", grad_y, (steps, n, size), "(steps, n, w_hh.shape[1])")
    grad_hy = like("grad_hy", grad_hy, (n, size), "(n, w_hh.shape[1])")
    _state(f, "grad_cy", grad_cy, kind)
    if grad_cy is not None:
        grad_cy = like("grad_cy", grad_cy, (n, hidden), "(n, hidden)")
    if (kept is None) == (kind.kept > 0):
        raise TypeError(f"{f}: kept must be given for an lstm and a gru, and for no other cell")
    if kept is not None:
        kept = like("kept", kept, (steps, n, kind.kept * hidden), "(steps, n, 2 * hidden)")
    dtype = gates.dtype
    dx = _memory.empty(gates.shape, dtype)
    dh = _memory.empty(gates.shape, dtype) if kind.separate else None
    dy, dhx = _memory.empty((steps, n, size), dtype), _memory.empty((n, size), dtype)
    dcx = None if grad_cy is None else _memory.empty(grad_cy.shape, dtype)
    call(
        "recurrent_backward", grad_y, grad_hy, grad_cy, gates, kept, w_hh, w_hr, dx, dh, dy, dhx,
        dcx, g, number, reverse,
    )  # fmt: skip
    return dx, dh, dy, dhx, dcx


def _cell(f: str, cell: str) -> tuple[Cell, int]:
    kind = CELLS.get(cell)
    if kind is None:
        raise ValueError(f"{f}: cell must be one of {', '.join(CELLS)} (got {cell!r})")
    return kind, [*CELLS].index(cell)


def _layer(
    f: str, kind: Cell, name: str, x: Array, w_hh: Array, w_hr: Array | None
) -> tuple[Array, Array, Array | None, tuple[int, int, int, int]]:
    """Check gates and weights; also return the sizes (n, steps, hidden, size) of the layer."""
    x, w_hh = _check.array(f, name, x, 3), _check.array(f, "w_hh", w_hh, 2)
    steps, n, width = x.shape
    if steps == 0 or width % kind.gates:
        raise ValueError(
            f"{f}: {name} must have at least 1 step, and {kind.gates} gates in its last dimension "
            f"(got {x.shape})"
        )
    hidden, size = width // kind.gates, w_hh.shape[1]
    if w_hr is not None:
        if kind.states == 1:
            raise ValueError(f"{f}: w_hr must be None for a cell without a cell state")
        w_hr = _like(f, name, x, "w_hr", w_hr, (size, hidden), "(w_hh.shape[1], hidden)")
    elif size != hidden:
        raise ValueError(
            f"{f}: w_hh.shape[1] must equal the size of a gate without w_hr "
            f"(got {size} and {hidden})"
        )
    w_hh = _like(f, name, x, "w_hh", w_hh, (width, size), f"({name}.shape[2], size)")
    return x, w_hh, w_hr, (n, steps, hidden, size)


def _like(
    f: str, other_name: str, other: Array, name: str, x: Array, shape: Shape, expected: str
) -> Array:
    """`_check.like` with the arguments that all calls share at the front."""
    return _check.like(f, name, x, other_name, other, shape, expected)


def _state(f: str, name: str, x: Array | None, kind: Cell) -> None:
    """Check that there is a cell state, or its gradient, if the cell has one."""
    if (x is None) == (kind.states == 2):
        raise TypeError(f"{f}: {name} must be given for an lstm, and for no other cell")
