"""Options of the classes, initial values, and what they refuse."""

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import models, nn
from cnet.models.efficientnet import EfficientNet, FusedMBConv, FusedMBConvConfig, MBConvConfig
from cnet.models.regnet import BlockParams
from cnet.models.resnet import BasicBlock, Bottleneck, ResNet

IMAGES = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)


def _zeros(*shape: int) -> Any:
    return cnet.tensor(np.zeros(shape, np.float32))


# ---- ResNet --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("block", "last"), [(BasicBlock, "bn2"), (Bottleneck, "bn3")])
def test_zero_init_residual(block: type, last: str) -> None:
    model = ResNet(block, (1, 1, 1, 1), 3, zero_init_residual=True)
    for name, parameter in model.named_parameters():
        if name.endswith(f"{last}.weight"):
            assert not parameter.detach().numpy().any()
        elif "bn" in name and name.endswith("weight"):
            assert (parameter.detach().numpy() == 1).all()


def test_dilation_keeps_the_size() -> None:
    model = ResNet(Bottleneck, (1, 1, 2, 2), 3, replace_stride_with_dilation=[False, True, True])
    x = model.layer2(model.layer1(_zeros(1, 64, 16, 16)))
    assert model.layer4(model.layer3(x)).shape == (1, 2048, 8, 8)
    assert [block.conv2.dilation[0] for block in (*model.layer3, *model.layer4)] == [1, 2, 2, 4]


def test_norm_layer() -> None:
    model = ResNet(BasicBlock, (1, 1, 1, 1), 3, norm_layer=lambda planes: nn.GroupNorm(8, planes))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert model(cnet.tensor(IMAGES)).shape == (2, 3)


def test_the_small_stem_keeps_the_size() -> None:
    model = models.cifar_resnet18()
    assert model.maxpool(model.conv1(_zeros(1, 3, 8, 8))).shape == (1, 64, 8, 8)


# ---- Other families ------------------------------------------------------------------------------


def test_googlenet_with_auxiliary_classifiers() -> None:
    model = models.googlenet(num_classes=3, init_weights=False)
    images = cnet.tensor(IMAGES)
    output = model(images)
    assert isinstance(output, models.GoogLeNetOutputs)
    assert [part.shape for part in output] == [(2, 3)] * 3
    assert model.eval()(images).shape == (2, 3)


def test_densenet_reads_the_names_of_older_files() -> None:
    model = models.DenseNet(8, (2, 2), 16, num_classes=3)
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    old = {}
    for name, value in state.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in name:
                name = name.replace(part, f"{part[:-1]}.{part[-1]}")
        old[name] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    other = nn.Sequential(models.DenseNet(8, (2, 2), 16, num_classes=3))
    other.load_state_dict({f"0.{name}": value for name, value in old.items()})
    for name, value in other[0].state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[name])


def test_densenet_with_dropout() -> None:
    cnet.manual_seed(0)
    model = models.DenseNet(8, (2, 2), 16, drop_rate=0.5, num_classes=3)
    images = cnet.tensor(IMAGES)
    assert (model(images).numpy(force=True) != model(images).numpy(force=True)).any()
    model.eval()
    np.testing.assert_array_equal(model(images).numpy(force=True), model(images).numpy(force=True))


def test_stochastic_depth_grows() -> None:
    stages = [MBConvConfig(1, 3, 1, 8, 8, 2), FusedMBConvConfig(4, 3, 2, 8, 16, 2)]
    model = EfficientNet(stages, 0.2, stochastic_depth_prob=0.4, num_classes=3)
    blocks = [block for stage in (model.features[1], model.features[2]) for block in stage]
    assert [block.stochastic_depth.p for block in blocks] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [type(block) for block in blocks[2:]] == [FusedMBConv, FusedMBConv]
    assert model(cnet.tensor(IMAGES)).shape == (2, 3)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (18, 19), (31, 23)])
