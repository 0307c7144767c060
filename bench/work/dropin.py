"""Programs in the styles of `cnet.dropin`. A side is a namespace with one module per style."""

from itertools import pairwise
from typing import Any

import numpy as np

from cnet.bench.cases import Case, Work

ECHO = {"circular_strength": 0.01, "neumann_steps": 3, "echo_freq": 1, "echo_norm_clip": 3.0}


def _node_step(**options: Any) -> Any:
    def bind(side: Any, batch: int) -> Work:
        m = side.node
        m.set_seed(42)
        nn = m.nn
        model = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Flatten(), nn.Linear(16 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
        optimizer = m.AdamOptimizer(model.parameters(), lr=5e-4, **options)
        rng = np.random.default_rng(0)
        x, y = rng.random((batch, 1, 28, 28), np.float32), rng.integers(0, 10, batch)

        def step() -> Any:
            loss = m.cross_entropy_loss_stable(model(m.Node(x)), y)
            model.zero_grad()
            optimizer.zero_grad()
            optimizer.step(topo_graph=loss.backward())
            return loss.value

        return step

    return bind


def _layerwise_conv(side: Any, batch: int) -> Work:
    rng = np.random.default_rng(0)
    np.random.seed(0)
    conv, x, grad = side.layerwise.Conv2d(3), rng.random((28, 28)), rng.random((26, 26))
    return lambda: (conv.forward(x), conv.backward(grad))


def _layerwise_pooling(side: Any, batch: int) -> Work:
    rng = np.random.default_rng(0)
    pool, x = side.layerwise.Pooling("max", (3, 3)), rng.random((28, 28))
    grad = rng.random((26, 26))
    return lambda: (pool.forward(x), pool.backward(grad))


def _simple_conv(side: Any, batch: int) -> Work:
    rng = np.random.default_rng(0)
    conv, x = side.stateless.SimpleConv(rng.random((3, 3))), rng.random((batch, 28, 28))
    grad = rng.random((batch, 26, 26))

    def forward_and_backward() -> tuple[Any, ...]:
        gradients = [gradient for _, gradient in conv.grad_params(x, grad)]
        return conv.forward(x), conv.grad_x(x, grad), *gradients

    return forward_and_backward


def _op_step(side: Any, batch: int) -> Work:
    m, rng = side.op, np.random.default_rng(0)
    sizes = (784, 128, 64, 10)
    layers = [
        (m.Tensor(rng.normal(0, 0.01, pair), True), m.Tensor(np.zeros(pair[1]), True))
        for pair in pairwise(sizes)
    ]
    x, y = rng.random((batch, 784)), np.eye(10)[rng.integers(0, 10, batch)]

    def step() -> Any:
        h = m.Tensor(x)
        for i, (w, b) in enumerate(layers):
            h = h @ w + b
            h = m.ReLU.apply(h) if i < 2 else h
        loss = m.NLLLoss.apply(m.Log.apply(m.Softmax.apply(h)), m.Tensor(y))
        loss.backward()
        for pair in layers:
            for parameter in pair:
                parameter.data -= 0.1 * parameter.grad
                parameter.grad = None
        return loss.data

    return step


def _mlp_epochs(side: Any, batch: int) -> Work:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    y = np.array([[0], [1], [1], [0]], dtype=float)
    np.random.seed(42)
    mlp = side.mlp.MLPFromScratch(2, 8, 1)

    def epochs() -> Any:
        for _ in range(100):
            loss = mlp.loss(mlp.forward(x), y)
            mlp.update(mlp.backward(x, y), 1.0)
        return loss

    return epochs


def _cs231n_conv(side: Any, batch: int) -> Work:
    m, rng = side.cs231n, np.random.default_rng(0)
    x, w, b = rng.normal(size=(batch, 3, 31, 31)), rng.normal(size=(25, 3, 3, 3)), np.zeros(25)
    param = {"stride": 2, "pad": 1}
    grad = rng.normal(size=(batch, 25, 16, 16))
    return lambda: m.conv_backward_fast(grad, m.conv_forward_fast(x, w, b, param)[1])


def _cs231n_pool(side: Any, batch: int) -> Work:
    m, rng = side.cs231n, np.random.default_rng(0)
    x, grad = rng.normal(size=(batch, 3, 32, 32)), rng.normal(size=(batch, 3, 16, 16))
    param = {"pool_height": 2, "pool_width": 2, "stride": 2}
    return lambda: m.max_pool_backward_fast(grad, m.max_pool_forward_fast(x, param)[1])


def _dlfs_step(side: Any, batch: int) -> Work:
    m, rng = side.dlfs, np.random.default_rng(0)
    conv = m.Convolution(0.01 * rng.normal(size=(30, 1, 5, 5)), np.zeros(30))
    pool = m.Pooling(2, 2, stride=2)
    w1, w2 = 0.01 * rng.normal(size=(4320, 100)), 0.01 * rng.normal(size=(100, 10))
    x, y = rng.random((batch, 1, 28, 28)), np.eye(10)[rng.integers(0, 10, batch)]

    def step() -> Any:
        a = conv.forward(x)
        features = pool.forward(np.maximum(a, 0)).reshape(batch, -1)
        hidden = np.maximum(features @ w1, 0)
        scores = hidden @ w2
        powers = np.exp(scores - scores.max(1, keepdims=True))
        dscores = (powers / powers.sum(1, keepdims=True) - y) / batch
        dhidden = dscores @ w2.T * (hidden > 0)
        dfeatures = (dhidden @ w1.T).reshape(batch, 30, 12, 12)
        conv.backward(pool.backward(dfeatures) * (a > 0))
        for parameter, gradient in (
            (w1, features.T @ dhidden), (w2, hidden.T @ dscores), (conv.W, conv.dW),
            (conv.b, conv.db),
        ):  # fmt: skip
            parameter -= 0.1 * gradient
        return conv.dW

    return step


def _coursera_conv(side: Any, batch: int) -> Work:
    m, rng = side.coursera, np.random.default_rng(0)
    x, w = rng.normal(size=(batch, 14, 14, 8)), rng.normal(size=(3, 3, 8, 16))
    b, param = np.zeros((1, 1, 1, 16)), {"stride": 1, "pad": 1}
    grad = rng.normal(size=(batch, 14, 14, 16))
    return lambda: m.conv_backward(grad, m.conv_forward(x, w, b, param)[1])


def _coursera_pool(side: Any, batch: int) -> Work:
    m, rng = side.coursera, np.random.default_rng(0)
    x, grad = rng.normal(size=(batch, 14, 14, 16)), rng.normal(size=(batch, 7, 7, 16))
    param = {"f": 2, "stride": 2}
    return lambda: m.pool_backward(grad, m.pool_forward(x, param)[1])


def _holberton_conv(side: Any, batch: int) -> Work:
    m, rng = side.holberton, np.random.default_rng(0)
    x, w = rng.normal(size=(batch, 14, 14, 3)), rng.normal(size=(3, 3, 3, 8))
    b, grad = np.zeros((1, 1, 1, 8)), rng.normal(size=(batch, 14, 14, 8))

    def step() -> Any:
        y = m.conv_forward(x, w, b, np.tanh, padding="same", stride=(1, 1))
        return y, *m.conv_backward(grad, x, w, b, padding="same", stride=(1, 1))

    return step


class _Descent:
    def update(self, w: Any, gradient: Any) -> Any:
        return w - 1e-6 * gradient


def _mlfs_conv(side: Any, batch: int) -> Work:
    rng = np.random.default_rng(0)
    np.random.seed(0)
    conv = side.mlfs.Conv2D(16, (3, 3), input_shape=(8, 14, 14))
    conv.initialize(_Descent())
    x, grad = rng.normal(size=(batch, 8, 14, 14)), rng.normal(size=(batch, 16, 14, 14))
    return lambda: (conv.forward_pass(x), conv.backward_pass(grad))


def _fau_conv(side: Any, batch: int) -> Work:
    rng = np.random.default_rng(0)
    np.random.seed(0)
    conv, x = side.fau.Conv((1, 1), (3, 3, 3), 8), rng.normal(size=(batch, 3, 14, 14))
    grad = rng.normal(size=(batch, 8, 14, 14))
    return lambda: (conv.forward(x), conv.backward(grad))


def _mytorch_conv(side: Any, batch: int) -> Work:
    rng = np.random.default_rng(0)
    np.random.seed(0)
    conv, x = side.mytorch.Conv2d(3, 8, 5, 2), rng.normal(size=(batch, 3, 31, 31))
    grad = rng.normal(size=(batch, 8, 14, 14))
    return lambda: (conv.forward(x), conv.backward(grad))


def _alescontrela_conv(side: Any, batch: int) -> Work:
    m, rng = side.alescontrela, np.random.default_rng(0)
    x, w, b = rng.normal(size=(1, 28, 28)), rng.normal(size=(8, 1, 5, 5)), np.zeros((8, 1))
    grad = rng.normal(size=(8, 24, 24))
    return lambda: (m.convolution(x, w, b), *m.convolutionBackward(grad, x, w, 1))


def _conv3x3(side: Any, style: str) -> Work:
    rng = np.random.default_rng(0)
    np.random.seed(0)
    conv, x = getattr(side, style).Conv3x3(8), rng.random((28, 28))
    grad = rng.normal(size=(26, 26, 8))

    def step() -> Any:
        y = conv.forward(x)
        conv.backprop(grad, 0.005)
        return y, conv.filters.copy()

    return step


def _vzhou_conv(side: Any, batch: int) -> Work:
    return _conv3x3(side, "vzhou")


def _accelerated_conv(side: Any, batch: int) -> Work:
    return _conv3x3(side, "accelerated")


def _case(title: str, bind: Any, batch: int) -> Case:
    return Case(title, bind, batch)


OF_DOCUMENTS = {
    "node": _case("node: training step, batch 256", _node_step(), 256),
    "node_circular": _case("node: step with the circular echo", _node_step(**ECHO), 256),
    "layerwise_conv": _case("layerwise: Conv2d on 28x28, forward + backward", _layerwise_conv, 1),
    "layerwise_pooling": _case(
        "layerwise: Pooling on 28x28, forward + backward", _layerwise_pooling, 1
    ),
    "simple_conv": _case("stateless: SimpleConv on 8 images, forward + backward", _simple_conv, 8),
    "op": _case("op: step of an MLP, batch 100", _op_step, 100),
    "mlp": _case("mlp: 100 epochs of XOR", _mlp_epochs, 4),
}
"""Compared with the documents that the styles come from, if they are present."""

OF_LIBRARIES = {
    "cs231n_conv": _case("cs231n: convolution, float64, forward + backward", _cs231n_conv, 100),
    "cs231n_pool": _case("cs231n: max pooling, float64, forward + backward", _cs231n_pool, 100),
    "dlfs": _case("dlfs: training step, batch 100", _dlfs_step, 100),
    "coursera_conv": _case("coursera: convolution, 2 images, forward + backward",
                           _coursera_conv, 2),
    "coursera_pool": _case("coursera: max pooling, 2 images, forward + backward",
                           _coursera_pool, 2),
    "holberton": _case("holberton: convolution, 8 images, forward + backward", _holberton_conv, 8),
    "mlfs": _case("mlfs: Conv2D, 32 images, forward + backward + update", _mlfs_conv, 32),
    "fau": _case("fau: Conv, 8 images, forward + backward", _fau_conv, 8),
    "mytorch": _case("mytorch: Conv2d, 8 images, forward + backward", _mytorch_conv, 8),
    "alescontrela": _case("alescontrela: convolution of one image, forward + backward",
                          _alescontrela_conv, 1),
    "vzhou": _case("vzhou: Conv3x3, one image, forward + backprop", _vzhou_conv, 1),
    "accelerate": _case("accelerate: the original of vzhou", _accelerated_conv, 1),
}  # fmt: skip
"""Compared with NumPy versions of the same layers: strided views, window loops, BLAS."""

CASES = OF_DOCUMENTS | OF_LIBRARIES
