"""In-place operations: values, gradients, views, and errors for changed arrays."""

import copy
import warnings

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import nn, optim
from cnet.autograd import Operation, no_grad
from cnet.gradcheck import gradcheck
from cnet.tensor import Tensor, tensor


def leaf(*values):
    return tensor(np.array(values, np.float64), requires_grad=True)


MODIFIED = "modified by an inplace operation: {} saved it .* and {} changed it later"


def stale(loss, reader, change):
    with pytest.raises(RuntimeError, match=MODIFIED.format(reader, change)):
        loss.backward()


# Saved arrays that were changed


def step(w):
    w.grad = np.ones_like(w.detach().numpy())
    optim.SGD([w], lr=0.1).step()


def adam_step(w):
    w.grad = np.ones_like(w.detach().numpy())
    optim.Adam([w], lr=0.1).step()


def without_graph(change):
    def changed(w):
        with no_grad():
            change(w)

    return changed


def subtract(w):
    w -= 1


def set_item(w):
    w[0] = 5


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (step, "SGD.step"),
        (adam_step, "Adam.step"),
        (without_graph(subtract), "Sub"),
        (without_graph(set_item), "SetItem"),
        (without_graph(lambda w: w.copy_(np.ones(2))), "SetItem"),
        (without_graph(lambda w: w.zero_()), "SetItem"),
        (without_graph(lambda w: w.clamp_(0, 1)), "Clip"),
        (without_graph(lambda w: w[:1].add_(1)), "Add"),
        (without_graph(lambda w: w.view(2, 1).mul_(2)), "Mul"),
        (lambda w: subtract(w.detach()), "Sub"),
        (lambda w: set_item(w.detach()), "SetItem"),
        (lambda w: set_item(Tensor(w.detach().numpy())), "SetItem"),
        (lambda w: nn.init.zeros_(w), "zeros_|constant_"),
        (lambda w: np.add(1, 1, out=w.detach()), "add"),
    ],
)  # fmt: skip
def test_every_change_of_a_saved_array_is_noticed(change, name):
    w, x = leaf(3, 4), leaf(1, 2)
    loss = (w * x).sum()
    change(w)
    stale(loss, "Mul", f"({name})")


def test_changes_of_modules_are_noticed():
    x = tensor([[1.0, 2.0]], requires_grad=True)
    for change, name in (
        (lambda layer: layer.load_state_dict(nn.Linear(2, 2).state_dict()), "load_state_dict"),
        (lambda layer: layer.double(), "Module.to"),
        (lambda layer: layer.state_dict()["weight"].add_(1), "Add"),
    ):
        layer = nn.Linear(2, 2)
        loss = layer(x).sum()
        change(layer)
        stale(loss, "Linear", name)


def test_changes_of_running_statistics_are_noticed():
    norm = nn.BatchNorm1d(2)
    x = tensor(np.arange(8.0, dtype=np.float32).reshape(4, 2), requires_grad=True)
    norm(x)
    loss = norm.eval()(x).sum()
    norm.train()(x)
    stale(loss, "BatchNorm", "batch_norm")


def test_changes_of_a_result_and_of_a_gradient_are_noticed():
    x = leaf(1, 2)
    y = x.exp()
    loss = y.sum()
    y += 1
    stale(loss, "Exp", "Add")
    x.grad = None
    x.sum().backward()
    loss = (x.grad * leaf(1, 1)).sum()
    x.sum().backward()
    stale(loss, "Mul", "backward")


def test_what_is_not_needed_may_change():
    x, w = leaf(1, 2), leaf(3, 4)
    y = x + w
    loss = (y * 2).sum()
    y.zero_()
    step(w)
    loss.backward()
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_changes_before_the_forward_pass_and_of_other_arrays_do_not_matter():
    x, w, other = leaf(1, 2), leaf(3, 4), leaf(5, 6)
    step(w)
    loss = (x * w).sum()
    step(other)
    loss.backward()
    np.testing.assert_array_equal(x.grad, w.detach())


def test_a_part_that_was_not_read_counts_too():
    memory = tensor(np.arange(4.0))
    x = leaf(1, 2)
    loss = (x * memory[:2]).sum()
    memory[3] = 0
    stale(loss, "Mul", "SetItem")


