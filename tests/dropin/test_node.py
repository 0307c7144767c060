"""The graph of nodes, its modules, and Adam with the circular echo."""

import gc
import gzip

import numpy as np
import pytest

from cnet.dropin import node
from cnet.dropin.node import Node, nn
from oracle import reference

RNG = np.random.default_rng(0)
A, B, POSITIVE = RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.uniform(1, 2, (3, 4))

OPERATIONS = {
    "add": (lambda a, b: a + b, A, B),
    "sub": (lambda a, b: a - b, A, B),
    "mul": (lambda a, b: a * b, A, B),
    "div": (lambda a, b: a / b, A, POSITIVE[:1]),
    "numbers on the left": (lambda a: 1 - 2 * a + 3 / (a + 5), A),
    "arrays on the left": (lambda a: A * a + A, B),
    "matmul": (lambda a, b: a @ b, A, RNG.normal(size=(4, 2))),
    "power": (lambda a: a**3, A),
    "neg": (lambda a: -a, A),
    "relu": (lambda a: a.relu(), A),
    "log": (lambda a: a.log(), POSITIVE),
    "exp": (lambda a: a.exp(), A),
    "sum": (lambda a: a.sum(), A),
    "sum of an axis": (lambda a: a.sum(axis=1), A),
    "sum that keeps": (lambda a: a.sum(axis=0, keepdims=True), A),
    "reshape": (lambda a: a.reshape(2, -1), A),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients(name):
    f, *arrays = OPERATIONS[name]
    nodes = [Node(x) for x in arrays]
    y = f(*nodes)
    upstream = RNG.normal(size=y.value.shape).astype(np.float32)
    (y * upstream).sum().backward()
    for i, x in enumerate(arrays):
        numeric = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            ends = []
            for sign in (1, -1):
                moved = [array.copy() for array in arrays]
                moved[i][index] += sign * 1e-2
                ends.append((f(*map(Node, moved)).value.astype(float) * upstream).sum())
            numeric[index] = (ends[0] - ends[1]) / 2e-2
        assert nodes[i].grad.shape == x.shape
        np.testing.assert_allclose(nodes[i].grad, numeric, rtol=2e-2, atol=2e-2)


def test_the_order_of_a_graph():
    x, w = Node(2.0), Node(3.0)
    y = x * w
    z = y + x
    assert z.backward() == [x, w, y, z]
    assert (x.grad, w.grad, y.grad, z.grad) == (4, 2, 1, 1)


def test_backward_begins_anew():
    x = Node(2.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad == 4


def test_going_through_the_graph_once_more_adds():
    x = Node(2.0)
    topo = (x * 3).relu().backward()
    assert x.grad == 3
    for v in reversed(topo):
        v._backward(v)
    assert x.grad == 3 + 3 * 2


def test_deep_graphs():
    x = y = Node(1.0)
    for _ in range(3000):
        y = y + x
    y.backward()
    assert x.grad == 3001


def _network(m, seed=42):
    m.set_seed(seed)
    model = m.nn.Sequential(
        m.nn.Conv2d(1, 8, 5, padding=2), m.nn.ReLU(), m.nn.MaxPool2d(2, 2),
        m.nn.Conv2d(8, 16, 3, padding=1), m.nn.ReLU(), m.nn.MaxPool2d(2, 2),
        m.nn.Flatten(), m.nn.Linear(16 * 7 * 7, 128), m.nn.ReLU(), m.nn.Linear(128, 10),
    )  # fmt: skip
    m.init_model_weights(model)
    return model


def _small_network(m):
    """The same chain for 6x6 images."""
    m.set_seed(42)
    model = m.nn.Sequential(
        m.nn.Conv2d(1, 2, 5, padding=2), m.nn.ReLU(), m.nn.MaxPool2d(2, 2),
        m.nn.Conv2d(2, 3, 3, padding=1), m.nn.ReLU(), m.nn.MaxPool2d(2, 2),
        m.nn.Flatten(), m.nn.Linear(3, 5), m.nn.ReLU(), m.nn.Linear(5, 4),
    )  # fmt: skip
    m.init_model_weights(model)
    return model


OPTIONS = {
    "baseline": {},
    "circular": {
        "circular_strength": 0.01, "neumann_steps": 3, "echo_freq": 1, "echo_norm_clip": 3.0
    },
}  # fmt: skip


def _train(m, model, images, labels, batch, options):
    optimizer = m.AdamOptimizer(model.parameters(), lr=5e-4, **options)
    losses = []
    for x, y in m.batch_iterator(images, labels, batch):
        loss = m.cross_entropy_loss_stable(model(m.Node(x)), y)
        model.zero_grad()
        optimizer.zero_grad()
        optimizer.step(topo_graph=loss.backward())
        losses.append(float(loss.value))
    return losses, [p.value for p in model.parameters()]


def _graph(m):
    """Every node of a small network: its operation, value and gradient."""
    x = np.random.default_rng(4).random((2, 1, 6, 6))
    loss = m.cross_entropy_loss_stable(_small_network(m)(m.Node(x)), np.array([3, 1]))
    return [[v.op, v.value, v.grad] for v in loss.backward()]


def _small_training(m, options):
    rng = np.random.default_rng(5)
    images, labels = rng.random((24, 1, 6, 6), dtype=np.float32), rng.integers(0, 4, 24)
    return _train(m, _small_network(m), images, labels, 8, options)


def _training(m, options):
    rng = np.random.default_rng(6)
    images, labels = rng.random((24, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, 24)
    return _train(m, _network(m), images, labels, 8, options)


def _training_on_mnist(m, folder, options):
    """The losses of sixty steps."""
    arrays = []
    for name, skip, shape in (("images-idx3", 16, (-1, 1, 28, 28)), ("labels-idx1", 8, (-1,))):
        data = gzip.decompress((folder / f"train-{name}-ubyte.gz").read_bytes())
        arrays.append(np.frombuffer(data, np.uint8, offset=skip).reshape(shape)[: 60 * 256])
    images, labels = arrays[0].astype(np.float32) / 255.0, arrays[1]
    losses, _ = _train(m, _network(m), images, labels, 256, options)
    return losses


def test_values_and_gradients_of_the_document(facts):
    """Of every node, those that were never computed for the step included."""
    for (op, value, grad), expected in zip(_graph(node), facts["graph"], strict=True):
        assert op == expected[0]
        assert value.dtype == grad.dtype == np.float32
        np.testing.assert_allclose(value, expected[1], atol=1e-5)
        np.testing.assert_allclose(grad, expected[2], atol=1e-5, err_msg=op)


@pytest.mark.parametrize("name", OPTIONS)
def test_training_as_in_the_document(name, facts):
    losses, parameters = _small_training(node, OPTIONS[name])
    np.testing.assert_allclose(losses, facts[name]["small losses"], atol=1e-4)
    for parameter, expected in zip(parameters, facts[name]["small parameters"], strict=True):
        np.testing.assert_allclose(parameter, expected, atol=1e-4)


@pytest.mark.parametrize("name", OPTIONS)
def test_training_of_the_whole_network_of_the_document(name, facts):
    """Of its parameters the first few of each, and the sums."""
    losses, parameters = _training(node, OPTIONS[name])
    np.testing.assert_allclose(losses, facts[name]["losses"], atol=1e-4)
    for parameter, expected in zip(parameters, facts[name]["parameters"], strict=True):
        np.testing.assert_allclose(parameter.ravel()[:5], expected["first"], atol=1e-4)
        close = {"atol": 1e-4 * parameter.size**0.5, "rtol": 0}
        np.testing.assert_allclose(parameter.astype(float).sum(), expected["sum"], **close)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_sixty_steps_of_the_document(name, facts, mnist_folder):
    losses = _training_on_mnist(node, mnist_folder, OPTIONS[name])
    np.testing.assert_allclose(losses, facts[name]["losses on MNIST"], atol=1e-4)


def test_nodes_in_between_are_what_they_would_be():
    x, weight, bias = (
        RNG.normal(size=(2, 3, 6, 6)),
        RNG.normal(size=(4, 3, 3, 3)),
        RNG.normal(size=4),
    )
    conv, pool = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)
    conv.weight.value[...], conv.bias.value[...] = weight, bias
    image = Node(x)
    c = conv(image)
    r = c.relu()
    p = pool(r)
    upstream = RNG.normal(size=p.value.shape).astype(np.float32)
    (p * upstream).sum().backward()
    conv.weight.value[...] = 0  # as an optimizer might, before anybody looks
    x, weight, bias = (np.float32(array) for array in (x, weight, bias))
    convolved = reference.conv2d(x, weight, bias, padding=1)
    pooled, argmax = reference.max_pool2d(reference.relu(convolved), 2)
    np.testing.assert_allclose(c.value, convolved, atol=1e-5)
    np.testing.assert_allclose(r.value, np.maximum(convolved, 0), atol=1e-5)
    np.testing.assert_allclose(p.value, pooled, atol=1e-5)
    grad = reference.max_pool2d_backward(upstream, argmax, convolved.shape)
    np.testing.assert_allclose(r.grad, grad, atol=1e-5)
    grad = grad * (convolved > 0)
    np.testing.assert_allclose(c.grad, grad, atol=1e-5)
    dx, dw, db = reference.conv2d_backward(grad, x, weight, padding=1)
    np.testing.assert_allclose(image.grad, dx, atol=1e-4)
    np.testing.assert_allclose(conv.weight.grad, dw, atol=1e-4)
    np.testing.assert_allclose(conv.bias.grad, db, atol=1e-4)


def test_looking_in_between_changes_nothing():
    results = []
    for look in (False, True):
        model = _network(node)
        x = Node(np.random.default_rng(3).random((2, 1, 28, 28)))
        for layer in model.layers:
            x = layer(x)
            if look:
                assert x.value.any()
        x.sum().backward()
        results.append([p.grad for p in model.parameters()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_max_pooling_pads_with_nothing():
    pool = nn.MaxPool2d((2, 3), padding=1)
    assert pool.stride == (2, 3)
    y = pool(Node(-np.ones((1, 1, 3, 3))))
    assert (y.value == -1).all()


def test_columns():
    x = RNG.normal(size=(2, 3, 6, 5)).astype(np.float32)
    cols, oh, ow = nn._im2col(x, 3, 2, 2, 1, 1, 0)
    np.testing.assert_array_equal(cols, reference.im2col(x, (3, 2), (2, 1), (1, 0)))
    assert (oh, ow) == (3, 4)
    np.testing.assert_allclose(
        nn._col2im(cols, x.shape, 3, 2, 2, 1, 1, 0),
        reference.col2im(cols, x.shape, (3, 2), (2, 1), (1, 0)),
        rtol=1e-6,
    )


def test_modules_in_lists_are_seen():
    class Net(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(2, 3), (nn.ReLU(), nn.Linear(3, 1))]
            self.again = self.layers[0]
            self.scale = Node(1.0)

    net = Net()
    assert len(list(net.parameters())) == 5
    net.eval()
    assert not net.layers[1][1]._is_training
    net.train()
    assert net.layers[1][0]._is_training
    net.scale.grad = np.float32(1)
    net.zero_grad()
    assert net.scale.grad is None


def test_seeded_draws_are_those_of_numpy():
    node.set_seed(7)
    linear, conv = nn.Linear(4, 3), nn.Conv2d(2, 3, (3, 1))
    np.random.seed(7)
    expected = np.float32(np.random.randn(4, 3) * np.sqrt(2 / 4))
    np.testing.assert_array_equal(linear.weight.value, expected)
    expected = np.float32(np.random.randn(3, 2, 3, 1) * np.sqrt(2 / 6))
    np.testing.assert_array_equal(conv.weight.value, expected)
    np.random.seed(7)
    order = np.arange(5)
    np.random.shuffle(order)
    node.set_seed(7)
    batches = list(node.batch_iterator(np.arange(5), np.arange(5) * 10, 2))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), order)
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), 10 * order)
    x, y = next(node.batch_iterator(np.arange(5), np.arange(5), 3, shuffle=False))
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.Conv2d(1, 2, 3)(Node(np.zeros((2, 8, 8)))),
            ValueError,
            "Conv2d: x must have 4",
        ),
        (lambda: nn.Conv2d(1, 2, 9)(Node(np.zeros((1, 1, 4, 4)))), ValueError, "must fit"),
        (lambda: nn.Conv2d(1, 2, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: nn.Conv2d(2, 2, 1)(Node(np.zeros((1, 1, 4, 4)))), ValueError, "weight.shape"),
        (lambda: nn.MaxPool2d("2"), TypeError, "MaxPool2d: kernel_size"),
        (lambda: Node(1.0) + "a", TypeError, "must hold real numbers"),
        (lambda: nn.Module()(1), NotImplementedError, "Module must define forward"),
        (lambda: node.AdamOptimizer([]), ValueError, "params must hold a Node"),
        (
            lambda: node.cross_entropy_loss_stable(Node(np.zeros((2, 3))), [0, 3]),
            ValueError,
            r"less than the number of classes \(got 3 and 3\)",
        ),
        (
            lambda: node.cross_entropy_loss_stable(Node(np.zeros((2, 3))), [0]),
            ValueError,
            r"\(got \(1,\) and \(2, 3\)\)",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_gradients_belong_to_their_nodes():
    """What two nodes have in common is copied when it is read."""
    x, y = Node(np.ones((2, 3))), Node(np.ones((2, 3)))
    total = x + y
    flat = total.reshape(6)
    flat.sum().backward()
    for node_ in (x, y, total):
        node_.grad *= 2
    assert (flat.grad == 1).all()
    assert (x.grad == 2).all()
    assert (y.grad == 2).all()
    assert (total.grad == 2).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_has_the_bits_of_its_equation(dtype):
    rng = np.random.default_rng(3)
    p = Node(rng.normal(size=(5, 7)))
    p.value = np.asfortranarray(p.value)  # any array that can be written
    optimizer = node.AdamOptimizer([p], lr=5e-4)
    theta, m, v = (np.array(a, np.float32) for a in (p.value, 0 * p.value, 0 * p.value))
    for t in range(1, 30):
        p.grad = rng.normal(size=(5, 7)).astype(dtype)
        g = p.grad.astype(np.float32)
        optimizer.step()
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        step = 5e-4 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        theta = theta - step
        np.testing.assert_array_equal(p.value, theta)
        np.testing.assert_array_equal(p.original_grad, g)


def test_values_belong_to_their_nodes():
    x = Node(np.ones((2, 3)))
    of_a_parameter, doubled = x.reshape(6), x * 2
    flat = doubled.reshape(6)
    assert (flat.value == 2).all()
    flat.value[:] = 7
    x.value[:] = 5
    assert (doubled.value == 2).all()
    assert (of_a_parameter.value == 1).all()


def test_a_step_leaves_no_cycles():
    """The memory of a step is free as soon as its graph is, not when cycles are collected."""
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 4 * 4, 10),
    )  # fmt: skip
    optimizer = node.AdamOptimizer(model.parameters(), circular_strength=0.01, neumann_steps=1)

    def step():
        loss = node.cross_entropy_loss_stable(model(Node(RNG.random((4, 1, 12, 12)))), [0, 1, 2, 3])
        model.zero_grad()
        optimizer.step(topo_graph=loss.backward())

    step()
    gc.collect()
    step()
    assert gc.collect() == 0
