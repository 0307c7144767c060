"""Layers that remember nothing."""

import gzip

import numpy as np
import pytest

from cnet.dropin import stateless

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(8, 12, 11))


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


CONVOLUTIONS = {
    f"{h}x{w}, {name}": ((h, w), x)
    for h, w in ((3, 3), (1, 4), (5, 2))
    for name, x in (("images", IMAGES[:2, :7, :6]), ("image", IMAGES[0, :7, :6]))
}
LAYERS = {
    f"{name}{list(shape)}": (name, shape)
    for name in ("LinearLayer", "ReLU", "Sigmoid", "Softmax")
    for shape in ((4, 5), (5,))
}


def _results(layer, x, grad):
    """What a layer computes forth and back, and its parameters with their gradients."""
    results = [layer.forward(x), layer.grad_x(x, grad)]
    return [*results, *(array for pair in layer.grad_params(x, grad) for array in pair)]


def _convolution(m, shape, x):
    rng = np.random.default_rng(1)
    conv = m.SimpleConv(rng.normal(size=shape), 0.5)
    grad = rng.normal(size=conv.forward(x).shape)
    return [*_results(conv, x, grad), conv.num_params()]


def _layer(m, name, shape):
    rng = np.random.default_rng(1)
    arguments = (5, 3, None, None, rng) if name == "LinearLayer" else ()
    layer, x = getattr(m, name)(*arguments), 30 * rng.normal(size=shape)
    return _results(layer, x, rng.normal(size=layer.forward(x).shape))


def _all_close(results, expected):
    for actual, wanted in zip(results, expected, strict=True):
        close(actual, wanted)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_simple_conv_of_the_document(case, facts):
    shape, x = CONVOLUTIONS[case]
    _all_close(_convolution(stateless, shape, x), facts[case])
    conv = stateless.SimpleConv(np.ones((2, 2)))
    (kernel, _), (bias, _) = conv.grad_params(IMAGES, np.ones((8, 11, 10)))
    assert kernel is conv.K
    assert bias is conv.b


@pytest.mark.parametrize("case", LAYERS)
def test_layers_of_the_document(case, facts):
    _all_close(_layer(stateless, *LAYERS[case]), facts[case])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy(reduction):
    y, t = RNG.random((4, 3)), stateless.one_hot([0, 2, 1, 1], 3)
    loss = stateless.CrossEntropy(reduction=reduction)
    losses = -np.log(y[t == 1] + 1e-8)
    close(loss(y, t), losses.mean() if reduction == "mean" else losses.sum())
    numeric = stateless.finite_diff_grad(lambda y: loss(y, t), y)
    np.testing.assert_allclose(loss.grad_x(y, t), numeric, rtol=1e-5, atol=1e-5)


def test_gradients_by_finite_differences():
    rng = np.random.default_rng(42)
    x = rng.normal(size=(1, 5))
    hidden, out = stateless.LinearLayer(5, 8, rng=rng), stateless.LinearLayer(8, 3, rng=rng)
    layers = [hidden, stateless.ReLU(), out, stateless.Softmax()]
    net = stateless.NeuralNetwork(layers, stateless.CrossEntropy())
    t = stateless.one_hot([1], 3)
    numeric = stateless.finite_diff_grad(lambda x: net.loss(net(x), t), x)
    np.testing.assert_allclose(net.grad_x(x, t), numeric, atol=1e-7)
    conv = stateless.SimpleConv(rng.normal(size=(2, 3)), 0.1)
    x, upstream = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 3, 3))
    numeric = stateless.finite_diff_grad(lambda x: float((conv.forward(x) * upstream).sum()), x)
    np.testing.assert_allclose(conv.grad_x(x, upstream), numeric, atol=1e-7)
    for param, dparam in conv.grad_params(x, upstream):
        numeric = stateless.finite_diff_grad(
            lambda _: float((conv.forward(x) * upstream).sum()), param
        )
        np.testing.assert_allclose(dparam, numeric, atol=1e-7)


def _trained(m):
    """The parameters after an epoch, and their number."""
    rng = np.random.default_rng(5)
    layers = [m.LinearLayer(6, 7, rng=rng), m.Sigmoid()]
    layers += [m.LinearLayer(7, 3, rng=rng), m.ReLU(), m.Softmax()]
    net = m.NeuralNetwork(layers, m.CrossEntropy())
    x = rng.normal(size=(50, 6)).astype(np.float32)
    net.fit_one_epoch(x, m.one_hot(np.arange(50) % 3, 3), 8, 0.5, rng=rng)
    return [layers[0].W, layers[0].b, layers[2].W, layers[2].b, net.num_params()]


