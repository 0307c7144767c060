"""Tools for parameters: limits of gradients, vectors, fused layers, normalised weights."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn
from cnet.nn.utils import parametrizations, parametrize
from cnet.nn.utils.rnn import pad_sequence, unpad_sequence

RNG = np.random.default_rng(0)


def with_gradients(*gradients):
    tensors = [cnet.tensor(np.zeros(np.shape(g)), requires_grad=True) for g in gradients]
    for tensor, gradient in zip(tensors, gradients, strict=True):
        tensor.grad = np.array(gradient, float)
    return [*tensors, cnet.tensor([1.0], requires_grad=True)]


# Gradients


@pytest.mark.parametrize(
    ("order", "norm"),
    [(2, 13), (1, 19), (np.inf, 12), ("inf", 12), (3, (27 + 64 + 1728) ** (1 / 3))],
)
def test_gradients_are_clipped_by_their_norm(order, norm):
    parameters = with_gradients([3.0, 4.0], [[-12.0]])
    found = nn.utils.clip_grad_norm_(parameters, norm / 2, order)
    assert found.item() == pytest.approx(norm)
    assert parameters[0].grad.tolist() == pytest.approx([1.5, 2])
    assert nn.utils.clip_grad_norm_(parameters, 1000).item() == pytest.approx(6.5)
    assert parameters[0].grad.tolist() == pytest.approx([1.5, 2])


def test_norms_that_are_not_finite():
    parameters = with_gradients([np.inf])
    with pytest.raises(RuntimeError, match="is not finite"):
        nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    with pytest.raises(TypeError, match=r"clip_grad_value_: parameters must be .* \(got ReLU\)"):
        nn.utils.clip_grad_value_(nn.ReLU(), 1.0)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0
    with pytest.warns(FutureWarning, match="use clip_grad_norm_"):
        assert nn.utils.clip_grad_norm(with_gradients([3.0])[0], 1.0).item() == 3


def test_gradients_are_clipped_by_value():
    parameters = with_gradients([3.0, -4.0, 0.5])
    nn.utils.clip_grad_value_(parameters, 1)
    assert parameters[0].grad.tolist() == [1, -1, 0.5]


# Vectors, sequences


def test_parameters_as_a_vector():
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.requires_grad
    nn.utils.vector_to_parameters(cnet.tensor(np.arange(9.0)), layer.parameters())
    assert layer.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert layer.bias.tolist() == [6, 7, 8]
    with pytest.raises(TypeError, match="vec must be a Tensor"):
        nn.utils.vector_to_parameters([1.0], layer.parameters())
    with pytest.raises(ValueError, match="got 3 and at least 6"):
        nn.utils.vector_to_parameters(cnet.tensor([1.0, 2.0, 3.0]), layer.parameters())


@pytest.mark.parametrize("batch_first", [True, False])
def test_sequences_are_padded(batch_first):
    sequences = [cnet.tensor(np.ones((n, 2))) for n in (3, 1)]
    padded = pad_sequence(sequences, batch_first, -1.0)
    expected = np.array([[[1, 1]] * 3, [[1, 1], [-1, -1], [-1, -1]]])
    assert padded.tolist() == (expected if batch_first else expected.swapaxes(0, 1)).tolist()
    assert [s.shape for s in unpad_sequence(padded, [3, 1], batch_first)] == [(3, 2), (1, 2)]
    left = pad_sequence(sequences, True, padding_side="left")
    assert left[1].tolist() == [[0, 0], [0, 0], [1, 1]]
    with pytest.raises(ValueError, match="must not be empty"):
        pad_sequence([])
    with pytest.raises(ValueError, match="must be 'right' or 'left'"):
        pad_sequence(sequences, padding_side="up")


# Fused layers


def trained(norm):
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        if tensor is not None:
            tensor.data[...] = RNG.uniform(0.5, 2, tensor.shape)
    return norm.eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_fused_layers_compute_the_same(bias, affine):
    x = RNG.standard_normal((2, 3, 6, 6))
    conv = nn.Conv2d(3, 4, 3, bias=bias, dtype=np.float64).eval()
    norm = trained(nn.BatchNorm2d(4, affine=affine, dtype=np.float64))
    fused = nn.utils.fuse_conv_bn_eval(conv, norm)
    np.testing.assert_allclose(fused(x).detach(), norm(conv(x)).detach(), rtol=1e-10)
    linear = nn.Linear(6, 4, bias=bias, dtype=np.float64).eval()
    norm = trained(nn.BatchNorm1d(4, affine=affine, dtype=np.float64))
    fused = nn.utils.fuse_linear_bn_eval(linear, norm)
    np.testing.assert_allclose(fused(x[0, 0]).detach(), norm(linear(x[0, 0])).detach(), rtol=1e-10)


def test_layers_that_cannot_be_fused():
    linear = nn.Linear(2, 3)
    with pytest.raises(AssertionError, match="must be in evaluation mode"):
        nn.utils.fuse_linear_bn_eval(linear, nn.BatchNorm1d(3).eval())
    with pytest.raises(ValueError, match=r"must equal linear.out_features or 1 \(got 2 and 3\)"):
        nn.utils.fuse_linear_bn_eval(linear, nn.BatchNorm1d(2))


# Normalised weights

NORMALISATIONS = {
    "weight_norm": (nn.utils.weight_norm, nn.utils.remove_weight_norm),
    "spectral_norm": (nn.utils.spectral_norm, nn.utils.remove_spectral_norm),
    "parametrizations.weight_norm": (
        parametrizations.weight_norm,
        lambda module: parametrize.remove_parametrizations(module, "weight"),
    ),
    "parametrizations.spectral_norm": (
        parametrizations.spectral_norm,
        lambda module: parametrize.remove_parametrizations(module, "weight"),
    ),
    "parametrizations.orthogonal": (
        parametrizations.orthogonal,
        lambda module: parametrize.remove_parametrizations(module, "weight"),
    ),
}


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalised_weights_are_trained_and_removed(name):
    add, remove = NORMALISATIONS[name]
    layer = nn.Linear(4, 3)
    assert add(layer) is layer
    x = np.ones((2, 4), np.float32)
    layer(x).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    layer.eval()
    y = layer(x).detach().numpy()
    remove(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert type(layer) is nn.Linear
    np.testing.assert_allclose(layer(x).detach(), y, rtol=1e-5)
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_errors_of_hooks(name):
    add, remove = NORMALISATIONS[name]
    with pytest.raises(ValueError, match=r"has no (weight|spectral) normalisation"):
        remove(nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match="normalisation already"):
        add(add(nn.Linear(1, 1)))


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_keeps_the_weight(dim):
    conv = nn.Conv2d(2, 3, 3)
    before = conv.weight.detach().numpy().copy()
    parametrizations.weight_norm(conv, dim=dim)
    np.testing.assert_allclose(conv.weight.detach(), before, rtol=1e-5)


def test_spectral_norm_divides_by_the_largest_singular_value():
    for add in (parametrizations.spectral_norm, nn.utils.spectral_norm):
        layer = add(nn.Linear(5, 4), n_power_iterations=100)
        layer(np.ones((1, 5), np.float32))
        assert np.linalg.norm(layer.weight.detach(), 2) == pytest.approx(1, abs=1e-4)
        state = copy.deepcopy(layer.state_dict())
        layer.eval()(np.ones((1, 5), np.float32))
        assert all(np.array_equal(state[k], v) for k, v in layer.state_dict().items())
    with pytest.raises(IndexError, match="dim must be in range for 2 dimensions"):
        parametrizations.spectral_norm(nn.Linear(1, 1), dim=2)
    with pytest.raises(ValueError, match="n_power_iterations must be at least 1"):
        parametrizations.spectral_norm(nn.Linear(1, 1), n_power_iterations=0)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_weights(shape, kind, trivial):
    layer = nn.Linear(shape[1], shape[0], dtype=np.float64)
    if not trivial and kind != "householder":
        with pytest.raises(NotImplementedError, match="only the Householder map"):
            parametrizations.orthogonal(layer, "weight", kind, use_trivialization=False)
        return
    parametrizations.orthogonal(layer, "weight", kind, use_trivialization=trivial)
    layer.parametrizations.weight.original.data += 0.1 * RNG.standard_normal(shape)
    weight = layer.weight.detach().numpy()
    short = weight if shape[0] <= shape[1] else weight.T
    np.testing.assert_allclose(short @ short.T, np.eye(len(short)), atol=1e-12)
    orthogonal = np.linalg.qr(RNG.standard_normal((max(shape), min(shape))))[0]
    orthogonal = orthogonal if shape[0] >= shape[1] else orthogonal.T
    layer.weight = cnet.tensor(orthogonal)
    np.testing.assert_allclose(layer.weight.detach(), orthogonal, atol=1e-12)


# Parametrizations


class Double(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


class Square(nn.Module):
    def forward(self, x):
        return x * x


def test_parametrizations_are_chained_and_assigned():
    layer = nn.Linear(2, 2, bias=False)
    nn.init.ones_(layer.weight)
    original = layer.weight
    parametrize.register_parametrization(layer, "weight", Double())
    assert layer.parametrizations.weight.original is original
    assert original.tolist() == [[0.5, 0.5]] * 2
    assert layer.weight.tolist() == [[1, 1]] * 2
    parametrize.register_parametrization(layer, "weight", Square())
    layer.weight = cnet.tensor([[4.0, 4.0], [4.0, 4.0]])
    assert layer.weight.tolist() == [[16, 16]] * 2
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert repr(type(layer)) == "<class 'cnet.nn.linear.ParametrizedLinear'>"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(twin, "weight", leave_parametrized=False)
    assert twin.weight.tolist() == [[2, 2]] * 2
    assert layer.weight.tolist() == [[16, 16]] * 2
    layer(np.ones((1, 2), np.float32)).sum().backward()
    assert original.grad is not None
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is original
    assert layer.weight.tolist() == [[16, 16]] * 2


def test_buffers_and_several_tensors_are_parametrized():
    norm = nn.BatchNorm1d(2)
    parametrize.register_parametrization(norm, "running_mean", Double())
    assert "parametrizations.running_mean.original" in norm.state_dict()
    parametrize.register_parametrization(norm, "running_var", Square())
    parametrize.remove_parametrizations(norm, "running_mean")
    assert parametrize.is_parametrized(norm, "running_var")
    assert "running_mean" in dict(norm.named_buffers())
    parametrize.remove_parametrizations(norm, "running_var")
    assert type(norm) is nn.BatchNorm1d


def test_cached_values():
    layer = parametrize.register_parametrization(nn.Linear(1, 1), "weight", Double())
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert layer.weight is not layer.weight


@pytest.mark.parametrize(
    ("message", "act"),
    [
        ("has no parameter or buffer 'w'",
         lambda layer: parametrize.register_parametrization(layer, "w", Double())),
        ("may change the shape only if unsafe=True",
         lambda layer: parametrize.register_parametrization(layer, "weight", nn.Flatten(0))),
        ("has no parametrization of 'weight'",
         lambda layer: parametrize.remove_parametrizations(layer, "weight")),
        ("leave_parametrized must be true if several tensors",
         lambda layer: parametrize.remove_parametrizations(
             parametrizations.weight_norm(layer), "weight", False)),
        ("must return a Tensor or a sequence of Tensors",
         lambda layer: parametrize.register_parametrization(layer, "weight", Wrong())),
        ("must have at least 2 dimensions",
         lambda layer: parametrizations.orthogonal(layer, "bias")),
        ("must be 'matrix_exp', 'cayley' or 'householder'",
         lambda layer: parametrizations.orthogonal(layer, "weight", "qr")),
    ],
)  # fmt: skip
def test_errors_of_parametrizations(message, act):
    with pytest.raises(ValueError, match=message):
        act(nn.Linear(2, 3))


class Wrong(Double):
    def right_inverse(self, x):
        return 3


# PyTorch


def both(make, shape=(4, 3)):
    """The same layer in cnet and in PyTorch, with the same weight."""
    torch = pytest.importorskip("torch")
    weight = np.random.default_rng(1).standard_normal(shape)
    layers = []
    for lib in (cnet, torch):
        layer = lib.nn.Linear(shape[1], shape[0], bias=False)
        layer = layer.double()
        layer.load_state_dict({"weight": lib.tensor(weight)})
        layers.append(make(lib.nn.utils, layer))
    return layers


PARITY = {
    "weight_norm": lambda u, m: u.weight_norm(m, dim=1),
    "weight_norm of all": lambda u, m: u.parametrizations.weight_norm(m, dim=None),
    "weight_norm rows": lambda u, m: u.parametrizations.weight_norm(m),
    "spectral_norm": lambda u, m: u.spectral_norm(m),
    "parametrized spectral_norm": lambda u, m: u.parametrizations.spectral_norm(m),
    **{
        f"orthogonal {kind}": lambda u, m, kind=kind: u.parametrizations.orthogonal(
            m, "weight", kind
        )
        for kind in ("matrix_exp", "cayley", "householder")
    },
    "orthogonal without base": lambda u, m: u.parametrizations.orthogonal(
        m, "weight", "householder", use_trivialization=False
    ),
}


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4, 4)])
@pytest.mark.parametrize("name", PARITY)
def test_normalised_weights_agree_with_pytorch(name, shape):
    ours, theirs = both(PARITY[name], shape)
    x = np.random.default_rng(2).standard_normal((2, shape[1]))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert ours.state_dict()[key].shape == tuple(value.shape)
        if "weight" in key and "_u" not in key and "_v" not in key and "base" not in key:
            if name != "orthogonal without base" and "orthogonal" in name:
                continue
            np.testing.assert_allclose(
                ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-6, atol=1e-9
            )
    noise = np.random.default_rng(3).standard_normal(shape) * 0.1 * (1 - np.eye(*shape))
    state = theirs.state_dict()
    for key in state:
        if key.endswith("original"):
            state[key] += theirs.weight.new_tensor(noise)
    theirs.load_state_dict(state)
    ours.load_state_dict(theirs.state_dict())
    torch = pytest.importorskip("torch")
    y, expected = ours(cnet.tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.detach(), expected.detach(), rtol=1e-8, atol=1e-10)
    (y * y).sum().backward()
    (expected * expected).sum().backward()
    for (_, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-6, atol=1e-8)
