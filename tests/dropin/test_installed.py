"""`dezero` and `numpy_ml`: replaced functions of a stand-in package, against its own loops."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from cnet.dropin import dezero, numpy_ml
from dropin import loops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 7, 7))
TIED = RNG.integers(-2, 2, X.shape).astype(float)


@pytest.fixture
def package(monkeypatch):
    """Registers modules of a package: ``package("name.module", attribute=...)``."""

    def register(name, **attributes):
        parts = name.split(".")
        for i in range(1, len(parts) + 1):
            key = ".".join(parts[:i])
            if key not in sys.modules:
                module = ModuleType(key)
                module.__path__ = []
                monkeypatch.setitem(sys.modules, key, module)
        vars(sys.modules[name]).update(attributes)
        return sys.modules[name]

    return register


# ---- DeZero --------------------------------------------------------------------------------------


class Function:
    def __init__(self, stride=(1, 1), pad=(0, 0), **attributes):
        self.stride, self.pad = stride, pad
        vars(self).update(attributes)


def pads_of(pad):
    ph, pw = np.broadcast_to(pad, 2)
    return (ph, ph), (pw, pw)


class Conv2d(Function):
    def forward(self, x, W, b):
        b = np.zeros(len(W)) if b is None else b
        return loops.convolution(x, W, b, self.stride, pads_of(self.pad))


class Deconv2d(Function):
    outsize = None

    def forward(self, x, W, b):
        sizes = self.outsize or [
            s * (n - 1) + k - 2 * p
            for s, n, k, p in zip(self.stride, x.shape[2:], W.shape[2:], self.pad, strict=True)
        ]
        images = np.zeros((len(x), W.shape[1], *sizes))
        y = loops.convolution_gradients(x, images, W, self.stride, pads_of(self.pad))[0]
        return y if b is None else y + b[:, None, None]


class Conv2DGradW(Function):
    def forward(self, x, gy):
        W = np.zeros((gy.shape[1], x.shape[1], *self.kernel_size))
        return loops.convolution_gradients(gy, x, W, self.stride, pads_of(self.pad))[1]


class Pooling(Function):
    def forward(self, x):
        padded = loops.pad(x, pads_of(self.pad))
        window, stride = np.broadcast_to(self.kernel_size, 2), np.broadcast_to(self.stride, 2)
        slices, rows, columns = loops.windows(padded, window, stride)
        self.indexes = np.zeros((*x.shape[:2], rows, columns), int)
        for place, at in slices.items():
            cells = padded[(..., *at)]
            self.indexes[(..., *place)] = cells.reshape(*cells.shape[:2], -1).argmax(-1)
        return loops.maximum(x, window, stride, pads_of(self.pad), 0.0)


class Pooling2DGrad(Function):
    def forward(self, gy):
        window, stride = np.broadcast_to(self.kernel_size, 2), np.broadcast_to(self.stride, 2)
        x = self.mpool2d.inputs[0]
        return loops.maximum_gradient(gy, x, window, stride, "first", pads_of(self.pad), 0.0)


class AveragePooling(Function):
    def forward(self, x):
        padded = loops.pad(x, pads_of(self.pad))
        window, stride = np.broadcast_to(self.kernel_size, 2), np.broadcast_to(self.stride, 2)
        return loops.mean(padded, window, stride)


CLASSES = (Conv2d, Deconv2d, Conv2DGradW, Pooling, Pooling2DGrad, AveragePooling)


@pytest.fixture
def functions(package):
    """Fresh classes under their names, with the functions of `dezero` installed."""
    classes = {c.__name__: type(c.__name__, (c,), {"forward": c.forward}) for c in CLASSES}
    module = package("fakezero.functions_conv", **classes)
    assert len(dezero.install("fakezero")) == 6
    return module


def both(functions, original, *arrays, **attributes):
    """The results of the installed function and of the original one."""
    replaced = getattr(functions, original.__name__)
    return replaced(**attributes).forward(*arrays), original(**attributes).forward(*arrays)


@pytest.mark.parametrize("options", [{}, {"stride": (2, 2), "pad": (1, 0)}])
def test_dezero_convolutions(functions, options):
    W, b = RNG.normal(size=(4, 3, 3, 2)), RNG.normal(size=4)
    y, expected = both(functions, Conv2d, X, W, b, **options)
    loops.close(y, expected)
    loops.close(*both(functions, Conv2d, X, W, None, **options))
    loops.close(*both(functions, Conv2DGradW, X, y, kernel_size=(3, 2), **options))
    loops.close(*both(functions, Deconv2d, y, W, None, **options))
    loops.close(*both(functions, Deconv2d, y, W, RNG.normal(size=3), outsize=(7, 7), **options))


def test_dezero_converts_as_numpy_does(functions):
    W = RNG.normal(size=(4, 3, 3, 3))
    y, expected = both(functions, Conv2d, X.astype(np.float32), W, np.zeros(4, np.float32))
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@pytest.mark.parametrize("options", [{"kernel_size": 2, "stride": 2, "pad": 0},
                                     {"kernel_size": (3, 2), "stride": 1, "pad": 1},
                                     {"kernel_size": 2, "stride": 2, "pad": (2, 1)}])  # fmt: skip
def test_dezero_pooling(functions, options):
    ours, theirs = functions.Pooling(**options), Pooling(**options)
    y = ours.forward(TIED)
    loops.close(y, theirs.forward(TIED))
    np.testing.assert_array_equal(ours.indexes, theirs.indexes)
    ours.inputs = theirs.inputs = [TIED]
    gy = RNG.normal(size=y.shape)
    gradient = functions.Pooling2DGrad(**options, mpool2d=ours, dtype=TIED.dtype)
    loops.close(gradient.forward(gy), Pooling2DGrad(**options, mpool2d=theirs).forward(gy))
    loops.close(*both(functions, AveragePooling, TIED, **options))


def test_dezero_leaves_other_arrays_to_the_original(functions):
    W = np.ones((4, 3, 3, 3), int)
    y, expected = both(functions, Conv2d, TIED.astype(int), W, None)
    np.testing.assert_array_equal(y, expected)
    pool = functions.Pooling(kernel_size=2)
    y = pool.forward(TIED.astype(int))
    pool.inputs = [TIED]
    gradient = functions.Pooling2DGrad(kernel_size=2, mpool2d=pool, dtype=TIED.dtype)
    assert gradient.forward(y.astype(float)).shape == X.shape


def test_install_and_uninstall(functions):
    installed = functions.Conv2d.forward
    dezero.install("fakezero")
    assert functions.Conv2d.forward is installed
    dezero.uninstall("fakezero")
    assert functions.Conv2d.forward is Conv2d.forward
    assert functions.Pooling.forward is Pooling.forward
    dezero.uninstall("fakezero")
    del functions.AveragePooling
    assert len(dezero.install("fakezero")) == 5


def test_a_missing_package():
    with pytest.raises(ImportError, match="no_such_package"):
        dezero.install("no_such_package")


# ---- numpy-ml ------------------------------------------------------------------------------------


def pad2D(X, pad, kernel_shape=None, stride=None, dilation=0):
    assert pad == "same"
    return X, (1, 1, 1, 1)


@pytest.fixture
def ml(package):
    originals = {name: lambda *args, **options: pad2D for name in ("im2col", "col2im", "conv2D")}
    utils = package("fakeml.utils.utils", pad2D=pad2D, **originals)
    others = package("fakeml.utils", conv2D=originals["conv2D"])
    classes = {
        "Conv2D": type("Conv2D", (), {"_bwd": lambda *args: pad2D}),
        "Pool2D": type("Pool2D", (), {"forward": lambda *args: pad2D, "backward": lambda *args: 0}),
    }
    layers = package("fakeml.layers.layers", **classes)
    assert len(numpy_ml.install("fakeml")) == 6
    yield SimpleNamespace(utils=utils, layers=layers, others=others)
    numpy_ml.uninstall("fakeml")
    assert utils.conv2D is others.conv2D is originals["conv2D"]


PADS = {2: ((2, 2), (2, 2)), (1, 0): ((1, 1), (0, 0)), (1, 0, 2, 1): ((1, 0), (2, 1)),
        "same": ((1, 1), (1, 1))}  # fmt: skip


@pytest.mark.parametrize("pad", PADS, ids=str)
def test_numpy_ml_convolution(ml, pad):
    w, x = RNG.normal(size=(4, 3, 3, 3)), loops.last(X)
    W, pads, strides = loops.hwio(w), PADS[pad], (2, 2)
    y = loops.convolution(X, w, np.zeros(4), strides, pads)
    assert ml.others.conv2D is ml.utils.conv2D
    loops.close(ml.utils.conv2D(x, W, 2, pad), loops.last(y))
    conv = ml.layers.Conv2D()
    vars(conv).update(parameters={"W": W}, pad=pad, kernel_shape=(3, 3), stride=2, dilation=0,
                      act_fn=SimpleNamespace(grad=np.cos))  # fmt: skip
    dy, Z = RNG.normal(size=y.shape), RNG.normal(size=loops.last(y).shape)
    dx, dw, db = loops.convolution_gradients(
        dy * np.cos(Z.transpose(0, 3, 1, 2)), X, w, strides, pads
    )
    results = conv._bwd(loops.last(dy), x, Z)
    for result, expected in zip(
        results, (loops.last(dx), loops.hwio(dw), db.reshape(1, 1, 1, -1)), strict=True
    ):
        loops.close(result, expected)


def test_numpy_ml_columns(ml):
    x, p = loops.last(X), (1, 0, 2, 1)
    cols, pads = ml.utils.im2col(x, (3, 2, 3, 4), p, 2)
    assert pads == p
    padded = loops.pad(X, PADS[p])
    slices, _, _ = loops.windows(padded, (3, 2), (2, 2))
    expected = [padded[(n, slice(None), *at)].ravel() for at in slices.values() for n in (0, 1)]
    np.testing.assert_array_equal(cols, np.transpose(expected))
    back = ml.utils.col2im(cols, x.shape, (3, 2, 3, 4), p, 2)
    counts = np.zeros_like(padded)
    for at in slices.values():
        counts[(..., *at)] += 1
    loops.close(back, X * loops.crop(counts, PADS[p]))


@pytest.mark.parametrize("pad", [0, 1])
def test_numpy_ml_pooling(ml, pad):
    x, pads, window = loops.last(TIED), ((pad, pad), (pad, pad)), (2, 3)
    y = loops.maximum(TIED, window, (2, 2), pads, 0.0)
    dy = RNG.normal(size=y.shape)
    gradients = {
        "max": (y, loops.maximum_gradient(dy, TIED, window, (2, 2), "first", pads, 0.0)),
        "average": (
            loops.mean(loops.pad(TIED, pads), window, (2, 2)),
            loops.crop(loops.mean_gradient(dy, loops.pad(TIED, pads), window, (2, 2)), pads),
        ),
    }
    for mode, (expected, dx) in gradients.items():
        pool = ml.layers.Pool2D()
        vars(pool).update(pad=pad, kernel_shape=window, stride=2, mode=mode, X=[], trainable=True,
                          is_initialized=True,
                          derived_variables={"out_rows": [], "out_cols": []})  # fmt: skip
        loops.close(pool.forward(x), loops.last(expected))
        assert pool.X[0] is x
        assert pool.derived_variables["out_rows"] == [y.shape[2]]
        loops.close(pool.backward(loops.last(dy)), loops.last(dx))
