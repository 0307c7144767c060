"""The styles of `cnet.dropin` as sides: cnet's modules, and the originals.

The originals of `node`, `layerwise`, `op`, `stateless` and `mlp` are documents in the folder
`CNET_SEEDS`. Those of `cs231n` and `dlfs` are written here in NumPy, as in the usual solutions;
those of courses and tutorials in `loops`.
"""

import importlib.util
import io
import os
from contextlib import redirect_stdout
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

import cnet

from . import loops

SEEDS = Path(
    os.environ.get("CNET_SEEDS") or Path(__file__).parents[3] / "shared" / "seeds"
).resolve()


def _accelerated(cls: type) -> Any:
    """A copy of a class that `cnet.accelerate` computes, except for the calls that it checks."""
    functions = {name: value for name, value in vars(cls).items() if callable(value)}
    return cnet.accelerate(type(cls.__name__, cls.__bases__, functions))


class _Ours:
    """The modules of `cnet.dropin`, imported on first use: the other side does not import them."""

    @cached_property
    def accelerated(self) -> Any:
        return SimpleNamespace(Conv3x3=_accelerated(loops.vzhou.Conv3x3))

    def __getattr__(self, style: str) -> Any:
        return import_module(f"cnet.dropin.{style}")


def _document(number: int) -> Any:
    """A document as a module, repaired as little as possible."""
    spec = importlib.util.spec_from_file_location("fixes", SEEDS / "fixes.py")
    assert spec is not None
    assert spec.loader is not None
    fixes = importlib.util.module_from_spec(spec)
    with redirect_stdout(io.StringIO()):
        spec.loader.exec_module(fixes)
        return fixes.load(number)


def _columns(x: Any, fh: int, fw: int, stride: int, pad: int) -> Any:
    """A view of the windows, of shape (c, fh, fw, n, oh, ow)."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    n, c, h, w = x.shape
    oh, ow = (h - fh) // stride + 1, (w - fw) // stride + 1
    sn, sc, sh, sw = x.strides
    strides = sc, sh, sw, sn, stride * sh, stride * sw
    return as_strided(x, (c, fh, fw, n, oh, ow), strides)


def _fold(cols: Any, shape: Any, stride: int, pad: int) -> Any:
    """Add columns of shape (c, fh, fw, n, oh, ow) into images."""
    n, c, h, w = shape
    _, fh, fw, _, oh, ow = cols.shape
    x = np.zeros((n, c, h + 2 * pad + stride, w + 2 * pad + stride), cols.dtype)
    for i in range(fh):
        for j in range(fw):
            rows, columns = slice(i, i + stride * oh, stride), slice(j, j + stride * ow, stride)
            x[:, :, rows, columns] += cols[:, i, j].swapaxes(0, 1)
    return x[:, :, pad : pad + h, pad : pad + w]


def _conv_forward(x: Any, w: Any, b: Any, param: Any) -> Any:
    f, c, fh, fw = w.shape
    view = _columns(x, fh, fw, param["stride"], param["pad"])
    cols = np.ascontiguousarray(view).reshape(c * fh * fw, -1)
    out = w.reshape(f, -1) @ cols + b[:, np.newaxis]
    out = np.ascontiguousarray(out.reshape(f, len(x), *view.shape[4:]).swapaxes(0, 1))
    return out, (x, w, b, param, cols)


def _conv_backward(dout: Any, cache: Any) -> Any:
    x, w, _, param, cols = cache
    f, c, fh, fw = w.shape
    rows = np.ascontiguousarray(dout.swapaxes(0, 1)).reshape(f, -1)
    dcols = (w.reshape(f, -1).T @ rows).reshape(c, fh, fw, len(x), *dout.shape[2:])
    dx = _fold(dcols, x.shape, param["stride"], param["pad"])
    return dx, (rows @ cols.T).reshape(w.shape), dout.sum((0, 2, 3))


def _pool_forward(x: Any, param: Any) -> Any:
    n, c, h, w = x.shape
    side = param["stride"]
    windows = x.reshape(n, c, h // side, side, w // side, side)
    out = windows.max(axis=3).max(axis=4)
    return out, (x, windows, out)


def _pool_backward(dout: Any, cache: Any) -> Any:
    x, windows, out = cache
    mask = windows == out[:, :, :, np.newaxis, :, np.newaxis]
    dx = np.zeros_like(windows)
    spread, _ = np.broadcast_arrays(dout[:, :, :, np.newaxis, :, np.newaxis], dx)
    dx[mask] = spread[mask]
    dx /= mask.sum(axis=(3, 5), keepdims=True)
    return dx.reshape(x.shape)


def _im2col(x: Any, fh: int, fw: int, stride: int, pad: int) -> Any:
    """One row of c × fh × fw values for each window, filled by a loop over the window."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    n, c, h, w = x.shape
    oh, ow = (h - fh) // stride + 1, (w - fw) // stride + 1
    col = np.zeros((n, c, fh, fw, oh, ow))
    for i in range(fh):
        for j in range(fw):
            col[:, :, i, j] = x[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1)


