"""Operations with `inplace=True`: values, gradients, and other tensors that share the memory."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn
from cnet.tensor import Tensor, tensor

OPERATIONS = {
    "relu": lambda x, inplace: F.relu(x, inplace=inplace),
    "leaky_relu": lambda x, inplace: F.leaky_relu(x, 0.1, inplace=inplace),
    "dropout": lambda x, inplace: F.dropout(x, 0.999999, inplace=inplace),
    "nn.ReLU": lambda x, inplace: nn.ReLU(inplace)(x),
    "nn.LeakyReLU": lambda x, inplace: nn.LeakyReLU(0.1, inplace)(x),
    "nn.Dropout": lambda x, inplace: nn.Dropout(0.999999, inplace)(x),
}
VALUES = np.array([[-2.0, 1.0], [3.0, -0.5]])


@pytest.fixture(params=OPERATIONS)
def operation(request):
    return OPERATIONS[request.param]


def test_without_a_graph_the_array_changes(operation):
    array = VALUES.copy()
    x = Tensor(array)
    alias = Tensor(array)
    expected = operation(Tensor(VALUES), False).numpy()
    assert operation(x, True) is x
    np.testing.assert_array_equal(array, expected)
    np.testing.assert_array_equal(alias, expected)


def test_an_array_changes(operation):
    array = VALUES.copy()
    y = operation(array, True)
    np.testing.assert_array_equal(array, y)
    np.testing.assert_array_equal(y, operation(VALUES, False))


def test_without_inplace_nothing_changes(operation):
    x = Tensor(VALUES.copy())
    assert operation(x, False) is not x
    np.testing.assert_array_equal(x, VALUES)


def test_a_graphs_result_becomes_the_new_result(operation):
    """Operations that read the tensor later get the new values, and gradients are correct."""
    gradients = []
    for inplace in (True, False):
        leaf = Tensor(VALUES.copy(), requires_grad=True)
        x = leaf * 3
        before = x + 1
        y = operation(x, inplace)
        assert (y is x) == inplace
        (y * (x if inplace else y) + before).sum().backward()
        gradients.append(leaf.grad.numpy())
    np.testing.assert_array_equal(*gradients)


def test_what_was_saved_of_the_old_values_is_missed(operation):
    x = Tensor(VALUES.copy(), requires_grad=True) * 3
    y = x * x
    operation(x, True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation: Mul saved it"):
        y.sum().backward()


def test_a_block_that_reads_its_input_afterwards():
    """In a residual block that starts in place, the skip connection gets the changed values."""
    x = tensor([-1.0, 2.0], requires_grad=True)
    h = x * 2
    y = nn.Sequential(nn.ReLU(inplace=True), nn.Identity())(h) + h
    assert y.tolist() == [0, 8]
    y.sum().backward()
    assert x.grad.tolist() == [0, 4]


def test_a_leaf_that_requires_grad(operation):
    x = Tensor(VALUES.copy(), requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        operation(x, True)
    np.testing.assert_array_equal(x.detach(), VALUES)
    with cnet.no_grad():
        assert operation(x, True) is x
    assert x.requires_grad


def test_dropout_outside_of_training_changes_nothing():
    x = tensor([1.0, 2.0])
    assert F.dropout(x, 0.5, training=False, inplace=True) is x
    assert x.tolist() == [1, 2]


def test_a_plan_computes_what_the_network_does():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            h = self.first(x)
            y = self.second(self.relu(h))
            return y + h

    net = Block().eval()
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    expected = net(tensor(x)).detach().numpy()
    np.testing.assert_allclose(cnet.compile(net, x)(x), expected, rtol=1e-6)


def test_a_plan_leaves_its_example():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 2))
    example = np.array([[-1.0, 2.0]], np.float32)
    cnet.compile(net.eval(), example)
    assert example.tolist() == [[-1, 2]]