@pytest.mark.parametrize("bilinear", [False, True])
def test_unet_keeps_the_size(size: tuple[int, int], bilinear: bool) -> None:
    model = models.UNet(2, 3, width=2, bilinear=bilinear)
    assert model(_zeros(2, 2, *size)).shape == (2, 3, *size)


def test_training_lowers_the_loss() -> None:
    cnet.manual_seed(0)
    model = models.CifarResNet((1, 1, 1))
    optimizer = cnet.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    images, target = cnet.tensor(IMAGES), cnet.tensor(np.array([3, 7]))
    losses = []
    for _ in range(8):
        loss = cnet.functional.cross_entropy(model(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


# ---- Initial values ------------------------------------------------------------------------------

DEVIATIONS: list[tuple[Callable[[], nn.Module], dict[str, float]]] = [
    (
        lambda: models.ResNet(Bottleneck, (1, 1, 1, 1), 200),
        {
            "conv1.weight": math.sqrt(2 / (64 * 49)),
            "layer4.0.conv2.weight": math.sqrt(2 / (512 * 9)),
            "fc.weight": 1 / math.sqrt(3 * 2048),
            "fc.bias": 1 / math.sqrt(3 * 2048),
        },
    ),
    (
        lambda: models.MobileNetV2(200, 0.5),
        {
            "features.0.0.weight": math.sqrt(2 / (16 * 9)),
            "features.17.conv.2.weight": math.sqrt(2 / 160),
            "classifier.1.weight": 0.01,
            "classifier.1.bias": 0,
        },
    ),
    (
        lambda: models.MNASNet(0.5, 200),
        {"layers.14.weight": math.sqrt(2 / 1280), "classifier.1.weight": 1 / math.sqrt(200)},
    ),
    (
        lambda: models.DenseNet(16, (2, 2), 32, num_classes=200),
        {
            "features.denseblock2.denselayer2.conv2.weight": math.sqrt(2 / (64 * 9)),
            "classifier.weight": 1 / math.sqrt(3 * 64),
            "classifier.bias": 0,
        },
    ),
    (
        lambda: models.SqueezeNet("1_1", 200),
        {
            "features.12.expand3x3.weight": math.sqrt(2 / (64 * 9)),
            "features.12.expand3x3.bias": 0,
            "classifier.1.weight": 0.01,
        },
    ),
    (
        lambda: EfficientNet([MBConvConfig(4, 3, 1, 16, 64, 1)], 0.2, num_classes=100),
        {
            "features.2.0.weight": math.sqrt(2 / 256),
            "features.1.0.block.2.fc1.bias": 0,
            "classifier.1.weight": 0.1 / math.sqrt(3),
        },
    ),
    (
        lambda: models.ConvNeXt([_cnblock(64)], num_classes=100),
        {
            "features.1.0.block.3.weight": 0.02,
            "features.1.0.block.0.weight": 0.02,
            "features.1.0.block.3.bias": 0,
            "features.1.0.layer_scale": 0,
            "classifier.2.weight": 0.02,
        },
    ),
    (
        lambda: models.RegNet(BlockParams.from_init_params(1, 128, 8.0, 2.0, 64, 1.0, 0.5), 100),
        {
            "trunk_output.block1.block1-0.f.b.0.weight": math.sqrt(2 / (128 * 9)),
            "trunk_output.block1.block1-0.f.se.fc2.bias": 1 / math.sqrt(3 * 16),
            "fc.weight": 0.01,
            "fc.bias": 0,
        },
    ),
    (
        lambda: models.CifarResNet((1, 1, 1), 100),
        {"layer3.0.conv2.weight": math.sqrt(2 / (64 * 9)), "fc.weight": math.sqrt(2 / 100)},
    ),
    (
        lambda: models.GoogLeNet(100),
        {
            "conv3.conv.weight": 0.01,
            "aux1.fc1.weight": 0.01,
            "fc.weight": 0.01,
            "aux1.fc1.bias": 1 / math.sqrt(3 * 2048),
        },
    ),
]


def _cnblock(channels: int) -> Any:
    return importlib.import_module("cnet.models.convnext").CNBlockConfig(channels, None, 1)


@pytest.mark.parametrize(("build", "deviations"), DEVIATIONS)
def test_initial_values(build: Callable[[], nn.Module], deviations: dict[str, float]) -> None:
    cnet.manual_seed(0)
    state = build().state_dict()
    for name, deviation in deviations.items():
        value = state[name].numpy()
        tolerance = 5 / math.sqrt(2 * value.size)
        assert value.std() == pytest.approx(deviation, rel=tolerance, abs=1e-12), name
        assert abs(value.mean()) <= 5 * deviation / math.sqrt(value.size) + 1e-6, name


# ---- Errors --------------------------------------------------------------------------------------

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: BasicBlock(8, 8, groups=2),
        "BasicBlock: groups, base_width and dilation must be 1, 64 and 1 (got 2, 64 and 1)",
    ),
    (
        lambda: ResNet(BasicBlock, (1, 1, 1, 1), replace_stride_with_dilation=[True]),
        "ResNet: replace_stride_with_dilation must have 3 elements (got [True])",
    ),
    (
        lambda: models.DenseNet(8, (2, 2), 16, memory_efficient=True),
        "DenseNet: memory_efficient must be False: True is not supported",
    ),
    (
        lambda: models.SqueezeNet("1_2"),
        "SqueezeNet: version must be '1_0' or '1_1' (got '1_2')",
    ),
    (
        lambda: models.MobileNetV2(inverted_residual_setting=[(1, 2, 3)]),
        "MobileNetV2: inverted_residual_setting must have elements of 4 numbers (got [(1, 2, 3)])",
    ),
    (
        lambda: models.MobileNetV2(inverted_residual_setting=[(1, 16, 1, 3)]),
        "MobileNetV2: stride must be 1 or 2 (got 3)",
    ),
    (
        lambda: models.MobileNetV3([], 8),
        "MobileNetV3: inverted_residual_setting must not be empty",
    ),
    (
        lambda: models.ShuffleNetV2([1, 1], [8, 16, 32, 64, 128]),
        "ShuffleNetV2: stages_repeats and stages_out_channels must have 3 and 5 elements "
        "(got 2 and 5)",
    ),
    (
        lambda: models.ShuffleNetV2([1, 1, 1], [8, 15, 32, 64, 128]),
        "ShuffleNetV2: oup must be even, and inp if stride is 1 (got inp=8, oup=15, stride=2)",
    ),
    (lambda: models.MNASNet(0.0), "MNASNet: alpha must be positive (got 0.0)"),
    (lambda: models.GoogLeNet(blocks=[]), "GoogLeNet: blocks must have 3 elements (got 0)"),
    (
        lambda: models.Inception3(inception_blocks=[]),
        "Inception3: inception_blocks must have 7 elements (got 0)",
    ),
    (
        lambda: EfficientNet([], 0.2),
        "EfficientNet: inverted_residual_setting must not be empty",
    ),
    (
        lambda: EfficientNet([MBConvConfig(1, 3, 3, 8, 8, 1)], 0.2),
        "EfficientNet: stride must be 1 or 2 (got 3)",
    ),
    (lambda: models.ConvNeXt([]), "ConvNeXt: block_setting must not be empty"),
    (
        lambda: BlockParams.from_init_params(4, 12, 8.0, 2.0, 8),
        "from_init_params: w_0 must be a positive multiple of 8, w_a at least 0 and w_m greater "
        "than 1 (got 12, 8.0 and 2.0)",
    ),
    (
        lambda: models.CifarResNet([1, 1]),
        "CifarResNet: layers must have 3 elements (got [1, 1])",
    ),
    (lambda: models.UNet(depth=0), "UNet: depth must be at least 1 (got 0)"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_what_cannot_be_built_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value) == message