class _Convolution:
    def __init__(self, W: Any, b: Any, stride: int = 1, pad: int = 0) -> None:
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x: Any) -> Any:
        f, _, fh, fw = self.W.shape
        self.x, self.col = x, _im2col(x, fh, fw, self.stride, self.pad)
        self.oh, self.ow = ((s + 2 * self.pad - k) // self.stride + 1
                            for s, k in zip(x.shape[2:], (fh, fw), strict=True))  # fmt: skip
        out = self.col @ self.W.reshape(f, -1).T + self.b
        return out.reshape(len(x), self.oh, self.ow, f).transpose(0, 3, 1, 2)

    def backward(self, dout: Any) -> Any:
        f, c, fh, fw = self.W.shape
        rows = dout.transpose(0, 2, 3, 1).reshape(-1, f)
        self.db, self.dW = rows.sum(0), (self.col.T @ rows).T.reshape(self.W.shape)
        cols = (rows @ self.W.reshape(f, -1)).reshape(len(dout), self.oh, self.ow, c, fh, fw)
        return _fold(cols.transpose(3, 4, 5, 0, 1, 2), self.x.shape, self.stride, self.pad)


class _Pooling:
    def __init__(self, pool_h: int, pool_w: int, stride: int) -> None:
        self.window, self.stride = (pool_h, pool_w), stride

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        self.x = x
        oh, ow = ((s - k) // self.stride + 1 for s, k in zip((h, w), self.window, strict=True))
        col = _im2col(x, *self.window, self.stride, 0).reshape(-1, self.window[0] * self.window[1])
        self.arg_max = col.argmax(axis=1)
        return col.max(axis=1).reshape(n, oh, ow, c).transpose(0, 3, 1, 2)

    def backward(self, dout: Any) -> Any:
        n, c, oh, ow = dout.shape
        dmax = np.zeros((dout.size, self.window[0] * self.window[1]))
        dmax[np.arange(dout.size), self.arg_max] = dout.transpose(0, 2, 3, 1).ravel()
        cols = dmax.reshape(n, oh, ow, c, *self.window).transpose(3, 4, 5, 0, 1, 2)
        return _fold(cols, self.x.shape, self.stride, 0)


class _Originals:
    """The originals; documents are loaded on first use."""

    @cached_property
    def node(self) -> Any:
        return _document(0)

    @cached_property
    def layerwise(self) -> Any:
        return _document(1)

    @cached_property
    def op(self) -> Any:
        return _document(2)

    @cached_property
    def stateless(self) -> Any:
        return _document(3)

    @cached_property
    def mlp(self) -> Any:
        return _document(4)

    cs231n = SimpleNamespace(
        conv_forward_fast=_conv_forward,
        conv_backward_fast=_conv_backward,
        max_pool_forward_fast=_pool_forward,
        max_pool_backward_fast=_pool_backward,
    )
    dlfs = SimpleNamespace(Convolution=_Convolution, Pooling=_Pooling)

    coursera, holberton, fau = loops.coursera, loops.holberton, loops.fau
    mytorch, mlfs = loops.mytorch, loops.mlfs
    alescontrela, vzhou = loops.alescontrela, loops.vzhou
    accelerated = loops.vzhou


ours, originals = _Ours(), _Originals()
