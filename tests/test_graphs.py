"""Graphs: inspection, drawings and repeated propagation."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn


@pytest.fixture
def x():
    return cnet.tensor([1.0, 2.0], requires_grad=True)


def test_nodes_stand_after_their_inputs(x):
    w = cnet.tensor([[1.0, 2.0]], requires_grad=True)
    graph = cnet.graph(F.relu(F.linear(x, w) * 2).sum())
    assert [node.name for node in graph.nodes] == ["leaf", "leaf", "Linear", "Mul", "Relu", "Sum"]
    for node in graph.nodes:
        assert all(source is None or source < node.number for source in node.inputs)
    assert graph.nodes[2].inputs == (0, 1, None)
    assert graph.nodes[2].shapes == ((1,),)


def test_text(x):
    assert str(cnet.graph((x * x + 1).sum())).splitlines() == [
        "0  leaf  (2,)",
        "1  Mul   (2,)  <- 0, 0",
        "2  Add   (2,)  <- 1, -",
        "3  Sum   ()    <- 2",
    ]
    assert str(cnet.graph(x)) == "0  leaf  (2,)"


def test_drawings(x):
    graph = cnet.graph(x * x)
    assert graph.to_dot() == (
        "digraph {\n"
        "  rankdir=TB; node [shape=box];\n"
        '  n0 [label="leaf (2,)", style=rounded];\n'
        '  n1 [label="Mul (2,)"];\n'
        "  n0 -> n1;\n"
        "  n0 -> n1;\n"
        "}"
    )
    assert graph.to_mermaid() == (
        'flowchart TB\n  n0(["leaf (2,)"])\n  n1["Mul (2,)"]\n  n0 --> n1\n  n0 --> n1'
    )


def test_gradients_leave_grad_alone(x):
    middle = x * x
    graph = cnet.graph(middle.sum())
    gradients = graph.gradients()
    assert gradients[x].tolist() == [2, 4]
    assert gradients[middle].tolist() == [1, 1]
    assert x.grad is None
    assert graph.gradients(np.float32(10))[x].tolist() == [20, 40]


def test_backward_adds_to_grad(x):
    graph = cnet.graph((x * x).sum())
    gradients = graph.backward()
    graph.backward()
    assert x.grad.tolist() == [4, 8]
    assert gradients[x].tolist() == [2, 4]


def test_several_roots(x):
    graph = cnet.graph((x * 3).sum(), (x * 5).sum())
    assert graph.gradients()[x].tolist() == [8, 8]


def test_chosen_gradients_go_on_from_where_they_are_put(x):
    middle = x * 3
    gradients = cnet.graph((middle * middle).sum()).gradients()
    fresh = gradients.copy()
    for tensor in (x, middle):
        fresh[tensor] = None
    assert fresh[x] is None
    fresh = type(gradients)(gradients.graph)
    fresh[middle] = np.array([1, 10], np.float32)
    fresh.sweep()
    assert fresh[x].tolist() == [3, 30]
    assert gradients[x].tolist() == [18, 36]


def test_each_sweep_adds_what_nodes_have(x):
    """In a chain of operations the first sweep gives 1, 1, 1 and further sweeps 2, 3, 4 ..."""
    a = x * 2
    b = a * 3
    gradients = cnet.graph(b.sum()).gradients()
    assert [gradients[t].tolist()[0] for t in (b, a, x)] == [1, 3, 6]
    gradients.sweep()
    assert [gradients[t].tolist()[0] for t in (b, a, x)] == [2, 3 * 3, 4 * 6]
    gradients.sweep()
    assert [gradients[t].tolist()[0] for t in (b, a, x)] == [3, 6 * 3, 10 * 6]


def test_a_chain_with_one_kernel_counts_as_its_operations():
    """Sweeps give the same gradients with and without fusion, and with layers."""
    rng = np.random.default_rng(0)
    images, found = rng.normal(size=(3, 2, 8, 8)), []
    cnet.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, dtype=np.float64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2, dtype=np.float64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4, 5, dtype=np.float64), nn.ReLU(),
    )  # fmt: skip
    for fused in (True, False):
        if not fused:
            for module in model:
                module.register_forward_hook(lambda module, args, y: None)
        graph = cnet.graph((model(images) ** 2).sum())
        operations = {node.operations for node in graph.nodes}
        assert ({2, 3} <= operations) == fused
        gradients = graph.gradients()
        for _ in range(3):
            gradients.sweep()
        found.append([gradients[parameter] for parameter in model.parameters()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_a_freed_graph_can_be_read_but_not_propagated(x):
    loss = (x * x).sum()
    graph = cnet.graph(loss)
    loss.backward()
    assert len(graph.nodes) == 3
    with pytest.raises(RuntimeError, match="freed the graph"):
        graph.gradients()


def test_errors(x):
    with pytest.raises(ValueError, match="tensors must not be empty"):
        cnet.graph()
    with pytest.raises(TypeError, match=r"must be tensors \(got ndarray\)"):
        cnet.graph(np.zeros(2))
    with pytest.raises(ValueError, match="must require grad"):
        cnet.graph(cnet.tensor(1.0))
    with pytest.raises(RuntimeError, match="implicitly created only for scalar"):
        cnet.graph(x * x).gradients()
    with pytest.raises(ValueError, match=r"gradient.shape must equal"):
        cnet.graph(x * x).gradients(np.ones(3))
