"""Initial values: their distributions, and their reproducibility with a seed."""

import inspect
import math

import numpy as np
import pytest

import cnet
from cnet import nn, random
from cnet.nn import init

SHAPE = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9
LEAKY = math.sqrt(2 / (1 + 0.2**2))

UNIFORM = [
    ("uniform_", {"a": -2.0, "b": 2.0}, 2.0),
    ("xavier_uniform_", {"gain": 3.0}, 3 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    ("kaiming_uniform_", {"a": 0.2}, LEAKY * math.sqrt(3 / FAN_IN)),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}, 5 / 3 * (3 / FAN_OUT) ** 0.5),
]
NORMAL = [
    ("normal_", {"mean": 0.0, "std": 0.02}, 0.02),
    ("xavier_normal_", {}, math.sqrt(2 / (FAN_IN + FAN_OUT))),
    ("kaiming_normal_", {"nonlinearity": "relu"}, math.sqrt(2 / FAN_IN)),
    ("kaiming_normal_", {"a": 0.2, "mode": "fan_out"}, LEAKY / math.sqrt(FAN_OUT)),
]


@pytest.fixture(autouse=True)
def _seed():
    state = random.get_rng_state()
    random.manual_seed(0)
    yield
    random.set_rng_state(state)


@pytest.mark.parametrize(("name", "options", "bound"), UNIFORM)
def test_uniform(name, options, bound):
    values = getattr(init, name)(np.empty(SHAPE), **options)
    assert 0.999 * bound < np.abs(values).max() <= bound
    assert abs(values.mean()) < 0.02 * bound
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.parametrize(("name", "options", "std"), NORMAL)
def test_normal(name, options, std):
    values = getattr(init, name)(np.empty(SHAPE), **options)
    assert abs(values.mean()) < 0.03 * std
    assert values.std() == pytest.approx(std, rel=0.02)
    assert np.abs(values).max() > 3.5 * std


def test_mean():
    assert init.normal_(np.empty(10_000), mean=5.0).mean() == pytest.approx(5, abs=0.05)


def test_constants():
    tensor = cnet.tensor(np.full((2, 2), np.nan))
    assert init.ones_(tensor) is tensor
    assert tensor.detach().numpy().tolist() == [[1, 1], [1, 1]]
    assert init.constant_(tensor, -2.5).detach().numpy().tolist() == [[-2.5, -2.5], [-2.5, -2.5]]
    assert not init.zeros_(tensor).detach().numpy().any()


OTHERS = [
    ("trunc_normal_", {}, None),
    ("trunc_normal_", {"a": 2.0, "b": 4.0}, None),
    ("orthogonal_", {}, None),
]


@pytest.mark.parametrize(("name", "options", "_"), UNIFORM + NORMAL + OTHERS)
def test_a_seed_fixes_the_values_in_both_dtypes(name, options, _):
    function = getattr(init, name)
    wide = function(np.empty(SHAPE), **options)
    random.manual_seed(0)
    parameter = nn.Parameter(np.empty(SHAPE, np.float32))
    assert function(parameter, **options) is parameter
    assert np.array_equal(parameter.detach().numpy(), wide.astype(np.float32))
    own = np.random.default_rng(0)
    assert np.array_equal(function(np.empty(SHAPE), **options, generator=own), wide)


TRUNCATED = [
    ({}, 0.0, 0.8796),
    ({"std": 0.02}, 0.0, 0.02),
    ({"mean": 1.0, "std": 0.5, "a": 0.0, "b": 2.0}, 1.0, 0.4398),
    # candidates are uniform, because few normal ones would be accepted
    ({"a": 1.0, "b": 3.0}, 1.5100, 0.4165),
    ({"mean": 0.5, "std": 10.0, "a": 0.0, "b": 1.0}, 0.5, 0.2886),
]