def test_changes_through_data_are_not_noticed_as_in_pytorch():
    x, w = leaf(1, 2), leaf(3, 4)
    loss = (x * w).sum()
    w.data.add_(1)
    w.data[0] = 7
    w.data[1:].mul_(2)
    w.data -= 1
    loss.backward()
    np.testing.assert_array_equal(x.grad, [6, 9])


def test_the_index_that_a_graph_saved_may_not_change():
    positions = tensor([0, 1])
    loss = leaf(1, 2)[positions].sum()
    positions[0] = 1
    stale(loss, "Index", "SetItem")


# Aliases and views


def test_aliases_see_the_change():
    x = leaf(1, 2)
    y = alias = x * 1
    array = y.detach().numpy()
    y += 1
    y *= tensor([2.0, 3.0])
    assert alias is y
    assert array.tolist() == [4, 9]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 3])


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1],
        lambda x: x[:, 1:],
        lambda x: x[0, 1],
        lambda x: x[tensor(1)],
        lambda x: x[..., None],
        lambda x: x.T,
        lambda x: x.view(-1),
        lambda x: x.reshape(3, 2),
        lambda x: x.transpose(0, 1)[1],
        lambda x: x.permute(1, 0),
        lambda x: x.unsqueeze(0).squeeze(0),
        lambda x: x.flatten()[2:4],
        lambda x: x.expand(2, 3),
    ],
)
def test_views_share_memory(view):
    x = tensor(np.arange(6.0).reshape(2, 3))
    y = view(x)
    assert np.shares_memory(x.numpy(), y.numpy())


CHAINS = {
    "first row": lambda x: x[0],
    "element": lambda x: x[1, 2],
    "column of transposed": lambda x: x.T[1],
    "flat part": lambda x: x.view(-1)[1:4],
    "reshaped": lambda x: x.reshape(3, 2)[:, 1:],
    "permuted": lambda x: x.permute(1, 0)[:2],
    "whole": lambda x: x[:],
}


def both(function, *arrays):
    """Run the same code in PyTorch and here: the results and the gradients of all arrays."""
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    for library, make in (
        (cnet, lambda a: tensor(a, requires_grad=True)),
        (torch, lambda a: torch.tensor(a, requires_grad=True)),
    ):
        leaves = [make(array) for array in arrays]
        results = function(library, *leaves)
        results = results if isinstance(results, tuple) else (results,)
        # Different weights, so that a gradient in the wrong place is found.
        total = sum((y * make(np.cos(np.arange(1.0, y.numel() + 1)).reshape(tuple(y.shape)))).sum()
                    for y in results)  # fmt: skip
        total.backward()
        yield ([y.detach().numpy().copy() for y in results],
               [np.zeros(a.shape) if x.grad is None else x.grad.numpy()
                for x, a in zip(leaves, arrays, strict=True)])  # fmt: skip


def assert_as_torch(function, *arrays):
    ours, theirs = both(function, *arrays)
    for got, expected in zip(ours, theirs, strict=True):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


X, W = np.arange(6.0).reshape(2, 3) + 1, np.array([2.0, 3.0, 5.0])


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
@pytest.mark.parametrize("change", ["add", "mul", "fill", "copy", "square"])
def test_a_change_of_a_view_is_one_of_its_base(chain, change):
    def run(_, x, w):
        y = x * 2
        before = chain(y)
        view = chain(y)
        if change == "add":
            view += w[1]
        elif change == "mul":
            view *= w[0]
        elif change == "fill":
            view.fill_(3)
        elif change == "copy":
            view.copy_(w[2])
        else:
            view.mul_(view.clone())
        return y, view, before, chain(y)

    assert_as_torch(run, X, W)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
def test_a_change_of_the_base_is_one_of_its_views(chain):
    def run(_, x, w):
        y = x * 2
        view = chain(y)
        y *= w
        y[0, 1] = w[0]
        return view, y

    assert_as_torch(run, X, W)


def test_changes_of_several_views_in_turn():
    def run(_, x, w):
        y = x * 1
        row, column, flat = y[0], y[:, 1], y.view(-1)
        row.mul_(w)
        flat[2:5].mul_(3)
        column += row[0]
        y[1] = row
        return y, row, column, flat

    assert_as_torch(run, X, W)