def test_training_steps_of_the_document(facts):
    _all_close(_trained(stateless), facts["trained"])
    assert facts["trained"][-1] == 6 * 7 + 7 + 7 * 3 + 3


def test_parameters_are_updated_in_place():
    kernel = np.ones((2, 2))
    conv = stateless.SimpleConv(kernel)
    for param, dparam in conv.grad_params(IMAGES, np.ones((8, 11, 10))):
        param -= dparam
    assert conv.K is kernel
    assert conv.b.item() == -8 * 11 * 10


TABLE = """\
before: test_acc=0.1779 test_loss=2.3203
epoch=01 train_acc=0.9148 train_loss=0.2960 | test_acc=0.9177 test_loss=0.2882
epoch=02 train_acc=0.9335 train_loss=0.2325 | test_acc=0.9349 test_loss=0.2282
epoch=03 train_acc=0.9438 train_loss=0.1991 | test_acc=0.9431 test_loss=0.2006
epoch=04 train_acc=0.9521 train_loss=0.1698 | test_acc=0.9507 test_loss=0.1719
epoch=05 train_acc=0.9567 train_loss=0.1517 | test_acc=0.9541 test_loss=0.1563"""


def _mnist(folder, name):
    def read(file, skip):
        data = gzip.decompress((folder / file).read_bytes())
        return np.frombuffer(data, np.uint8, offset=skip)

    images = read(f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 255.0
    return images, read(f"{name}-labels-idx1-ubyte.gz", 8)


def _evaluate(net, images, labels):
    right, total = 0, 0.0
    for start in range(0, len(images), 2048):
        x, t = images[start : start + 2048], labels[start : start + 2048]
        probs = net(x)
        right += (probs.argmax(1) == t).sum()
        total += net.loss(probs, stateless.one_hot(t, 10)) * len(x)
    return right / len(images), total / len(images)


@pytest.mark.slow
def test_the_documents_table_digit_for_digit(mnist_folder):
    train, test = _mnist(mnist_folder, "train"), _mnist(mnist_folder, "t10k")
    rng = np.random.default_rng(42)
    layers = [stateless.LinearLayer(784, 128, rng=rng), stateless.ReLU()]
    layers += [stateless.LinearLayer(128, 10, rng=rng), stateless.Softmax()]
    net = stateless.NeuralNetwork(layers, stateless.CrossEntropy())
    lines = ["before: test_acc={:.4f} test_loss={:.4f}".format(*_evaluate(net, *test))]
    order = np.random.default_rng(123)
    targets = stateless.one_hot(train[1], 10)
    for epoch in range(1, 6):
        net.fit_one_epoch(train[0], targets, 64, 0.05, rng=order)
        numbers = *_evaluate(net, *train), *_evaluate(net, *test)
        line = "train_acc={:.4f} train_loss={:.4f} | test_acc={:.4f} test_loss={:.4f}"
        lines.append(f"epoch={epoch:02d} " + line.format(*numbers))
    assert "\n".join(lines) == TABLE


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.SimpleConv(np.ones((9, 9))).forward(np.ones((3, 3))), ValueError, "must fit"),
        (lambda m: m.SimpleConv(np.ones(3)).forward(IMAGES), ValueError, "K must have 2 dim"),
        (lambda m: m.SimpleConv([[1]]).forward([1, 2]), ValueError, "x must have 2 or 3 dim"),
        (lambda m: m.LinearLayer(3, 2, W=np.ones((2, 3))), ValueError, "W.shape must equal"),
        (lambda m: m.LinearLayer(3, 2).forward(np.ones((2, 4))), ValueError, r"x.shape\[-1\]"),
        (lambda m: m.LinearLayer(3, 2).forward("abc"), TypeError, "x must hold real numbers"),
        (lambda m: m.CrossEntropy(reduction="none"), ValueError, "reduction must be"),
        (lambda m: m.one_hot([3], 3), ValueError, "y must be less than num_classes"),
        (lambda m: m.Layer().forward(1), NotImplementedError, "Layer must define forward"),
        (
            lambda m: m.CrossEntropy()(np.ones((2, 3)), np.ones((2, 2))),
            ValueError,
            "y_true.shape must equal y_pred.shape",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(stateless)
