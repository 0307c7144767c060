"""Names and shapes of all parameters and buffers, without drawing initial values."""

import inspect
from hashlib import sha256
from typing import Any

import pytest

from cnet import models

STATES = {
    "alexnet": (61_100_840, "9c198ebdae1863e4"),
    "cifar_densenet40": (176_122, "b751cdac316e69d2"),
    "cifar_resnet110": (1_727_962, "d12c35714c8d1fac"),
    "cifar_resnet18": (11_173_962, "dd4dcc22c0f77399"),
    "cifar_resnet20": (269_722, "28a0d5e26aad4d86"),
    "cifar_resnet32": (464_154, "ddc0be0bb73a15cd"),
    "cifar_resnet34": (21_282_122, "bd0ad046a8cb88a9"),
    "cifar_resnet44": (658_586, "d13c730397390faf"),
    "cifar_resnet50": (23_520_842, "db29beb85d0d8c04"),
    "cifar_resnet56": (853_018, "58531dd8472cd8f1"),
    "cifar_vgg11_bn": (9_231_114, "ce064c0d7518bed1"),
    "cifar_vgg16_bn": (14_728_266, "65ce1bb8741d403f"),
    "convnext_base": (88_591_464, "7a4c459fd822b7d1"),
    "convnext_large": (197_767_336, "081e7faa1aa9cc21"),
    "convnext_small": (50_223_688, "92e28edd02cca7d0"),
    "convnext_tiny": (28_589_128, "2bc10f3450aaa086"),
    "densenet121": (7_978_856, "aa0fd9923b0003b8"),
    "densenet161": (28_681_000, "82d337d48f910d3a"),
    "densenet169": (14_149_480, "e2d0f02d9c0ce650"),
    "densenet201": (20_013_928, "0d234ad7e9a31b95"),
    "efficientnet_b0": (5_288_548, "a04d0792ee390a49"),
    "efficientnet_b1": (7_794_184, "9aaba0741e04badf"),
    "efficientnet_b2": (9_109_994, "a6d3677e95ef315b"),
    "efficientnet_b3": (12_233_232, "495111442d67e56d"),
    "efficientnet_b4": (19_341_616, "2974b9d3c0556036"),
    "efficientnet_b5": (30_389_784, "281af15aa41414bf"),
    "efficientnet_b6": (43_040_704, "c32e05b40510b08d"),
    "efficientnet_b7": (66_347_960, "3d2a7737a3d81e53"),
    "efficientnet_v2_l": (118_515_272, "d77db9d94fce76ee"),
    "efficientnet_v2_m": (54_139_356, "5049b2b40578e130"),
    "efficientnet_v2_s": (21_458_488, "1d905bff391f9c32"),
    "googlenet": (13_004_888, "7f541ca29410efb1"),
    "inception_v3": (27_161_264, "aab0ac2cbaf84aa2"),
    "lenet5": (61_706, "0a879ac2ea4bd2f7"),
    "mnasnet0_5": (2_218_512, "1ed44e7f7de28388"),
    "mnasnet0_75": (3_170_208, "93d711f59686004d"),
    "mnasnet1_0": (4_383_312, "c26097f381d52b59"),
    "mnasnet1_3": (6_282_256, "9ce90280583fa871"),
    "mobilenet_v2": (3_504_872, "37bbbce8932fd0c4"),
    "mobilenet_v3_large": (5_483_032, "efe98e40831bae95"),
    "mobilenet_v3_small": (2_542_856, "5f0efaf3ff4ac979"),
    "reference_cnn": (103_146, "35ea9b2c89cf463d"),
    "regnet_x_16gf": (54_278_536, "be447a28aff929a2"),
    "regnet_x_1_6gf": (9_190_136, "c1a260a7b00a531c"),
    "regnet_x_32gf": (107_811_560, "7ae1b5bc1949c5b3"),
    "regnet_x_3_2gf": (15_296_552, "f892a07a8de49009"),
    "regnet_x_400mf": (5_495_976, "a620146711eeaf3e"),
    "regnet_x_800mf": (7_259_656, "586dc3c8f1acbb7c"),
    "regnet_x_8gf": (39_572_648, "fccf9ea872d43bf4"),
    "regnet_y_128gf": (644_812_894, "b5f662e242f7be46"),
    "regnet_y_16gf": (83_590_140, "75477b95f83a4fa4"),
    "regnet_y_1_6gf": (11_202_430, "ed96623b1aea474a"),
    "regnet_y_32gf": (145_046_770, "650dda4954e51709"),
    "regnet_y_3_2gf": (19_436_338, "c9e6bcc15425c5e6"),
    "regnet_y_400mf": (4_344_144, "f09a9d430ba9389b"),
    "regnet_y_800mf": (6_432_512, "f231872c05967ac7"),
    "regnet_y_8gf": (39_381_472, "5397113dc7c97332"),
    "resnet101": (44_549_160, "02c0f34f4842751f"),
    "resnet152": (60_192_808, "685c66205bc823aa"),
    "resnet18": (11_689_512, "84fb10d9c6905a1c"),
    "resnet34": (21_797_672, "28f9096d51307499"),
    "resnet50": (25_557_032, "d7e4f8bb0a536344"),
    "resnext101_32x8d": (88_791_336, "da7dd7525807e2ee"),
    "resnext101_64x4d": (83_455_272, "90caac80ae24c51d"),
    "resnext50_32x4d": (25_028_904, "e3bad165c034e60f"),
    "shufflenet_v2_x0_5": (1_366_792, "f0a5936e646f1bd4"),
    "shufflenet_v2_x1_0": (2_278_604, "81b349bc1cbbbc7a"),
    "shufflenet_v2_x1_5": (3_503_624, "506b4de341bf52b3"),
    "shufflenet_v2_x2_0": (7_393_996, "0c033bd0cd72af37"),
    "small_cnn": (29_434, "59cdfe76ebaee919"),
    "squeezenet1_0": (1_248_424, "4654d26ad581241f"),
    "squeezenet1_1": (1_235_496, "1d365589393f9c1e"),
    "unet": (31_036_546, "00ed6ef8a1d4e672"),
    "vgg11": (132_863_336, "cb3dc23f2a13e182"),
    "vgg11_bn": (132_868_840, "8b6717e727c0ecf9"),
    "vgg13": (133_047_848, "67c1dc8b57fde74b"),
    "vgg13_bn": (133_053_736, "f6b0597d18a7e4d2"),
    "vgg16": (138_357_544, "35c4623e0cd4a39d"),
    "vgg16_bn": (138_365_992, "347371586a8ea365"),
    "vgg19": (143_667_240, "4723255af8f6c485"),
    "vgg19_bn": (143_678_248, "fc3ff6fab2b5cc09"),
    "wide_resnet101_2": (126_886_696, "4f088c0a152b8f5c"),
    "wide_resnet50_2": (68_883_240, "41203d1d536c02ed"),
}
"""For each model, the number of parameters and the first digits of the SHA-256 of its state.

The digest is that of the lines ``<name> <shape>``. The values are those of torchvision 0.28 for all
models that it has.
"""