def test_parts_of_a_plain_tensor_are_filled_with_results():
    def run(library, x, w):
        out = library.tensor(np.zeros((3, 3)))
        for i in range(3):
            out[i] = w * x[0, i]
        view = out[1]
        view += w
        return out, view

    assert_as_torch(run, X, W)


def test_slices_and_masks_can_be_set():
    def run(_, x, w):
        y = x * w
        y[:, 0] = 0
        y[y < 4] = -1
        y[y > 8] = w[1]
        y[1, 1:] = w[:2]
        y[[0, 0], [1, 2]] = w[1:]
        y[:, 1] = w[:1]
        return y

    assert_as_torch(run, X, W)


def test_a_value_may_have_leading_axes_of_length_one():
    w = leaf(1, 2, 3)
    y = tensor(np.zeros(3))
    y[:] = w.reshape(1, 1, 3)
    (y * tensor([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_array_equal(w.grad, [1, 2, 3])


def test_other_operations_in_place():
    def run(x, w):
        y = x / 2
        y.exp_().clamp_(1.7, 9).sub_(w, alpha=2).add_(w, alpha=3)
        y.div_(w)
        y.masked_fill_(y > 2, 1.5)
        y.sigmoid_().sqrt_().tanh_().neg().abs_().log_()
        y **= 2
        return y

    assert gradcheck(run, (X, W))


def test_an_operand_may_be_the_tensor_itself():
    def run(x):
        y = x * 1
        y *= y
        y += y
        y /= y[0, 0].clone()
        return y

    assert gradcheck(run, X)


@pytest.mark.parametrize("size", [2, 9, 40, 5000])
def test_an_operand_may_overlap_with_the_tensor(size):
    numbers = np.arange(1, size + 1, dtype=np.float32)
    for to, operand in ((slice(1, None), slice(-1)), (slice(-1), slice(1, None))):
        x, expected = tensor(numbers.copy()), numbers.copy()
        x[to].add_(x[operand])
        expected[to] += numbers[operand]
        np.testing.assert_array_equal(x, expected)
    x = tensor(numbers.copy())
    x *= x[1]
    np.testing.assert_array_equal(x, 2 * numbers)


def test_in_place_without_a_graph():
    k = tensor([7, -7])
    k //= 2
    assert k.tolist() == [3, -4]
    k %= 3
    assert k.tolist() == [0, 2]
    k += 1
    assert k.tolist() == [1, 3]
    x = tensor([1.0, 2.0]).fill_(3).zero_().add_(2).mul_(3).sub_(1).div_(5)
    assert x.tolist() == [1, 1]
    cnet.manual_seed(0)
    drawn = tensor(np.zeros(1000)).normal_(5, 0.1)
    assert abs(drawn.mean().item() - 5) < 0.02
    drawn.uniform_(2, 3)
    assert drawn.min().item() >= 2
    assert drawn.max().item() < 3


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tensor([1, 2]).add_(0.5), "float32 can't be cast to .* int64"),
        (lambda: tensor([1, 2]).div_(2), "can't be cast"),
        (lambda: tensor([1.0, 2.0]).add_(np.ones((2, 2))), r"\[2\] doesn't match .* \[2, 2\]"),
        (lambda: tensor([1.0]).expand(3).add_(1), "single memory location"),
        (lambda: (leaf(1) * 1).expand(3).zero_(), "single memory location"),
    ],
)
def test_what_cannot_be_changed_in_place(act, message):
    with pytest.raises(RuntimeError, match=message):
        act()


def test_read_only_memory_is_not_changed():
    array = np.zeros(2)
    array.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        Tensor(array)[0] = 1


def test_views_made_without_a_graph_are_not_changed_with_one():
    y = leaf(1, 2) * 2
    with no_grad():
        view = y[:1]
        view += 1
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        view += 1
    assert y.tolist() == [3, 4]
    buffer = tensor([1.0, 2.0])
    with no_grad():
        view = buffer[:1]
    view += 1
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        view += leaf(5)
    assert buffer.tolist() == [2, 2]


def test_view_refuses_what_cannot_be_a_view():
    x = tensor(np.zeros((2, 3, 4)))
    assert x.view(6, -1).shape == (6, 4)
    assert x.transpose(0, 1).view(3, 2, 2, 2).shape == (3, 2, 2, 2)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.transpose(1, 2).view(-1)
    assert tensor(np.zeros((0, 3))).view(-1).shape == (0,)


