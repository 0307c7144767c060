"""Steps of optimizers."""

import numpy as np

from .. import _check
from ..arrays import FLOAT32, FLOAT64, Array
from ._dispatch import call


def sgd_step(
    param: Array, grad: Array, momentum_buffer: Array | None = None, *, lr: float,
    momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> None:  # fmt: skip
    """One step of stochastic gradient descent, in place.

    Parameters
    ----------
    param : ndarray, any shape
        Parameters; updated. C-contiguous and writable, float32 or float64.
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
    state = {} if momentum_buffer is None else {"momentum_buffer": momentum_buffer}
    param, grad = _arrays(f, param, grad, **state)
    call(
        "sgd_step", param, grad, momentum_buffer, lr, momentum, dampening, weight_decay, nesterov,
        maximize, first,
    )  # fmt: skip


def adam_step(
    param: Array, grad: Array, exp_avg: Array, exp_avg_sq: Array, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, step: int, maximize: bool = False,
    decoupled: bool = False,
) -> None:  # fmt: skip
    """One step of Adam, in place.

    Parameters
    ----------
    param : ndarray, any shape
        Parameters; updated. C-contiguous and writable, float32 or float64.
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
    param, grad = _arrays(f, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
    call(
        "adam_step", param, grad, exp_avg, exp_avg_sq, lr, beta1, beta2, eps, weight_decay, step,
        maximize, decoupled,
    )  # fmt: skip


def _numbers(f: str, **values: float) -> None:
    for name, value in values.items():
        if type(value) is not float and type(value) is not int:
            _check.number(f, name, value)


def _arrays(f: str, param: Array, grad: Array, **state: Array) -> tuple[Array, Array]:
    """Check the arrays of one step; all except `grad` are updated in place."""
    if isinstance(param, np.ndarray):
        dtype, shape = param.dtype, param.shape
        if dtype is FLOAT32 or dtype is FLOAT64:
            for x in (param, grad, *state.values()):
                if not _check.fits(x, dtype, shape):
                    break
            else:
                return param, grad
    param = _check.writable(f, "param", param)
    grad = _check.array(f, "grad", grad)
    for name, x in state.items():
        _check.writable(f, name, x)
    dtype, shape = param.dtype, param.shape
    if any(x.dtype is not dtype or x.shape != shape for x in (grad, *state.values())):
        _check.same_dtype(f, param=param, grad=grad, **state)
        _check.same_shape(f, "grad", grad.shape, "param.shape", shape)
        for name, x in state.items():
            _check.same_shape(f, name, x.shape, "param.shape", shape)
    return param, grad
