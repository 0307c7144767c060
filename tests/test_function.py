"""The context of a `Function`, gradients that are kept, and shapes that change in place."""

import numpy as np
import pytest

import cnet
from cnet import Tensor
from cnet.autograd import Function, backward, once_differentiable


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


class Doubled(Function):
    """Doubles its argument in place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        return 2 * grad_output


def test_a_changed_input_is_the_output():
    x = leaf(1.0, 2.0)
    y = x * 1
    assert Doubled.apply(y) is y
    assert y.tolist() == [2, 4]
    (y * y).sum().backward()
    assert x.grad.tolist() == [8, 16]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        Doubled.apply(leaf(1.0))
    with pytest.raises(RuntimeError, match="a view cannot be changed in place by a Function"):
        Doubled.apply((x * 1)[:1])
    plain = cnet.ones(2)
    assert Doubled.apply(plain) is plain
    assert plain.tolist() == [2, 2]


class Sorted(Function):
    """Sorted elements, and floats without a gradient."""

    seen = ()

    @staticmethod
    def forward(ctx, x, materialize):
        ranks = x.argsort().double()
        ctx.mark_non_differentiable(ranks)
        ctx.set_materialize_grads(materialize)
        ctx.save_for_backward(ranks)
        return ranks, x.sort().values, x * 2

    @staticmethod
    def backward(ctx, _, grad_values, grad_double):
        Sorted.seen = grad_values, grad_double
        (ranks,) = ctx.saved_tensors
        dx = cnet.zeros_like(ranks)
        dx[ranks.long()] = grad_values
        return dx, None


@pytest.mark.parametrize("materialize", [True, False])
def test_outputs_without_a_gradient(materialize):
    x = leaf(3.0, 1.0, 2.0)
    ranks, values, _ = Sorted.apply(x, materialize)
    assert not ranks.requires_grad
    assert values.requires_grad
    (values * cnet.arange(3)).sum().backward()
    assert x.grad.tolist() == [2, 0, 1]
    assert (Sorted.seen[1] is None) != materialize


def test_retain_grad_follows_changes_in_place():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    y.mul_(3)
    (y * y).sum().backward()
    assert y.grad.tolist() == [12, 24]
    assert x.grad.tolist() == [72, 144]
    assert not x.retains_grad


def test_backward_to_chosen_leaves():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a * b).sum().backward(inputs=[a])
    assert a.grad.tolist() == [3, 4]
    assert b.grad is None
    backward([(a * b).sum(), b.sum()], [2 * cnet.ones((), dtype=float), None], inputs=b)
    assert b.grad.tolist() == [3, 5]
    with pytest.raises(RuntimeError, match="inputs must not be empty"):
        a.sum().backward(inputs=[])


SHAPES = {
    "squeeze_": (), "unsqueeze_": (0,), "transpose_": (0, 2), "swapaxes_": (0, 1),
}  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), SHAPES.items())
def test_shapes_change_in_place(name, arguments):
    x, other = (Tensor(np.arange(6.0).reshape(3, 1, 2), requires_grad=True) for _ in range(2))
    y, expected = x * 1, getattr(other * 1, name[:-1])(*arguments)
    assert getattr(y, name)(*arguments) is y
    y += 1
    assert y.tolist() == (expected + 1).tolist()
    weights = np.arange(6.0).reshape(y.shape)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    assert x.grad.tolist() == other.grad.tolist()


def test_a_part_whose_shape_changed_still_belongs_to_its_tensor():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    part = y[1:]
    part.unsqueeze_(0)
    part *= 5
    y.sum().backward()
    assert x.grad.tolist() == [1, 5, 5]


@pytest.mark.parametrize(
    ("name", "arguments"), [("unsqueeze_", (0,)), ("t_", ()), ("transpose_", (0, 1))]
)
def test_views_from_before_a_change_of_shape_are_refused(name, arguments):
    y = Tensor(np.ones((2, 2)), requires_grad=True) * 1
    part = y[1]
    getattr(y, name)(*arguments)
    with pytest.raises(RuntimeError, match="shape of a tensor was changed in place"):
        part.grad_fn  # noqa: B018
    with pytest.raises(RuntimeError, match="a leaf Variable"):
        leaf(1.0).unsqueeze_(0)


def test_resize():
    x = cnet.arange(6)
    assert x.resize_(2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.resize_(4).tolist() == [0, 1, 2, 3]
    assert x.resize_as_(cnet.zeros(3, 2)).shape == (3, 2)
    with pytest.raises(RuntimeError, match="resize_: cannot resize tensors that require grad"):
        leaf(1.0).resize_(2)


def test_detach_in_place():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="detach_: views"):
        (x * 2)[:1].detach_()


def test_numpy_with_force():
    assert leaf(1.0).numpy(force=True).tolist() == [1]
    assert cnet.tensor(2.0) in cnet.tensor([1.0, 2.0])
    assert 3 not in cnet.tensor([1.0, 2.0])
    assert reversed(cnet.tensor([[1, 2], [3, 4]])).tolist() == [[4, 3], [2, 1]]


def test_the_former_name_of_saved_tensors():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_variables
            return 2 * x * grad_output

    x = leaf(3.0)
    with pytest.warns(FutureWarning, match="use saved_tensors"):
        Square.apply(x).sum().backward()
    assert x.grad.tolist() == [6]


@pytest.mark.parametrize("extra", [(), (None,), (None, None, None)])
def test_gradients_of_missing_arguments_may_be_none(extra):
    class Scaled(Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.factor, None, *extra

    x = leaf(3.0)
    Scaled.apply(x, 2).sum().backward()
    assert x.grad.tolist() == [2]
    Scaled.backward = staticmethod(lambda ctx, grad: (grad, None, *extra, grad))
    with pytest.raises(ValueError, match=r"one gradient for each input \(got \d and 2 inputs\)"):
        Scaled.apply(x, 2).sum().backward()


class Same(Function):
    """Returns its argument, or a view of it."""

    @staticmethod
    def forward(ctx, x, way):
        return x if way == "itself" else x.view(-1)

    @staticmethod
    def backward(ctx, grad_output):
        return 7 * grad_output, None


@pytest.mark.parametrize("way", ["itself", "a view"])
def test_results_that_share_memory_with_an_input_are_not_changed_in_place(way):
    x = leaf(1.0, 2.0)
    y = x * 1
    result = Same.apply(y, way)
    with pytest.raises(RuntimeError, match="or by a Function, and is being modified in place"):
        result.mul_(2)
    y.mul_(2)
    with pytest.raises(RuntimeError, match=r"or by a Function, and the tensor .* was modified"):
        result.sum()
    plain = cnet.ones(2)
    assert Same.apply(plain, way).mul_(2) is not plain
    assert plain.tolist() == [2, 2]


def test_a_module_with_backward_hooks_does_not_share_its_output_unnoticed():
    x = leaf(1.0, 2.0)
    y = x * 1
    net = cnet.nn.Identity()
    net.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="being modified in place"):
        net(y).relu_()