def test_a_change_that_an_operation_of_ones_own_saves():
    class Cube(Operation):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return 3 * ctx.saved[0] ** 2 * grad

    x = leaf(1, 2)
    y = x * 1
    loss = Cube.apply(y).sum()
    y += 1
    stale(loss, "Cube", "Add")


def test_training_loops_are_not_disturbed():
    layer, x = nn.Linear(3, 2), np.ones((4, 3), np.float32)
    opt = optim.Adam(layer.parameters(), lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            opt.zero_grad()
            F.mse_loss(layer(x), np.zeros((4, 2), np.float32)).backward()
            opt.step()


# Contracts


def test_data_and_gradients_are_tensors_that_share_memory():
    x = leaf(1, 2)
    assert type(x.data) is Tensor
    assert not x.data.requires_grad
    assert x.data.size() == (2,)
    x.data[...] = 3
    x.data.normal_(0, 0)
    assert x.tolist() == [0, 0]
    before = x.detach().numpy()
    x.data -= 1
    assert x.detach().numpy() is before
    x.data = np.array([5.0, 6.0])
    (x * x).sum().backward()
    x.grad.data.mul_(2)
    np.testing.assert_array_equal(x.grad, [20, 24])


def test_arrays_of_tensors_that_require_grad_are_refused():
    x = leaf(1, 2)
    for act in (lambda: x.numpy(), lambda: np.asarray(x), lambda: np.from_dlpack(x)):
        with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)\.numpy\(\) instead"):
            act()
    with no_grad():
        assert (x * 2).numpy().tolist() == [2, 4]


def test_formats():
    loss = leaf(0.123456).sum()
    assert f"{loss:.4f}" == "0.1235"
    assert f"{tensor([[1.5]]):6.2f}" == "  1.50"
    assert f"{tensor(3)}" == "3"
    assert f"{tensor([1, 2])}" == "tensor([1, 2])"
    assert round(loss, 4) == 0.1235
    assert round(tensor([2.6])) == 3
    with pytest.raises(TypeError, match="format"):
        f"{tensor([1.0, 2.0]):.2f}"


def test_sizes():
    x = tensor(np.zeros((2, 3, 4)))
    assert str(x.size()) == "cnet.Size([2, 3, 4])"
    assert x.size()[1:].numel() == 12
    assert (x.size(), x.size()[-1], x.size(-1)) == ((2, 3, 4), 4, 4)


def test_only_leaves_are_copied_deeply():
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)
    shared = [x, x.detach()]
    first, second = copy.deepcopy(shared)
    assert first.requires_grad
    assert not np.shares_memory(first.detach(), second)
    layer = nn.Linear(2, 2)
    layer.again = layer.weight
    copied = copy.deepcopy(layer)
    assert copied.again is copied.weight
    assert type(copied.weight) is nn.Parameter


def test_arrays_are_changed_by_tensors_without_gradients():
    array = np.zeros(2)
    array += tensor([1.0, 2.0])
    assert type(array) is np.ndarray
    assert array.tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"np\.add: .*detach"):
        array += leaf(1, 2)


def test_views_made_without_a_graph_are_not_used_after_a_recorded_change():
    y = leaf(1, 2) * 2
    with no_grad():
        view = y[:1]
    assert (view + leaf(1)).tolist() == [3]
    y.mul_(2)
    with pytest.raises(RuntimeError, match=r"created in no_grad mode.* was modified in place"):
        view + leaf(1)


def test_a_view_of_a_tensor_that_left_the_graph_keeps_its_history():
    x = leaf(1, 2)
    y = x * 3
    view = y[:1]
    y.detach_()
    view.sum().backward()
    assert x.grad.tolist() == [3, 0]
    assert y.grad is None


def test_a_view_that_requires_grad_shares_memory():
    y = tensor([1.0, 2.0])
    view = y.expand(2, 2).requires_grad_()
    y.mul_(3)
    assert view.tolist() == [[3, 6], [3, 6]]


def test_a_new_shape_in_place_without_a_graph():
    plain = tensor([1.0, 2.0])
    with no_grad():
        plain.unsqueeze_(0)
    assert (plain.mul_(leaf(2))).tolist() == [[2, 4]]
