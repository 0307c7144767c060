"""Tables of layers and of their times."""

import numpy as np
import pytest

import cnet
from cnet import functional as F
from cnet import models, nn
from cnet.inspection.summaries import LayerSummary


class TwoInputs(nn.Module):
    """A model with two inputs, a layer that is called twice, one not called, and a frozen one."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3, 4)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.unused = nn.Linear(5, 5)
        self.embed.weight.requires_grad_(False)

    def forward(self, x, y):
        return self.out(F.relu(self.embed(x)) + self.embed(y))


def test_numbers_of_a_network():
    table = cnet.summary(models.reference_cnn(), (1, 28, 28))
    rows = {layer.name: layer for layer in table.layers}
    assert rows["0"] == LayerSummary("0", "Conv2d", (8, 28, 28), 208, 156_800, 25_088)
    assert rows["3"].multiply_adds == 8 * 16 * 9 * 14 * 14
    assert rows["7"] == LayerSummary("7", "Linear", (128,), 100_480, 100_352, 512)
    assert table.parameters == table.trainable_parameters == 103_146
    assert table.multiply_adds == sum(layer.multiply_adds for layer in table.layers)


@pytest.mark.parametrize(
    ("layer", "size", "products"),
    [
        (nn.Conv2d(4, 6, 3, groups=2, stride=2), (4, 9, 9), 6 * 2 * 9 * 16),
        (nn.Conv1d(2, 3, 2), (2, 5), 3 * 2 * 2 * 4),
        (nn.ConvTranspose2d(4, 6, 3, stride=2), (4, 5, 5), 4 * 6 * 9 * 25),
        (nn.Linear(3, 5), (7, 3), 15 * 7),
        (nn.BatchNorm2d(2), (2, 3, 3), 0),
    ],
)
def test_multiplications(layer, size, products):
    assert cnet.summary(layer, size).multiply_adds == products


def test_several_inputs_and_calls():
    model = TwoInputs()
    table = cnet.summary(model, [(3,), (3,)])
    assert [layer.name for layer in table.layers] == ["embed", "embed", "out.0", "out.1"]
    assert [layer.parameters for layer in table.layers] == [16, 0, 0, 8]
    assert (table.parameters, table.trainable_parameters) == (54, 42)
    assert table.input_shapes == [(3,), (3,)]
    assert "54 parameters, 12 of them frozen; for an input of 3, 3: 32 multiply-adds" in str(table)


def test_the_model_is_unchanged():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2)).double()
    model[1].eval()
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    cnet.manual_seed(0)
    state = cnet.get_rng_state()
    cnet.summary(model, (3,))
    assert [m.training for m in model] == [True, False, True]
    assert cnet.get_rng_state() == state
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert not model[0]._forward_hooks


def test_notebooks_show_tables():
    model = nn.Sequential(nn.Linear(3, 2))
    assert "<td" in cnet.summary(model, (3,))._repr_html_()
    assert "<td" in cnet.profile(model, np.ones((1, 3), "f4"), repeats=1)._repr_html_()


def test_hooks_are_removed_after_an_error():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))
    with pytest.raises(ValueError, match="linear"):
        cnet.summary(model, (3,))
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("size", [(0,), (1.5,), [(3,), (-1,)]])
def test_invalid_sizes_are_refused(size):
    with pytest.raises(ValueError, match="summary: input_size must be positive ints"):
        cnet.summary(nn.Identity(), size)


def test_numbers_of_sizes_and_dtypes_must_agree():
    with pytest.raises(ValueError, match=r"one dtype for each input \(got 1 and 2\)"):
        cnet.summary(TwoInputs(), [(3,), (3,)], dtypes=["float32"])


def test_profile_has_the_times_of_all_layers():
    model = models.small_cnn((1, 8, 8))
    x = np.zeros((16, 1, 8, 8), np.float32)
    times = cnet.profile(model, x, repeats=3)
    assert [layer.name for layer in times.layers] == [str(i) for i in range(len(model))]
    assert all(layer.forward > 0 and layer.backward > 0 for layer in times.layers)
    assert sum(layer.forward for layer in times.layers) < 1.5 * times.forward
    assert str(times).count("\n") == len(model) + 1
    assert all(parameter.grad is None for parameter in model.parameters())


def test_profile_without_a_backward_pass():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(inplace=True))
    with cnet.no_grad():
        times = cnet.profile(model, np.ones((4, 3), "f4"), backward=False, repeats=2)
        with pytest.raises(ValueError, match="outputs of model must require a gradient"):
            cnet.profile(model, np.ones((4, 3), "f4"))
    assert [layer.backward for layer in times.layers] == [0, 0]
    with pytest.raises(ValueError, match=r"repeats must be at least 1 \(got 0\)"):
        cnet.profile(model, np.ones((4, 3), "f4"), repeats=0)


def test_profile_restores_gradients():
    model = nn.Linear(3, 2)
    model(np.ones((1, 3), "f4")).sum().backward()
    before = model.weight.grad
    cnet.profile(model, np.ones((4, 3), "f4"), repeats=1)
    assert model.weight.grad is before


def test_profile_of_inplace_layers():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(inplace=True), nn.Linear(2, 2))
    times = cnet.profile(model, np.ones((4, 3), "f4"), repeats=2)
    assert len(times.layers) == 3
