"""numpy-ml with the convolutions and pools of cnet.

``from cnet.dropin import numpy_ml; numpy_ml.install()`` replaces `im2col`, `col2im` and `conv2D` of
``numpy_ml.neural_nets.utils``, and what its layers `Conv2D` and `Pool2D` compute. Images have
channels last; a dilation is the number of cells between those of a filter.

Reference: D. Bourgin, "numpy-ml" (2019).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels as strict
from ..arrays import Array
from . import _install, kernels
from ._arrays import ends, floats
from ._pooling import maxima

__all__ = ["install", "uninstall"]

LAYOUT: Any = {"layout": "nhwc"}
Original = Callable[..., Any]


def _pads(original: Original, X: Any, pad: Any, window: Any, stride: Any, dilation: int) -> Any:
    """Padding as (top, bottom, left, right); that of 'same' as numpy-ml computes it."""
    if isinstance(pad, str):
        return original.__globals__["pad2D"](X, pad, window, stride, dilation)[1]
    if isinstance(pad, int):
        return pad, pad, pad, pad
    return pad if len(pad) == 4 else (pad[0], pad[0], pad[1], pad[1])


def _im2col(
    original: Original, X: Any, W_shape: Any, pad: Any, stride: Any, dilation: int = 0
) -> tuple[Array, Any]:
    window = tuple(W_shape[:2])
    p = _pads(original, X, pad, window, stride, dilation)
    cols = kernels.im2col(X, window, stride, p, dilation + 1, **LAYOUT)
    return cols.transpose(1, 2, 0).reshape(cols.shape[1], -1), p


def _col2im(
    original: Original, X_col: Any, X_shape: Any, W_shape: Any, pad: Any, stride: Any,
    dilation: int = 0,
) -> Array:  # fmt: skip
    """Images with channels first, as in numpy-ml; `X_shape` has channels last."""
    n, h, w, c = X_shape
    window = tuple(W_shape[:2])
    cols = np.asarray(X_col).reshape(W_shape[0] * W_shape[1] * c, -1, n).transpose(2, 0, 1)
    columns = floats("col2im", "X_col", cols, None)
    pads = ends("col2im", pad, window)
    return strict.col2im(columns, (n, c, h, w), window, stride, pads, dilation + 1)


def _conv2D(original: Original, X: Any, W: Any, stride: Any, pad: Any, dilation: int = 0) -> Array:
    p = _pads(original, X, pad, W.shape[:2], stride, dilation)
    return kernels.conv2d(X, W, None, stride, p, dilation + 1, **LAYOUT)


def _conv_gradients(
    original: Original, self: Any, dLdy: Any, X: Any, Z: Any
) -> tuple[Any, Any, Any]:
    W = self.parameters["W"]
    p = _pads(original, X, self.pad, self.kernel_shape, self.stride, self.dilation)
    dLdZ = dLdy * self.act_fn.grad(Z)
    gradients: Any = kernels.conv2d_backward(
        dLdZ, X, W, self.stride, p, self.dilation + 1, **LAYOUT
    )
    dX, dW, db = gradients
    return dX, dW, db.reshape(1, 1, 1, -1)


def _pool_forward(original: Original, self: Any, X: Any, retain_derived: bool = True) -> Any:
    if self.mode not in ("max", "average"):
        return original(self, X, retain_derived)
    if not self.is_initialized:
        self.in_ch = self.out_ch = X.shape[3]
        self._init_params()
    p = _pads(original, X, self.pad, self.kernel_shape, self.stride, 0)
    window = self.kernel_shape, self.stride, p
    if self.mode == "max":
        Y = maxima(X, *window, pad_value=0 if any(p) else -np.inf, **LAYOUT)
    else:
        Y = kernels.avg_pool2d(X, *window, **LAYOUT)
    if retain_derived:
        self.X.append(X)
        self.derived_variables["out_rows"].append(Y.shape[1])
        self.derived_variables["out_cols"].append(Y.shape[2])
    return Y


def _pool_backward(original: Original, self: Any, dLdY: Any, retain_grads: bool = True) -> Any:
    if self.mode not in ("max", "average"):
        return original(self, dLdY, retain_grads)
    assert self.trainable, "Layer is frozen"
    gradients = []
    for X, dY in zip(self.X, dLdY if isinstance(dLdY, list) else [dLdY], strict=False):
        p = _pads(original, X, self.pad, self.kernel_shape, self.stride, 0)
        window = self.kernel_shape, self.stride, p
        if self.mode == "max":
            pad_value = 0 if any(p) else -np.inf
            dX = kernels.max_pool2d_gradient(dY, X, *window, pad_value=pad_value, **LAYOUT)
        else:
            dX = kernels.avg_pool2d_backward(dY, X.shape, *window, **LAYOUT)
        gradients.append(dX)
    return gradients[0] if len(self.X) == 1 else gradients


TABLE: _install.Table = {
    "utils.utils:im2col": _im2col,
    "utils.utils:col2im": _col2im,
    "utils.utils:conv2D": _conv2D,
    "layers.layers:Conv2D._bwd": _conv_gradients,
    "layers.layers:Pool2D.forward": _pool_forward,
    "layers.layers:Pool2D.backward": _pool_backward,
}


def install(package: str = "numpy_ml.neural_nets") -> tuple[str, ...]:
    """Replace the functions of numpy-ml.

    Parameters
    ----------
    package : str, default 'numpy_ml.neural_nets'
        The name under which it is imported.

    Returns
    -------
    tuple of str
        What is replaced. Calling `install` again changes nothing.

    Raises
    ------
    ImportError
        If there is no such package.
    """
    return _install.install(package, TABLE)


def uninstall(package: str = "numpy_ml.neural_nets") -> None:
    """Put the functions of numpy-ml back."""
    _install.uninstall(package, TABLE)
