"""DeZero of "Deep Learning from Scratch 3", with the convolutions and pools of cnet.

``from cnet.dropin import dezero; dezero.install()`` replaces what `Conv2d`, `Deconv2d`,
`Conv2DGradW`, `Pooling`, `Pooling2DGrad` and `AveragePooling` of ``dezero.functions_conv`` compute.
Graphs stay those of DeZero, with derivatives of every order. Arrays that are not NumPy arrays of
floats, such as those of CuPy, are computed by the original functions.

Reference: K. Saitoh, "Deep Learning from Scratch 3" (O'Reilly Japan, 2020).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels as strict
from .._check import are_plain
from ..arrays import INT32, Array
from . import _install, kernels
from ._arrays import float_dtype, pair
from ._channels_first import max_pool_backward

__all__ = ["install", "uninstall"]


def _floats(*arrays: Any) -> tuple[Any, ...] | None:
    """The arrays with one dtype of floats; None if the original function computes them."""
    if are_plain(arrays):
        return arrays
    for x in arrays:
        if x is not None and (type(x) is not np.ndarray or x.dtype.char not in "fd"):
            return None
    dtype = float_dtype(*arrays)
    return tuple([None if x is None else np.asarray(x, dtype) for x in arrays])


def _conv2d(original: Callable[..., Any], self: Any, x: Any, W: Any, b: Any) -> Any:
    arrays = _floats(x, W, b)
    if arrays is None:
        return original(self, x, W, b)
    x, W, b = arrays
    return strict.conv2d(x, W, b, self.stride, self.pad)


def _deconv2d(original: Callable[..., Any], self: Any, x: Any, W: Any, b: Any) -> Any:
    """The transposed convolution; the size of the result may be any that a convolution gives."""
    arrays = _floats(x, W, b)
    if arrays is None or x.ndim != 4:
        return original(self, x, W, b)
    extra = (0, 0)
    if self.outsize is not None:
        outsize = pair("deconv2d", "outsize", self.outsize)
        least = [
            s * (n - 1) + k - 2 * p
            for s, n, k, p in zip(self.stride, x.shape[2:], W.shape[2:], self.pad, strict=True)
        ]
        extra = outsize[0] - least[0], outsize[1] - least[1]
    if not all(0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
        return original(self, x, W, b)
    x, W, b = arrays
    return strict.conv_transpose2d(x, W, b, self.stride, self.pad, extra)


def _gradient_of_weights(original: Callable[..., Any], self: Any, x: Any, gy: Any) -> Any:
    arrays = _floats(x, gy)
    if arrays is None:
        return original(self, x, gy)
    x, gy = arrays
    weight = np.empty((gy.shape[1], x.shape[1], *self.kernel_size), x.dtype)
    return strict.conv2d_backward(gy, x, weight, self.stride, self.pad, needs=(False, True, False))[
        1
    ]


def _pooling(original: Callable[..., Any], self: Any, x: Any) -> Any:
    """The maximum of each window; padding takes part with 0."""
    self.cnet_positions = None
    if _floats(x) is None:
        return original(self, x)
    rows, columns = pair("pooling", "kernel_size", self.kernel_size)
    down, right = pair("pooling", "stride", self.stride)
    ph, pw = pair("pooling", "pad", self.pad, 0)
    cells: Array = x
    inner: Any = ()
    if ph or pw:
        n, c, h, w = x.shape
        cells = np.zeros((n, c, h + 2 * ph, w + 2 * pw), x.dtype)
        inner = ..., slice(ph, ph + h), slice(pw, pw + w)
        cells[inner] = x
    y, positions = strict.max_pool2d(cells, (rows, columns), (down, right))
    self.cnet_positions = positions, cells.shape, inner
    width = cells.shape[3]
    first = np.arange(y.shape[2], dtype=INT32)[:, np.newaxis] * (down * width)
    offsets = positions - (first + np.arange(y.shape[3], dtype=INT32) * right)
    self.indexes = (offsets - offsets // width * (width - columns)).astype(np.intp)
    return y


def _pooling_gradient(original: Callable[..., Any], self: Any, gy: Any) -> Any:
    kept = getattr(self.mpool2d, "cnet_positions", None)
    if kept is None or _floats(gy) is None:
        return original(self, gy)
    positions, shape, inner = kept
    gx = max_pool_backward("pooling", "gy", gy, self.dtype, positions, shape)
    return gx[inner] if inner else gx


def _average_pooling(original: Callable[..., Any], self: Any, x: Any) -> Array:
    if _floats(x) is None:
        y: Array = original(self, x)
        return y
    self.input_shape = x.shape
    return kernels.avg_pool2d(x, self.kernel_size, self.stride, self.pad)


TABLE: _install.Table = {
    "functions_conv:Conv2d.forward": _conv2d,
    "functions_conv:Deconv2d.forward": _deconv2d,
    "functions_conv:Conv2DGradW.forward": _gradient_of_weights,
    "functions_conv:Pooling.forward": _pooling,
    "functions_conv:Pooling2DGrad.forward": _pooling_gradient,
    "functions_conv:AveragePooling.forward": _average_pooling,
}


def install(package: str = "dezero") -> tuple[str, ...]:
    """Replace the functions of a copy of DeZero.

    Parameters
    ----------
    package : str, default 'dezero'
        The name under which it is imported.

    Returns
    -------
    tuple of str
        What is replaced; early copies do not have all functions. Calling `install` again changes
        nothing.

    Raises
    ------
    ImportError
        If there is no such package.
    """
    return _install.install(package, TABLE)


def uninstall(package: str = "dezero") -> None:
    """Put the functions of DeZero back."""
    _install.uninstall(package, TABLE)
