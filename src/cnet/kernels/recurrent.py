"""A step of an LSTM."""

from .. import _check
from ..arrays import Array
from . import _memory
from ._dispatch import call


def lstm_cell(a: Array, b: Array, cx: Array) -> tuple[Array, Array, Array, Array]:
    """One step of an LSTM, from the products of the input and of the hidden state.

    With the gates ``i, f, o = sigmoid(a + b)`` and ``g = tanh(a + b)``: ``cy = f * cx + i * g`` and
    ``hy = o * tanh(cy)``.

    Parameters
    ----------
    a, b : ndarray, shape (n, 4 * hidden)
        The products, float32 or float64, in the order of the gates i, f, g, o.
    cx : ndarray, shape (n, hidden)
        The cell state.

    Returns
    -------
    hy, cy : ndarray, shape (n, hidden)
        The next hidden state and cell state.
    gates : ndarray, shape (n, 4 * hidden)
        The gates i, f, g, o, for the backward pass.
    tanh_cy : ndarray, shape (n, hidden)
        ``tanh(cy)``, for the backward pass.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or shape.

    References
    ----------
    Hochreiter and Schmidhuber (1997), "Long short-term memory".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> hy, cy, *_ = kernels.lstm_cell(np.zeros((1, 4)), np.zeros((1, 4)), np.ones((1, 1)))
    >>> cy, hy.round(4)
    (array([[0.5]]), array([[0.2311]]))
    """
    f = "lstm_cell"
    cx = _check.array(f, "cx", cx, 2)
    shape, dtype = cx.shape, cx.dtype
    of_gates = shape[0], 4 * shape[1]
    a = _check.like(f, "a", a, "cx", cx, of_gates, "(n, 4 * hidden) of cx")
    b = _check.like(f, "b", b, "cx", cx, of_gates, "a.shape")
    gates, hy = _memory.empty(of_gates, dtype), _memory.empty(shape, dtype)
    cy, tanh_cy = _memory.empty(shape, dtype), _memory.empty(shape, dtype)
    call("lstm_cell", a, b, cx, gates, cy, tanh_cy, hy, shape)
    return hy, cy, gates, tanh_cy


def lstm_cell_backward(
    grad_hy: Array, grad_cy: Array, gates: Array, cx: Array, tanh_cy: Array, *,
    out: Array | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Gradients of `lstm_cell` with respect to ``a + b`` and cx.

    Parameters
    ----------
    grad_hy, grad_cy : ndarray, shape (n, hidden)
        The gradients with respect to the next states.
    gates, tanh_cy : ndarray
        From `lstm_cell`.
    cx : ndarray, shape (n, hidden)
        As given to `lstm_cell`.
    out : ndarray, shape (n, 4 * hidden), optional
        The array for the first result, C-contiguous and writable.

    Returns
    -------
    dgates : ndarray, shape (n, 4 * hidden)
    dcx : ndarray, shape (n, hidden)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, rank, dtype or shape.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> one, gates = np.ones((1, 1)), np.full((1, 4), 0.5)
    >>> kernels.lstm_cell_backward(one, one, gates, one, 0 * one)
    (array([[0.1875, 0.375 , 0.5625, 0.    ]]), array([[0.75]]))
    """
    f = "lstm_cell_backward"
    cx = _check.array(f, "cx", cx, 2)
    shape = cx.shape
    of_gates = shape[0], 4 * shape[1]
    gates = _check.like(f, "gates", gates, "cx", cx, of_gates, "(n, 4 * hidden) of cx")
    grad_hy = _check.like(f, "grad_hy", grad_hy, "cx", cx, shape, "cx.shape")
    grad_cy = _check.like(f, "grad_cy", grad_cy, "cx", cx, shape, "cx.shape")
    tanh_cy = _check.like(f, "tanh_cy", tanh_cy, "cx", cx, shape, "cx.shape")
    if out is None:
        out = _memory.empty(gates.shape, gates.dtype)
    elif not _check.fits(out, gates.dtype, gates.shape):
        _check.writable(f, "out", out)
        _check.same_shape(f, "out", out.shape, "gates.shape", gates.shape)
        _check.same_dtype(f, gates=gates, out=out)
    dcx = _memory.empty(shape, cx.dtype)
    call("lstm_cell_backward", grad_hy, grad_cy, gates, cx, tanh_cy, out, dcx, shape)
    return out, dcx
