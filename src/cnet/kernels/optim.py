"""Steps of optimizers: of one array of parameters, or of several in one call."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import _check
from ..arrays import Array
from ._dispatch import call_each

Arrays: TypeAlias = Array | Sequence[Array]


def sgd_step(
    param: Arrays, grad: Arrays, momentum_buffer: Arrays | None = None, *, lr: float,
    momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> None:  # fmt: skip
    """One step of stochastic gradient descent, in place.

    Parameters
    ----------
    param : ndarray, any shape, or a sequence of ndarrays
        Parameters; updated. C-contiguous and writable, float32 or float64. Several arrays are
        updated in one call, with the same bits as one after the other; then the following
        arguments are sequences too, with an array for each.
    grad : ndarray, shape of `param`
        Their gradient.
    momentum_buffer : ndarray, shape of `param`, optional
        Velocity; updated. None for steps without momentum.
    lr, momentum, dampening, weight_decay : float
        ``d = grad + weight_decay * param``,
        ``v = momentum * v + (1 - dampening) * d``, ``param -= lr * v``.
    nesterov : bool, default False
        Step by ``d + momentum * v`` instead of ``v``.
    maximize : bool, default False
        Step against the sign of the gradient.
    first : bool, default False
        Whether this is the first step: then ``v = d``.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or an array cannot be updated in place.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in
    deep learning".

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> param = np.array([1.0])
    >>> kernels.sgd_step(param, np.array([2.0]), lr=0.25)
    >>> param
    array([0.5])
    """
    f = "sgd_step"
    _numbers(f, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
    if momentum_buffer is None and momentum != 0:
        raise ValueError(f"{f}: momentum_buffer must be given with momentum (got {momentum})")
    if momentum_buffer is None:
        rows = [(*row, None) for row in _rows(f, param, grad)]
    else:
        rows = _rows(f, param, grad, momentum_buffer=momentum_buffer)
    numbers = lr, momentum, dampening, weight_decay, nesterov, maximize, first
    call_each("sgd_step", rows, numbers)


def adam_step(
    param: Arrays, grad: Arrays, exp_avg: Arrays, exp_avg_sq: Arrays, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, step: int, maximize: bool = False,
    decoupled: bool = False,
) -> None:  # fmt: skip
    """One step of Adam, in place.

    Parameters
    ----------
    param : ndarray, any shape, or a sequence of ndarrays
        Parameters; updated. C-contiguous and writable, float32 or float64. Several arrays are
        updated in one call, with the same bits as one after the other; then the following
        arguments are sequences too, with an array for each.
    grad : ndarray, shape of `param`
        Their gradient.
    exp_avg, exp_avg_sq : ndarray, shape of `param`
        Running means of the gradient and of its square, zeros at first; updated.
    lr, beta1, beta2, eps, weight_decay : float
        As in the paper; `weight_decay` is added to the gradient as ``weight_decay * param``.
    step : int
        Number of this step, from 1.
    maximize : bool, default False
        Step against the sign of the gradient.
    decoupled : bool, default False
        AdamW: shrink the parameters by ``1 - lr * weight_decay`` instead.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes differ, or an array cannot be updated in place.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1; Loshchilov and
    Hutter (2019), "Decoupled weight decay regularization", algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnet import kernels
    >>> param, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> kernels.adam_step(param, np.array([2.0]), m, v, 0.1, 0.9, 0.999, 0.0, 0.0, step=1)
    >>> param
    array([0.9])
    """
    f = "adam_step"
    _numbers(f, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    _check.int64(f, "step", step)
    if step < 1:
        raise ValueError(f"{f}: step must be at least 1 (got {step})")
    rows = _rows(f, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
    numbers = lr, beta1, beta2, eps, weight_decay, step, maximize, decoupled
    call_each("adam_step", rows, numbers)


def _numbers(f: str, **values: float) -> None:
    for name, value in values.items():
        if type(value) is not float and type(value) is not int:
            _check.number(f, name, value)


def _rows(f: str, param: Any, grad: Any, **state: Any) -> list[tuple[Array | None, ...]]:
    """The arrays of each parameter; all except `grad` are updated in place."""
    names, columns = (*state,), (param, grad, *state.values())
    if not (isinstance(param, (list, tuple)) and isinstance(grad, (list, tuple))):
        return [_row(f, names, columns)]
    for name, column in zip(("grad", *state), columns[1:], strict=True):
        if not isinstance(column, (list, tuple)) or len(column) != len(param):
            got = len(column) if isinstance(column, (list, tuple)) else type(column).__name__
            raise ValueError(
                f"{f}: {name} must be a sequence of as many arrays as param "
                f"(got {got} and {len(param)})"
            )
    return [_row(f, names, row) for row in zip(*columns, strict=True)]


def _row(f: str, names: tuple[str, ...], row: tuple[Any, ...]) -> tuple[Array | None, ...]:
    """Check the parameters, their gradient, and the state with these names."""
    if all(x is not None for x in row) and _check.are_alike(row):
        return row
    param, grad, *state = row
    param = _check.writable(f, "param", param)
    grad = _check.array(f, "grad", grad)
    _check.same_dtype(f, param=param, grad=grad)
    _check.same_shape(f, "grad", grad.shape, "param.shape", param.shape)
    for name, x in zip(names, state, strict=True):
        x = _check.writable(f, name, x)
        _check.same_dtype(f, param=param, **{name: x})
        _check.same_shape(f, name, x.shape, "param.shape", param.shape)
    return (param, grad, *state)
