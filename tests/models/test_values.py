"""Outputs of the models for given weights, against those of torchvision 0.28."""

from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest

import cnet
from cnet import models, no_grad

OUTPUTS = {
    "alexnet": (67, [0.366610845131, 2.54800769214, -2.21565171319]),
    "convnext_tiny": (32, [0.55213142005, -1.5713260793, -1.5955847133]),
    "densenet121": (32, [0.460346531566, -0.206418120581, 0.251903623651]),
    "efficientnet_b0": (32, [-0.0676408035219, 0.371684989338, 0.308725140093]),
    "efficientnet_v2_s": (32, [104.502167448, 181.922429408, 398.672833417]),
    "googlenet": (32, [0.754636656198, 0.734186680958, 0.657618707063]),
    "inception_v3": (75, [-0.0970349051118, 0.653609546975, 0.0160109125359]),
    "mnasnet0_5": (32, [3.74293615077, -2.80713403383, 10.0699946601]),
    "mobilenet_v2": (32, [2.21498277659, 2.78563378135, 7.07234933083]),
    "mobilenet_v3_large": (32, [0.145429922497, 0.336916470091, 0.577949155354]),
    "mobilenet_v3_small": (32, [0.917310648102, 0.871413513554, 0.116358246166]),
    "regnet_x_400mf": (32, [-60.3204333501, -33.9113899344, 0.709868435145]),
    "regnet_y_400mf": (32, [-1.72168272942, -1.04803006645, 3.81159595785]),
    "resnet18": (32, [-0.692957723612, 0.64692988911, 2.13917481806]),
    "resnet50": (32, [18.2163382006, 73.0347378879, 23.2744256415]),
    "resnext50_32x4d": (32, [14.8687695614, 72.4802142155, 6.41695496734]),
    "shufflenet_v2_x0_5": (32, [-1.41620280847, -2.17250569164, 2.73771012028]),
    "squeezenet1_0": (33, [0, 3.704721223, 3.35947745626]),
    "squeezenet1_1": (33, [0.259748715199, 2.93615524643, 2.05703734054]),
    "vgg11": (32, [-1.95171757513, 1.88993516275, -0.908226312828]),
    "vgg13_bn": (32, [-1.00054878755, 1.40658361123, -1.9885986317]),
}
"""For each model, the height of the image and the output in evaluation mode."""

LARGE = {
    "alexnet", "convnext_tiny", "efficientnet_v2_s", "inception_v3", "resnet50", "resnext50_32x4d",
    "vgg11", "vgg13_bn",
}  # fmt: skip
CASES = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in OUTPUTS]


def _value(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Values of a parameter or buffer that keep the magnitudes of the features."""
    random = np.random.RandomState(crc32(name.encode())).uniform(-1, 1, shape)
    if len(shape) > 1:
        return random * np.sqrt(6 * shape[0] / random.size)
    return (0.2 if name.endswith(("bias", "mean")) else 1) + 0.2 * random


@pytest.mark.parametrize("name", CASES)
def test_output(name: str) -> None:
    height, output = OUTPUTS[name]
    options = {"transform_input": True} if name in ("googlenet", "inception_v3") else {}
    model = models.get_model(name, num_classes=3, **options).double().eval()
    state = model.state_dict()
    model.load_state_dict(
        {key: _value(key, tuple(value.shape)) if value.ndim else 0 for key, value in state.items()}
    )
    images = cnet.tensor(_value("images", (1, 3, height, height + 1)))
    with no_grad():
        actual = model(images).numpy()
    np.testing.assert_allclose(actual, [output], rtol=1e-9, atol=1e-9)
