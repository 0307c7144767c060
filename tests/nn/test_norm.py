"""Normalisation layers; values are compared with PyTorch in test_nn_parity."""

import numpy as np
import pytest

import cnet
from cnet import nn

X = np.random.default_rng(0).normal(3, 2, (16, 4, 5, 5)).astype(np.float32)


def test_training_and_eval():
    norm = nn.BatchNorm2d(4, momentum=1.0)
    y = norm(X)
    assert abs(y.detach().numpy().mean()) < 1e-6
    assert norm.num_batches_tracked.item() == 1
    np.testing.assert_allclose(norm.running_mean.detach().numpy(), X.mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(
        norm.eval()(X).detach().numpy(), y.detach().numpy(), rtol=2e-3, atol=2e-3
    )
    assert norm.num_batches_tracked.item() == 1


def test_without_momentum_all_batches_count_alike():
    norm = nn.BatchNorm2d(4, momentum=None)
    for batch in (X[:4], X[4:8], X[8:12]):
        norm(batch)
    np.testing.assert_allclose(
        norm.running_mean.detach().numpy(), X[:12].mean((0, 2, 3)), rtol=1e-5
    )


def test_state():
    norm = nn.BatchNorm1d(3)
    names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(norm.state_dict()) == names
    assert len(list(norm.parameters())) == 2
    bare = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert list(bare.state_dict()) == []
    norm(X[:, :3, 0, 0])
    other = nn.BatchNorm1d(3)
    other.load_state_dict(norm.state_dict())
    np.testing.assert_array_equal(other.running_var, norm.running_var)
    norm.reset_running_stats()
    assert norm.num_batches_tracked.item() == 0
    np.testing.assert_array_equal(norm.running_var, np.ones(3))


def test_dtype_and_repr():
    norm = nn.BatchNorm2d(4, dtype=np.float64)
    assert norm(X.astype(np.float64)).dtype == norm.running_mean.dtype == np.float64
    assert norm.float()(X).dtype == np.float32
    assert repr(norm) == (
        "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    )


def test_errors():
    with pytest.raises(ValueError, match=r"BatchNorm2d: x must have 4 dimensions \(got 3\)"):
        nn.BatchNorm2d(4)(X[0])
    with pytest.raises(ValueError, match=r"BatchNorm1d: x must have 2 or 3 dimensions \(got 4\)"):
        nn.BatchNorm1d(4)(X)
    with pytest.raises(ValueError, match=r"x.shape\[1\] must equal num_features \(got 4 and 3\)"):
        nn.BatchNorm2d(3)(X)
    with pytest.raises(ValueError, match=r"num_features must be at least 1 \(got 0\)"):
        nn.BatchNorm2d(0)
    with pytest.raises(ValueError, match=r"BatchNorm1d: eps must not be negative \(got -1\)"):
        nn.BatchNorm1d(3, eps=-1)
    norm = nn.BatchNorm1d(4)
    with pytest.raises(ValueError, match="at least 2 values"):
        norm(X[:1, :, 0, 0])
    assert norm.num_batches_tracked.item() == 0


def test_without_running_statistics_eval_takes_the_batchs():
    norm = nn.BatchNorm2d(4, track_running_stats=False).eval()
    np.testing.assert_array_equal(norm(X).detach(), nn.BatchNorm2d(4)(X).detach())
    single = nn.BatchNorm1d(4, track_running_stats=False).eval()
    with pytest.raises(ValueError, match="at least 2 values per channel") as caught:
        single(X[:1, :, 0, 0])
    assert "training" not in str(caught.value)


def test_an_empty_batch_leaves_the_statistics():
    norm = nn.BatchNorm2d(4)
    assert norm(X[:0]).shape == (0, 4, 5, 5)
    np.testing.assert_array_equal(norm.running_mean, np.zeros(4))
    assert norm.eval()(X[:0]).shape == (0, 4, 5, 5)


def test_without_a_bias():
    norm = nn.BatchNorm2d(4, bias=False)
    assert [name for name, _ in norm.named_parameters()] == ["weight"]
    np.testing.assert_array_equal(norm(X).detach(), nn.BatchNorm2d(4)(X).detach())


def test_instances():
    norm = nn.InstanceNorm2d(4)
    assert list(norm.state_dict()) == []
    y = norm(X).numpy()
    np.testing.assert_allclose(y.mean((2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(norm(X[0]), y[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(norm.eval()(X), y)
    with pytest.warns(UserWarning, match=r"InstanceNorm2d: .*got 4 and 3\); it has no effect"):
        nn.InstanceNorm2d(3)(X)
    with pytest.raises(ValueError, match=r"InstanceNorm2d: .*got 4 and 3"):
        nn.InstanceNorm2d(3, affine=True)(X)
    with pytest.raises(ValueError, match=r"InstanceNorm1d: x must have 2 or 3 dimensions \(got 4"):
        nn.InstanceNorm1d(4)(X)


def test_running_statistics_of_instances():
    norm = nn.InstanceNorm2d(4, momentum=1.0, track_running_stats=True)
    norm(X)
    np.testing.assert_allclose(norm.running_mean.numpy(), X.mean((0, 2, 3)), rtol=1e-5)
    assert norm.num_batches_tracked.item() == 0
    expected = (X - X.mean((0, 2, 3), keepdims=True)) / np.sqrt(
        norm.running_var.numpy()[:, None, None] + 1e-5
    )
    np.testing.assert_allclose(norm.eval()(X), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.LayerNorm((4, 5)), ["weight", "bias"]),
        (lambda: nn.LayerNorm(4, bias=False), ["weight"]),
        (lambda: nn.LayerNorm(4, elementwise_affine=False), []),
        (lambda: nn.RMSNorm(4), ["weight"]),
        (lambda: nn.GroupNorm(2, 4), ["weight", "bias"]),
        (lambda: nn.GroupNorm(2, 4, affine=False), []),
    ],
)
def test_parameters_start_with_ones_and_zeros(make, names):
    parameters = dict(make().named_parameters())
    assert list(parameters) == names
    for name, parameter in parameters.items():
        assert (parameter.detach().numpy() == (name == "weight")).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.GroupNorm(3, 4), ValueError, "GroupNorm: num_groups must divide num_channels"),
        (lambda: nn.GroupNorm(0, 4), ValueError, "GroupNorm: num_groups must be at least 1"),
        (lambda: nn.LayerNorm(2.5), TypeError, "LayerNorm: normalized_shape must be an int"),
        (lambda: nn.LayerNorm(2, dtype="int64"), TypeError, "LayerNorm: dtype"),
        (lambda: nn.RMSNorm(2, device="cuda"), RuntimeError, "RMSNorm: device must be 'cpu'"),
        (lambda: nn.CrossMapLRN2d(2)(X[0]), ValueError, "CrossMapLRN2d: x must have 4 dimensions"),
    ],
)
def test_errors_of_item_norms(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.InstanceNorm1d])
def test_infinite_running_statistics_stay(kind):
    module = kind(2, track_running_stats=True)
    module.running_mean.fill_(float("inf"))
    module(cnet.rand(4, 2, 5))
    assert module.running_mean.tolist() == [float("inf")] * 2