def test_every_model_is_in_the_table() -> None:
    assert models.list_models() == sorted(STATES)


@pytest.mark.usefixtures("without_values")
@pytest.mark.parametrize("name", STATES)
def test_names_and_shapes(name: str) -> None:
    model = models.get_model(name)
    lines = [f"{key} {tuple(value.shape)}" for key, value in model.state_dict().items()]
    count = sum(parameter.numel() for parameter in model.parameters())
    digest = sha256("\n".join(lines).encode()).hexdigest()
    assert (count, digest[:16]) == STATES[name]


@pytest.mark.parametrize("name", STATES)
def test_the_docstring_has_the_number_of_parameters_and_the_size_of_images(name: str) -> None:
    text = inspect.getdoc(models.get_model_builder(name)) or ""
    assert f"{STATES[name][0]:_} parameters".replace("_", " ") in text
    assert "pixels" in text


STATES_OF_OPTIONS: list[tuple[str, dict[str, Any], int]] = [
    ("resnet18", {"num_classes": 7}, 11_180_103),
    ("resnet50", {"replace_stride_with_dilation": [False, True, True]}, 25_557_032),
    ("resnet50", {"width_per_group": 32}, 12_381_864),
    ("resnet50", {"groups": 2}, 46_248_744),
    ("vgg11", {"num_classes": 7}, 128_795_015),
    ("densenet121", {"drop_rate": 0.1, "num_classes": 7}, 6_961_031),
    ("squeezenet1_1", {"num_classes": 7}, 726_087),
    ("mobilenet_v2", {"width_mult": 0.35}, 1_677_128),
    ("mobilenet_v3_large", {"width_mult": 0.75}, 3_377_576),
    ("mobilenet_v3_large", {"reduced_tail": True}, 2_569_352),
    ("mobilenet_v3_small", {"reduced_tail": True, "dilated": True}, 1_099_672),
    ("mnasnet0_5", {"num_classes": 7}, 946_479),
    ("googlenet", {"aux_logits": False}, 6_624_904),
    ("inception_v3", {"aux_logits": False}, 23_834_568),
    ("efficientnet_b0", {"num_classes": 7}, 4_016_515),
    ("efficientnet_v2_s", {"num_classes": 7}, 20_186_455),
    ("convnext_tiny", {"num_classes": 7}, 27_825_511),
    ("regnet_y_400mf", {"stem_width": 16}, 4_341_756),
    ("shufflenet_v2_x0_5", {"num_classes": 7}, 348_967),
]


@pytest.mark.usefixtures("without_values")
@pytest.mark.parametrize(("name", "options", "count"), STATES_OF_OPTIONS)
def test_options_change_the_number_of_parameters(
    name: str, options: dict[str, Any], count: int
) -> None:
    model = models.get_model(name, **options)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