@pytest.mark.parametrize(("options", "mean", "std"), TRUNCATED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_truncated_normal(options, mean, std, dtype):
    values = init.trunc_normal_(np.empty((200, 100), dtype), **options)
    bounds = {"a": -2.0, "b": 2.0, **options}
    assert values.min() >= bounds["a"]
    assert values.max() <= bounds["b"]
    assert values.mean() == pytest.approx(mean, abs=0.03 * std)
    assert values.std() == pytest.approx(std, rel=0.02)


def test_a_truncated_normal_far_from_its_mean_warns():
    with pytest.warns(UserWarning, match="trunc_normal_: mean is more than two standard"):
        values = init.trunc_normal_(np.empty(100), 0.0, 1.0, 3.0, 3.5)
    assert ((values >= 3) & (values <= 3.5)).all()


def test_identity():
    assert init.eye_(np.empty((2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    for shape, groups in (((4, 3, 3), 1), ((4, 2, 3, 3), 2), ((2, 2, 1, 3, 4), 1)):
        x = np.random.default_rng(0).normal(size=(1, shape[1] * groups, *(4,) * len(shape[2:])))
        weight = init.dirac_(np.empty(shape), groups)
        ones = np.argwhere(weight == 1)
        assert weight.sum() == len(ones) == min(shape[0] // groups, shape[1]) * groups
        assert (ones[:, 2:] == np.array(shape[2:]) // 2).all()
        if len(shape) == 4:
            y = cnet.functional.conv2d(x, weight, padding=1, groups=groups)
            np.testing.assert_array_equal(y.numpy(), x)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (6, 2, 3, 3), (1, 4)])
def test_orthogonal(shape):
    values = init.orthogonal_(np.empty(shape), gain=2.0).reshape(shape[0], -1)
    product = values @ values.T if shape[0] <= values.shape[1] else values.T @ values
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    assert init.orthogonal_(np.empty((0, 3))).shape == (0, 3)


def test_orthogonal_matrices_have_no_preferred_sign():
    signs = [np.sign(init.orthogonal_(np.empty((2, 2)))[0, 0]) for _ in range(40)]
    assert 5 < signs.count(1.0) < 35


def test_sparse():
    values = init.sparse_(np.empty((100, 30)), 0.255, std=0.5)
    assert ((values == 0).sum(axis=0) == 26).all()
    assert len({tuple(column) for column in (values == 0).T}) > 25
    assert values[values != 0].std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", ["uniform", "xavier_normal", "kaiming_uniform", "eye", "dirac"])
def test_deprecated_names_warn(name):
    tensor = np.empty((2, 2, 3) if name == "dirac" else (2, 2))
    function = getattr(init, name)
    assert function.__name__ == name
    with pytest.warns(FutureWarning, match=rf"nn.init.{name} is deprecated; use nn.init.{name}_"):
        assert function(tensor) is tensor


def test_values_are_written_in_place_whatever_the_layout():
    tensor = np.zeros((4, 6))
    view = tensor[::2, ::3].T
    assert init.uniform_(view, 1, 2) is view
    assert np.count_nonzero(tensor) == view.size


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0, 2, 2)])
def test_empty_tensors(shape):
    assert init.kaiming_uniform_(np.empty(shape)).shape == shape
    assert init.xavier_normal_(np.empty(shape)).shape == shape


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1), ("conv2d", None, 1), ("sigmoid", None, 1), ("tanh", None, 5 / 3),
        ("relu", None, 2**0.5), ("selu", None, 0.75), ("leaky_relu", None, (2 / 1.0001) ** 0.5),
        ("leaky_relu", 0, 2**0.5), ("leaky_relu", 2.0, 0.4**0.5),
    ],
)  # fmt: skip
def test_gain(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (lambda dtype: nn.Linear(300, 200, dtype=dtype), 300),
        (lambda dtype: nn.Conv2d(24, 60, (3, 5), groups=3, dtype=dtype), 8 * 15),
    ],
)
def test_layers_start_within_one_over_the_root_of_fan_in(layer, fan_in):
    module = layer(np.float64)
    bound = 1 / math.sqrt(fan_in)
    assert 0.99 * bound < np.abs(module.weight.detach().numpy()).max() <= bound
    assert 0.9 * bound < np.abs(module.bias.detach().numpy()).max() <= bound
    assert module.weight.detach().numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.03)
    weight = module.weight.detach().numpy().copy()
    random.manual_seed(0)
    assert np.array_equal(layer("float32").weight.detach().numpy(), weight.astype(np.float32))
    random.manual_seed(0)
    module.reset_parameters()
    assert np.array_equal(module.weight.detach().numpy(), weight)


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "xavier_uniform_: tensor must have at least 2 dimensions (got 1, shape (3,))",
         lambda: init.xavier_uniform_(np.empty(3))),
        (ValueError, "kaiming_normal_: mode must be one of ('fan_in', 'fan_out') (got 'fan')",
         lambda: init.kaiming_normal_(np.empty((3, 3)), mode="fan")),
        (TypeError, "uniform_: tensor must be a tensor or ndarray of floats (got int64)",
         lambda: init.uniform_(np.zeros(3, np.int64))),
        (ValueError, "uniform_: a must be at most b (got 1 and 0)",
         lambda: init.uniform_(np.empty(3), 1, 0)),
        (ValueError, "trunc_normal_: mean must be finite (got nan)",
         lambda: init.trunc_normal_(np.empty(3), mean=np.nan)),
        (ValueError, "trunc_normal_: std must be positive (got 0)",
         lambda: init.trunc_normal_(np.empty(3), std=0)),
        (ValueError, "trunc_normal_: a must be less than b (got 2 and 2)",
         lambda: init.trunc_normal_(np.empty(3), a=2, b=2)),
        (ValueError, "eye_: tensor must have 2 dimensions (got 1, shape (3,))",
         lambda: init.eye_(np.empty(3))),
        (ValueError, "dirac_: tensor must have 3 or 4 or 5 dimensions (got 2, shape (3, 3))",
         lambda: init.dirac_(np.empty((3, 3)))),
        (ValueError, "dirac_: groups must divide tensor.shape[0] (got 2 and 3)",
         lambda: init.dirac_(np.empty((3, 3, 3)), 2)),
        (ValueError, "orthogonal_: tensor must have at least 2 dimensions (got 1, shape (3,))",
         lambda: init.orthogonal_(np.empty(3))),
        (ValueError, "sparse_: tensor must have 2 dimensions (got 3, shape (1, 2, 3))",
         lambda: init.sparse_(np.empty((1, 2, 3)), 0.5)),
        (ValueError, "sparse_: sparsity must be from 0 to 1 (got 1.5)",
         lambda: init.sparse_(np.empty((2, 2)), 1.5)),
        (ValueError, "calculate_gain: param must be a number (got True)",
         lambda: init.calculate_gain("leaky_relu", True)),
        (TypeError, "zeros_: tensor must be a tensor or ndarray of floats (got list)",
         lambda: init.zeros_([1.0])),
        (TypeError, "kaiming_uniform_: tensor must be a tensor or ndarray of floats (got int64)",
         lambda: init.kaiming_uniform_(np.zeros((2, 2), np.int64))),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert str(caught.value) == message


def test_unknown_nonlinearity():
    with pytest.raises(ValueError, match=r"kaiming_uniform_: nonlinearity must be .*got 'gelu'"):
        init.kaiming_uniform_(np.empty((2, 2)), nonlinearity="gelu")


def test_names_are_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert all(hasattr(init, name) for name in torch.nn.init.__all__)
    for name in init.__all__:
        ours, theirs = (inspect.signature(getattr(m, name)) for m in (init, torch.nn.init))
        assert list(ours.parameters) == list(theirs.parameters)
        for key, parameter in ours.parameters.items():
            assert parameter.default == theirs.parameters[key].default


def test_fans_under_the_name_that_public_code_imports():
    assert init._calculate_fan_in_and_fan_out(cnet.zeros(SHAPE)) == (FAN_IN, FAN_OUT)
    with pytest.raises(
        ValueError, match="_calculate_fan_in_and_fan_out: tensor must have at least"
    ):
        init._calculate_fan_in_and_fan_out(cnet.zeros(3))
